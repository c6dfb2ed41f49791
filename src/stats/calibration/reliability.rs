//! How far predicted probabilities are from what happened, bin by bin.

use crate::domain::calibration::{BrierDecomposition, Reliability, ReliabilityBin};
use crate::stats::wilson_interval;

/// Where one bin ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// Equal parts of [0, 1]; a bin holds its lower bound but not its upper, save the last.
    Width,
    /// Equally many rows, but rows of one probability stay together.
    Mass,
}

impl Binning {
    /// Usual count of bins.
    pub const BINS: usize = 15;
}

/// Reliability of predicted probabilities in so many bins.
///
/// `truth` is true for rows of the class that `probabilities` are of. `None` without rows or bins,
/// for a probability outside [0, 1], or lengths that differ.
pub fn reliability(
    probabilities: &[f64],
    truth: &[bool],
    bins: usize,
    binning: Binning,
) -> Option<Reliability> {
    let rows = sorted(probabilities, truth)?;
    let n = rows.len() as f64;
    let mut all = Vec::new();
    for (low, high, rows) in parts(&rows, bins, binning)? {
        let (mean_predicted, events) = summary(rows);
        all.push(ReliabilityBin {
            low,
            high,
            n: rows.len() as u64,
            mean_predicted,
            observed: events as f64 / rows.len() as f64,
            interval: wilson_interval(events, rows.len() as u64)?,
        });
    }
    let error = |bin: &ReliabilityBin| (bin.mean_predicted - bin.observed).abs();
    Some(Reliability {
        expected_error: all.iter().map(|bin| bin.n as f64 / n * error(bin)).sum(),
        maximum_error: all.iter().map(error).fold(0.0, f64::max),
        bins: all,
    })
}

/// Reliability of the most probable class of each row, the first of equals (Guo et al. 2017).
///
/// `probabilities` is row-major, rows x `classes`; `truth` holds each row's class. `None` as for
/// [`reliability`], or for a class out of range.
pub fn top_label_reliability(
    probabilities: &[f64],
    classes: usize,
    truth: &[usize],
    bins: usize,
    binning: Binning,
) -> Option<Reliability> {
    let fits = truth.len().checked_mul(classes) == Some(probabilities.len())
        && truth.iter().all(|class| *class < classes)
        && probabilities.iter().all(|p| (0.0..=1.0).contains(p));
    if !fits || truth.is_empty() {
        return None;
    }
    let top = |row: &[f64]| {
        let first = (0, row[0]);
        let rest = row.iter().copied().enumerate().skip(1);
        rest.fold(first, |best, next| if next.1 > best.1 { next } else { best })
    };
    let tops: Vec<(usize, f64)> = probabilities.chunks_exact(classes).map(top).collect();
    let confidences: Vec<f64> = tops.iter().map(|top| top.1).collect();
    let is_right: Vec<bool> = tops.iter().zip(truth).map(|(top, class)| top.0 == *class).collect();
    reliability(&confidences, &is_right, bins, binning)
}

/// The Brier score and what it is made of, by so many bins; `None` as for [`reliability`].
pub fn brier_decomposition(
    probabilities: &[f64],
    truth: &[bool],
    bins: usize,
    binning: Binning,
) -> Option<BrierDecomposition> {
    let rows = sorted(probabilities, truth)?;
    let n = rows.len() as f64;
    let share = truth.iter().filter(|t| **t).count() as f64 / n;
    let mut found = BrierDecomposition {
        score: rows.iter().map(|(p, t)| (p - as_number(*t)).powi(2)).sum::<f64>() / n,
        reliability: 0.0,
        resolution: 0.0,
        uncertainty: share * (1.0 - share),
        within_variance: 0.0,
        within_covariance: 0.0,
    };
    for (_, _, rows) in parts(&rows, bins, binning)? {
        let (predicted, events) = summary(rows);
        let weight = rows.len() as f64 / n;
        let observed = events as f64 / rows.len() as f64;
        found.reliability += weight * (predicted - observed).powi(2);
        found.resolution += weight * (observed - share).powi(2);
        for (p, t) in rows {
            found.within_variance += (p - predicted).powi(2) / n;
            found.within_covariance += 2.0 * (p - predicted) * (as_number(*t) - observed) / n;
        }
    }
    Some(found)
}

type Row = (f64, bool);

fn as_number(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

/// Rows by rising probability.
fn sorted(probabilities: &[f64], truth: &[bool]) -> Option<Vec<Row>> {
    let fits = probabilities.len() == truth.len()
        && !truth.is_empty()
        && probabilities.iter().all(|p| (0.0..=1.0).contains(p));
    let mut rows: Vec<Row> =
        fits.then(|| probabilities.iter().copied().zip(truth.iter().copied()).collect())?;
    // By the truth too, so that no sum depends on the order that the rows came in.
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Some(rows)
}

/// Mean probability and count of events. The mean is kept within the range of the probabilities,
/// which rounding may leave.
fn summary(rows: &[Row]) -> (f64, u64) {
    let mean = rows.iter().map(|row| row.0).sum::<f64>() / rows.len() as f64;
    let events = rows.iter().filter(|row| row.1).count() as u64;
    (mean.clamp(rows[0].0, rows[rows.len() - 1].0), events)
}

/// Bins that hold a row, with their bounds; `None` for no bins.
fn parts(rows: &[Row], bins: usize, binning: Binning) -> Option<Vec<(f64, f64, &[Row])>> {
    if bins == 0 {
        return None;
    }
    let (mut start, mut last) = (0, None);
    let mut found: Vec<(f64, f64, &[Row])> = Vec::new();
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let end = start + tie.len();
        let probability = tie[0].0;
        let (bin, low, high) = match binning {
            Binning::Width => by_width(probability, bins),
            Binning::Mass => (by_mass(start, end, rows.len(), bins), probability, probability),
        };
        match found.last_mut().filter(|_| last == Some(bin)) {
            Some(part) => {
                part.1 = high;
                part.2 = &rows[end - tie.len() - part.2.len()..end];
            }
            None => found.push((low, high, tie)),
        }
        (start, last) = (end, Some(bin));
    }
    Some(found)
}

/// Bin of a probability, and its bounds, which hold the probability whatever rounding did.
fn by_width(probability: f64, bins: usize) -> (usize, f64, f64) {
    let edge = |bin: usize| bin as f64 / bins as f64;
    let mut bin = ((probability * bins as f64) as usize).min(bins - 1);
    if bin > 0 && probability < edge(bin) {
        bin -= 1;
    } else if bin + 1 < bins && probability >= edge(bin + 1) {
        bin += 1;
    }
    (bin, edge(bin), edge(bin + 1))
}

/// Bin of the rows from `start` to before `end`: that which the middle one of them is in.
fn by_mass(start: usize, end: usize, rows: usize, bins: usize) -> usize {
    let twice_middle = (start + end - 1) as u128;
    (twice_middle * bins as u128 / (2 * rows as u128)) as usize
}

#[cfg(test)]
mod tests;
