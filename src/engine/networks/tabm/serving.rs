//! TabM on a CPU, without a tensor library between.

use actuary_kernels::Dense;

use super::Inputs;
use crate::domain::network::TabmNetwork;
use crate::engine::features::Layout;
use crate::engine::networks::parameters::{Parameters, of_member};
use crate::engine::networks::piecewise::Piecewise;

/// The network, each member by itself.
#[derive(Debug)]
pub(crate) struct Serving {
    numbers: Vec<Piecewise>,
    others: Vec<usize>,
    /// Inputs of the first layer.
    width: usize,
    /// The layers of each member, its scale within the first.
    members: Vec<Vec<Dense>>,
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
        let numbers: Option<Vec<Piecewise>> = numbers
            .map(|(n, (input, edges))| Piecewise::new(*input, edges, n, parameters))
            .collect();
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
            let own = of_member(scale, member)?;
            let hidden = (0..spec.blocks? as usize)
                .map(|number| layer(number, (number == 0).then_some(own)));
            let mut layers = hidden.collect::<Option<Vec<Dense>>>()?;
            let [_, units, _] = *head.0.shape.as_slice() else { return None };
            layers.push(Dense::new(
                units,
                of_member(head.0, member)?,
                of_member(head.1, member)?,
                false,
            )?);
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
                number.embed(row, &mut embedded);
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
