//! Layer normalisation (Ba et al. 2016).

use std::sync::Arc;

use actuary_kernels::{Norm, NormGradients, Spread};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive};

use super::{Tracked, on, tensor, whole};

/// Added to a variance before it divides, as PyTorch has it.
const EPSILON: f32 = 1e-5;

/// What is normalised, then weight and bias.
type Arguments<B, const D: usize> = (Tensor<B, D>, Tensor<B, 1>, Tensor<B, 1>);

/// `[.., width]` with the mean of each row taken off and divided by its standard deviation, times
/// `weight` `[width]`, plus `bias` `[width]`.
pub(crate) fn normalise<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 1>,
    bias: Tensor<B, 1>,
) -> Tensor<B, D> {
    let arguments: Arguments<B, D> = (x, weight, bias);
    let mut answer: Option<Tensor<B, D>> = None;
    on::<Arguments<Tracked, D>, _>(&arguments, &mut answer, tracked);
    on::<Arguments<Flex, D>, _>(&arguments, &mut answer, untracked);
    answer.unwrap_or_else(|| by_parts(arguments))
}

/// By burn's own operations.
fn by_parts<B: Backend, const D: usize>((x, weight, bias): Arguments<B, D>) -> Tensor<B, D> {
    let centred = x.clone() - x.mean_dim(D - 1);
    let variance = centred.clone().square().mean_dim(D - 1);
    let normal = centred / variance.add_scalar(EPSILON).sqrt();
    normal * weight.unsqueeze() + bias.unsqueeze()
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Passed<const D: usize> {
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    spread: Arc<Spread>,
    shape: [usize; D],
}

/// None where shapes don't fit, so that burn's own words are heard.
fn forward<const D: usize>(
    [x, weight, bias]: [FlexTensor; 3],
    shape: [usize; D],
) -> Option<(FlexTensor, Passed<D>)> {
    let [x, weight, bias] = [x, weight, bias].map(|t| whole(&t));
    if shape.last() != weight.as_slice::<f32>().map(<[f32]>::len).as_ref() {
        return None;
    }
    let norm = Norm { weight: weight.as_slice()?, bias: bias.as_slice()? };
    let (y, spread) = norm.forward(x.as_slice()?)?;
    Some((tensor(y, shape), Passed { x, weight, bias, spread: Arc::new(spread), shape }))
}

fn untracked<const D: usize>(arguments: &Arguments<Flex, D>) -> Option<Tensor<Flex, D>> {
    let (x, weight, bias) = arguments.clone();
    let shape = x.dims();
    let x = x.into_primitive().tensor();
    let [weight, bias] = [weight, bias].map(|t| t.into_primitive().tensor());
    let (y, _) = forward([x, weight, bias], shape)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

fn tracked<const D: usize>(arguments: &Arguments<Tracked, D>) -> Option<Tensor<Tracked, D>> {
    let (x, weight, bias) = arguments.clone();
    let shape = x.dims();
    let x = x.into_primitive().tensor();
    let [weight, bias] = [weight, bias].map(|t| t.into_primitive().tensor());
    let (y, passed) = forward([x.primitive, weight.primitive, bias.primitive], shape)?;
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
        let Passed { x: values, weight: by, bias: plus, spread, shape } = ops.state;
        // All were made contiguous: there are slices of them.
        let slices = (values.as_slice::<f32>(), by.as_slice(), plus.as_slice(), dy.as_slice());
        let (Some(values), Some(by), Some(plus), Some(dy)) = slices else { return };
        let norm = Norm { weight: by, bias: plus };
        let NormGradients { inputs, weight: of_weight, bias: of_bias } =
            norm.backward(values, &spread, dy);
        if let Some(x) = x {
            gradients.register::<Flex>(x.id, tensor(inputs, shape));
        }
        for (parent, gradient) in [(weight, of_weight), (bias, of_bias)] {
            if let Some(parent) = parent {
                let width = gradient.len();
                gradients.register::<Flex>(parent.id, tensor(gradient, [width]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{near, random};
    use super::*;

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        let arguments = (random([3, 4, 9], 1), random([9], 2), random([9], 3));
        let (x, weight, bias) = arguments.clone();
        let ours = normalise(x, weight, bias);
        let theirs = by_parts(arguments.clone());
        near(ours.clone().inner(), theirs.clone().inner());
        let weigh = Tensor::from_inner(random::<3>([3, 4, 9], 4).inner());
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        let (x, weight, bias) = arguments;
        near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        near(weight.grad(&ours).unwrap(), weight.grad(&theirs).unwrap());
        near(bias.grad(&ours).unwrap(), bias.grad(&theirs).unwrap());
        // Of a view that is not contiguous, untracked.
        let (x, weight, bias) = (x.inner().swap_dims(0, 1), weight.inner(), bias.inner());
        let ours = normalise(x.clone(), weight.clone(), bias.clone());
        near(ours, by_parts((x, weight, bias)));
    }
}
