//! A network whose answer goes one way only with some of its inputs, whatever its weights are.
//!
//! Between such an input and the answer stand nothing but functions that never fall: the bins of the
//! number, each counted from 0 to 1 within it, weights that count by their size alone, and units held
//! within -1 and 1 (bounded units and weights that are not negative: Sill 1997; among other inputs:
//! Daniels & Velikova 2010). What the other inputs tell is added to these units, or multiplies them
//! by what is above 0. A decreasing input is turned round.

mod serving;

use burn::module::{Module, Param};
use burn::tensor::activation;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::dropout::Dropout;
use super::embedding::Embedding;
use super::observer::Observer;
use super::parameters::{Builder, Parameters};
use crate::domain::activation::LayerFunction;
use crate::domain::network::MonotoneNetwork;
use crate::domain::training::Precision;
use crate::engine::features::{Group, Layout};
use crate::engine::kernels::{affine, clipped, columns, scaled_weights};

pub(super) use self::serving::Serving;

/// How often the size of such a weight counts. Weights that can't change their sign have half the room
/// and are slower: steps of the optimiser are thus so many times as long for them.
const GAIN: f32 = 6.0;
/// What is drawn at first of the way of a number through all its bins, in each unit and in the answer.
const FIRST_WAY: f32 = 3.0;
const FIRST_ANSWER: f32 = 0.5;

/// Members that share all weights but a scale of their inputs and a head, as in `tabm`, each of them
/// monotone, and so their mean.
///
/// Units are ordered ones, which may rise with the ordered inputs, and free ones, which don't see
/// these. Tensors `embedding.*` (see [`Embedding`]) of the free numbers, `scale` `[members, steps +
/// free]`, `hidden.N.ordered` `[steps or ordered units, ordered units]`, `hidden.N.beside` `[free,
/// ordered units]`, `hidden.N.free` `[free, free units]`, `hidden.N.offset` `[ordered units]`,
/// `hidden.N.bias` `[free units]`, `gate` `[free units, ordered units + ordered numbers]`,
/// `skip` `[members, steps]`, `head.ordered` `[members, ordered units]`, `head.free` `[members, free
/// units]`, `head.bias` `[members]`. Of `hidden.N.ordered`, `head.ordered`, `skip` and the scale of the
/// steps six times the size counts, and not the sign.
#[derive(Module, Debug)]
pub(crate) struct Monotone<B: Backend> {
    embedding: Option<Embedding<B>>,
    scale: Param<Tensor<B, 2>>,
    hidden: Vec<Block<B>>,
    /// What the free units multiply ordered units and numbers by: 1 at first, never below 0.
    gate: Param<Tensor<B, 2>>,
    skip: Param<Tensor<B, 2>>,
    head: Head<B>,
    steps: Steps<B>,
    /// Positions of the free numbers, and of the other inputs that are read.
    numbers: Option<Tensor<B, 1, Int>>,
    others: Option<Tensor<B, 1, Int>>,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    precision: Precision,
}

#[derive(Module, Debug)]
struct Block<B: Backend> {
    ordered: Param<Tensor<B, 2>>,
    beside: Param<Tensor<B, 2>>,
    free: Param<Tensor<B, 2>>,
    offset: Param<Tensor<B, 1>>,
    bias: Param<Tensor<B, 1>>,
}

#[derive(Module, Debug)]
struct Head<B: Backend> {
    ordered: Param<Tensor<B, 2>>,
    free: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
}

/// The bins of the ordered numbers, as [`Bin`] has each.
#[derive(Module, Debug)]
struct Steps<B: Backend> {
    /// `[steps]`: the input that each is of.
    inputs: Tensor<B, 1, Int>,
    /// `[4, steps]`: start, inverse, middle and sign of each.
    bins: Tensor<B, 2>,
    /// `[steps, ordered numbers]`: 1 where the step is of the number.
    of: Tensor<B, 2>,
}

/// A bin of an ordered number: how far a value has gone through it, from 0 to 1, less how far 0 has,
/// which is the middle of what a column is scaled to, and turned round where the answer may not rise.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bin {
    input: usize,
    /// Which of the ordered numbers it is of.
    number: usize,
    start: f32,
    /// One over its length.
    inverse: f32,
    middle: f32,
    sign: f32,
}

impl Bin {
    /// Never falls with `x`, or never rises: to the last bit, since no operation of it does.
    fn at(&self, x: f32) -> f32 {
        (((x - self.start) * self.inverse).clamp(0.0, 1.0) - self.middle) * self.sign
    }
}

/// What is read of a row.
struct Inputs<'a> {
    bins: Vec<Bin>,
    /// Ordered numbers that have bins.
    ordered: usize,
    /// Position and edges of each free number.
    numbers: Vec<(usize, &'a [f32])>,
    /// Positions of the other inputs, one list for each group.
    others: Vec<Vec<usize>>,
}

impl<'a> Inputs<'a> {
    /// The codes of a number are left out: its bins tell them apart.
    fn of(layout: &'a Layout) -> Self {
        let (mut bins, mut ordered) = (Vec::new(), 0);
        let (mut numbers, mut others): (Vec<(usize, &'a [f32])>, _) = (Vec::new(), Vec::new());
        for group in layout.groups() {
            match group {
                Group::Ordered { input, edges, direction } => {
                    let sign = direction.sign();
                    for edge in edges.windows(2) {
                        let (start, inverse) = (edge[0], 1.0 / (edge[1] - edge[0]));
                        let middle = ((0.0 - start) * inverse).clamp(0.0, 1.0);
                        let (input, number) = (*input, ordered);
                        bins.push(Bin { input, number, start, inverse, middle, sign });
                    }
                    ordered += usize::from(edges.len() > 1);
                }
                Group::Number { input, edges } => numbers.push((*input, edges)),
                Group::Flag(input) => others.push(vec![*input]),
                Group::Category(range) => others.push(range.clone().collect()),
                Group::Code(_) => {}
            }
        }
        Self { bins, ordered, numbers, others }
    }

    fn others(&self) -> Vec<usize> {
        self.others.iter().flatten().copied().collect()
    }

    /// Free inputs of the first layer that belong together, column by column; one of zeros where there
    /// are none.
    fn widths(&self, embedding: usize) -> Vec<usize> {
        let numbers = self.numbers.iter().map(|_| embedding);
        let widths: Vec<usize> = numbers.chain(self.others.iter().map(Vec::len)).collect();
        if widths.is_empty() { vec![1] } else { widths }
    }

    /// Steps of each ordered number.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.ordered];
        self.bins.iter().for_each(|bin| counts[bin.number] += 1);
        counts
    }
}

/// Whether there is anything that the answer could keep to an order with: a network of nothing else
/// has no units that are ordered.
pub(crate) fn has_order(layout: &Layout) -> bool {
    !Inputs::of(layout).bins.is_empty()
}

/// Ordered and free units of a layer of so many.
fn units(spec: &MonotoneNetwork) -> (usize, usize) {
    let width = spec.width.unwrap_or(2) as usize;
    ((width / 2).max(1), width.div_ceil(2))
}

impl<B: Backend> Steps<B> {
    fn new(inputs: &Inputs<'_>, device: &B::Device) -> Self {
        let bins = &inputs.bins;
        let count = bins.len();
        let mut rows: Vec<f32> = bins.iter().map(|bin| bin.start).collect();
        rows.extend(bins.iter().map(|bin| bin.inverse));
        rows.extend(bins.iter().map(|bin| bin.middle));
        rows.extend(bins.iter().map(|bin| bin.sign));
        let of = bins.iter().flat_map(|bin| {
            (0..inputs.ordered).map(move |number| f32::from(u8::from(number == bin.number)))
        });
        let of = TensorData::new(of.collect::<Vec<f32>>(), [count, inputs.ordered]);
        Self {
            inputs: positions(bins.iter().map(|bin| bin.input), device),
            bins: Tensor::from_data(TensorData::new(rows, [4, count]), device),
            of: Tensor::from_data(of, device),
        }
    }

    fn count(&self) -> usize {
        self.of.dims()[0]
    }

    /// `[rows, inputs]` to `[rows, steps]`, as [`Bin::at`].
    fn forward(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = columns(inputs, self.inputs.clone());
        let of_bins = |row| self.bins.clone().narrow(0, row, 1);
        let within = (x - of_bins(0)) * of_bins(1);
        (within.clamp(0.0, 1.0) - of_bins(2)) * of_bins(3)
    }
}

fn positions<B: Backend>(
    positions: impl Iterator<Item = usize>,
    device: &B::Device,
) -> Tensor<B, 1, Int> {
    let positions: Vec<i64> = positions.map(|p| p as i64).collect();
    let count = positions.len();
    Tensor::from_data(TensorData::new(positions, [count]), device)
}

impl<B: Backend> Monotone<B> {
    /// Of a specification in which nothing is absent, for a layout that [`has_order`].
    pub(super) fn new(
        spec: &MonotoneNetwork,
        layout: &Layout,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let size = |value: Option<u32>| value.unwrap_or(1) as usize;
        let members = size(spec.members);
        let inputs = Inputs::of(layout);
        let edges: Vec<&[f32]> = inputs.numbers.iter().map(|(_, edges)| *edges).collect();
        let embedding =
            (!edges.is_empty()).then(|| Embedding::new(&edges, size(spec.embedding), builder));
        let widths = inputs.widths(size(spec.embedding));
        let counts = inputs.counts();
        // One number for each member and column: the channels of one column stay together.
        let mut scales = Vec::new();
        for _ in 0..members {
            for &width in &counts {
                scales.extend(std::iter::repeat_n(builder.normal() / GAIN, width));
            }
            for &width in &widths {
                scales.extend(std::iter::repeat_n(builder.normal(), width));
            }
        }
        let (steps, free) = (inputs.bins.len(), widths.iter().sum());
        let scale = builder.parameter(scales, [members, steps + free]);
        let (ordered_units, free_units) = units(spec);
        let bound = 1.0 / ((ordered_units + free_units) as f32).sqrt();
        let way = ways(&inputs, FIRST_WAY);
        let ordered = spread(&way, ordered_units, builder);
        let mut hidden = vec![Block::new(ordered, free, (ordered_units, free_units), builder)];
        for _ in 1..size(spec.blocks) {
            let ordered = builder.uniform([ordered_units, ordered_units], bound / GAIN);
            hidden.push(Block::new(ordered, free_units, (ordered_units, free_units), builder));
        }
        let device = builder.device().clone();
        let others = Some(inputs.others()).filter(|others| !others.is_empty());
        let numbers = Some(&inputs.numbers).filter(|numbers| !numbers.is_empty());
        Self {
            embedding,
            scale,
            hidden,
            gate: builder.filled([free_units, ordered_units + inputs.ordered], 0.0),
            skip: spread_rows(&ways(&inputs, FIRST_ANSWER), members, builder),
            head: Head {
                ordered: builder.uniform([members, ordered_units], bound / GAIN),
                free: builder.uniform([members, free_units], bound),
                bias: builder.uniform([members], bound),
            },
            steps: Steps::new(&inputs, &device),
            numbers: numbers.map(|n| positions(n.iter().map(|(input, _)| *input), &device)),
            others: others.map(|others| positions(others.into_iter(), &device)),
            dropout: spec.dropout.unwrap_or(0.0),
            precision: builder.precision(),
        }
    }

    pub(super) fn members(&self) -> usize {
        self.scale.dims()[0]
    }

    pub(super) fn forward(
        &self,
        inputs: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        self.answer(self.read(inputs), dropout)
    }

    /// What the first layer reads of `[rows, inputs]`: the steps, the embedded free numbers, then the
    /// other inputs.
    pub(super) fn read(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let rows = inputs.dims()[0];
        let mut parts = vec![self.steps.forward(inputs.clone())];
        if let (Some(embedding), Some(numbers)) = (&self.embedding, &self.numbers) {
            parts.push(embedding.forward(columns(inputs.clone(), numbers.clone())));
        }
        if let Some(others) = &self.others {
            parts.push(columns(inputs.clone(), others.clone()));
        }
        if parts.len() == 1 {
            parts.push(Tensor::zeros([rows, 1], &inputs.device()));
        }
        Tensor::cat(parts, 1)
    }

    /// The input that each number of [`Monotone::read`] is of.
    pub(super) fn places(&self) -> Vec<usize> {
        let positions = |of: &Tensor<B, 1, Int>| -> Vec<usize> {
            of.to_data().iter::<i64>().filter_map(|at| usize::try_from(at).ok()).collect()
        };
        let mut places = positions(&self.steps.inputs);
        let others = self.others.as_ref().map(positions).unwrap_or_default();
        let numbers = self.numbers.as_ref().map(positions).unwrap_or_default();
        if others.is_empty() && numbers.is_empty() {
            // The zeros that stand for free inputs: nothing is ever attributed to them.
            places.extend(places.first().copied());
            return places;
        }
        let channels = self.scale.dims()[1] - places.len() - others.len();
        let width = channels.checked_div(numbers.len()).unwrap_or(0);
        places.extend(numbers.into_iter().flat_map(|at| std::iter::repeat_n(at, width)));
        places.extend(others);
        places
    }

    pub(super) fn observed(&self, inputs: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        self.observed_answer(self.read(inputs), None, observer)
    }

    /// Logits `[members * rows, 1]` by what the first layer reads.
    pub(super) fn answer(&self, read: Tensor<B, 2>, dropout: Option<&mut Dropout>) -> Tensor<B, 2> {
        self.observed_answer(read, dropout, &mut Observer::default())
    }

    fn observed_answer(
        &self,
        read: Tensor<B, 2>,
        mut dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let [rows, width] = read.dims();
        let (members, steps) = (self.members(), self.steps.count());
        let ways = read.clone().narrow(1, 0, steps);
        let mut free = read.narrow(1, steps, width - steps);
        let mut ordered = ways.clone();
        for (number, block) in self.hidden.iter().enumerate() {
            let scale = (number == 0).then(|| self.scale.val());
            (ordered, free) = block.forward(ordered, free, scale, self.precision);
            if observer.is_on() {
                let units = [
                    ("ordered", LayerFunction::Clipped, &ordered),
                    ("free", LayerFunction::Relu, &free),
                ];
                for (kind, function, units) in units {
                    let of_rows = units.clone().reshape([rows, members, units.dims()[1]]);
                    let name = || format!("hidden.{number}.{kind}");
                    observer.see(name, function, (&["member", "unit"], 1), &of_rows);
                }
            }
            if let Some(dropout) = &mut dropout {
                ordered = dropout.apply(ordered, self.dropout);
                free = dropout.apply(free, self.dropout);
            }
        }
        // What the numbers come to by themselves, of each member.
        let skip = scaled_weights(self.steps.of.clone(), counted(self.skip.val()));
        let by_number = times(ways, skip, self.precision);
        let by_number = by_number.reshape([rows * members, self.steps.of.dims()[1]]);
        let units = self.head.ordered.dims()[1];
        let gates = times(free.clone(), self.gate.val(), self.precision);
        let gates = activation::sigmoid(gates) * 2.0;
        let by_number = by_number * gates.clone().narrow(1, units, self.steps.of.dims()[1]);
        let by_number = by_number.sum_dim(1);
        let ordered = ordered * gates.narrow(1, 0, units);
        let of_members = |x: Tensor<B, 2>, weights: Tensor<B, 2>| {
            let [_, units] = x.dims();
            let weighted =
                x.reshape([rows, members * units]) * weights.reshape([1, members * units]);
            weighted.reshape([rows * members, units]).sum_dim(1)
        };
        let logits = of_members(free, self.head.free.val())
            + of_members(ordered, counted(self.head.ordered.val()))
            + by_number;
        let bias = self.head.bias.val().reshape([1, members]);
        let logits = logits.reshape([rows, members]) + bias;
        if observer.is_on() {
            let of_rows: Tensor<B, 3> = logits.clone().reshape([rows, members, 1]);
            let name = || "output".to_owned();
            observer.see(name, LayerFunction::Linear, (&["member", "output"], 2), &of_rows);
        }
        logits.transpose().reshape([members * rows, 1])
    }
}

impl<B: Backend> Block<B> {
    /// `offset` spreads the ordered units over what they are held within.
    fn new(
        ordered: Param<Tensor<B, 2>>,
        free: usize,
        (ordered_units, free_units): (usize, usize),
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let bound = 1.0 / (free as f32).sqrt();
        Self {
            ordered,
            beside: builder.uniform([free, ordered_units], bound),
            free: builder.uniform([free, free_units], bound),
            offset: builder.uniform([ordered_units], 1.0),
            bias: builder.uniform([free_units], bound),
        }
    }

    /// Ordered and free units, `[rows * members, units]` each: of what is read, `[rows, inputs]`, where
    /// there is a `scale`, else of those of the layer before.
    fn forward(
        &self,
        ordered: Tensor<B, 2>,
        free: Tensor<B, 2>,
        scale: Option<Tensor<B, 2>>,
        precision: Precision,
    ) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let ([steps, ordered_units], [_, free_units]) = (self.ordered.dims(), self.free.dims());
        let mut biases = [self.offset.val(), self.bias.val()];
        let mut weights = [counted(self.ordered.val()), self.beside.val(), self.free.val()];
        let mut rows = free.dims()[0];
        if let Some(scale) = scale {
            let [members, width] = scale.dims();
            let of_steps = counted(scale.clone().narrow(1, 0, steps));
            let of_free = scale.narrow(1, steps, width - steps);
            let [a, b, c] = weights;
            weights = [
                scaled_weights(a, of_steps),
                scaled_weights(b, of_free.clone()),
                scaled_weights(c, of_free),
            ];
            biases = biases.map(|bias| Tensor::cat(vec![bias; members], 0));
            rows *= members;
        }
        let [of_ordered, beside, of_free] = weights;
        let [offset, bias] = biases;
        let told = affine(free.clone(), beside, offset, precision, false);
        let ordered = clipped(times(ordered, of_ordered, precision) + told);
        let free = affine(free, of_free, bias, precision, true);
        (ordered.reshape([rows, ordered_units]), free.reshape([rows, free_units]))
    }
}

/// What weights of what is ordered count: never below 0.
fn counted<B: Backend, const D: usize>(weights: Tensor<B, D>) -> Tensor<B, D> {
    weights.abs() * GAIN
}

/// A layer without bias.
fn times<B: Backend>(x: Tensor<B, 2>, weight: Tensor<B, 2>, precision: Precision) -> Tensor<B, 2> {
    let none = Tensor::zeros([weight.dims()[1]], &weight.device());
    affine(x, weight, none, precision, false)
}

/// For each step, so that a number comes to a way of this order through its bins, of all numbers
/// together.
fn ways(inputs: &Inputs<'_>, way: f32) -> Vec<f32> {
    let counts = inputs.counts();
    let way = way / (GAIN * counts.len().max(1) as f32);
    let of = |bin: &Bin| way / (counts[bin.number] as f32).sqrt();
    inputs.bins.iter().map(of).collect()
}

/// `[steps, units]`, within each step's bound.
fn spread<B: Backend>(
    bounds: &[f32],
    units: usize,
    builder: &mut Builder<'_, B>,
) -> Param<Tensor<B, 2>> {
    let drawn: Vec<f32> = bounds
        .iter()
        .flat_map(|bound| std::iter::repeat_n(*bound, units))
        .map(|bound| builder.symmetric(bound))
        .collect();
    builder.parameter(drawn, [bounds.len(), units])
}

/// `[members, steps]`, likewise.
fn spread_rows<B: Backend>(
    bounds: &[f32],
    members: usize,
    builder: &mut Builder<'_, B>,
) -> Param<Tensor<B, 2>> {
    let drawn: Vec<f32> = (0..members)
        .flat_map(|_| bounds.iter().copied())
        .map(|bound| builder.symmetric(bound))
        .collect();
    builder.parameter(drawn, [members, bounds.len()])
}

/// By how much a layer's weights are multiplied where they count, by the name of the parameter.
pub(crate) fn gain(name: &str) -> f32 {
    if name == "skip" || name.ends_with(".ordered") { GAIN } else { 1.0 }
}

/// The parameters of the first members alone.
pub(super) fn first_members(parameters: &mut Parameters, members: usize) {
    for name in ["scale", "skip", "head.ordered", "head.free", "head.bias"] {
        let Some(parameter) = parameters.get_mut(name) else { continue };
        let Some(all) = parameter.shape.first_mut() else { continue };
        let kept = members.min(*all);
        parameter.values.truncate(parameter.values.len() / (*all).max(1) * kept);
        *all = kept;
    }
}

#[cfg(test)]
mod tests;
