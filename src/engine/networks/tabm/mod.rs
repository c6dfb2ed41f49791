//! TabM-mini (Gorishniy et al. 2025, "TabM: advancing tabular deep learning with
//! parameter-efficient ensembling").

mod folded;
mod serving;

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::affine::Affine;
use super::dropout::Dropout;
use super::embedding::Embedding;
use super::observer::Observer;
use super::parameters::{Builder, Parameters};
use crate::domain::activation::LayerFunction;
use crate::domain::network::TabmNetwork;
use crate::domain::training::Precision;
use crate::engine::features::{Group, Layout};
use crate::engine::kernels::{affine, columns, product, scaled_weights};

pub(super) use self::serving::Serving;

/// Perceptrons that share all weights but a scale of their inputs and a head each.
///
/// What comes before the scale treats each column by itself: mixed before it, the members would
/// answer nearly alike. Tensors `embedding.*` (see [`Embedding`]), `scale` `[members, inputs]`,
/// `hidden.N.weight` `[inputs, units]`, `hidden.N.bias` `[units]`, `head.weight`
/// `[members, units, outputs]`, `head.bias` `[members, outputs]`. The inputs of the first layer are
/// the embedded numbers, then flags and categories, in the order of the columns.
#[derive(Module, Debug)]
pub(crate) struct Tabm<B: Backend> {
    embedding: Option<Embedding<B>>,
    scale: Param<Tensor<B, 2>>,
    hidden: Vec<Affine<B>>,
    head: Head<B>,
    /// Positions of the numbers, and of the other inputs that are read.
    numbers: Tensor<B, 1, Int>,
    others: Option<Tensor<B, 1, Int>>,
    #[module(skip)]
    dropout: f64,
}

/// One linear layer for each member.
#[derive(Module, Debug)]
struct Head<B: Backend> {
    weight: Param<Tensor<B, 3>>,
    bias: Param<Tensor<B, 2>>,
    #[module(skip)]
    precision: Precision,
}

/// What is read of a row.
struct Inputs<'a> {
    /// Position and edges of each number.
    numbers: Vec<(usize, &'a [f32])>,
    /// Positions of the other inputs, one list for each group.
    others: Vec<Vec<usize>>,
}

impl<'a> Inputs<'a> {
    /// The codes of a number are left out: its bins tell them apart.
    fn of(layout: &'a Layout) -> Self {
        let mut inputs = Self { numbers: Vec::new(), others: Vec::new() };
        for group in layout.groups() {
            match group {
                Group::Number { input, edges } | Group::Ordered { input, edges, .. } => {
                    inputs.numbers.push((*input, edges));
                }
                Group::Flag(input) => inputs.others.push(vec![*input]),
                Group::Category(range) => inputs.others.push(range.clone().collect()),
                Group::Code(_) => {}
            }
        }
        inputs
    }

    fn edges(&self) -> Vec<&'a [f32]> {
        self.numbers.iter().map(|(_, edges)| *edges).collect()
    }

    fn others(&self) -> Vec<usize> {
        self.others.iter().flatten().copied().collect()
    }

    /// Inputs of the first layer that belong together, column by column.
    fn widths(&self, embedding: usize) -> Vec<usize> {
        let numbers = self.numbers.iter().map(|_| embedding);
        numbers.chain(self.others.iter().map(Vec::len)).collect()
    }
}

impl<B: Backend> Head<B> {
    /// `[rows * members, units]` to `[members * rows, outputs]`.
    fn forward(&self, x: Tensor<B, 2>, rows: usize) -> Tensor<B, 2> {
        let [members, units, outputs] = self.weight.dims();
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if outputs == 1 {
            let weighted =
                x.reshape([rows, members * units]) * weight.reshape([1, members * units]);
            let sums = weighted.reshape([rows * members, units]).sum_dim(1);
            let logits = sums.reshape([rows, members]) + bias.reshape([1, members]);
            return logits.transpose().reshape([members * rows, 1]);
        }
        let x: Tensor<B, 3> = x.reshape([rows, members, units]).swap_dims(0, 1);
        let logits = product(x, weight, self.precision) + bias.unsqueeze_dim(1);
        logits.reshape([members * rows, outputs])
    }
}

impl<B: Backend> Tabm<B> {
    /// Of a specification in which nothing is absent.
    pub(super) fn new(
        spec: &TabmNetwork,
        layout: &Layout,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let size = |value: Option<u32>| value.unwrap_or(1) as usize;
        let (members, units) = (size(spec.members), size(spec.width));
        let inputs = Inputs::of(layout);
        let width = size(spec.embedding);
        let embedding =
            (!inputs.numbers.is_empty()).then(|| Embedding::new(&inputs.edges(), width, builder));
        // One number for each member and column: the channels of one column stay together.
        let widths = inputs.widths(width);
        let mut scales = Vec::new();
        for _ in 0..members {
            for &width in &widths {
                scales.extend(std::iter::repeat_n(builder.normal(), width));
            }
        }
        let mut width = widths.iter().sum();
        let scale = builder.parameter(scales, [members, width]);
        let hidden = (0..size(spec.blocks))
            .map(|_| builder.linear(std::mem::replace(&mut width, units), units))
            .collect();
        let bound = 1.0 / (width.max(1) as f32).sqrt();
        let head = Head {
            weight: builder.uniform([members, width, outputs], bound),
            bias: builder.uniform([members, outputs], bound),
            precision: builder.precision(),
        };
        let device = builder.device().clone();
        let positions = |positions: Vec<usize>| {
            let positions: Vec<i64> = positions.into_iter().map(|p| p as i64).collect();
            let count = positions.len();
            Tensor::from_data(TensorData::new(positions, [count]), &device)
        };
        let others = Some(inputs.others()).filter(|others| !others.is_empty());
        Self {
            embedding,
            scale,
            hidden,
            head,
            numbers: positions(inputs.numbers.iter().map(|(input, _)| *input).collect()),
            others: others.map(positions),
            dropout: spec.dropout.unwrap_or(0.0),
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

    /// As [`Tabm::forward`] outside training, with an observer.
    pub(super) fn observed(&self, inputs: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        let read = self.read(inputs);
        if let (Some(_), true) = (&self.embedding, observer.is_on()) {
            let [rows, width] = read.dims();
            let others = self.others.as_ref().map_or(0, |others| others.dims()[0]);
            let [numbers] = self.numbers.dims();
            let channels = (width - others) / numbers.max(1);
            let embedded = read.clone().narrow(1, 0, width - others);
            let embedded = embedded.reshape([rows, numbers, channels]);
            let name = || "embedding".to_owned();
            observer.see(name, LayerFunction::Linear, (&["number", "channel"], 2), &embedded);
        }
        self.observed_answer(read, None, observer)
    }

    /// What the first layer reads of `[rows, inputs]`: the embedded numbers, then the others.
    pub(super) fn read(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let mut parts = Vec::new();
        if let Some(embedding) = &self.embedding {
            parts.push(embedding.forward(columns(inputs.clone(), self.numbers.clone())));
        }
        if let Some(others) = &self.others {
            parts.push(columns(inputs, others.clone()));
        }
        Tensor::cat(parts, 1)
    }

    /// The input that each number of [`Tabm::read`] is of.
    pub(super) fn places(&self) -> Vec<usize> {
        let positions = |of: &Tensor<B, 1, Int>| -> Vec<usize> {
            of.to_data().iter::<i64>().filter_map(|at| usize::try_from(at).ok()).collect()
        };
        let others = self.others.as_ref().map(positions).unwrap_or_default();
        let numbers = positions(&self.numbers);
        let channels = self.scale.dims()[1] - others.len();
        let width = channels.checked_div(numbers.len()).unwrap_or(0);
        let each = numbers.into_iter().flat_map(|at| std::iter::repeat_n(at, width));
        each.chain(others).collect()
    }

    /// Logits by what the first layer reads.
    pub(super) fn answer(&self, x: Tensor<B, 2>, dropout: Option<&mut Dropout>) -> Tensor<B, 2> {
        self.observed_answer(x, dropout, &mut Observer::default())
    }

    fn observed_answer(
        &self,
        mut x: Tensor<B, 2>,
        mut dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let (rows, members) = (x.dims()[0], self.members());
        for (number, layer) in self.hidden.iter().enumerate() {
            x = match number {
                0 => self.first(layer, x),
                _ => layer.rectified(x),
            };
            if observer.is_on() {
                let units = x.dims()[1];
                let of_rows: Tensor<B, 3> = x.clone().reshape([rows, members, units]);
                let name = || format!("hidden.{number}");
                observer.see(name, LayerFunction::Relu, (&["member", "unit"], 1), &of_rows);
            }
            if let Some(dropout) = &mut dropout {
                x = dropout.apply(x, self.dropout);
            }
        }
        let logits = self.head.forward(x, rows);
        if observer.is_on() {
            let outputs = logits.dims()[1];
            let of_rows = logits.clone().reshape([members, rows, outputs]).swap_dims(0, 1);
            let name = || "output".to_owned();
            observer.see(name, LayerFunction::Linear, (&["member", "output"], 2), &of_rows);
        }
        logits
    }

    /// The first layer of `[rows, inputs]`, rectified, as `[rows * members, units]`: the members of a
    /// row one after the other. Its inputs, scaled for each member, are never built.
    fn first(&self, layer: &Affine<B>, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let ([rows, _], [_, units]) = (x.dims(), layer.weight.dims());
        let weights = scaled_weights(layer.weight.val(), self.scale.val());
        let bias = Tensor::cat(vec![layer.bias.val(); self.members()], 0);
        let x = affine(x, weights, bias, layer.precision, true);
        x.reshape([rows * self.members(), units])
    }
}

/// The parameters of the first members alone.
pub(super) fn first_members(parameters: &mut Parameters, members: usize) {
    for name in ["scale", "head.weight", "head.bias"] {
        let Some(parameter) = parameters.get_mut(name) else { continue };
        let Some(all) = parameter.shape.first_mut() else { continue };
        let kept = members.min(*all);
        parameter.values.truncate(parameter.values.len() / (*all).max(1) * kept);
        *all = kept;
    }
}

#[cfg(test)]
mod tests;
