//! How decisions fall on groups of people: rates of each group, distances between groups (the
//! definitions of Fairlearn), and each group against a reference.

mod bootstrap;
mod groups;
mod impact;

pub use impact::fisher_exact;

use self::groups::Cells;
use crate::domain::fairness::{Fairness, GroupDistance};

/// Decisions about rows, what became of them, and the groups they are of.
#[derive(Debug, Clone, Copy)]
pub struct Decisions<'a> {
    /// Whether the decision was in favour of the row: a loan was granted.
    pub favourable: &'a [bool],
    /// What became of it, where that is known: whether the row is of the positive class.
    pub truths: &'a [Option<bool>],
    /// The truth that deserves a favourable decision: false where true is a default.
    pub deserving: bool,
    /// Predicted probabilities that the truth is true, or scores that rise with it. Absent if there
    /// are none.
    pub scores: Option<&'a [f64]>,
    /// Each row's group, an index into `names`. Rows whose group is not known are best given one.
    pub groups: &'a [usize],
    pub names: &'a [String],
}

/// How to compare the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FairnessOptions {
    /// Index of the group that others are compared with; by default the largest, the first of
    /// equals.
    pub reference: Option<usize>,
    /// Rows that a group needs to be judged.
    pub least_rows: u64,
    /// Resamples of the bootstrap; none, no intervals.
    pub resamples: u32,
    pub seed: u64,
}

impl Default for FairnessOptions {
    fn default() -> Self {
        Self { reference: None, least_rows: 30, resamples: 1000, seed: 0 }
    }
}

/// Figures of all groups, in the order of their names.
///
/// Groups that are too small or lack a rate (no rows, or none of a truth) are left out of the
/// distances in it. `None` for no rows, lengths that differ, a group or reference out of range, or a
/// score that is not finite.
pub fn fairness(decisions: &Decisions<'_>, options: &FairnessOptions) -> Option<Fairness> {
    let rows = decisions.favourable.len();
    let fits = rows > 0
        && decisions.truths.len() == rows
        && decisions.groups.len() == rows
        && decisions.scores.is_none_or(|scores| scores.len() == rows)
        && decisions.scores.is_none_or(|scores| scores.iter().all(|s| s.is_finite()))
        && decisions.groups.iter().all(|group| *group < decisions.names.len());
    if !fits {
        return None;
    }
    let mut cells = vec![Cells::default(); decisions.names.len()];
    for (row, group) in decisions.groups.iter().enumerate() {
        let truth = decisions.truths[row].map(|truth| truth == decisions.deserving);
        cells[*group].add(decisions.favourable[row], truth);
    }
    let largest = cells.iter().map(Cells::rows).max()?;
    let reference = match options.reference {
        Some(index) => (index < cells.len()).then_some(index)?,
        None => cells.iter().position(|cells| cells.rows() == largest)?,
    };
    let groups = groups::describe(decisions, &cells, reference, options.least_rows);
    let judged: Vec<Cells> =
        cells.into_iter().filter(|cells| cells.rows() >= options.least_rows).collect();
    let values = distances(&judged);
    let intervals = bootstrap::intervals(&judged, options.resamples, options.seed);
    let estimate = |at: usize| {
        let value = values[at];
        GroupDistance { value, interval: value.and(intervals[at]) }
    };
    Some(Fairness {
        reference: decisions.names[reference].clone(),
        groups,
        demographic_parity_difference: estimate(0),
        demographic_parity_ratio: estimate(1),
        equalized_odds_difference: estimate(2),
        equalized_odds_ratio: estimate(3),
        equal_opportunity_difference: estimate(4),
        equal_opportunity_ratio: estimate(5),
    })
}
/// How many distances there are.
const DISTANCES: usize = 6;

/// The distances between groups, in the order of the fields of [`Fairness`].
fn distances(cells: &[Cells]) -> [Option<f64>; DISTANCES] {
    let selection = Range::new(cells.iter().map(Cells::selection));
    let hits = Range::new(cells.iter().map(|cells| cells.of_truth(true)));
    let alarms = Range::new(cells.iter().map(|cells| cells.of_truth(false)));
    [
        selection.difference(),
        selection.ratio(),
        hits.difference().zip(alarms.difference()).map(|(a, b)| a.max(b)),
        hits.ratio().zip(alarms.difference()).map(|(a, _)| alarms.ratio().map_or(a, |b| a.min(b))),
        hits.difference(),
        hits.ratio(),
    ]
}

/// The least and the greatest rate of groups; absent unless two have one.
struct Range(Option<(f64, f64)>);

impl Range {
    fn new(parts: impl Iterator<Item = (u64, u64)>) -> Self {
        let rates = parts.filter(|(_, n)| *n > 0).map(|(part, n)| part as f64 / n as f64);
        let (mut count, mut low, mut high) = (0, f64::INFINITY, f64::NEG_INFINITY);
        for rate in rates {
            (count, low, high) = (count + 1, low.min(rate), high.max(rate));
        }
        Self((count > 1).then_some((low, high)))
    }

    fn difference(&self) -> Option<f64> {
        self.0.map(|(low, high)| high - low)
    }

    fn ratio(&self) -> Option<f64> {
        self.0.filter(|(_, high)| *high > 0.0).map(|(low, high)| low / high)
    }
}

#[cfg(test)]
mod tests;
