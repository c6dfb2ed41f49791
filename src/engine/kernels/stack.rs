//! Fully connected layers one after the other as one node of autodiff: a small network spends as much
//! time on the nodes of its layers as on what they do.

use std::sync::Arc;

use actuary_kernels::{Affine, AffineGradients};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorData, TensorPrimitive};

use super::{Tracked, affine, on, tensor, whole};
use crate::domain::training::Precision;

/// A layer of a stack.
#[derive(Clone)]
pub(crate) struct Stacked<B: Backend> {
    /// `[inputs, outputs]`.
    pub(crate) weight: Tensor<B, 2>,
    /// `[outputs]`.
    pub(crate) bias: Tensor<B, 1>,
    /// What the layer's units are multiplied by, `[rows, outputs]`, behind ReLU; not of the last one.
    pub(crate) keep: Option<Arc<Vec<f32>>>,
}

type Arguments<B> = (Tensor<B, 2>, Vec<Stacked<B>>);

/// `[rows, inputs]` through layers, all but the last rectified.
pub(crate) fn stack<B: Backend>(
    x: Tensor<B, 2>,
    layers: Vec<Stacked<B>>,
    precision: Precision,
) -> Tensor<B, 2> {
    let arguments: Arguments<B> = (x, layers);
    let mut answer: Option<Tensor<B, 2>> = None;
    if precision == Precision::F32 {
        // A node names its parents in an array: those of deeper stacks are nodes of their own.
        on::<Arguments<Tracked>, _>(&arguments, &mut answer, |arguments| match arguments.1.len() {
            2 => tracked::<5>(arguments),
            3 => tracked::<7>(arguments),
            4 => tracked::<9>(arguments),
            5 => tracked::<11>(arguments),
            _ => None,
        });
    }
    answer.unwrap_or_else(|| by_layers(arguments, precision))
}

fn by_layers<B: Backend>((mut x, layers): Arguments<B>, precision: Precision) -> Tensor<B, 2> {
    let last = layers.len().saturating_sub(1);
    for (number, Stacked { weight, bias, keep }) in layers.into_iter().enumerate() {
        x = affine(x, weight, bias, precision, number < last);
        if let Some(keep) = keep {
            let data = TensorData::new(keep.to_vec(), x.dims());
            let keep = Tensor::from_data(data, &x.device());
            x = x * keep;
        }
    }
    x
}

/// What a layer leaves behind.
#[derive(Debug)]
struct Passed {
    layer: Affine,
    weight: FlexTensor,
    /// What it read and what it made of it, before units were dropped.
    x: Arc<Vec<f32>>,
    y: Arc<Vec<f32>>,
    keep: Option<Arc<Vec<f32>>>,
}

/// None where shapes don't fit, so that burn's own words are heard.
fn tracked<const PARENTS: usize>(arguments: &Arguments<Tracked>) -> Option<Tensor<Tracked, 2>> {
    let (x, layers) = arguments;
    let [rows, _] = x.dims();
    let x = x.clone().into_primitive().tensor();
    let mut parents = vec![x.node];
    let mut read = Arc::new(whole(&x.primitive).as_slice()?.to_vec());
    let mut passed = Vec::with_capacity(layers.len());
    for (number, Stacked { weight, bias, keep }) in layers.iter().enumerate() {
        let [inputs, outputs] = weight.dims();
        let layer = Affine { inputs, outputs, rectified: number + 1 < layers.len() };
        let weight = weight.clone().into_primitive().tensor();
        let bias = bias.clone().into_primitive().tensor();
        parents.extend([weight.node, bias.node]);
        let weight = whole(&weight.primitive);
        let bias = whole(&bias.primitive);
        let y = Arc::new(layer.forward(&read, weight.as_slice()?, bias.as_slice()?)?);
        let next = match keep {
            Some(keep) if keep.len() != y.len() => return None,
            Some(keep) => Arc::new(y.iter().zip(keep.iter()).map(|(y, keep)| y * keep).collect()),
            None => y.clone(),
        };
        let x = std::mem::replace(&mut read, next);
        passed.push(Passed { layer, weight, x, y, keep: keep.clone() });
    }
    let outputs = passed.last()?.layer.outputs;
    let y = tensor(Arc::unwrap_or_clone(read), [rows, outputs]);
    let step = Step::<PARENTS>.prepare::<NoCheckpointing>(parents.try_into().ok()?);
    let y: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish((Arc::new(passed), rows), y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct Step<const PARENTS: usize>;

impl<const PARENTS: usize> Backward<Flex, PARENTS> for Step<PARENTS> {
    type State = (Arc<Vec<Passed>>, usize);

    fn backward(
        self,
        ops: Ops<Self::State, PARENTS>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let (passed, rows) = ops.state;
        let mut parents = ops.parents.into_iter();
        let of_x = parents.next().flatten();
        let of_layers: Vec<_> = parents.collect();
        // All were made contiguous: there are slices of them.
        let Some(dy) = dy.as_slice::<f32>() else { return };
        let mut by_y = dy.to_vec();
        for (number, (passed, of_layer)) in
            passed.iter().zip(of_layers.chunks_exact(2)).enumerate().rev()
        {
            let Passed { layer, weight, x, y, keep } = passed;
            let Some(weight) = weight.as_slice() else { return };
            if let Some(keep) = keep {
                by_y.iter_mut().zip(keep.iter()).for_each(|(by_y, keep)| *by_y *= keep);
            }
            let wants_inputs = number > 0 || of_x.is_some();
            let AffineGradients { inputs, weight: by_weight, bias: by_bias } =
                layer.backward(x, weight, y, &by_y, wants_inputs);
            if let [of_weight, of_bias] = of_layer {
                if let Some(of_weight) = of_weight {
                    let by_weight = tensor(by_weight, [layer.inputs, layer.outputs]);
                    gradients.register::<Flex>(of_weight.id, by_weight);
                }
                if let Some(of_bias) = of_bias {
                    gradients.register::<Flex>(of_bias.id, tensor(by_bias, [layer.outputs]));
                }
            }
            by_y = inputs.unwrap_or_default();
        }
        if let (Some(of_x), Some(first)) = (of_x, passed.first()) {
            gradients.register::<Flex>(of_x.id, tensor(by_y, [rows, first.layer.inputs]));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::testing::{near, random};
    use super::*;

    #[rstest]
    fn values_and_gradients_are_those_of_its_layers(
        #[values(1, 2, 3, 5, 6)] count: usize,
        #[values(false, true)] drops: bool,
    ) {
        let sizes = [7, 20, 3, 16, 5, 9, 2];
        let keep = |outputs: usize| (0..6 * outputs).map(|i| (i % 3) as f32).collect();
        let layers: Vec<Stacked<Tracked>> = (0..count)
            .map(|number| Stacked {
                weight: random([sizes[number], sizes[number + 1]], number as u64),
                bias: random([sizes[number + 1]], 50 + number as u64),
                keep: (drops && number + 1 < count).then(|| Arc::new(keep(sizes[number + 1]))),
            })
            .collect();
        let x: Tensor<Tracked, 2> = random([6, 7], 100);
        let ours = stack(x.clone(), layers.clone(), Precision::F32);
        let theirs = by_layers((x.clone(), layers.clone()), Precision::F32);
        assert_eq!(ours.clone().into_data(), theirs.clone().into_data());
        let weigh = Tensor::from_inner(random::<2>(ours.dims(), 4).inner());
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        for Stacked { weight, bias, .. } in layers {
            near(weight.grad(&ours).unwrap(), weight.grad(&theirs).unwrap());
            near(bias.grad(&ours).unwrap(), bias.grad(&theirs).unwrap());
        }
    }

    #[test]
    fn what_the_inputs_need_no_gradient_of_has_none() {
        let layers: Vec<Stacked<Tracked>> = [(4, 3, 1), (3, 2, 2)]
            .map(|(inputs, outputs, key)| Stacked {
                weight: random([inputs, outputs], key),
                bias: random([outputs], key + 5),
                keep: None,
            })
            .to_vec();
        let x: Tensor<Tracked, 2> = Tensor::from_inner(random::<2>([5, 4], 9).inner());
        let found = stack(x.clone(), layers.clone(), Precision::F32).sum().backward();
        assert!(x.grad(&found).is_none());
        assert!(layers.iter().all(|layer| layer.weight.grad(&found).is_some()));
    }
}
