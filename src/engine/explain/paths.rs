//! Integrated and expected gradients (Sundararajan et al. 2017; Erion et al. 2021): the gradients along
//! straight ways from reference rows to the row that is explained.

use super::Quantity;
use super::gradients::Differentiable;
use crate::error::{Code, Error, Result};

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

/// Rows that a row is compared with.
pub(super) struct References {
    /// What each network reads of them, one row after the other.
    read: Vec<Vec<f32>>,
    count: usize,
}

impl References {
    /// Of rows `[count, width]`.
    ///
    /// # Errors
    /// As [`Differentiable::read`].
    pub(super) fn new(networks: &Differentiable, rows: &[f32], width: usize) -> Result<Self> {
        let read = networks.read(rows, width)?;
        Ok(Self { read, count: rows.len() / width.max(1) })
    }
}

/// Attributions of a row's inputs, each way by equal steps; `base` is the mean quantity of the
/// references. The ways are straight in what the networks read: behind the embeddings of numbers, which
/// bend so often that no number of steps would follow them. What the channels of a number add is
/// summed.
///
/// # Errors
/// As [`Differentiable::at`]; [`crate::error::Code::Cancelled`] when `stop` says so.
pub(super) fn integrated(
    networks: &Differentiable,
    row: &[f32],
    (references, base): (&References, f64),
    of: Quantity,
    steps: Steps,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Integrated> {
    let value = networks.values(row, row.len(), of)?.first().copied().unwrap_or(f64::NAN);
    let to = networks.read(row, row.len())?;
    let mut count = steps.first;
    loop {
        let attributed = along(networks, &to, references, of, count, stop)?;
        let attributions = networks.by_inputs(&attributed, row.len());
        let points = count * references.count;
        let integrated = Integrated { attributions, value, base, points, unit: of.unit() };
        if integrated.holds() || count * 2 > steps.most {
            return Ok(integrated);
        }
        count *= 2;
    }
}

/// # Errors
/// [`Code::Cancelled`] when `stop` says so.
pub(super) fn go_on(stop: &mut dyn FnMut() -> bool) -> Result<()> {
    match stop() {
        true => Err(Error::new(Code::Cancelled, "the explanation is not waited for any more")),
        false => Ok(()),
    }
}

/// Where in its step a way is evaluated, other for each: slopes change at once where a bin or a
/// rectifier ends, and what one way misses by that another makes up for.
fn offset(way: usize) -> f32 {
    // Multiples of the golden ratio lie as evenly as can be; the first is the middle.
    const RATIO: f64 = 0.618_033_988_749_894_9;
    ((way as f64 * RATIO + 0.5) % 1.0) as f32
}

/// The mean over the ways of the mean gradient along each, times its length: of the numbers that each
/// network reads.
fn along(
    networks: &Differentiable,
    to: &[Vec<f32>],
    references: &References,
    of: Quantity,
    count: usize,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Vec<Vec<f64>>> {
    let all = references.count * count;
    let mut sums: Vec<Vec<f64>> = to.iter().map(|to| vec![0.0; to.len()]).collect();
    for first in (0..all).step_by(networks.at_once()) {
        go_on(stop)?;
        let some = first..(first + networks.at_once()).min(all);
        let of_network = |(to, read): (&Vec<f32>, &Vec<f32>)| -> Vec<f32> {
            let point = |at: usize| {
                let along = ((at % count) as f32 + offset(at / count)) / count as f32;
                let way = read[at / count * to.len()..].iter().zip(to);
                way.map(move |(from, to)| from + along * (to - from))
            };
            some.clone().flat_map(point).collect()
        };
        let points = to.iter().zip(&references.read).map(of_network).collect();
        let gradients = networks.at(points, some.len(), of)?;
        for (((sums, to), read), gradients) in
            sums.iter_mut().zip(to).zip(&references.read).zip(&gradients)
        {
            for (at, gradients) in some.clone().zip(gradients.chunks_exact(to.len().max(1))) {
                let way = read[at / count * to.len()..].iter().zip(to);
                for ((sum, gradient), (from, to)) in sums.iter_mut().zip(gradients).zip(way) {
                    *sum += f64::from(*gradient) * (f64::from(*to) - f64::from(*from));
                }
            }
        }
    }
    let share = 1.0 / all.max(1) as f64;
    sums.iter_mut().flatten().for_each(|sum| *sum *= share);
    Ok(sums)
}
