//! What depends on the order of the scores alone: ROC, precision-recall, KS, thresholds.

use super::Z_95;
use crate::domain::version::Interval;

/// Area under the ROC curve: the probability that a positive row scores above a negative one,
/// ties counting half (Mann-Whitney). O(n log n), counted in whole numbers, hence exact.
///
/// `truth` holds true for the positive class. `None` if a class is missing, a score is not
/// finite, or the lengths differ; so for all functions of this module.
pub fn auc(scores: &[f64], truth: &[bool]) -> Option<f64> {
    Ranking::new(scores, truth)?.auc()
}

/// The AUC of each of so many classes against all others, by one order of the scores. `None` for a
/// class that no row or every row is of.
///
/// `classes` holds each row's class, below `count`. `None` in all if one is not, a score is not
/// finite, or the lengths differ.
pub fn auc_of_each(scores: &[f64], classes: &[usize], count: usize) -> Option<Vec<Option<f64>>> {
    let is_known = classes.iter().all(|class| *class < count);
    if scores.len() != classes.len() || !is_known || scores.iter().any(|s| !s.is_finite()) {
        return None;
    }
    let mut rows: Vec<(f64, usize)> = scores.iter().copied().zip(classes.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the sum of the mid-ranks of each class, and its rows.
    let mut sums = vec![(0_u128, 0_u128); count];
    let mut below = 0;
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let twice_rank = (2 * below + tie.len() + 1) as u128;
        for (_, class) in tie {
            sums[*class].0 += twice_rank;
            sums[*class].1 += 1;
        }
        below += tie.len();
    }
    let all = rows.len() as u128;
    let of_class = |(twice_ranks, rows): (u128, u128)| {
        let pairs = rows * (all - rows);
        (pairs > 0).then(|| (twice_ranks - rows * (rows + 1)) as f64 / (2 * pairs) as f64)
    };
    Some(sums.into_iter().map(of_class).collect())
}

/// 95 % confidence interval of the AUC: variance of DeLong et al. 1988 by the mid-ranks of Sun
/// and Xu 2014, on the logit scale, so that it stays within (0, 1).
///
/// `None` also below two rows of a class, and where the estimated variance is zero (perfect
/// separation, one score for all): the data then don't tell how wide it is.
pub fn auc_interval(scores: &[f64], truth: &[bool]) -> Option<Interval> {
    Ranking::new(scores, truth)?.auc_interval()
}

/// Average precision: sum of precision times gain in recall over the distinct scores, without
/// interpolation (scikit-learn's definition).
pub fn average_precision(scores: &[f64], truth: &[bool]) -> Option<f64> {
    Ranking::new(scores, truth)?.average_precision()
}

/// Two-sample Kolmogorov-Smirnov statistic: the greatest distance between the distributions of
/// the score in the two classes.
pub fn kolmogorov_smirnov(scores: &[f64], truth: &[bool]) -> Option<f64> {
    Ranking::new(scores, truth)?.kolmogorov_smirnov()
}

/// Cumulative gain: among the so many with the greatest scores, as a share of all, the share of all that
/// are true; from (0, 0) to (1, 1), a point for each score, rows of one score together.
///
/// `None` without rows or without a true one, for a score that is no number, or lengths that differ.
pub fn cumulative_gain(scores: &[f64], truth: &[bool]) -> Option<Vec<(f64, f64)>> {
    Ranking::new(scores, truth)?.cumulative_gain()
}

/// The threshold t for which "positive where score >= t" has the greatest F1, over all distinct
/// scores; the greatest such threshold if several are equally good.
///
/// It lies halfway between the lowest score that is positive and the highest that is not, so that
/// a rounding error of the score does not change the label.
pub fn threshold_f1(scores: &[f64], truth: &[bool]) -> Option<f64> {
    Ranking::new(scores, truth)?.threshold_f1()
}

/// All rows with one score.
struct Tie {
    score: f64,
    positives: u64,
    negatives: u64,
}

/// Rows in the order of their scores, ties put together.
pub(super) struct Ranking {
    /// Ascending in score.
    ties: Vec<Tie>,
    pub(super) positives: u64,
    negatives: u64,
}

impl Ranking {
    /// `None` if a score is not finite or the lengths differ.
    pub(super) fn new(scores: &[f64], truth: &[bool]) -> Option<Self> {
        if scores.len() != truth.len() || scores.iter().any(|s| !s.is_finite()) {
            return None;
        }
        let mut rows: Vec<(f64, bool)> =
            scores.iter().copied().zip(truth.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let ties: Vec<Tie> = rows
            .chunk_by(|a, b| a.0 == b.0)
            .map(|rows| {
                let positives = rows.iter().filter(|row| row.1).count();
                Tie {
                    score: rows[0].0,
                    positives: positives as u64,
                    negatives: (rows.len() - positives) as u64,
                }
            })
            .collect();
        let positives = ties.iter().map(|tie| tie.positives).sum();
        let negatives = ties.iter().map(|tie| tie.negatives).sum();
        Some(Self { ties, positives, negatives })
    }

    fn has_both_classes(&self) -> bool {
        self.positives > 0 && self.negatives > 0
    }

    pub(super) fn auc(&self) -> Option<f64> {
        if !self.has_both_classes() {
            return None;
        }
        let mut below = 0;
        let mut twice_wins: u128 = 0;
        for tie in &self.ties {
            twice_wins += u128::from(tie.positives) * u128::from(2 * below + tie.negatives);
            below += tie.negatives;
        }
        let pairs = u128::from(self.positives) * u128::from(self.negatives);
        Some(twice_wins as f64 / (2 * pairs) as f64)
    }

    pub(super) fn auc_interval(&self) -> Option<Interval> {
        if self.positives < 2 || self.negatives < 2 {
            return None;
        }
        let auc = self.auc()?;
        let (positives, negatives) = (self.positives as f64, self.negatives as f64);
        let (mut negatives_below, mut positives_above) = (0.0, positives);
        let (mut of_positives, mut of_negatives) = (0.0, 0.0);
        for tie in &self.ties {
            let (p, n) = (tie.positives as f64, tie.negatives as f64);
            positives_above -= p;
            // Share of the other class that a row of this score is on the right side of.
            of_positives += p * ((negatives_below + n / 2.0) / negatives - auc).powi(2);
            of_negatives += n * ((positives_above + p / 2.0) / positives - auc).powi(2);
            negatives_below += n;
        }
        let variance = of_positives / (positives - 1.0) / positives
            + of_negatives / (negatives - 1.0) / negatives;
        let odds = auc / (1.0 - auc);
        let half_width = Z_95 * variance.sqrt() / (auc * (1.0 - auc));
        if !(variance > 0.0 && half_width.is_finite()) {
            return None;
        }
        let at = |shift: f64| 1.0 / (1.0 + (-shift).exp() / odds);
        Some(Interval { low: at(-half_width), high: at(half_width) })
    }

    pub(super) fn average_precision(&self) -> Option<f64> {
        if !self.has_both_classes() {
            return None;
        }
        let (mut hits, mut chosen) = (0, 0);
        let mut sum = 0.0;
        for tie in self.ties.iter().rev() {
            hits += tie.positives;
            chosen += tie.positives + tie.negatives;
            sum += tie.positives as f64 * (hits as f64 / chosen as f64);
        }
        Some(sum / self.positives as f64)
    }

    pub(super) fn kolmogorov_smirnov(&self) -> Option<f64> {
        if !self.has_both_classes() {
            return None;
        }
        let (mut positives, mut negatives) = (0, 0);
        let mut greatest: f64 = 0.0;
        for tie in &self.ties {
            positives += tie.positives;
            negatives += tie.negatives;
            let distance =
                positives as f64 / self.positives as f64 - negatives as f64 / self.negatives as f64;
            greatest = greatest.max(distance.abs());
        }
        Some(greatest)
    }

    pub(super) fn cumulative_gain(&self) -> Option<Vec<(f64, f64)>> {
        if self.positives == 0 {
            return None;
        }
        let all = (self.positives + self.negatives) as f64;
        let (mut seen, mut found) = (0, 0);
        let mut points = vec![(0.0, 0.0)];
        for tie in self.ties.iter().rev() {
            seen += tie.positives + tie.negatives;
            found += tie.positives;
            points.push((seen as f64 / all, found as f64 / self.positives as f64));
        }
        Some(points)
    }

    pub(super) fn threshold_f1(&self) -> Option<f64> {
        if !self.has_both_classes() {
            return None;
        }
        let (mut hits, mut chosen) = (0, 0);
        // F1 = 2 hits / (chosen + positives), kept as a fraction so that equal ones are equal.
        let (mut best, mut best_hits, mut best_size) = (0, 0, 1);
        for (index, tie) in self.ties.iter().enumerate().rev() {
            hits += tie.positives;
            chosen += tie.positives + tie.negatives;
            let size = chosen + self.positives;
            if u128::from(hits) * u128::from(best_size) > u128::from(best_hits) * u128::from(size) {
                (best, best_hits, best_size) = (index, hits, size);
            }
        }
        let lowest = self.ties[best].score;
        let Some(next) = best.checked_sub(1).map(|index| self.ties[index].score) else {
            return Some(lowest);
        };
        let halfway = next / 2.0 + lowest / 2.0;
        Some(if halfway > next { halfway.min(lowest) } else { lowest })
    }
}
