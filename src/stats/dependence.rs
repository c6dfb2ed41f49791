//! Partial dependence (Friedman 2001) and the lines of single rows, ICE (Goldstein et al. 2015).

use super::{Z_95, mean, quantiles, standard_deviation};

/// Quantiles between which a numeric grid lies: few rows tell of what is beyond.
const ENDS: [f64; 2] = [0.05, 0.95];

/// A grid for a number: all its values if they are no more than `points`, else so many quantiles
/// from 5 % to 95 % without repeats. Ascending; what is not finite is passed over.
///
/// `None` for no finite value or no points.
pub fn numeric_grid(values: &[f64], points: usize) -> Option<Vec<f64>> {
    let mut known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    // Plus zero, since the negative zero is the same value.
    known.iter_mut().for_each(|v| *v += 0.0);
    known.sort_unstable_by(f64::total_cmp);
    let mut distinct = known.clone();
    distinct.dedup();
    if known.is_empty() || points == 0 {
        return None;
    }
    if distinct.len() <= points {
        return Some(distinct);
    }
    let [low, high] = ENDS;
    let share = |point: usize| low + (high - low) * point as f64 / (points - 1) as f64;
    let shares = if points == 1 { vec![0.5] } else { (0..points).map(share).collect() };
    let mut grid = quantiles(&known, &shares)?;
    grid.dedup();
    Some(grid)
}

/// A grid for a category: its levels by falling frequency, at most so many of them. Where two
/// are as frequent, the lower code is first. Empty for no rows.
pub fn categorical_grid(codes: &[u32], levels: usize) -> Vec<u32> {
    let mut sorted = codes.to_vec();
    sorted.sort_unstable();
    let mut counts: Vec<(usize, u32)> =
        sorted.chunk_by(|a, b| a == b).map(|part| (part.len(), part[0])).collect();
    counts.sort_by_key(|(count, code)| (std::cmp::Reverse(*count), *code));
    counts.into_iter().take(levels).map(|(_, code)| code).collect()
}

/// How the score depends on a column, in the unit of the score; one value a point of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependence {
    /// Mean over the rows.
    pub mean: Vec<f64>,
    /// 95 % band of the mean, by the spread over rows alone; `None` below two rows.
    pub band: Option<Vec<Band>>,
    pub lines: Vec<Line>,
    /// Rows that were averaged.
    pub rows: usize,
}

/// Bounds of a mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    pub low: f64,
    pub high: f64,
}

/// The scores of one row, one a point of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub row: usize,
    pub scores: Vec<f64>,
}

/// Sums up scores, those of a row after another, one a point: each row's line starts at zero where
/// `is_centred`, so that lines of different levels can be compared; so many lines of single rows are
/// kept, spread evenly over the rows. `None` unless the scores are finite and make whole rows, at least
/// one.
pub fn partial_dependence(
    scores: &[f64],
    points: usize,
    is_centred: bool,
    lines: usize,
) -> Option<Dependence> {
    let is_whole = !scores.is_empty() && scores.len().checked_rem(points) == Some(0);
    if !is_whole || scores.iter().any(|s| !s.is_finite()) {
        return None;
    }
    let rows = scores.len() / points;
    let value = |row: usize, point: usize| {
        let start = if is_centred { scores[row * points] } else { 0.0 };
        scores[row * points + point] - start
    };
    let (mut means, mut band) = (Vec::with_capacity(points), Vec::with_capacity(points));
    for point in 0..points {
        let column: Vec<f64> = (0..rows).map(|row| value(row, point)).collect();
        let mean = mean(&column)?;
        means.push(mean);
        if let Some(deviation) = standard_deviation(&column) {
            let half_width = Z_95 * deviation / (rows as f64).sqrt();
            band.push(Band { low: mean - half_width, high: mean + half_width });
        }
    }
    let lines = lines.min(rows);
    let line = |at: usize| {
        let row = (at as u128 * rows as u128 / lines as u128) as usize;
        Line { row, scores: (0..points).map(|point| value(row, point)).collect() }
    };
    Some(Dependence {
        mean: means,
        band: (band.len() == points).then_some(band),
        lines: (0..lines).map(line).collect(),
        rows,
    })
}

#[cfg(test)]
mod tests;
