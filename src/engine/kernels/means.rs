//! Means and sums of squares.

use std::any::Any;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive};

use super::{Tracked, on, tensor, whole};

/// The mean of the places of `[rows, places, width]`, `[rows, width]`.
pub(crate) fn mean_of_places<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 2> {
    let mut answer: Option<Tensor<B, 2>> = None;
    on::<Tensor<Tracked, 3>, _>(&x, &mut answer, tracked_mean);
    answer.unwrap_or_else(|| {
        let [rows, _, width] = x.dims();
        x.mean_dim(1).reshape([rows, width])
    })
}

fn tracked_mean(x: &Tensor<Tracked, 3>) -> Option<Tensor<Tracked, 2>> {
    let shape = x.dims();
    let [rows, places, width] = shape;
    let x = x.clone().into_primitive().tensor();
    let values = whole(&x.primitive);
    let mut means = vec![0.0; rows * width];
    if places * width > 0 {
        let each = values.as_slice::<f32>()?.chunks_exact(places * width);
        for (means, row) in means.chunks_exact_mut(width).zip(each) {
            for place in row.chunks_exact(width) {
                means.iter_mut().zip(place).for_each(|(mean, value)| *mean += value);
            }
            means.iter_mut().for_each(|mean| *mean /= places as f32);
        }
    }
    let y = tensor(means, [rows, width]);
    let step = MeanStep.prepare::<NoCheckpointing>([x.node]).compute_bound().stateful();
    let y: FloatTensor<Tracked> = match step {
        OpsKind::Tracked(step) => step.finish(shape, y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct MeanStep;

impl Backward<Flex, 1> for MeanStep {
    type State = [usize; 3];

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let [x] = ops.parents;
        let shape = ops.state;
        let [_, places, width] = shape;
        if let (Some(x), Some(dy)) = (x, dy.as_slice::<f32>()) {
            let mut all = Vec::with_capacity(dy.len() * places);
            for dy in dy.chunks_exact(width.max(1)) {
                let start = all.len();
                all.extend(dy.iter().map(|dy| dy / places as f32));
                (1..places).for_each(|_| all.extend_from_within(start..start + width));
            }
            gradients.register::<Flex>(x.id, tensor(all, shape));
        }
    }
}

/// The sum of the squares of all numbers, where they are at hand: on the CPU.
pub(crate) fn square_sum<B: Backend, const D: usize>(x: &Tensor<B, D>) -> Option<f32> {
    let x = (x as &dyn Any).downcast_ref::<Tensor<Flex, D>>()?;
    let x = whole(&x.clone().into_primitive().tensor());
    Some(actuary_kernels::square_sum(x.as_slice()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{near, random};
    use super::*;

    proptest! {
        #[test]
        fn means_and_their_gradients_are_those_of_burn(
            rows in 1_usize..5, places in 1_usize..40, width in 1_usize..20, seed in 0_u64..1000,
        ) {
            let x = random([rows, places, width], seed);
            let ours = mean_of_places(x.clone());
            let theirs: Tensor<Tracked, 2> = x.clone().mean_dim(1).reshape([rows, width]);
            near(ours.clone().inner(), theirs.clone().inner());
            near(mean_of_places(x.clone().inner()), theirs.clone().inner());
            let weigh = Tensor::from_inner(random::<2>([rows, width], seed + 1).inner());
            let ours = (ours * weigh.clone()).sum().backward();
            let theirs = (theirs * weigh).sum().backward();
            near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        }
    }

    /// The loss is linear in what is averaged: a difference is its gradient but for rounding.
    #[test]
    fn the_gradient_of_a_mean_is_its_slope() {
        let [x, step] = [1, 2].map(|seed| random([3, 4, 5], seed));
        let weigh: Tensor<Tracked, 2> = Tensor::from_inner(random::<2>([3, 5], 3).inner());
        let loss = |x: Tensor<Tracked, 3>| (mean_of_places(x) * weigh.clone()).sum();
        let gradient = x.grad(&loss(x.clone()).backward()).unwrap();
        let along = (gradient * step.clone().inner()).sum().into_scalar();
        let apart = (loss(x.clone() + step) - loss(x)).into_scalar();
        assert!((along - apart).abs() < 1e-5, "{along} {apart}");
    }
}
