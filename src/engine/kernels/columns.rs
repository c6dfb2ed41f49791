//! Some columns of a table.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::is_host;

/// Columns of `[rows, inputs]` by their places.
///
/// One column alone is taken twice on a GPU, and one of both is kept. burn 0.21 may put a selection of one column
/// into one kernel with what is wider and has as many rows, where it reads as many places as that has columns, of
/// which there is one. Of two columns beside several it makes a kernel of its own.
pub(crate) fn columns<B: Backend>(x: Tensor<B, 2>, places: Tensor<B, 1, Int>) -> Tensor<B, 2> {
    if is_host::<B>() || places.dims()[0] != 1 {
        return x.select(1, places);
    }
    x.select(1, places.repeat_dim(0, 2)).narrow(1, 0, 1)
}
