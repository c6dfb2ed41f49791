//! Counterfactuals (Wachter et al. 2018; DiCE, Mothilal et al. 2020): the smallest change of a row
//! that turns the decision about it.
//!
//! The search is a beam over single changes, pairs, and so on, each then taken back as far as the
//! decision allows. What it finds is scored once more and does meet the goal; that nothing cheaper
//! exists is not proven.

mod candidates;
mod refine;
mod search;

use super::{mean, quantile};

pub use search::search;

/// A model that is asked: rows one after the other, one score for each.
pub type Ask<'a, E> = dyn FnMut(&[f64]) -> Result<Vec<f64>, E> + 'a;

/// The score that the changed row has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    AtLeast(f64),
    Below(f64),
}

impl Goal {
    pub fn is_met(self, score: f64) -> bool {
        match self {
            Self::AtLeast(threshold) => score >= threshold,
            Self::Below(threshold) => score < threshold,
        }
    }

    /// How far the score is on the wrong side, in its own unit; negative on the right one.
    fn gap(self, score: f64) -> f64 {
        match self {
            Self::AtLeast(threshold) => threshold - score,
            Self::Below(threshold) => score - threshold,
        }
    }

    fn threshold(self) -> f64 {
        let (Self::AtLeast(threshold) | Self::Below(threshold)) = self;
        threshold
    }
}

/// Which way a number may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    #[default]
    Any,
    Increase,
    Decrease,
}

/// A column that may be changed, and how; all others stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Lever {
    pub column: usize,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A number; where it is missing it stays so.
    Number {
        /// Least and greatest value, both allowed; infinite for no bound.
        low: f64,
        high: f64,
        direction: Direction,
        /// New values are multiples of it, such as 100 for an income; `None` for any value.
        step: Option<f64>,
        /// Values to try, such as quantiles of the training rows; may be empty.
        typical: Vec<f64>,
        /// Change that costs one; see [`scale_of`].
        scale: f64,
    },
    /// A category, its code in the row as a number; any change costs one.
    Level { allowed: Vec<u32> },
}

/// How far to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterfactualOptions {
    /// Columns that are changed at once at most.
    pub max_changes: usize,
    /// Answers at most, each with another set of columns.
    pub alternatives: usize,
    /// Values that are tried of a number before it is refined.
    pub candidates: usize,
    /// Rows that are scored for each number of changes, about: it limits the beam.
    pub budget: usize,
    /// Rows to score in one call at most.
    pub batch: usize,
}

impl Default for CounterfactualOptions {
    fn default() -> Self {
        Self { max_changes: 3, alternatives: 3, candidates: 16, budget: 16_384, batch: 4096 }
    }
}

/// A changed column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changed {
    pub column: usize,
    pub from: f64,
    pub to: f64,
    /// |to - from| / scale, or one for a category.
    pub cost: f64,
}

/// A changed row.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    pub row: Vec<f64>,
    pub score: f64,
    /// Sum of the costs of the changes.
    pub cost: f64,
    /// In the order of the levers.
    pub changes: Vec<Changed>,
}

/// What the search came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The row meets the goal as it is.
    AlreadyMet { score: f64 },
    /// Rows that meet it, the cheapest first.
    Found(Vec<Alternative>),
    /// None was found within these bounds; `best` came nearest, and may be the row as it is.
    NoneWithinBounds { best: Alternative },
}

/// The change of a column that costs one: its median absolute deviation, or the mean one where more
/// than half of the values are equal, or one where all are. What is not finite is passed over.
///
/// `None` for no finite value, or where the deviation is not finite.
pub fn scale_of(values: &[f64]) -> Option<f64> {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let median = quantile(&known, 0.5)?;
    let deviations: Vec<f64> = known.iter().map(|v| (v - median).abs()).collect();
    let scale = [quantile(&deviations, 0.5)?, mean(&deviations)?, 1.0];
    scale.into_iter().find(|scale| *scale > 0.0)
}

#[cfg(test)]
mod tests;
