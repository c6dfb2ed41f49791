//! What one group's rows say.

use super::Decisions;
use crate::domain::fairness::{AdverseImpact, GroupCalibration, GroupFairness, GroupRate};
use crate::stats::{Binning, auc, auc_interval, reliability, wilson_interval};

fn rate((part, n): (u64, u64)) -> Option<GroupRate> {
    let interval = wilson_interval(part, n)?;
    Some(GroupRate { part, n, value: part as f64 / n as f64, interval })
}

/// Rows of a group by decision and by whether they deserve a favourable one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// Deserving, undeserving, not known; of each the unfavourable first.
    pub(super) counts: [u64; 6],
}

impl Cells {
    pub(super) fn add(&mut self, favourable: bool, deserving: Option<bool>) {
        let truth = match deserving {
            Some(true) => 0,
            Some(false) => 2,
            None => 4,
        };
        self.counts[truth + usize::from(favourable)] += 1;
    }

    pub(super) fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn with_truth(&self) -> u64 {
        self.counts[..4].iter().sum()
    }

    /// Favourable decisions, and all.
    pub(super) fn selection(&self) -> (u64, u64) {
        (self.counts[1] + self.counts[3] + self.counts[5], self.rows())
    }

    /// Favourable decisions among the (un)deserving, and all of them.
    pub(super) fn of_truth(&self, deserving: bool) -> (u64, u64) {
        let at = if deserving { 0 } else { 2 };
        (self.counts[at + 1], self.counts[at] + self.counts[at + 1])
    }
}

/// Figures of all groups. The decisions have been checked.
pub(super) fn describe(
    decisions: &Decisions<'_>,
    cells: &[Cells],
    reference: usize,
    least_rows: u64,
) -> Vec<GroupFairness> {
    // One pass for all groups; rows without a truth have none to hold a score against.
    let mut scored = vec![(Vec::new(), Vec::new()); cells.len()];
    for (row, score) in decisions.scores.unwrap_or_default().iter().enumerate() {
        if let Some(truth) = decisions.truths[row] {
            let of_group = &mut scored[decisions.groups[row]];
            of_group.0.push(*score);
            of_group.1.push(truth);
        }
    }
    let of_group = |index: usize| {
        let of_group = &cells[index];
        let (scores, truth) = &scored[index];
        let (_, deserving) = of_group.of_truth(true);
        let (_, undeserving) = of_group.of_truth(false);
        let events = if decisions.deserving { deserving } else { undeserving };
        GroupFairness {
            name: decisions.names[index].clone(),
            n: of_group.rows(),
            judged: of_group.rows() >= least_rows,
            with_outcome: of_group.with_truth(),
            selection_rate: rate(of_group.selection()),
            true_positive_rate: rate(of_group.of_truth(true)),
            false_positive_rate: rate(of_group.of_truth(false)),
            base_rate: rate((events, of_group.with_truth())),
            auc: auc(scores, truth),
            auc_interval: auc_interval(scores, truth),
            calibration: calibration(scores, truth),
            impact: (index != reference).then(|| {
                let reference = cells[reference].selection();
                AdverseImpact::new(of_group.selection(), reference, least_rows)
            }),
        }
    };
    (0..cells.len()).map(of_group).collect()
}

fn calibration(scores: &[f64], truth: &[bool]) -> Option<GroupCalibration> {
    let bins = reliability(scores, truth, Binning::BINS, Binning::Width)?;
    let n = scores.len() as f64;
    let errors = scores.iter().zip(truth).map(|(p, t)| (p - f64::from(u8::from(*t))).powi(2));
    let observed = rate((truth.iter().filter(|t| **t).count() as u64, truth.len() as u64))?;
    Some(GroupCalibration {
        mean_predicted: scores.iter().sum::<f64>() / n,
        observed: observed.value,
        observed_interval: observed.interval,
        expected_error: bins.expected_error,
        brier: errors.sum::<f64>() / n,
    })
}
