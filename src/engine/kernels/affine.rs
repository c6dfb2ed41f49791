//! A fully connected layer, rectified where that is wanted.

use actuary_kernels::{Affine, AffineGradients};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive, activation};

use super::{Tracked, on, precision, tensor, whole};
use crate::domain::training::Precision;

/// What goes through it, then weight and bias, and whether it is rectified.
type Arguments<B, const D: usize> = (Tensor<B, D>, Tensor<B, 2>, Tensor<B, 1>, bool);

/// `[.., inputs]` through a layer of `weight` `[inputs, outputs]` and `bias` `[outputs]`, and `max(0, .)`
/// of it where it is `rectified`.
pub(crate) fn affine<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    bias: Tensor<B, 1>,
    precision: Precision,
    rectified: bool,
) -> Tensor<B, D> {
    let arguments: Arguments<B, D> = (x, weight, bias, rectified);
    let mut answer: Option<Tensor<B, D>> = None;
    if precision == Precision::F32 {
        on::<Arguments<Tracked, D>, _>(&arguments, &mut answer, tracked);
        on::<Arguments<Flex, D>, _>(&arguments, &mut answer, untracked);
    }
    answer.unwrap_or_else(|| by_parts(arguments, precision))
}

/// By burn's own operations.
fn by_parts<B: Backend, const D: usize>(
    (x, weight, bias, rectified): Arguments<B, D>,
    precision: Precision,
) -> Tensor<B, D> {
    let y = precision::affine(x, weight, bias, precision);
    if rectified { activation::relu(y) } else { y }
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Passed<const D: usize> {
    layer: Affine,
    x: FlexTensor,
    weight: FlexTensor,
    y: FlexTensor,
    /// Of what goes in.
    shape: [usize; D],
}

/// None where shapes don't fit, so that burn's own words are heard.
fn forward<const D: usize>(
    [x, weight, bias]: [FlexTensor; 3],
    mut shape: [usize; D],
    [inputs, outputs]: [usize; 2],
    rectified: bool,
) -> Option<(FlexTensor, Passed<D>)> {
    if shape.last() != Some(&inputs) {
        return None;
    }
    let [x, weight, bias] = [x, weight, bias].map(|t| whole(&t));
    let layer = Affine { inputs, outputs, rectified };
    let y = layer.forward(x.as_slice()?, weight.as_slice()?, bias.as_slice()?)?;
    let passed_shape = shape;
    *shape.last_mut()? = outputs;
    let y = tensor(y, shape);
    let passed = Passed { layer, x, weight, y: y.clone(), shape: passed_shape };
    Some((y, passed))
}

fn untracked<const D: usize>(arguments: &Arguments<Flex, D>) -> Option<Tensor<Flex, D>> {
    let (x, weight, bias, rectified) = arguments.clone();
    let (shape, sizes) = (x.dims(), weight.dims());
    let x = x.into_primitive().tensor();
    let (weight, bias) = (weight.into_primitive().tensor(), bias.into_primitive().tensor());
    let (y, _) = forward([x, weight, bias], shape, sizes, rectified)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

fn tracked<const D: usize>(arguments: &Arguments<Tracked, D>) -> Option<Tensor<Tracked, D>> {
    let (x, weight, bias, rectified) = arguments.clone();
    let (shape, sizes) = (x.dims(), weight.dims());
    let x = x.into_primitive().tensor();
    let (weight, bias) = (weight.into_primitive().tensor(), bias.into_primitive().tensor());
    let parts = [x.primitive, weight.primitive, bias.primitive];
    let (y, passed) = forward(parts, shape, sizes, rectified)?;
    let step = Step::<D>.prepare::<NoCheckpointing>([x.node, weight.node, bias.node]);
    let y: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(passed, y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct Step<const D: usize>;

impl<const D: usize> Backward<Flex, 3> for Step<D> {
    type State = Passed<D>;

    fn backward(
        self,
        ops: Ops<Passed<D>, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let [x, weight, bias] = ops.parents;
        let Passed { layer, x: values, weight: by, y, shape } = ops.state;
        // All were made contiguous: there are slices of them.
        let slices = (values.as_slice::<f32>(), by.as_slice(), y.as_slice(), dy.as_slice());
        let (Some(values), Some(by), Some(y), Some(dy)) = slices else { return };
        let AffineGradients { inputs, weight: of_weight, bias: of_bias } =
            layer.backward(values, by, y, dy, x.is_some());
        if let (Some(x), Some(inputs)) = (x, inputs) {
            gradients.register::<Flex>(x.id, tensor(inputs, shape));
        }
        if let Some(weight) = weight {
            let shape = [layer.inputs, layer.outputs];
            gradients.register::<Flex>(weight.id, tensor(of_weight, shape));
        }
        if let Some(bias) = bias {
            gradients.register::<Flex>(bias.id, tensor(of_bias, [layer.outputs]));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::testing::{near, random};
    use super::*;

    #[rstest]
    fn values_and_gradients_are_those_of_burn(#[values(false, true)] rectified: bool) {
        let arguments = (random([3, 4, 9], 1), random([9, 5], 2), random([5], 3), rectified);
        let (x, weight, bias, _) = arguments.clone();
        let ours = affine(x, weight, bias, Precision::F32, rectified);
        let theirs = by_parts(arguments.clone(), Precision::F32);
        near(ours.clone().inner(), theirs.clone().inner());
        let weigh = Tensor::from_inner(random::<3>([3, 4, 5], 4).inner());
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        let (x, weight, bias, _) = arguments;
        near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        near(weight.grad(&ours).unwrap(), weight.grad(&theirs).unwrap());
        near(bias.grad(&ours).unwrap(), bias.grad(&theirs).unwrap());
        // Of a view that is not contiguous, untracked.
        let x: Tensor<Flex, 3> = x.inner().swap_dims(0, 1);
        let ours = affine(x.clone(), weight.inner(), bias.inner(), Precision::F32, rectified);
        assert_eq!(ours.dims(), [4, 3, 5]);
    }
}
