//! Words made of their parts, and phrases of words.

use std::sync::Arc;

use actuary_kernels::{Bags, PhraseGradients, Phrases, Texts};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData, TensorPrimitive, activation};

use super::{Tracked, on, product, tensor, whole};
use crate::domain::training::Precision;

type BagArguments<B> = (Tensor<B, 2>, Arc<Bags>);

/// The scaled sums of rows of a table `[rows, width]`: `[lists, width]`.
pub(crate) fn embed_bags<B: Backend>(table: Tensor<B, 2>, bags: &Arc<Bags>) -> Tensor<B, 2> {
    let arguments: BagArguments<B> = (table, bags.clone());
    let mut answer: Option<Tensor<B, 2>> = None;
    on::<BagArguments<Tracked>, _>(&arguments, &mut answer, tracked_bags);
    on::<BagArguments<Flex>, _>(&arguments, &mut answer, untracked_bags);
    answer.unwrap_or_else(|| bags_by_parts(arguments))
}

/// By burn's own operations.
fn bags_by_parts<B: Backend>((table, bags): BagArguments<B>) -> Tensor<B, 2> {
    let (device, [_, width]) = (table.device(), table.dims());
    let sums = Tensor::zeros([bags.count(), width], &device);
    let count = bags.rows().len();
    if count == 0 {
        return sums;
    }
    let whole = |values: Vec<i32>| {
        Tensor::<B, 1, Int>::from_data(TensorData::new(values, [count]), &device)
    };
    let each =
        || bags.lists().enumerate().flat_map(|(at, (list, s))| list.iter().map(move |_| (at, s)));
    let rows = whole(bags.rows().iter().map(|row| *row as i32).collect());
    let lists = whole(each().map(|(list, _)| list as i32).collect());
    let scales: Vec<f32> = each().map(|(_, scale)| scale).collect();
    let scales = Tensor::<B, 2>::from_data(TensorData::new(scales, [count, 1]), &device);
    let parts = table.select(0, rows) * scales;
    sums.select_assign(0, lists, parts, IndexingUpdateOp::Add)
}

fn bags_forward(table: &FlexTensor, bags: &Bags, width: usize) -> Option<FlexTensor> {
    let table = whole(table);
    let sums = bags.forward(table.as_slice()?, width)?;
    Some(tensor(sums, [bags.count(), width]))
}

fn untracked_bags((table, bags): &BagArguments<Flex>) -> Option<Tensor<Flex, 2>> {
    let [_, width] = table.dims();
    let sums = bags_forward(&table.clone().into_primitive().tensor(), bags, width)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(sums)))
}

fn tracked_bags((table, bags): &BagArguments<Tracked>) -> Option<Tensor<Tracked, 2>> {
    let [rows, width] = table.dims();
    let table = table.clone().into_primitive().tensor();
    let sums = bags_forward(&table.primitive, bags, width)?;
    let step = BagStep.prepare::<NoCheckpointing>([table.node]);
    let passed = PassedBags { bags: bags.clone(), rows, width };
    let sums: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(passed, sums),
        OpsKind::UnTracked(step) => step.finish(sums),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(sums)))
}

#[derive(Debug, Clone)]
struct PassedBags {
    bags: Arc<Bags>,
    rows: usize,
    width: usize,
}

#[derive(Debug)]
struct BagStep;

impl Backward<Flex, 1> for BagStep {
    type State = PassedBags;

    fn backward(
        self,
        ops: Ops<PassedBags, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let PassedBags { bags, rows, width } = ops.state;
        let [table] = ops.parents;
        // It was made contiguous: there is a slice of it.
        if let (Some(table), Some(dy)) = (table, dy.as_slice::<f32>()) {
            let of_table = bags.backward(dy, rows, width);
            gradients.register::<Flex>(table.id, tensor(of_table, [rows, width]));
        }
    }
}

/// Words, weight, bias, and how many words each text has.
type PhraseArguments<B> = (Tensor<B, 3>, Tensor<B, 3>, Tensor<B, 1>, Arc<Vec<usize>>);

/// Texts `[texts, places, inputs]`, of which each has the first `lengths` words, convolved by `weight`
/// `[words, inputs, outputs]` and `bias` `[outputs]`, rectified, and the greatest of each text taken:
/// `[texts, outputs]`. Behind a text there are zeros, and its phrases begin within it; one of no
/// words is one word of zeros.
pub(crate) fn phrases<B: Backend>(
    x: Tensor<B, 3>,
    weight: Tensor<B, 3>,
    bias: Tensor<B, 1>,
    lengths: &Arc<Vec<usize>>,
    precision: Precision,
) -> Tensor<B, 2> {
    let arguments: PhraseArguments<B> = (x, weight, bias, lengths.clone());
    let mut answer: Option<Tensor<B, 2>> = None;
    on::<PhraseArguments<Tracked>, _>(&arguments, &mut answer, tracked_phrases);
    on::<PhraseArguments<Flex>, _>(&arguments, &mut answer, untracked_phrases);
    answer.unwrap_or_else(|| phrases_by_parts(arguments, precision))
}

/// By burn's own operations. Words that a text does not have are zero in `x`.
fn phrases_by_parts<B: Backend>(
    (x, weight, bias, lengths): PhraseArguments<B>,
    precision: Precision,
) -> Tensor<B, 2> {
    let ([texts, places, inputs], [words, _, outputs]) = (x.dims(), weight.dims());
    let device = x.device();
    // Not made where it is empty: burn starts a kernel of no threads for it, which CUDA refuses.
    let x = match words {
        0 | 1 => x,
        _ => Tensor::cat(vec![x, Tensor::zeros([texts, words - 1, inputs], &device)], 1),
    };
    let windows = (0..words).map(|at| x.clone().slice([0..texts, at..at + places, 0..inputs]));
    let x = Tensor::cat(windows.collect(), 2).reshape([texts * places, words * inputs]);
    let weight = weight.reshape([words * inputs, outputs]);
    let y = product(x, weight, precision) + bias.unsqueeze();
    let y = activation::relu(y.reshape([texts, places, outputs]));
    let is_within = |length: &usize| {
        let length = (*length).max(1);
        (0..places).map(move |at| f32::from(u8::from(at < length)))
    };
    let within: Vec<f32> = lengths.iter().flat_map(is_within).collect();
    let within = Tensor::<B, 3>::from_data(TensorData::new(within, [texts, places, 1]), &device);
    // Nothing is below 0, and so 0 is never greater than what lies within.
    (y * within).max_dim(1).reshape([texts, outputs])
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct PassedPhrases {
    layer: Arc<Phrases>,
    x: FlexTensor,
    size: [usize; 3],
    words: usize,
    lengths: Arc<Vec<usize>>,
    chosen: Arc<Vec<u32>>,
}

/// The result on the CPU; None where shapes don't fit, so that burn's own words are heard.
fn phrases_forward(
    [x, weight, bias]: [&FlexTensor; 3],
    size: [usize; 3],
    words: usize,
    lengths: &Arc<Vec<usize>>,
) -> Option<(FlexTensor, PassedPhrases)> {
    let [x, weight, bias] = [x, weight, bias].map(whole);
    let [texts, places, inputs] = size;
    let layer = Phrases::new(words, inputs, weight.as_slice()?, bias.as_slice()?)?;
    let of = Texts { words: x.as_slice()?, places, lengths };
    let (y, chosen) = layer.forward(of);
    let y = tensor(y, [texts, layer.outputs()]);
    let (layer, chosen, lengths) = (Arc::new(layer), Arc::new(chosen), lengths.clone());
    Some((y, PassedPhrases { layer, x, size, words, lengths, chosen }))
}

fn untracked_phrases(arguments: &PhraseArguments<Flex>) -> Option<Tensor<Flex, 2>> {
    let (x, weight, bias, lengths) = arguments.clone();
    let (size, [words, _, _]) = (x.dims(), weight.dims());
    let [x, weight] = [x, weight].map(|t| t.into_primitive().tensor());
    let bias = bias.into_primitive().tensor();
    let (y, _) = phrases_forward([&x, &weight, &bias], size, words, &lengths)?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

fn tracked_phrases(arguments: &PhraseArguments<Tracked>) -> Option<Tensor<Tracked, 2>> {
    let (x, weight, bias, lengths) = arguments.clone();
    let (size, [words, _, _]) = (x.dims(), weight.dims());
    let [x, weight] = [x, weight].map(|t| t.into_primitive().tensor());
    let bias = bias.into_primitive().tensor();
    let tensors = [&x.primitive, &weight.primitive, &bias.primitive];
    let (y, passed) = phrases_forward(tensors, size, words, &lengths)?;
    let step = PhraseStep.prepare::<NoCheckpointing>([x.node, weight.node, bias.node]);
    let y: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(passed, y),
        OpsKind::UnTracked(step) => step.finish(y),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(y)))
}

#[derive(Debug)]
struct PhraseStep;

impl Backward<Flex, 3> for PhraseStep {
    type State = PassedPhrases;

    fn backward(
        self,
        ops: Ops<PassedPhrases, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dy = whole(&gradients.consume::<Flex>(&ops.node));
        let PassedPhrases { layer, x, size, words, lengths, chosen } = ops.state;
        let [_, places, inputs] = size;
        // Both were made contiguous: there is a slice of them.
        let (Some(values), Some(dy)) = (x.as_slice::<f32>(), dy.as_slice::<f32>()) else { return };
        let texts = Texts { words: values, places, lengths: &lengths };
        let PhraseGradients { words: of_words, weights, bias } = layer.backward(texts, &chosen, dy);
        let outputs = layer.outputs();
        let [to_x, to_weight, to_bias] = ops.parents;
        if let Some(to) = to_x {
            gradients.register::<Flex>(to.id, tensor(of_words, size));
        }
        if let Some(to) = to_weight {
            gradients.register::<Flex>(to.id, tensor(weights, [words, inputs, outputs]));
        }
        if let Some(to) = to_bias {
            gradients.register::<Flex>(to.id, tensor(bias, [outputs]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    fn random<const D: usize>(shape: [usize; D], key: u64) -> Tensor<Tracked, D> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        let values = (0..shape.iter().product()).map(|_| symmetric(&mut rng, 1.0)).collect();
        let data = TensorData::new::<f32, _>(values, shape);
        Tensor::from_data(data, &Default::default()).require_grad()
    }

    fn near<const D: usize>(a: Tensor<Flex, D>, b: Tensor<Flex, D>) {
        assert_eq!(a.dims(), b.dims());
        let apart = (a - b.clone()).abs().max().into_scalar();
        assert!(apart <= 2e-6 * b.abs().max().into_scalar().max(1.0), "{apart}");
    }

    #[test]
    fn bags_are_those_of_burn() {
        let mut bags = Bags::default();
        bags.push([0, 3, 3], 1.0 / 3.0);
        bags.push([], 1.0);
        bags.push([2, 0], 0.5);
        let (table, bags) = (random([5, 7], 1), Arc::new(bags));
        let (ours, theirs) =
            (embed_bags(table.clone(), &bags), bags_by_parts((table.clone(), bags.clone())));
        near(ours.clone().inner(), theirs.clone().inner());
        near(embed_bags(table.clone().inner(), &bags), theirs.clone().inner());
        let weigh = Tensor::from_inner(random([3, 7], 2).inner());
        let ours = (ours * weigh.clone()).sum().backward();
        let theirs = (theirs * weigh).sum().backward();
        near(table.grad(&ours).unwrap(), table.grad(&theirs).unwrap());
    }

    #[test]
    fn phrases_are_those_of_burn() {
        let lengths = Arc::new(vec![4, 0, 2]);
        let within = |i: usize| i / 5 % 4 < lengths[i / 20];
        for width in [1, 3] {
            // burn walks through what leads to a tensor once.
            let mut words = random([3, 4, 5], 1).into_data().to_vec::<f32>().unwrap();
            words.iter_mut().enumerate().filter(|(i, _)| !within(*i)).for_each(|(_, v)| *v = 0.0);
            let x = Tensor::<Tracked, 3>::from_data(
                TensorData::new(words, [3, 4, 5]),
                &Default::default(),
            )
            .require_grad();
            let (weight, bias) = (random([width, 5, 9], 2), random([9], 3));
            let ours = phrases(x.clone(), weight.clone(), bias.clone(), &lengths, Precision::F32);
            let theirs = phrases_by_parts(
                (x.clone(), weight.clone(), bias.clone(), lengths.clone()),
                Precision::F32,
            );
            near(ours.clone().inner(), theirs.clone().inner());
            let weigh = Tensor::from_inner(random([3, 9], 4).inner());
            let ours = (ours * weigh.clone()).sum().backward();
            let theirs = (theirs * weigh).sum().backward();
            near(weight.grad(&ours).unwrap(), weight.grad(&theirs).unwrap());
            near(bias.grad(&ours).unwrap(), bias.grad(&theirs).unwrap());
            // Behind a text nothing is learnt.
            let of_x = |gradient: Tensor<Flex, 3>| {
                let values = gradient.into_data().to_vec::<f32>().unwrap();
                let kept = values.into_iter().enumerate().filter(|(i, _)| within(*i));
                kept.map(|(_, v)| v).collect::<Vec<_>>()
            };
            for (a, b) in of_x(x.grad(&ours).unwrap()).iter().zip(of_x(x.grad(&theirs).unwrap())) {
                assert!((a - b).abs() < 2e-6, "{a} {b}");
            }
        }
    }
}
