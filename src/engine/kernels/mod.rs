//! What burn does slowly on a CPU, as operations over the crate in `src/kernels/`, with their
//! gradients. Each takes any backend: on others than the CPU's it is put together from burn's own
//! operations.

mod affine;
mod attention;
mod convolution;
mod elementwise;
mod embedding;
mod loss;
mod lstm;
mod members;
mod norm;
mod precision;
#[cfg(test)]
mod testing;
mod text;

use std::any::{Any, TypeId};

pub(crate) use actuary_kernels::Projected;
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::TensorData;
use burn::tensor::backend::Backend;

pub(crate) use self::affine::affine;
pub(crate) use self::attention::{Attending, attend};
pub(crate) use self::convolution::convolve;
pub(crate) use self::elementwise::{gelu, square_sum};
pub(crate) use self::embedding::embed;
pub(crate) use self::loss::known_loss;
pub(crate) use self::lstm::{LstmArguments, lstm};
pub(crate) use self::members::scaled_weights;
pub(crate) use self::norm::normalise;
pub(crate) use self::precision::product;
pub(crate) use self::text::{embed_bags, phrases};

/// The CPU's backend with gradients.
type Tracked = Autodiff<Flex>;

/// Whether a backend is that of the CPU, without gradients.
pub(crate) fn is_cpu<B: Backend>() -> bool {
    TypeId::of::<B>() == TypeId::of::<Flex>()
}

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
