//! Piecewise-linear embeddings.

use std::sync::Arc;

use actuary_kernels::{Bins, EmbeddingGradients, EmbeddingWeights};
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

/// Rows of numbers, then weight and bias `[numbers, width]`, then what bins add `[numbers, most
/// bins, width]`.
type Arguments<B> = (Tensor<B, 2>, Tensor<B, 2>, Tensor<B, 2>, Tensor<B, 3>, Arc<Bins>);

/// `[rows, numbers]` embedded, `[rows, numbers * width]`; None on other backends than the CPU's, and
/// where the numbers themselves are to get a gradient, which training never asks for.
pub(crate) fn embed<B: Backend>(
    x: Tensor<B, 2>,
    [weight, bias]: [Tensor<B, 2>; 2],
    bins: Tensor<B, 3>,
    edges: &Arc<Bins>,
) -> Option<Tensor<B, 2>> {
    let arguments: Arguments<B> = (x, weight, bias, bins, edges.clone());
    let mut answer: Option<Tensor<B, 2>> = None;
    on::<Arguments<Tracked>, _>(&arguments, &mut answer, tracked);
    on::<Arguments<Flex>, _>(&arguments, &mut answer, untracked);
    answer
}

fn forward(
    x: &FlexTensor,
    [weight, bias, bins]: [&FlexTensor; 3],
    edges: &Bins,
) -> Option<FlexTensor> {
    let (weight, bias) = (whole(weight), whole(bias));
    let bins = whole(bins);
    let weights = EmbeddingWeights {
        weight: weight.as_slice()?,
        bias: bias.as_slice()?,
        bins: bins.as_slice()?,
    };
    let x = x.as_slice::<f32>()?;
    let y = edges.forward(x, weights)?;
    let rows = x.len() / edges.numbers();
    let width = y.len().checked_div(rows)?;
    Some(tensor(y, [rows, width]))
}

fn untracked(arguments: &Arguments<Flex>) -> Option<Tensor<Flex, 2>> {
    let (x, weight, bias, bins, edges) = arguments.clone();
    let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive().tensor());
    let bins = bins.into_primitive().tensor();
    let y = forward(&whole(&x), [&weight, &bias, &bins], &edges)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Passed {
    x: FlexTensor,
    edges: Arc<Bins>,
    width: usize,
}

fn tracked(arguments: &Arguments<Tracked>) -> Option<Tensor<Tracked, 2>> {
    let (x, weight, bias, bins, edges) = arguments.clone();
    let [_, width] = weight.dims();
    let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive().tensor());
    let bins = bins.into_primitive().tensor();
    if !x.node.requirement.is_none() {
        return None;
    }
    let x = whole(&x.primitive);
    let y = forward(&x, [&weight.primitive, &bias.primitive, &bins.primitive], &edges)?;
    let step = Step.prepare::<NoCheckpointing>([weight.node, bias.node, bins.node]);
    let y: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(Passed { x, edges, width }, y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct Step;

impl Backward<Flex, 3> for Step {
    type State = Passed;

    fn backward(
        self,
        ops: Ops<Passed, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let Passed { x, edges, width } = ops.state;
        // Both were made contiguous: there is a slice of them.
        let (Some(x), Some(dy)) = (x.as_slice::<f32>(), dy.as_slice::<f32>()) else { return };
        let EmbeddingGradients { weight, bias, bins } = edges.backward(x, dy, width);
        let numbers = edges.numbers();
        let [to_weight, to_bias, to_bins] = ops.parents;
        for (to, values) in [(to_weight, weight), (to_bias, bias)] {
            if let Some(to) = to {
                gradients.register::<Flex>(to.id, tensor(values, [numbers, width]));
            }
        }
        if let Some(to) = to_bins {
            gradients.register::<Flex>(to.id, tensor(bins, [numbers, edges.most(), width]));
        }
    }
}
