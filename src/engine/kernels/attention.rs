//! Self-attention of several heads.

use std::sync::Arc;

use actuary_kernels::{Attention, Projected, Weights};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorData, TensorPrimitive, activation};

use super::precision::product;
use super::{Tracked, on, tensor, whole};
use crate::domain::training::Precision;

/// In the place of minus infinity: its power of e is 0 in f32.
const NEVER: f32 = -1e30;

/// How places attend to each other.
#[derive(Debug, Clone)]
pub(crate) struct Attending {
    pub(crate) heads: usize,
    /// Whether a place sees only itself and those before it.
    pub(crate) causal: bool,
    pub(crate) precision: Precision,
    /// What the softmax is multiplied by, `[rows, heads, places (of keys), places (of queries)]`.
    pub(crate) keep: Option<Arc<Vec<f32>>>,
}

/// Queries, keys and values, and what is done with them.
type Arguments<B> = (Projected<Tensor<B, 3>>, Attending);

/// `softmax(query key' / √each) value` of each head, `[rows, places, width]`, where a head has `each` of
/// the columns.
pub(crate) fn attend<B: Backend>(x: Projected<Tensor<B, 3>>, how: Attending) -> Tensor<B, 3> {
    let arguments: Arguments<B> = (x, how);
    let mut answer: Option<Tensor<B, 3>> = None;
    on::<Arguments<Tracked>, _>(&arguments, &mut answer, tracked);
    on::<Arguments<Flex>, _>(&arguments, &mut answer, untracked);
    answer.unwrap_or_else(|| by_parts(arguments))
}

/// By burn's own operations.
fn by_parts<B: Backend>((x, how): Arguments<B>) -> Tensor<B, 3> {
    let [query, key, value] = of_heads(x, how.heads);
    let [rows, heads, places, each] = query.dims();
    let device = query.device();
    let mut weights = weights(query, key, &how);
    if let Some(keep) = how.keep {
        let keep = TensorData::new(keep.to_vec(), [rows, heads, places, places]);
        let keep: Tensor<B, 4> = Tensor::from_data(keep, &device);
        weights = weights * keep.swap_dims(2, 3);
    }
    let joined = product(weights, value, how.precision);
    joined.swap_dims(1, 2).reshape([rows, places, heads * each])
}

/// How much each place looks at each other, `[rows, heads, places (of queries), places (of keys)]`: what
/// [`attend`] weighs the values by, where nothing is dropped.
pub(crate) fn attention<B: Backend>(x: &Projected<Tensor<B, 3>>, how: &Attending) -> Tensor<B, 4> {
    let [query, key, _] = of_heads(x.clone(), how.heads);
    weights(query, key, how)
}

/// Queries, keys and values as `[rows, heads, places, each]`.
fn of_heads<B: Backend>(x: Projected<Tensor<B, 3>>, heads: usize) -> [Tensor<B, 4>; 3] {
    let three = match x {
        Projected::Separate(three) => three,
        Projected::Packed(all) => {
            let width = all.dims()[2] / 3;
            [0, 1, 2].map(|part| all.clone().narrow(2, part * width, width))
        }
    };
    let [rows, places, width] = three[0].dims();
    let each = width / heads.max(1);
    three.map(|x| x.reshape([rows, places, heads, each]).swap_dims(1, 2))
}

fn weights<B: Backend>(query: Tensor<B, 4>, key: Tensor<B, 4>, how: &Attending) -> Tensor<B, 4> {
    let [_, _, places, each] = query.dims();
    let device = query.device();
    let scores = product(query, key.swap_dims(2, 3), how.precision);
    let mut scores = scores.div_scalar((each as f32).sqrt());
    if how.causal {
        let mask: Vec<f32> = (0..places * places)
            .map(|at| if at % places > at / places { NEVER } else { 0.0 })
            .collect();
        let mask = TensorData::new(mask, [1, 1, places, places]);
        scores = scores + Tensor::from_data(mask, &device);
    }
    activation::softmax(scores, 3)
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Passed {
    size: Attention,
    /// Contiguous.
    x: Projected<FlexTensor>,
    keep: Option<Arc<Vec<f32>>>,
    weights: Arc<Weights>,
    /// Of the answer.
    shape: [usize; 3],
}

fn mapped<A, B>(x: Projected<A>, mut of: impl FnMut(A) -> B) -> Projected<B> {
    match x {
        Projected::Packed(all) => Projected::Packed(of(all)),
        Projected::Separate(three) => Projected::Separate(three.map(of)),
    }
}

/// The numbers of tensors that are contiguous.
fn slices(x: &Projected<FlexTensor>) -> Option<Projected<&[f32]>> {
    Some(match x {
        Projected::Packed(all) => Projected::Packed(all.as_slice()?),
        Projected::Separate([query, key, value]) => {
            Projected::Separate([query.as_slice()?, key.as_slice()?, value.as_slice()?])
        }
    })
}

fn shape<B: Backend>(x: &Projected<Tensor<B, 3>>) -> [usize; 3] {
    match x {
        Projected::Packed(all) => {
            let [rows, places, width] = all.dims();
            [rows, places, width / 3]
        }
        Projected::Separate([query, ..]) => query.dims(),
    }
}

fn untracked((x, how): &Arguments<Flex>) -> Option<Tensor<Flex, 3>> {
    let shape = shape(x);
    let size = Attention::new(shape[1], shape[2], how.heads, how.causal)?;
    let x = mapped(x.clone(), |x| whole(&x.into_primitive().tensor()));
    let y = match &how.keep {
        None => size.forward(slices(&x)?)?,
        Some(keep) => size.forward_kept(slices(&x)?, Some(keep))?.0,
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(tensor(y, shape))))
}

fn tracked((x, how): &Arguments<Tracked>) -> Option<Tensor<Tracked, 3>> {
    let shape = shape(x);
    let size = Attention::new(shape[1], shape[2], how.heads, how.causal)?;
    let x = mapped(x.clone(), |x| x.into_primitive().tensor());
    let values = mapped(x.clone(), |x| whole(&x.primitive));
    let keep = how.keep.clone();
    let (y, weights) = size.forward_kept(slices(&values)?, keep.as_ref().map(|k| k.as_slice()))?;
    let passed = Passed { size, x: values, keep, weights: Arc::new(weights), shape };
    let y = tensor(y, shape);
    let y: FloatTensor<Tracked> = match x {
        Projected::Packed(all) => {
            match Step.prepare::<NoCheckpointing>([all.node]).compute_bound().stateful() {
                OpsKind::Tracked(step) => step.finish(passed, y),
                OpsKind::UnTracked(step) => step.finish(y),
            }
        }
        Projected::Separate(three) => {
            let nodes = three.map(|x| x.node);
            match Step.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(step) => step.finish(passed, y),
                OpsKind::UnTracked(step) => step.finish(y),
            }
        }
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct Step;

/// Of what is packed one parent, else three.
impl<const N: usize> Backward<Flex, N> for Step {
    type State = Passed;

    fn backward(
        self,
        ops: Ops<Passed, N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let Passed { size, x, keep, weights, shape: [rows, places, width] } = ops.state;
        // All were made contiguous: there are slices of them.
        let (Some(x), Some(dy)) = (slices(&x), dy.as_slice::<f32>()) else { return };
        let keep = keep.as_ref().map(|keep| keep.as_slice());
        let (found, width) = match size.backward(x, keep, &weights, dy) {
            Projected::Packed(all) => (vec![all], 3 * width),
            Projected::Separate(three) => (three.into(), width),
        };
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, tensor(gradient, [rows, places, width]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::testing::{near, random};
    use super::*;

    const ROWS: usize = 3;
    const PLACES: usize = 5;
    const WIDTH: usize = 6;
    const HEADS: usize = 2;

    fn how(causal: bool, dropped: bool) -> Attending {
        let count = ROWS * HEADS * PLACES * PLACES;
        let keep = (0..count).map(|at| if at % 7 == 3 { 0.0 } else { 1.25 }).collect();
        let keep = dropped.then(|| Arc::new(keep));
        Attending { heads: HEADS, causal, precision: Precision::F32, keep }
    }

    #[rstest]
    fn values_and_gradients_are_those_of_burn(
        #[values(false, true)] causal: bool,
        #[values(false, true)] dropped: bool,
        #[values(false, true)] packed: bool,
    ) {
        let parts = match packed {
            true => vec![random([ROWS, PLACES, 3 * WIDTH], 1)],
            false => (1..4).map(|key| random([ROWS, PLACES, WIDTH], key)).collect(),
        };
        let x = match parts.as_slice() {
            [all] => Projected::Packed(all.clone()),
            [query, key, value] => Projected::Separate([query, key, value].map(Clone::clone)),
            _ => panic!("neither one nor three"),
        };
        let ours = attend(x.clone(), how(causal, dropped));
        let theirs = by_parts((x.clone(), how(causal, dropped)));
        near(ours.clone().inner(), theirs.clone().inner());
        let plain = attend(mapped(x.clone(), Tensor::inner), how(causal, dropped));
        near(plain, theirs.clone().inner());
        // The maps that are looked at are those that the values are weighed by.
        if !dropped {
            let [_, _, value] = of_heads(mapped(x.clone(), Tensor::inner), HEADS);
            let maps = attention(&mapped(x, Tensor::inner), &how(causal, dropped));
            let weighed = maps.matmul(value).swap_dims(1, 2).reshape([ROWS, PLACES, WIDTH]);
            near(weighed, theirs.clone().inner());
        }
        let weigh = Tensor::from_inner(random::<3>([ROWS, PLACES, WIDTH], 4).inner());
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        for part in parts {
            near(part.grad(&ours).unwrap(), part.grad(&theirs).unwrap());
        }
    }
}
