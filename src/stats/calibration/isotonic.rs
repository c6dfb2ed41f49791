//! Isotonic regression: the rising steps closest to the truth.

use super::class_counts;
use crate::domain::calibration::{Calibrator, IsotonicRegression};

/// Rows whose logits lie side by side and that share one value.
struct Block {
    first: f64,
    last: f64,
    positives: u64,
    rows: u64,
}

impl Block {
    /// Whether the share of positives is at least that of a later block, exactly.
    fn violates(&self, later: &Self) -> bool {
        u128::from(self.positives) * u128::from(later.rows)
            >= u128::from(later.positives) * u128::from(self.rows)
    }
}

/// Isotonic regression of the truth on the logit by pooling adjacent violators (Zadrozny and Elkan
/// 2002), rows of one logit taken together; between the steps by straight lines, as scikit-learn
/// does. O(n log n), counted in whole numbers.
///
/// `None` where all rows would get one value, which forgets their order; if a class is missing, a logit is
/// not finite, or the lengths differ.
pub fn fit_isotonic(logits: &[f64], truth: &[bool]) -> Option<Calibrator> {
    class_counts(logits, truth)?;
    let mut rows: Vec<(f64, bool)> = logits.iter().copied().zip(truth.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let mut block = Block {
            first: tie[0].0,
            last: tie[0].0,
            positives: tie.iter().filter(|row| row.1).count() as u64,
            rows: tie.len() as u64,
        };
        while let Some(before) = blocks.pop_if(|before| before.violates(&block)) {
            block.first = before.first;
            block.positives += before.positives;
            block.rows += before.rows;
        }
        blocks.push(block);
    }
    if blocks.len() < 2 {
        return None;
    }
    let (mut scores, mut values) = (Vec::new(), Vec::new());
    for block in blocks {
        let value = block.positives as f64 / block.rows as f64;
        scores.push(block.first);
        values.push(value);
        if block.last > block.first {
            scores.push(block.last);
            values.push(value);
        }
    }
    Some(Calibrator::Isotonic(IsotonicRegression { scores, values }))
}

/// The value at a finite logit; `None` without knots or where they don't rise within [0, 1].
pub(super) fn interpolate(scores: &[f64], values: &[f64], logit: f64) -> Option<f64> {
    if scores.len() != values.len() {
        return None;
    }
    let above = scores.partition_point(|score| *score <= logit);
    let (low, high) = (above.saturating_sub(1), above.min(scores.len().checked_sub(1)?));
    let (from, to) = (scores[low], scores[high]);
    let (bottom, top) = (values[low], values[high]);
    let rises = from <= to && bottom <= top && bottom >= 0.0 && top <= 1.0;
    if !rises {
        return None;
    }
    if low == high {
        return Some(bottom);
    }
    let way = match to - from {
        span if span.is_finite() => (logit - from) / span,
        _ => (logit / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0),
    };
    let value = bottom + (top - bottom) * way;
    (value >= bottom).then(|| value.min(top))
}
