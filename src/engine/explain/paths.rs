//! Integrated and expected gradients (Sundararajan et al. 2017; Erion et al. 2021): the gradients along
//! straight ways from reference rows to the row that is explained.

use super::Quantity;
use super::gradients::Differentiable;
use crate::error::Result;

/// Points that are evaluated at once.
const CHUNK: usize = 512;
/// Numbers of these, at most.
const CHUNK_NUMBERS: usize = 1 << 20;
/// How far what is attributed may be from what there is to attribute: this share of it, and as much
/// beside, in log odds or standard deviations of a target.
pub(super) const RELATIVE: f64 = 1e-3;
pub(super) const ABSOLUTE: f64 = 1e-4;

/// How many points of each way are evaluated, first and at most: doubled until what is attributed adds
/// up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) first: usize,
    pub(super) most: usize,
}

/// What the ways from reference rows have given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Integrated {
    /// Of each input.
    pub(super) attributions: Vec<f64>,
    /// The quantity of the row, and its mean over the reference rows.
    pub(super) value: f64,
    pub(super) base: f64,
    /// Points that were evaluated for the attributions.
    pub(super) points: usize,
    /// Units of the quantity in what the networks answer.
    pub(super) unit: f64,
}

impl Integrated {
    /// By how much the attributions miss the difference between value and base.
    pub(super) fn gap(&self) -> f64 {
        (self.attributions.iter().sum::<f64>() - (self.value - self.base)).abs()
    }

    pub(super) fn holds(&self) -> bool {
        self.gap() <= RELATIVE * (self.value - self.base).abs() + ABSOLUTE * self.unit
    }
}

/// Attributions of a row's inputs, each way by equal steps. `references` are rows after
/// each other, of which `base` is the mean quantity.
///
/// # Errors
/// As [`Differentiable::at`].
pub(super) fn integrated(
    networks: &Differentiable,
    row: &[f32],
    references: &[f32],
    base: f64,
    of: Quantity,
    steps: Steps,
) -> Result<Integrated> {
    let value = networks.at(row, row.len(), of)?.values[0];
    let mut count = steps.first;
    loop {
        let attributions = along(networks, row, references, of, count)?;
        let points = count * (references.len() / row.len().max(1));
        let integrated = Integrated { attributions, value, base, points, unit: of.unit() };
        if integrated.holds() || count * 2 > steps.most {
            return Ok(integrated);
        }
        count *= 2;
    }
}

/// Where in its step a way is evaluated, other for each: slopes change at once where a bin or a
/// rectifier ends, and what one way misses by that another makes up for.
fn offset(way: usize) -> f32 {
    // Multiples of the golden ratio lie as evenly as can be; the first is the middle.
    const RATIO: f64 = 0.618_033_988_749_894_9;
    ((way as f64 * RATIO + 0.5) % 1.0) as f32
}

/// The mean over the ways of the mean gradient along each, times its length.
fn along(
    networks: &Differentiable,
    row: &[f32],
    references: &[f32],
    of: Quantity,
    count: usize,
) -> Result<Vec<f64>> {
    let width = row.len();
    let ways = references.len() / width.max(1);
    let all = ways * count;
    let chunk = (CHUNK_NUMBERS / width.max(1)).clamp(1, CHUNK);
    let reference = |way: usize| &references[way * width..][..width];
    let mut sums = vec![0.0; width];
    let mut points = Vec::with_capacity(chunk.min(all) * width);
    for first in (0..all).step_by(chunk) {
        let some = first..(first + chunk).min(all);
        points.clear();
        for at in some.clone() {
            let along = ((at % count) as f32 + offset(at / count)) / count as f32;
            let way = reference(at / count).iter().zip(row);
            points.extend(way.map(|(from, to)| from + along * (to - from)));
        }
        let gradients = networks.at(&points, width, of)?.gradients;
        for (at, gradients) in some.zip(gradients.chunks_exact(width)) {
            let way = reference(at / count).iter().zip(row);
            for ((sum, gradient), (from, to)) in sums.iter_mut().zip(gradients).zip(way) {
                *sum += f64::from(*gradient) * (f64::from(*to) - f64::from(*from));
            }
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= all.max(1) as f64);
    Ok(sums)
}
