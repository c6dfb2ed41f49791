//! What burn does slowly on a CPU, as operations over the crate in `src/kernels/`, with their
//! gradients. Each takes any backend: on others than the CPU's it is put together from burn's own
//! operations.

mod affine;
mod attention;
mod columns;
mod convolution;
mod embedding;
mod exact;
mod loss;
mod lstm;
mod means;
mod members;
mod norm;
mod precision;
mod stack;
#[cfg(test)]
mod testing;
mod text;
mod unary;

use std::any::{Any, TypeId};

pub(crate) use actuary_kernels::Projected;
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, TensorData};

pub(crate) use self::affine::affine;
pub(crate) use self::attention::{Attending, attend, attention};
pub(crate) use self::columns::columns;
pub(crate) use self::convolution::convolve;
pub(crate) use self::embedding::embed;
pub(crate) use self::loss::known_loss;
pub(crate) use self::lstm::{LstmArguments, lstm};
pub(crate) use self::means::{mean_of_places, square_sum};
pub(crate) use self::members::scaled_weights;
pub(crate) use self::norm::normalise;
pub(crate) use self::precision::product;
pub(crate) use self::stack::{StackGradients, Stacked, stack_gradients};
pub(crate) use self::text::{embed_bags, phrases};
pub(crate) use self::unary::{clipped, gelu, softmax, tanh};

/// The CPU's backend with gradients.
type Tracked = Autodiff<Flex>;

/// Whether a backend is that of the CPU, without gradients.
pub(crate) fn is_cpu<B: Backend>() -> bool {
    TypeId::of::<B>() == TypeId::of::<Flex>()
}

/// Whether a backend is that of the CPU, with gradients or without.
fn is_host<B: Backend>() -> bool {
    is_cpu::<B>() || TypeId::of::<B>() == TypeId::of::<Tracked>()
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

/// A tensor whose numbers stand one after the other: the same one where they do. burn copies others
/// number by number, here runs of them are copied.
fn whole(tensor: &FlexTensor) -> FlexTensor {
    let layout = tensor.layout();
    let shape = layout.shape().as_slice();
    if tensor.is_contiguous() || tensor.dtype() != DType::F32 {
        return tensor.to_contiguous();
    }
    let mut values = Vec::with_capacity(shape.iter().product());
    let (lengths, strides) = runs(shape, layout.strides());
    copy(tensor.storage(), (&lengths, &strides), layout.start_offset() as isize, &mut values);
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

/// A shape without axes of one number, and with axes as one that are one after the other: what is copied
/// at once is as long as can be.
fn runs(shape: &[usize], strides: &[isize]) -> (Vec<usize>, Vec<isize>) {
    let (mut lengths, mut apart): (Vec<usize>, Vec<isize>) = (Vec::new(), Vec::new());
    for (length, stride) in shape.iter().zip(strides).filter(|(length, _)| **length != 1) {
        match (lengths.last_mut(), apart.last_mut()) {
            (Some(outer), Some(by)) if *by == stride * *length as isize => {
                *outer *= length;
                *by = *stride;
            }
            _ => {
                lengths.push(*length);
                apart.push(*stride);
            }
        }
    }
    (lengths, apart)
}

/// Appends the numbers of a shape, which begin at a place and are by their strides apart.
fn copy(from: &[f32], (shape, strides): (&[usize], &[isize]), at: isize, to: &mut Vec<f32>) {
    let place = |at: isize| usize::try_from(at).unwrap_or(usize::MAX);
    match (shape, strides) {
        ([], _) | (_, []) => to.extend(from.get(place(at))),
        ([count], [1]) => to.extend(from.get(place(at)..place(at) + count).unwrap_or_default()),
        ([count], [stride]) => {
            let each = (0..*count as isize).map(|number| from.get(place(at + number * stride)));
            to.extend(each.flatten());
        }
        ([count, shape @ ..], [stride, strides @ ..]) => {
            for number in 0..*count as isize {
                copy(from, (shape, strides), at + number * stride, to);
            }
        }
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;

    #[test]
    fn what_is_copied_in_runs_is_what_burn_copies() {
        let x: Tensor<Flex, 3> = testing::random([4, 5, 6], 1).inner();
        let views = [
            x.clone(),
            x.clone().swap_dims(0, 1),
            x.clone().swap_dims(0, 2),
            x.clone().swap_dims(1, 2).narrow(2, 1, 3),
            x.clone().narrow(0, 1, 2),
            x.clone().narrow(1, 2, 1).expand([4, 7, 6]),
            x.clone().narrow(2, 2, 1).expand([4, 5, 3]),
            x.clone().narrow(1, 1, 1).swap_dims(0, 1),
            x.clone().reshape([4, 30, 1]).swap_dims(1, 2),
            x.flip([0, 2]),
        ];
        for view in views {
            let view = view.into_primitive().tensor();
            let ours = whole(&view);
            assert!(ours.is_contiguous());
            assert_eq!(ours.as_slice::<f32>(), view.to_contiguous().as_slice::<f32>());
        }
    }
}
