//! The first layers of members that share their weights.

use actuary_kernels::{scaled_weights as scaled, scaled_weights_gradients};
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

type Arguments<B> = (Tensor<B, 2>, Tensor<B, 2>);

/// The weights of all members side by side, `[inputs, members * units]`: the shared ones, `[inputs,
/// units]`, scaled by each member's row of `scale`, `[members, inputs]`.
pub(crate) fn scaled_weights<B: Backend>(
    weight: Tensor<B, 2>,
    scale: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let arguments: Arguments<B> = (weight, scale);
    let mut answer: Option<Tensor<B, 2>> = None;
    on::<Arguments<Tracked>, _>(&arguments, &mut answer, tracked);
    on::<Arguments<Flex>, _>(&arguments, &mut answer, untracked);
    answer.unwrap_or_else(|| by_parts(arguments))
}

/// By burn's own operations.
fn by_parts<B: Backend>((weight, scale): Arguments<B>) -> Tensor<B, 2> {
    let ([inputs, units], [members, _]) = (weight.dims(), scale.dims());
    let weight: Tensor<B, 3> = weight.unsqueeze_dim(1);
    let scale: Tensor<B, 3> = scale.transpose().unsqueeze_dim(2);
    (weight * scale).reshape([inputs, members * units])
}

fn forward(weight: &FlexTensor, scale: &FlexTensor, shape: Shape) -> Option<FlexTensor> {
    let all = scaled(weight.as_slice()?, scale.as_slice()?, shape.inputs)?;
    Some(tensor(all, [shape.inputs, shape.members * shape.units]))
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    inputs: usize,
    units: usize,
    members: usize,
}

impl Shape {
    fn of<B: Backend>((weight, scale): &Arguments<B>) -> Self {
        let ([inputs, units], [members, _]) = (weight.dims(), scale.dims());
        Self { inputs, units, members }
    }
}

fn untracked(arguments: &Arguments<Flex>) -> Option<Tensor<Flex, 2>> {
    let shape = Shape::of(arguments);
    let (weight, scale) = arguments.clone();
    let [weight, scale] = [weight, scale].map(|t| whole(&t.into_primitive().tensor()));
    let y = forward(&weight, &scale, shape)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Passed {
    weight: FlexTensor,
    scale: FlexTensor,
    shape: Shape,
}

fn tracked(arguments: &Arguments<Tracked>) -> Option<Tensor<Tracked, 2>> {
    let shape = Shape::of(arguments);
    let (weight, scale) = arguments.clone();
    let [weight, scale] = [weight, scale].map(|t| t.into_primitive().tensor());
    let passed = Passed { weight: whole(&weight.primitive), scale: whole(&scale.primitive), shape };
    let y = forward(&passed.weight, &passed.scale, shape)?;
    let step = Step.prepare::<NoCheckpointing>([weight.node, scale.node]);
    let y: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(passed, y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct Step;

impl Backward<Flex, 2> for Step {
    type State = Passed;

    fn backward(
        self,
        ops: Ops<Passed, 2>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let Passed { weight, scale, shape } = ops.state;
        // All were made contiguous: there is a slice of them.
        let (Some(weight), Some(scale), Some(dy)) =
            (weight.as_slice::<f32>(), scale.as_slice::<f32>(), dy.as_slice::<f32>())
        else {
            return;
        };
        let (of_weight, of_scale) = scaled_weights_gradients(weight, scale, shape.inputs, dy);
        let [to_weight, to_scale] = ops.parents;
        if let Some(to) = to_weight {
            gradients.register::<Flex>(to.id, tensor(of_weight, [shape.inputs, shape.units]));
        }
        if let Some(to) = to_scale {
            gradients.register::<Flex>(to.id, tensor(of_scale, [shape.members, shape.inputs]));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    fn tensor_of<const D: usize>(shape: [usize; D], key: u64) -> Tensor<Tracked, D> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        let values = (0..shape.iter().product()).map(|_| symmetric(&mut rng, 1.0)).collect();
        let data = TensorData::new::<f32, _>(values, shape);
        Tensor::from_data(data, &Default::default()).require_grad()
    }

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        let (weight, scale) = (tensor_of([7, 5], 1), tensor_of([3, 7], 2));
        let ours = scaled_weights(weight.clone(), scale.clone());
        let theirs = by_parts((weight.clone(), scale.clone()));
        assert_eq!(ours.clone().into_data(), theirs.clone().into_data());
        let weigh = tensor_of([7, 15], 3).detach();
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        for tensor in [weight, scale] {
            let (ours, theirs) = (tensor.grad(&ours).unwrap(), tensor.grad(&theirs).unwrap());
            assert!((ours - theirs).abs().max().into_scalar() < 1e-6);
        }
    }
}
