//! The Gaussian error linear unit, and sums of squares.

use actuary_kernels::{Function, gelu_gradient};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive, activation};

use super::{Tracked, on, tensor};

/// `x Φ(x)`, by the error function, of each number.
pub(crate) fn gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    let mut answer: Option<Tensor<B, D>> = None;
    on::<Tensor<Tracked, D>, _>(&x, &mut answer, tracked);
    on::<Tensor<Flex, D>, _>(&x, &mut answer, untracked);
    answer.unwrap_or_else(|| activation::gelu(x))
}

fn forward<const D: usize>(x: &FlexTensor, shape: [usize; D]) -> Option<FlexTensor> {
    Some(tensor(Function::Gelu.mapped(x.as_slice()?), shape))
}

fn untracked<const D: usize>(x: &Tensor<Flex, D>) -> Option<Tensor<Flex, D>> {
    let y = forward(&x.clone().into_primitive().tensor().to_contiguous(), x.dims())?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

fn tracked<const D: usize>(x: &Tensor<Tracked, D>) -> Option<Tensor<Tracked, D>> {
    let shape = x.dims();
    let x = x.clone().into_primitive().tensor();
    let values = x.primitive.to_contiguous();
    let y = forward(&values, shape)?;
    let y: FloatTensor<Tracked> =
        match Step::<D>.prepare::<NoCheckpointing>([x.node]).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish((values, shape), y),
            OpsKind::UnTracked(step) => step.finish(y),
        };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

/// The sum of the squares of all numbers, without a gradient.
pub(crate) fn square_sum<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, 1> {
    let mut answer: Option<Tensor<B, 1>> = None;
    on::<Tensor<Flex, D>, _>(&x, &mut answer, |x: &Tensor<Flex, D>| {
        let x = x.clone().into_primitive().tensor().to_contiguous();
        let sum = tensor(vec![actuary_kernels::square_sum(x.as_slice()?)], [1]);
        Some(Tensor::<Flex, 1>::from_primitive(TensorPrimitive::Float(sum)))
    });
    answer.unwrap_or_else(|| x.square().sum())
}

#[derive(Debug)]
struct Step<const D: usize>;

impl<const D: usize> Backward<Flex, 1> for Step<D> {
    type State = (FlexTensor, [usize; D]);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let [x] = ops.parents;
        let (values, shape) = ops.state;
        // Both were made contiguous: there is a slice of them.
        if let (Some(x), Some(values), Some(dy)) = (x, values.as_slice(), dy.as_slice()) {
            gradients.register::<Flex>(x.id, tensor(gelu_gradient(values, dy), shape));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{near, random};
    use super::*;

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        let x: Tensor<Tracked, 3> = random([3, 5, 7], 1) * 6.0;
        let x: Tensor<Tracked, 3> = Tensor::from_inner(x.inner()).require_grad();
        let ours = gelu(x.clone());
        // burn's own gradient is that of an approximation: by parts it is exact.
        let cdf = (x.clone() / 2f64.sqrt()).erf().add_scalar(1.0) * 0.5;
        let theirs = x.clone() * cdf;
        near(ours.clone().inner(), theirs.clone().inner());
        near(gelu(x.clone().inner()), theirs.clone().inner());
        let weigh = Tensor::from_inner(random::<3>([3, 5, 7], 2).inner());
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        // Of a view that is not contiguous, too.
        let turned = gelu(x.clone().swap_dims(0, 2)).swap_dims(0, 2);
        near(turned.inner(), gelu(x.inner()));
    }
}
