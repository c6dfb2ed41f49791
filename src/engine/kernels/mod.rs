//! What burn does slowly on a CPU, as operations over the crate in `src/kernels/`, with their
//! gradients. Each takes any backend: on others than the CPU's it is put together from burn's own
//! operations.

mod convolution;
mod embedding;
mod lstm;
mod members;
mod precision;
mod text;

use std::any::Any;

use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::TensorData;

pub(crate) use self::convolution::convolve;
pub(crate) use self::embedding::embed;
pub(crate) use self::lstm::{LstmArguments, lstm};
pub(crate) use self::members::scaled_weights;
pub(crate) use self::precision::{affine, product};
pub(crate) use self::text::{embed_bags, phrases};

/// The CPU's backend with gradients.
type Tracked = Autodiff<Flex>;

/// Computes the result where the backend is the one that `compute` is for. burn's traits can't be
/// extended for one backend without naming that in every function that is generic.
fn on<Arguments: Any, Answer: Any>(
    arguments: &dyn Any,
    answer: &mut dyn Any,
    compute: impl Fn(&Arguments) -> Option<Answer>,
) {
    let answer = answer.downcast_mut::<Option<Answer>>();
    if let (Some(arguments), Some(answer)) = (arguments.downcast_ref::<Arguments>(), answer) {
        *answer = compute(arguments);
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
