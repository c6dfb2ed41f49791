//! The same on a CPU, without a tensor library between.
//!
//! Whatever is done to an ordered number on its way to the answer is done by operations of which each
//! rounds up no less what is greater: sums of one order, by factors that are never below 0. So the
//! answers keep to the order to the last bit of them.

use actuary_kernels::{Dense, Function};

use super::{Bin, GAIN, Inputs};
use crate::domain::network::MonotoneNetwork;
use crate::engine::features::Layout;
use crate::engine::networks::parameters::{Parameter, Parameters, of_member};
use crate::engine::networks::piecewise::Piecewise;

/// The network, each member by itself.
#[derive(Debug)]
pub(crate) struct Serving {
    bins: Vec<Bin>,
    numbers: Vec<Piecewise>,
    others: Vec<usize>,
    /// Inputs of the first layer.
    width: usize,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    layers: Vec<Layer>,
    /// Of free units: what ordered units, then ordered numbers, are multiplied by half of.
    gate: Dense,
    /// Of steps: what each ordered number comes to by itself.
    skip: Dense,
    ordered: Vec<f32>,
    free: Vec<f32>,
    bias: f32,
}

/// Of steps or ordered units, and then of what is free, to the same.
#[derive(Debug)]
struct Layer {
    /// Of both.
    ordered: Dense,
    /// Of what is free alone, rectified.
    free: Dense,
}

impl Serving {
    /// None where the parameters don't fit.
    pub(crate) fn new(
        spec: &MonotoneNetwork,
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
        let blocks = spec.blocks? as usize;
        let member =
            |number: usize| Member::new(parameters, number, blocks, &inputs.bins, inputs.ordered);
        let members: Option<Vec<Member>> = (0..members).map(member).collect();
        let others = inputs.others();
        Some(Self { numbers: numbers?, others, width, members: members?, bins: inputs.bins })
    }

    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// Multiply-adds of a row, at least.
    pub(crate) fn work(&self) -> usize {
        let of = |dense: &Dense| dense.inputs() * dense.outputs();
        let each = |member: &Member| {
            let layers = member.layers.iter().map(|l| of(&l.ordered) + of(&l.free)).sum::<usize>();
            layers + of(&member.gate) + of(&member.skip)
        };
        self.members.iter().map(each).sum()
    }

    /// Logits of rows of `width` inputs, `[members, rows]`.
    pub(crate) fn logits(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let read = self.read(rows, width);
        let steps = self.bins.len();
        self.members.iter().flat_map(|member| member.logits(&read, self.width, steps)).collect()
    }

    /// What the first layer reads: steps, embedded numbers, the others, or a 0 where nothing is free.
    fn read(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let count = rows.len() / width.max(1);
        let mut read = Vec::with_capacity(count * self.width);
        for row in rows.chunks_exact(width.max(1)) {
            let end = read.len() + self.width;
            read.extend(self.bins.iter().map(|bin| bin.at(row[bin.input])));
            for number in &self.numbers {
                number.embed(row, &mut read);
            }
            read.extend(self.others.iter().map(|&input| row[input]));
            read.resize(end, 0.0);
        }
        read
    }
}

impl Member {
    fn new(
        parameters: &Parameters,
        number: usize,
        blocks: usize,
        bins: &[Bin],
        numbers: usize,
    ) -> Option<Self> {
        let get = |name: &str| parameters.get(name);
        let scale = of_member(get("scale")?, number)?;
        let layers = (0..blocks).map(|block| Layer::new(parameters, block, bins.len(), scale));
        let layers = layers.collect::<Option<Vec<Layer>>>()?;
        let gate = matrix(get("gate")?)?;
        let mut ways = vec![0.0; bins.len() * numbers];
        let own = of_member(get("skip")?, number)?;
        for ((row, bin), way) in ways.chunks_exact_mut(numbers.max(1)).zip(bins).zip(own) {
            *row.get_mut(bin.number)? = counted(*way);
        }
        let ordered: Vec<f32> = of_member(get("head.ordered")?, number)?
            .iter()
            .map(|weight| counted(*weight))
            .collect();
        let free = of_member(get("head.free")?, number)?.to_vec();
        let fits = ordered.len() + numbers == gate.columns && free.len() == gate.rows;
        fits.then_some(Self {
            layers,
            gate: Dense::new(gate.rows, &gate.values, &vec![0.0; gate.columns], false)?,
            skip: Dense::new(bins.len(), &ways, &vec![0.0; numbers], false)?,
            ordered,
            free,
            bias: *get("head.bias")?.values.get(number)?,
        })
    }

    /// A logit for each row of what is read.
    fn logits(&self, read: &[f32], width: usize, steps: usize) -> Vec<f32> {
        let rows = read.len() / width.max(1);
        let (ordered, free) = (self.ordered.len(), self.free.len());
        let units = ordered + free;
        let (mut x, mut y_ordered, mut y_free) = (Vec::new(), Vec::new(), Vec::new());
        for (number, layer) in self.layers.iter().enumerate() {
            let (from, stride, first) = match number {
                0 => (read, width, steps),
                _ => (x.as_slice(), units, ordered),
            };
            layer.ordered.apply(rows, from, stride, &mut y_ordered);
            layer.free.apply(rows, from.get(first..).unwrap_or_default(), stride, &mut y_free);
            x.clear();
            let pairs = y_ordered
                .chunks_exact(layer.ordered.stride())
                .zip(y_free.chunks_exact(layer.free.stride()));
            for (own, beside) in pairs {
                x.extend(own[..ordered].iter().map(|unit| unit.clamp(-1.0, 1.0)));
                x.extend_from_slice(&beside[..free]);
            }
        }
        let (mut gates, mut ways) = (Vec::new(), Vec::new());
        self.gate.apply(rows, x.get(ordered..).unwrap_or_default(), units, &mut gates);
        Function::Sigmoid.in_place(&mut gates);
        self.skip.apply(rows, read, width, &mut ways);
        let rows = x
            .chunks_exact(units.max(1))
            .zip(gates.chunks_exact(self.gate.stride()))
            .zip(ways.chunks_exact(self.skip.stride()));
        rows.map(|((units, gates), ways)| self.logit(units, gates, ways)).collect()
    }

    /// What is free first, so that what follows never falls.
    fn logit(&self, units: &[f32], gates: &[f32], ways: &[f32]) -> f32 {
        let (ordered, free) = units.split_at(self.ordered.len());
        let of_free = free.iter().zip(&self.free).map(|(unit, weight)| unit * weight);
        let told = of_free.fold(self.bias, |sum, add| sum + add);
        let (of_units, of_numbers) = gates.split_at(self.ordered.len());
        let gated = ordered.iter().zip(of_units).zip(&self.ordered);
        let gated = gated.map(|((unit, gate), weight)| unit * (2.0 * gate) * weight);
        let numbers = ways.iter().zip(of_numbers).take(self.skip.outputs());
        let numbers = numbers.map(|(way, gate)| way * (2.0 * gate));
        gated.chain(numbers).fold(told, |sum, add| sum + add)
    }
}

impl Layer {
    /// The first has its member's scale within it.
    fn new(parameters: &Parameters, block: usize, steps: usize, scale: &[f32]) -> Option<Self> {
        let get = |name: &str| parameters.get(&format!("hidden.{block}.{name}"));
        let mut ordered = matrix(get("ordered")?)?;
        let (mut beside, mut free) = (matrix(get("beside")?)?, matrix(get("free")?)?);
        ordered.values.iter_mut().for_each(|weight| *weight = counted(*weight));
        if block == 0 {
            let (of_steps, of_free) = scale.split_at_checked(steps)?;
            let of_steps: Vec<f32> = of_steps.iter().map(|scale| counted(*scale)).collect();
            ordered.scaled(&of_steps)?;
            beside.scaled(of_free)?;
            free.scaled(of_free)?;
        }
        if beside.columns != ordered.columns || beside.rows != free.rows {
            return None;
        }
        let rows = ordered.rows + beside.rows;
        ordered.values.extend(beside.values);
        Some(Self {
            ordered: Dense::new(rows, &ordered.values, &get("offset")?.values, false)?,
            free: Dense::new(free.rows, &free.values, &get("bias")?.values, true)?,
        })
    }
}

struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// Each row times a number; None where there are not as many.
    fn scaled(&mut self, by: &[f32]) -> Option<()> {
        if by.len() != self.rows {
            return None;
        }
        for (row, by) in self.values.chunks_exact_mut(self.columns.max(1)).zip(by) {
            row.iter_mut().for_each(|value| *value *= by);
        }
        Some(())
    }
}

fn matrix(parameter: &Parameter) -> Option<Matrix> {
    let [rows, columns] = *parameter.shape.as_slice() else { return None };
    Some(Matrix { rows, columns, values: parameter.values.clone() })
}

/// What a weight of what is ordered counts.
fn counted(weight: f32) -> f32 {
    weight.abs() * GAIN
}
