//! TabM on a CPU, without a tensor library between.

use actuary_kernels::Dense;

use super::Inputs;
use super::folded::{Folded, probes};
use crate::domain::network::TabmNetwork;
use crate::engine::features::Layout;
use crate::engine::networks::parameters::{Parameters, of_member};
use crate::engine::networks::piecewise::Piecewise;
use crate::engine::networks::serving::through;

/// How far the logits of folded numbers may lie from those of embedded ones, relative to the largest or
/// to 1.
const TOLERANCE: f32 = 1e-6;

/// The network, each member by itself.
#[derive(Debug)]
pub(crate) struct Serving {
    first: First,
    /// The layers of each member behind the first, one at least.
    rest: Vec<Vec<Dense>>,
}

/// The first layer of each member, its scale within it.
#[derive(Debug)]
enum First {
    Embedded(Embedded),
    Folded(Folded),
}

/// Layers that read embedded numbers, then the other inputs.
#[derive(Debug)]
struct Embedded {
    numbers: Vec<Piecewise>,
    others: Vec<usize>,
    /// One for each member.
    layers: Vec<Dense>,
}

impl Serving {
    /// With numbers that are embedded; None where the parameters don't fit.
    pub(crate) fn new(
        spec: &TabmNetwork,
        layout: &Layout,
        parameters: &Parameters,
    ) -> Option<Self> {
        let inputs = Inputs::of(layout);
        let numbers = inputs.numbers.iter().enumerate();
        let numbers: Option<Vec<Piecewise>> = numbers
            .map(|(n, (input, edges))| Piecewise::new(*input, edges, n, parameters))
            .collect();
        let [members, width] = *parameters.get("scale")?.shape.as_slice() else { return None };
        let first = |member: usize| {
            let (weights, bias) = first_layer(parameters, member)?;
            Dense::new(width, &weights, bias, true)
        };
        let head = (parameters.get("head.weight")?, parameters.get("head.bias")?);
        let [_, units, _] = *head.0.shape.as_slice() else { return None };
        let rest = |member: usize| {
            let hidden = (1..spec.blocks? as usize).map(|number| {
                let weight = parameters.get(&format!("hidden.{number}.weight"))?;
                let bias = parameters.get(&format!("hidden.{number}.bias"))?;
                Dense::new(*weight.shape.first()?, &weight.values, &bias.values, true)
            });
            let (weight, bias) = (of_member(head.0, member)?, of_member(head.1, member)?);
            hidden.chain([Dense::new(units, weight, bias, false)]).collect()
        };
        let layers = (0..members).map(first).collect::<Option<_>>()?;
        let first =
            First::Embedded(Embedded { numbers: numbers?, others: inputs.others(), layers });
        Some(Self { first, rest: (0..members).map(rest).collect::<Option<_>>()? })
    }

    /// With numbers that are folded into the first layer, where that is worth it and tried out: at the
    /// edges of each number and halfway between, logits are as they were. Otherwise as it is.
    pub(crate) fn folded(mut self, layout: &Layout, parameters: &Parameters) -> Self {
        let inputs = Inputs::of(layout);
        let Some(folded) = Folded::new(&inputs, parameters) else { return self };
        let (rows, width) = (probes(&inputs, layout.width()), layout.width());
        let expected = self.logits(&rows, width);
        let embedded = std::mem::replace(&mut self.first, First::Folded(folded));
        if !agree(&self.logits(&rows, width), &expected) {
            self.first = embedded;
        }
        self
    }

    pub(crate) fn members(&self) -> usize {
        self.rest.len()
    }

    /// Logits of rows of `width` inputs, `[members, rows, outputs]`.
    pub(crate) fn logits(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut y = Vec::new();
        let mut logits = Vec::new();
        match &self.first {
            First::Embedded(first) => {
                let (count, read) = first.read(rows, width);
                for (layer, rest) in first.layers.iter().zip(&self.rest) {
                    layer.apply(count, &read, layer.inputs(), &mut y);
                    logits.extend(through(rest, &y, layer.stride()));
                }
            }
            First::Folded(first) => {
                let read = first.read(rows, width);
                for (member, rest) in self.rest.iter().enumerate() {
                    let stride = first.apply(member, &read, &mut y);
                    logits.extend(through(rest, &y, stride));
                }
            }
        }
        logits
    }

    /// Multiply-adds of a row, or what takes as long.
    pub(crate) fn work(&self) -> usize {
        let of = |layer: &Dense| layer.inputs() * layer.outputs();
        let first = match &self.first {
            First::Embedded(first) => first.layers.iter().map(of).sum(),
            First::Folded(first) => first.work(),
        };
        first + self.rest.iter().flatten().map(of).sum::<usize>()
    }

    /// Memory of tables, which is more than that of the weights that they are made of.
    pub(crate) fn table_bytes(&self) -> usize {
        match &self.first {
            First::Embedded(_) => 0,
            First::Folded(first) => first.bytes(),
        }
    }
}

impl Embedded {
    /// Their number, and what the layers read of rows of `width` inputs.
    fn read(&self, rows: &[f32], width: usize) -> (usize, Vec<f32>) {
        let count = rows.len() / width.max(1);
        let mut read = Vec::with_capacity(count * self.layers.first().map_or(0, Dense::inputs));
        for row in rows.chunks_exact(width.max(1)) {
            for number in &self.numbers {
                number.embed(row, &mut read);
            }
            read.extend(self.others.iter().map(|&input| row[input]));
        }
        (count, read)
    }
}

/// The weights of a member's first layer, `[inputs, units]`, its scale within them, and the bias.
pub(super) fn first_layer(parameters: &Parameters, member: usize) -> Option<(Vec<f32>, &[f32])> {
    let weight = parameters.get("hidden.0.weight")?;
    let bias = parameters.get("hidden.0.bias")?;
    let [_, units] = *weight.shape.as_slice() else { return None };
    let scale = of_member(parameters.get("scale")?, member)?;
    let mut weights = weight.values.clone();
    for (row, scale) in weights.chunks_exact_mut(units.max(1)).zip(scale) {
        row.iter_mut().for_each(|weight| *weight *= scale);
    }
    Some((weights, &bias.values))
}

/// Written so that a NaN counts as disagreement.
fn agree(found: &[f32], expected: &[f32]) -> bool {
    let largest = expected.iter().fold(1_f32, |largest, z| largest.max(z.abs()));
    let mut pairs = found.iter().zip(expected);
    found.len() == expected.len() && pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * largest)
}
