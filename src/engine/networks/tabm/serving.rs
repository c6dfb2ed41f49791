//! TabM on a CPU, without a tensor library between.

use actuary_kernels::Dense;

use super::Inputs;
use crate::domain::network::TabmNetwork;
use crate::engine::features::Layout;
use crate::engine::networks::parameters::{Parameter, Parameters};

/// The network, each member by itself.
#[derive(Debug)]
pub(crate) struct Serving {
    numbers: Vec<Number>,
    others: Vec<usize>,
    /// Inputs of the first layer.
    width: usize,
    /// The layers of each member, its scale within the first.
    members: Vec<Vec<Dense>>,
}

/// A number's embedding, by its values at the edges of the bins: between them it is linear.
#[derive(Debug)]
struct Number {
    input: usize,
    /// At least two, ascending; of a number without bins, 0 and 1.
    edges: Vec<f32>,
    /// `[edges, width]`.
    knots: Vec<f32>,
}

impl Serving {
    /// None where the parameters don't fit.
    pub(crate) fn new(
        spec: &TabmNetwork,
        layout: &Layout,
        parameters: &Parameters,
    ) -> Option<Self> {
        let inputs = Inputs::of(layout);
        let numbers = inputs.numbers.iter().enumerate();
        let numbers: Option<Vec<Number>> =
            numbers.map(|(n, (input, edges))| Number::new(*input, edges, n, parameters)).collect();
        let scale = parameters.get("scale")?;
        let [members, width] = *scale.shape.as_slice() else { return None };
        let head = (parameters.get("head.weight")?, parameters.get("head.bias")?);
        let layer = |number: usize, scale: Option<&[f32]>| {
            let weight = parameters.get(&format!("hidden.{number}.weight"))?;
            let bias = parameters.get(&format!("hidden.{number}.bias"))?;
            let [inputs, units] = *weight.shape.as_slice() else { return None };
            let mut weights = weight.values.clone();
            if let Some(scale) = scale {
                let rows = weights.chunks_exact_mut(units.max(1)).zip(scale);
                rows.for_each(|(row, scale)| row.iter_mut().for_each(|w| *w *= scale));
            }
            Dense::new(inputs, &weights, &bias.values, true)
        };
        let member = |member: usize| {
            let own = slice(scale, member)?;
            let hidden = (0..spec.blocks? as usize)
                .map(|number| layer(number, (number == 0).then_some(own)));
            let mut layers = hidden.collect::<Option<Vec<Dense>>>()?;
            let [_, units, _] = *head.0.shape.as_slice() else { return None };
            layers.push(Dense::new(units, slice(head.0, member)?, slice(head.1, member)?, false)?);
            Some(layers)
        };
        let members: Option<Vec<Vec<Dense>>> = (0..members).map(member).collect();
        Some(Self { numbers: numbers?, others: inputs.others(), width, members: members? })
    }

    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// The layers of each member, and what they read of rows of `width` inputs.
    pub(crate) fn inputs(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let count = rows.len() / width.max(1);
        let mut embedded = Vec::with_capacity(count * self.width);
        for row in rows.chunks_exact(width.max(1)) {
            for number in &self.numbers {
                number.embed(row[number.input], &mut embedded);
            }
            embedded.extend(self.others.iter().map(|&input| row[input]));
        }
        embedded
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn layers(&self) -> impl Iterator<Item = &[Dense]> {
        self.members.iter().map(Vec::as_slice)
    }
}

/// The part of a parameter that belongs to one member.
fn slice(parameter: &Parameter, member: usize) -> Option<&[f32]> {
    let each = parameter.values.len() / parameter.shape.first()?;
    parameter.values.get(member * each..(member + 1) * each)
}

impl Number {
    fn new(input: usize, edges: &[f32], number: usize, parameters: &Parameters) -> Option<Self> {
        let weight = slice(parameters.get("embedding.weight")?, number)?;
        let bias = slice(parameters.get("embedding.bias")?, number)?;
        let bins = slice(parameters.get("embedding.bins")?, number)?;
        let has_bins = edges.len() >= 2;
        let edges = if has_bins { edges.to_vec() } else { vec![0.0, 1.0] };
        let mut sums = vec![0.0; weight.len()];
        let mut knots = Vec::with_capacity(edges.len() * weight.len());
        for (edge, x) in edges.iter().enumerate() {
            if let Some(before) = edge.checked_sub(1).filter(|_| has_bins) {
                let bin = bins.chunks_exact(weight.len().max(1)).nth(before)?;
                sums.iter_mut().zip(bin).for_each(|(sum, v)| *sum += f64::from(*v));
            }
            let linear =
                weight.iter().zip(bias).map(|(w, b)| f64::from(*w) * f64::from(*x) + f64::from(*b));
            knots.extend(linear.zip(&sums).map(|(linear, sum)| (linear + sum) as f32));
        }
        Some(Self { input, edges, knots })
    }

    fn embed(&self, x: f32, embedded: &mut Vec<f32>) {
        let bins = self.edges.len() - 1;
        let bin = self.edges[1..bins].partition_point(|edge| *edge <= x);
        let (start, end) = (self.edges[bin], self.edges[bin + 1]);
        let place = (x - start) / (end - start);
        let width = self.knots.len() / self.edges.len();
        let (low, high) = self.knots[bin * width..(bin + 2) * width].split_at(width);
        embedded.extend(low.iter().zip(high).map(|(low, high)| low + place * (high - low)));
    }
}
