//! Fully connected layers one after the other, whose gradients are found without a graph: of a small
//! network the nodes of its layers take as long as what they do.

use actuary_kernels::Affine;
use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorPrimitive};

use super::{Tracked, on, tensor, whole};

/// A layer of a stack.
pub(crate) struct Stacked<B: AutodiffBackend> {
    /// `[inputs, outputs]`.
    pub(crate) weight: Tensor<B, 2>,
    /// `[outputs]`.
    pub(crate) bias: Tensor<B, 1>,
    /// What the layer's units are multiplied by, `[rows, outputs]`, behind ReLU; not of the last one.
    pub(crate) keep: Option<Vec<f32>>,
}

/// A loss, and its gradients by the weight and the bias of each layer.
pub(crate) struct StackGradients<B: AutodiffBackend> {
    pub(crate) loss: f32,
    pub(crate) layers: Vec<LayerGradients<B::InnerBackend>>,
}

/// By the weight and the bias of a layer.
pub(crate) type LayerGradients<B> = (Tensor<B, 2>, Tensor<B, 1>);

/// The loss of `[rows, inputs]` that went through layers, all but the last rectified, where `loss` gives
/// it with its gradients by the logits. None on other backends than the CPU's with gradients, where
/// `loss` gives none, and where shapes don't fit, so that burn's own words are heard.
pub(crate) fn stack_gradients<B: AutodiffBackend>(
    x: Tensor<B, 2>,
    layers: Vec<Stacked<B>>,
    loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
) -> Option<StackGradients<B>> {
    let arguments = (x, layers);
    let mut answer: Option<StackGradients<B>> = None;
    on::<(Tensor<Tracked, 2>, Vec<Stacked<Tracked>>), _>(&arguments, &mut answer, |(x, layers)| {
        gradients(x, layers, &loss)
    });
    answer
}

/// What a layer leaves behind.
struct Passed<'a> {
    layer: Affine,
    weight: FlexTensor,
    keep: Option<&'a [f32]>,
    /// What it made of what it read, before units were dropped, and then.
    y: Vec<f32>,
    kept: Option<Vec<f32>>,
}

impl Passed<'_> {
    /// What the next layer reads.
    fn output(&self) -> &[f32] {
        self.kept.as_ref().unwrap_or(&self.y)
    }
}

fn gradients(
    x: &Tensor<Tracked, 2>,
    layers: &[Stacked<Tracked>],
    loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
) -> Option<StackGradients<Tracked>> {
    let [_, width] = x.dims();
    if layers.first().is_none_or(|first| first.weight.dims()[0] != width) {
        return None;
    }
    let x = whole(&x.clone().inner().into_primitive().tensor());
    let x = x.as_slice::<f32>()?;
    let mut passed: Vec<Passed<'_>> = Vec::with_capacity(layers.len());
    for (number, Stacked { weight, bias, keep }) in layers.iter().enumerate() {
        let [inputs, outputs] = weight.dims();
        let layer = Affine { inputs, outputs, rectified: number + 1 < layers.len() };
        let weight = whole(&weight.clone().inner().into_primitive().tensor());
        let bias = whole(&bias.clone().inner().into_primitive().tensor());
        let read = passed.last().map_or(x, Passed::output);
        let y = layer.forward(read, weight.as_slice()?, bias.as_slice()?)?;
        let keep = keep.as_deref();
        if keep.is_some_and(|keep| keep.len() != y.len()) {
            return None;
        }
        let kept = keep.map(|keep| y.iter().zip(keep).map(|(y, keep)| y * keep).collect());
        passed.push(Passed { layer, weight, keep, y, kept });
    }
    let (loss, mut by_y) = loss(passed.last()?.output())?;
    let mut found = Vec::with_capacity(layers.len());
    for (number, Passed { layer, weight, keep, y, .. }) in passed.iter().enumerate().rev() {
        if let Some(keep) = keep {
            by_y.iter_mut().zip(*keep).for_each(|(by_y, keep)| *by_y *= keep);
        }
        let before = number.checked_sub(1).map(|before| passed[before].output());
        let of =
            layer.backward(before.unwrap_or(x), weight.as_slice()?, y, &by_y, before.is_some());
        let by_weight = float(tensor(of.weight, [layer.inputs, layer.outputs]));
        found.push((by_weight, float(tensor(of.bias, [layer.outputs]))));
        by_y = of.inputs.unwrap_or_default();
    }
    found.reverse();
    Some(StackGradients { loss, layers: found })
}

fn float<const D: usize>(tensor: FlexTensor) -> Tensor<Flex, D> {
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use rstest::rstest;

    use super::super::testing::{near, random};
    use super::super::{affine, known_loss};
    use super::*;
    use crate::domain::training::Precision;

    /// Half the sum of squares.
    fn half(logits: &[f32]) -> Option<(f32, Vec<f32>)> {
        Some((logits.iter().map(|z| 0.5 * z * z).sum(), logits.to_vec()))
    }

    #[rstest]
    fn gradients_are_those_of_layers_that_are_nodes(
        #[values(1, 2, 3, 5)] count: usize,
        #[values(false, true)] drops: bool,
    ) {
        let sizes = [7, 20, 3, 16, 5, 2];
        let x: Tensor<Tracked, 2> = random([6, 7], 100);
        let keep = |outputs: usize| (0..6 * outputs).map(|i| (i % 3) as f32).collect::<Vec<f32>>();
        let layers = || -> Vec<Stacked<Tracked>> {
            let layer = |number: usize| Stacked {
                weight: random([sizes[number], sizes[number + 1]], number as u64),
                bias: random([sizes[number + 1]], 50 + number as u64),
                keep: (drops && number + 1 < count).then(|| keep(sizes[number + 1])),
            };
            (0..count).map(layer).collect()
        };
        let ours = stack_gradients(x.clone(), layers(), half).unwrap();
        let (mut y, layers) = (x, layers());
        for (number, Stacked { weight, bias, keep }) in layers.iter().enumerate() {
            y = affine(y, weight.clone(), bias.clone(), Precision::F32, number + 1 < count);
            if let Some(keep) = keep {
                let shape = y.dims();
                let data = TensorData::new(keep.clone(), shape);
                y = y * Tensor::from_data(data, &Default::default());
            }
        }
        let loss = known_loss(&y, half).unwrap();
        assert_eq!(loss.clone().into_scalar(), ours.loss);
        let theirs = loss.backward();
        assert_eq!(ours.layers.len(), count);
        for (Stacked { weight, bias, .. }, (by_weight, by_bias)) in layers.iter().zip(ours.layers) {
            near(by_weight, weight.grad(&theirs).unwrap());
            near(by_bias, bias.grad(&theirs).unwrap());
        }
    }

    #[test]
    fn there_are_none_where_the_loss_gives_none_or_shapes_do_not_fit() {
        let layers = |inputs: usize| {
            vec![Stacked { weight: random([inputs, 2], 1), bias: random([2], 2), keep: None }]
        };
        // As many numbers as eight rows of three.
        let x: Tensor<Tracked, 2> = random([6, 4], 9);
        assert!(stack_gradients(x.clone(), layers(4), half).is_some());
        assert!(stack_gradients(x.clone(), layers(4), |_| None).is_none());
        assert!(stack_gradients(x.clone(), layers(3), half).is_none());
        let mut short = layers(4);
        short[0].keep = Some(vec![1.0; 3]);
        assert!(stack_gradients(x, short, half).is_none());
    }
}
