//! Gradients along ways through networks of fully connected layers.
//!
//! Along a straight way what the first layer makes of its inputs, before it is rectified, is straight,
//! too, and the gradients by the inputs are those by it times its weights. So that layer, which is the
//! largest by far, is applied to the ends of the ways alone: forwards to the row and the reference
//! rows, backwards once for each way, to the sum of what its points gave. The rest is exact to the same
//! rounding as a pass through all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actuary_kernels::Dense;

use super::Quantity;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::engine::networks::linear::counted;
use crate::engine::networks::parameters::{Parameter, Parameters};

/// Points that are evaluated at once, and numbers that layers make of them.
const POINTS: usize = 256;
const NUMBERS: usize = 1 << 18;

/// Networks, each of one or several members.
#[derive(Debug)]
pub(super) struct Layered {
    networks: Vec<Vec<Member>>,
    /// Logits of a member.
    outputs: usize,
}

/// Layers one after the other, all but the last rectified.
#[derive(Debug)]
struct Member {
    first: Layer,
    /// Several members may have the same ones.
    rest: Vec<Arc<Layer>>,
}

/// A layer, and the way back through it: from gradients by what it gives to those by what it reads.
#[derive(Debug)]
struct Layer {
    forward: Dense,
    back: Dense,
}

/// What the first layers make of rows, of each member `[rows, stride]`.
#[derive(Debug)]
pub(super) struct Begun(Vec<Vec<f32>>);

/// What a pass has left behind, of one member.
struct Passed {
    /// What each layer gave, `[points, stride]`, the first one's first and rectified.
    given: Vec<Vec<f32>>,
}

impl Layer {
    /// Of weights `[inputs, units]`.
    fn new(weights: &[f32], bias: &[f32], rectified: bool) -> Option<Self> {
        let units = bias.len();
        let inputs = weights.len().checked_div(units)?;
        let mut turned = vec![0.0; weights.len()];
        for (input, row) in weights.chunks_exact(units).enumerate() {
            for (unit, weight) in row.iter().enumerate() {
                turned[unit * inputs + input] = *weight;
            }
        }
        Some(Self {
            forward: Dense::new(inputs, weights, bias, rectified)?,
            back: Dense::new(units, &turned, &vec![0.0; inputs], false)?,
        })
    }
}

impl Member {
    /// Of the weights and bias of the first layer.
    fn new((weights, bias): (&[f32], &[f32]), rest: Vec<Arc<Layer>>) -> Option<Self> {
        // What comes before it is rectified is straight along the ways.
        Some(Self { first: Layer::new(weights, bias, false)?, rest })
    }

    /// What each layer makes of what the first one gave before it is rectified.
    fn pass(&self, mut begun: Vec<f32>, points: usize) -> Passed {
        if !self.rest.is_empty() {
            begun.iter_mut().for_each(|number| *number = number.max(0.0));
        }
        let mut stride = self.first.forward.stride();
        let mut given = vec![begun];
        for layer in &self.rest {
            let mut y = Vec::new();
            layer.forward.apply(points, &given[given.len() - 1], stride, &mut y);
            stride = layer.forward.stride();
            given.push(y);
        }
        Passed { given }
    }

    /// The gradients by what the first layer gives before it is rectified, `[points, stride]` of
    /// numbers as its own, for those by the logits, which begin `stride` numbers apart.
    fn back(&self, passed: &Passed, slopes: Vec<f32>, points: usize) -> (Vec<f32>, usize) {
        let (mut slopes, mut stride) = (slopes, self.last().stride());
        let before = passed.given.iter().rev().skip(1);
        for (layer, given) in self.rest.iter().rev().zip(before) {
            let mut by = Vec::new();
            layer.back.apply(points, &slopes, stride, &mut by);
            // As many numbers are read as the layer before has units, padded alike.
            for (slope, given) in by.iter_mut().zip(given) {
                *slope = if *given > 0.0 { *slope } else { 0.0 };
            }
            stride = layer.back.stride();
            slopes = by;
        }
        (slopes, stride)
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.first).chain(self.rest.iter().map(|layer| &**layer))
    }

    fn last(&self) -> &Dense {
        self.rest.last().map_or(&self.first.forward, |layer| &layer.forward)
    }
}

impl Layered {
    /// None of networks that are not of fully connected layers alone, as they are served.
    pub(super) fn new(
        spec: &NetworkSpec,
        layout: &Layout,
        outputs: usize,
        weights: &[Parameters],
    ) -> Option<Self> {
        let networks = weights.iter().map(|weights| match spec {
            NetworkSpec::Linear(_) | NetworkSpec::Scorecard(_) => {
                one(0, counted(layout, weights).as_ref().unwrap_or(weights))
            }
            NetworkSpec::Mlp(mlp) => one(mlp.hidden.iter().flatten().count(), weights),
            NetworkSpec::Tabm(tabm) => members(tabm.blocks? as usize, weights),
            _ => None,
        });
        Some(Self { networks: networks.collect::<Option<_>>()?, outputs: outputs.max(1) })
    }

    /// Numbers that are held: of each layer the weights, and turned.
    pub(super) fn size(&self) -> usize {
        let layers = self.members().flat_map(Member::layers);
        let each: BTreeMap<*const Layer, usize> = layers
            .map(|layer| (&raw const *layer, 2 * layer.forward.inputs() * layer.forward.outputs()))
            .collect();
        each.values().sum()
    }

    /// Points that are evaluated at once: what is made of them stays in a cache.
    pub(super) fn at_once(&self) -> usize {
        let layers = self.members().flat_map(Member::layers);
        let widths: usize = layers.map(|layer| layer.forward.stride()).sum();
        (NUMBERS / widths.max(1)).clamp(1, POINTS)
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.networks.iter().flatten()
    }

    fn count(&self) -> usize {
        self.members().count()
    }

    /// What the first layers make of what each network reads of rows.
    pub(super) fn begin(&self, read: &[Vec<f32>], rows: usize) -> Begun {
        let of_network = |(network, read): (&Vec<Member>, &Vec<f32>)| -> Vec<Vec<f32>> {
            let begun = network.iter().map(|member| {
                let mut begun = Vec::new();
                let layer = &member.first.forward;
                layer.apply(rows, read, layer.inputs(), &mut begun);
                begun
            });
            begun.collect()
        };
        Begun(self.networks.iter().zip(read).flat_map(of_network).collect())
    }

    /// The quantity of one row.
    pub(super) fn value(&self, row: &Begun, of: Quantity) -> f64 {
        let passed: Vec<Passed> = self
            .members()
            .zip(&row.0)
            .map(|(member, begun)| member.pass(begun.clone(), 1))
            .collect();
        let mut slopes = vec![0.0; self.count() * self.outputs];
        self.quantity(&self.logits(&passed), 0, of, &mut slopes)
    }

    /// What the last layer of each member gave, and how far apart that of two points begins.
    fn logits<'a>(&self, passed: &'a [Passed]) -> Vec<(&'a [f32], usize)> {
        let each = self.members().zip(passed);
        each.map(|(member, passed)| {
            (passed.given.last().map_or(&[][..], Vec::as_slice), member.last().stride())
        })
        .collect()
    }

    /// The quantity at a point, and its slopes by the logits of all members.
    fn quantity(
        &self,
        logits: &[(&[f32], usize)],
        point: usize,
        of: Quantity,
        slopes: &mut [f64],
    ) -> f64 {
        let logit = |member: usize, output: usize| {
            let (given, stride) = logits[member];
            f64::from(given[point * stride + output])
        };
        of.at((logits.len(), self.outputs), &logit, slopes)
    }

    /// Adds the gradients at points between reference rows and a row, by what the first layers give
    /// before it is rectified, to those of each way: `sums` `[ways, stride]` of each member. A point is
    /// its way and how far along it lies, from 0 to 1.
    pub(super) fn add(
        &self,
        (from, to): (&Begun, &Begun),
        points: &[(usize, f32)],
        of: Quantity,
        sums: &mut [Vec<f64>],
    ) {
        let pass = |((member, from), to): ((&Member, &Vec<f32>), &Vec<f32>)| {
            let stride = member.first.forward.stride();
            let mut begun = Vec::with_capacity(points.len() * stride);
            for (way, along) in points {
                let ends = from[way * stride..][..stride].iter().zip(to);
                begun.extend(ends.map(|(from, to)| from + along * (to - from)));
            }
            member.pass(begun, points.len())
        };
        let passed: Vec<Passed> = self.members().zip(&from.0).zip(&to.0).map(pass).collect();
        let mut slopes = vec![0.0; self.count() * self.outputs];
        let mut by_logits: Vec<Vec<f32>> =
            self.members().map(|member| vec![0.0; points.len() * member.last().stride()]).collect();
        let logits = self.logits(&passed);
        for point in 0..points.len() {
            self.quantity(&logits, point, of, &mut slopes);
            let each = slopes.chunks_exact(self.outputs);
            for ((member, by_logits), slopes) in self.members().zip(&mut by_logits).zip(each) {
                let row = by_logits[point * member.last().stride()..].iter_mut();
                row.zip(slopes).for_each(|(by, slope)| *by = *slope as f32);
            }
        }
        let each = self.members().zip(&passed).zip(by_logits).zip(sums);
        for (((member, passed), by_logits), sums) in each {
            let (slopes, stride) = member.back(passed, by_logits, points.len());
            for ((way, _), slopes) in points.iter().zip(slopes.chunks_exact(stride)) {
                let sums = sums[way * stride..][..stride].iter_mut();
                sums.zip(slopes).for_each(|(sum, slope)| *sum += f64::from(*slope));
            }
        }
    }

    /// Room for the sums of so many ways.
    pub(super) fn room(&self, ways: usize) -> Vec<Vec<f64>> {
        self.members().map(|member| vec![0.0; ways * member.first.forward.stride()]).collect()
    }

    /// What the gradients of ways, by what the first layers give, are by what each network reads, times
    /// how far each number is from the way's reference row, summed over the ways.
    pub(super) fn attributed(
        &self,
        sums: &[Vec<f64>],
        to: &[Vec<f32>],
        from: &[Vec<f32>],
    ) -> Vec<Vec<f64>> {
        let mut sums = sums.iter();
        let of_network = |((network, to), from): ((&Vec<Member>, &Vec<f32>), &Vec<f32>)| {
            let mut attributed = vec![0.0; to.len()];
            let ways = from.len() / to.len().max(1);
            for (member, sums) in network.iter().zip(sums.by_ref()) {
                let slopes: Vec<f32> = sums.iter().map(|sum| *sum as f32).collect();
                let (stride, mut by) = (member.first.forward.stride(), Vec::new());
                member.first.back.apply(ways, &slopes, stride, &mut by);
                let by = by.chunks_exact(member.first.back.stride());
                for (by, from) in by.zip(from.chunks_exact(to.len().max(1))) {
                    let way = attributed.iter_mut().zip(by).zip(from.iter().zip(to));
                    for ((attributed, by), (from, to)) in way {
                        *attributed += f64::from(*by) * (f64::from(*to) - f64::from(*from));
                    }
                }
            }
            attributed
        };
        self.networks.iter().zip(to).zip(from).map(of_network).collect()
    }
}

/// The one member of a network of so many hidden layers.
fn one(hidden: usize, weights: &Parameters) -> Option<Vec<Member>> {
    let names = (0..hidden).map(|layer| format!("hidden.{layer}"));
    let layers = names.chain(["output".to_owned()]).map(|name| layer(weights, &name));
    let layers = layers.collect::<Option<Vec<_>>>()?;
    let (first, rest) = layers.split_first()?;
    let rest = rest.iter().enumerate().map(|(number, (weights, bias))| {
        Layer::new(weights, bias, number + 1 < rest.len()).map(Arc::new)
    });
    Some(vec![Member::new(*first, rest.collect::<Option<_>>()?)?])
}

/// Weights and bias of a layer.
fn layer<'a>(weights: &'a Parameters, name: &str) -> Option<(&'a [f32], &'a [f32])> {
    let weight = weights.get(&format!("{name}.weight"))?;
    let bias = weights.get(&format!("{name}.bias"))?;
    Some((&weight.values, &bias.values))
}

/// The members of TabM, the scale of each within its first layer.
fn members(blocks: usize, weights: &Parameters) -> Option<Vec<Member>> {
    let scale = weights.get("scale")?;
    let head = (weights.get("head.weight")?, weights.get("head.bias")?);
    let (first, bias) = layer(weights, "hidden.0")?;
    let shared = (1..blocks).map(|number| {
        let (weights, bias) = layer(weights, &format!("hidden.{number}"))?;
        Layer::new(weights, bias, true).map(Arc::new)
    });
    let shared = shared.collect::<Option<Vec<_>>>()?;
    let member = |member: usize| {
        let mut own = first.to_vec();
        for (row, scale) in own.chunks_exact_mut(bias.len()).zip(slice(scale, member)?) {
            row.iter_mut().for_each(|weight| *weight *= scale);
        }
        let head = Layer::new(slice(head.0, member)?, slice(head.1, member)?, false)?;
        let rest = shared.iter().cloned().chain([Arc::new(head)]);
        Member::new((&own, bias), rest.collect())
    };
    (0..*scale.shape.first()?).map(member).collect()
}

/// The part of a parameter that belongs to one member.
fn slice(parameter: &Parameter, member: usize) -> Option<&[f32]> {
    let each = parameter.values.len().checked_div(*parameter.shape.first()?)?;
    parameter.values.get(member * each..(member + 1) * each)
}
