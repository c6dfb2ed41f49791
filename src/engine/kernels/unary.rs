//! Functions of one tensor, row by row along the last axis: the GELU, tanh, what is held within -1 and
//! 1, and softmax.

use actuary_kernels::{Function, gelu_gradient, softmax_gradient, tanh_gradient};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive, activation};

use super::{Tracked, on, tensor, whole};

/// `x Φ(x)`, by the error function, of each number.
pub(crate) fn gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    const GELU: Unary = Unary {
        forward: |x, _| Function::Gelu.mapped(x),
        gradient: |x, dy, _| gelu_gradient(x, dy),
        keeps: Keeps::Argument,
    };
    GELU.of(&x).unwrap_or_else(|| activation::gelu(x))
}

/// The hyperbolic tangent of each number.
pub(crate) fn tanh<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    const TANH: Unary = Unary {
        forward: |x, _| Function::Tanh.mapped(x),
        gradient: |y, dy, _| tanh_gradient(y, dy),
        keeps: Keeps::Answer,
    };
    TANH.of(&x).unwrap_or_else(|| x.tanh())
}

/// Each number, or -1 or 1 where it lies beyond. There it has no slope.
pub(crate) fn clipped<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    const CLIPPED: Unary = Unary {
        forward: |x, _| x.iter().map(|x| x.clamp(-1.0, 1.0)).collect(),
        gradient: |y, dy, _| {
            let within = |y: &f32| f32::from(u8::from(y.abs() < 1.0));
            y.iter().zip(dy).map(|(y, dy)| dy * within(y)).collect()
        },
        keeps: Keeps::Answer,
    };
    CLIPPED.of(&x).unwrap_or_else(|| x.clamp(-1.0, 1.0))
}

/// The softmax of each row along the last axis.
pub(crate) fn softmax<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    const SOFTMAX: Unary = Unary {
        forward: |x, width| {
            let mut y = x.to_vec();
            actuary_kernels::softmax(&mut y, width);
            y
        },
        gradient: softmax_gradient,
        keeps: Keeps::Answer,
    };
    SOFTMAX.of(&x).unwrap_or_else(|| activation::softmax(x, D - 1))
}

/// A function with its gradient; the last number each is given is the length of a row.
#[derive(Debug, Clone, Copy)]
struct Unary {
    forward: fn(&[f32], usize) -> Vec<f32>,
    /// The gradient by the argument, of what is kept and the gradient by the answer.
    gradient: fn(&[f32], &[f32], usize) -> Vec<f32>,
    keeps: Keeps,
}

/// What a function keeps for its gradient.
#[derive(Debug, Clone, Copy)]
enum Keeps {
    Argument,
    Answer,
}

impl Unary {
    /// The answer, where the tensor is on the CPU.
    fn of<B: Backend, const D: usize>(self, x: &Tensor<B, D>) -> Option<Tensor<B, D>> {
        let mut answer: Option<Tensor<B, D>> = None;
        on::<Tensor<Tracked, D>, _>(x, &mut answer, |x| self.tracked(x));
        on::<Tensor<Flex, D>, _>(x, &mut answer, |x| self.untracked(x));
        answer
    }

    fn answer<const D: usize>(self, x: &FlexTensor, shape: [usize; D]) -> Option<FlexTensor> {
        Some(tensor((self.forward)(x.as_slice()?, shape[D - 1]), shape))
    }

    fn untracked<const D: usize>(self, x: &Tensor<Flex, D>) -> Option<Tensor<Flex, D>> {
        let y = self.answer(&whole(&x.clone().into_primitive().tensor()), x.dims())?;
        Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
    }

    fn tracked<const D: usize>(self, x: &Tensor<Tracked, D>) -> Option<Tensor<Tracked, D>> {
        let shape = x.dims();
        let x = x.clone().into_primitive().tensor();
        let values = whole(&x.primitive);
        let y = self.answer(&values, shape)?;
        let kept = match self.keeps {
            Keeps::Argument => values,
            Keeps::Answer => y.clone(),
        };
        let y: FloatTensor<Tracked> =
            match Step::<D>.prepare::<NoCheckpointing>([x.node]).compute_bound().stateful() {
                OpsKind::Tracked(step) => step.finish((self, kept, shape), y),
                OpsKind::UnTracked(step) => step.finish(y),
            };
        Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
    }
}

#[derive(Debug)]
struct Step<const D: usize>;

impl<const D: usize> Backward<Flex, 1> for Step<D> {
    /// What is kept, and its shape.
    type State = (Unary, FlexTensor, [usize; D]);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let [x] = ops.parents;
        let (function, kept, shape) = ops.state;
        // Both were made contiguous: there is a slice of them.
        if let (Some(x), Some(kept), Some(dy)) = (x, kept.as_slice(), dy.as_slice()) {
            let dx = (function.gradient)(kept, dy, shape[D - 1]);
            gradients.register::<Flex>(x.id, tensor(dx, shape));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{near, random};
    use super::*;

    /// Values and gradients of both, also of what is not contiguous.
    fn alike<const D: usize>(
        shape: [usize; D],
        ours: impl Fn(Tensor<Tracked, D>) -> Tensor<Tracked, D>,
        untracked: impl Fn(Tensor<Flex, D>) -> Tensor<Flex, D>,
        theirs: impl Fn(Tensor<Tracked, D>) -> Tensor<Tracked, D>,
    ) {
        let x: Tensor<Tracked, D> = random(shape, 1) * 6.0;
        let x: Tensor<Tracked, D> = Tensor::from_inner(x.inner()).require_grad();
        let (found, known) = (ours(x.clone()), theirs(x.clone()));
        near(found.clone().inner(), known.clone().inner());
        near(untracked(x.clone().inner()), known.clone().inner());
        let weigh = Tensor::from_inner(random::<D>(shape, 2).inner());
        let found = (found * weigh.clone()).sum().backward();
        let known = (known * weigh).sum().backward();
        near(x.grad(&found).unwrap(), x.grad(&known).unwrap());
        let turned = x.swap_dims(0, D - 1);
        near(ours(turned.clone()).inner(), theirs(turned).inner());
    }

    #[test]
    fn gelu_and_tanh_are_those_of_burn() {
        // burn's own gradient of the GELU is that of an approximation: by parts it is exact.
        let by_parts = |x: Tensor<Tracked, 3>| {
            let cdf = (x.clone() / 2f64.sqrt()).erf().add_scalar(1.0) * 0.5;
            x * cdf
        };
        alike([3, 5, 7], gelu, gelu, by_parts);
        alike([3, 5, 7], tanh, tanh, Tensor::tanh);
    }

    #[test]
    fn what_is_clipped_is_that_of_burn() {
        alike([3, 5, 7], clipped, clipped, |x| x.clamp(-1.0, 1.0));
    }

    #[test]
    fn the_softmax_is_that_of_burn() {
        for shape in [[3, 5, 7], [2, 1, 40], [4, 3, 1]] {
            alike(shape, softmax, softmax, |x| activation::softmax(x, 2));
        }
        let none: Tensor<Tracked, 2> = random([0, 4], 1);
        assert_eq!(softmax(none).dims(), [0, 4]);
    }
}
