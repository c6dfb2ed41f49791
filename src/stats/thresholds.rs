//! Where to label rows positive: thresholds by costs, rate, F-beta, recall and precision.
//!
//! As everywhere, a row is positive where its score is at least the threshold. All thresholds that
//! part the rows differently are tried, O(n log n) by one sort: halfway between the lowest score
//! that is positive and the highest that is not, so that a rounding error of a score does not
//! change its label; the lowest score where all are positive, and the next number above the highest
//! where none is. Of equally good ones the greatest is taken.

/// Above this, F-beta is recall.
const GREATEST_BETA: f64 = 1e6;

/// Cost of one row by its label and its truth; a gain is below 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    pub false_positive: f64,
    pub false_negative: f64,
    pub true_positive: f64,
    pub true_negative: f64,
}

/// Rows by their label and their truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub true_positives: u64,
    pub false_positives: u64,
    pub true_negatives: u64,
    pub false_negatives: u64,
}

/// A threshold and what it achieves on the rows it was chosen on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operating {
    pub threshold: f64,
    pub counts: Counts,
}

impl Counts {
    fn labelled(&self) -> u64 {
        self.true_positives.saturating_add(self.false_positives)
    }

    fn positives(&self) -> u64 {
        self.true_positives.saturating_add(self.false_negatives)
    }

    fn rows(&self) -> u64 {
        self.labelled().saturating_add(self.true_negatives).saturating_add(self.false_negatives)
    }

    /// Share of rows labelled positive.
    pub fn rate(&self) -> Option<f64> {
        share(self.labelled(), self.rows())
    }

    /// Share of positive labels that are right.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.labelled())
    }

    /// Share of positive rows that are found.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.positives())
    }
}

/// The threshold for probabilities that are calibrated: that from which on a positive label has the
/// lower expected cost (Elkan 2001). Without costs of right labels it is
/// `false_positive / (false_positive + false_negative)`.
///
/// `None` where a wrong label costs less than the right one of the same row, both kinds of error
/// cost nothing, or a cost is not finite.
pub fn cost_threshold(costs: &Costs) -> Option<f64> {
    let of_negatives = costs.false_positive - costs.true_negative;
    let of_positives = costs.false_negative - costs.true_positive;
    let threshold = of_negatives / (of_negatives + of_positives);
    let is_reasonable = of_negatives >= 0.0 && of_positives >= 0.0 && threshold.is_finite();
    (is_reasonable && (of_negatives + of_positives).is_finite()).then_some(threshold)
}

/// The threshold that labels the most rows positive, but at most such a share. Rows of one score
/// are never parted, so that it may be fewer; none if too many have the highest score.
///
/// `None` without rows, for a score that is not finite, a rate outside [0, 1], or lengths that
/// differ.
pub fn threshold_by_rate(scores: &[f64], truth: &[bool], at_most: f64) -> Option<Operating> {
    let cuts = Cuts::new(scores, truth).filter(|_| (0.0..=1.0).contains(&at_most))?;
    cuts.best(|new, _| new.rate().is_some_and(|rate| rate <= at_most))
}

/// The threshold of the greatest F-beta; with `beta` 1 that of `threshold_f1`.
///
/// `None` if a class is missing, a score is not finite, `beta` is not above 0 and at most a
/// million, or the lengths differ.
pub fn threshold_by_f_beta(scores: &[f64], truth: &[bool], beta: f64) -> Option<Operating> {
    let cuts = Cuts::new(scores, truth).filter(Cuts::has_both_classes)?;
    let square = square(beta)?;
    cuts.best(|new, old| {
        // Products, so that equal ones stay equal where the square of beta is a short number.
        let size = |counts: &Counts| counts.labelled() as f64 + square * counts.positives() as f64;
        let hits = |counts: &Counts| counts.true_positives as f64;
        match old {
            None => new.true_positives > 0,
            Some(old) => hits(new) * size(old) > hits(old) * size(new),
        }
    })
}

/// The threshold that finds at least such a share of the positive rows with the greatest
/// precision; of equal precision that which finds more.
///
/// `None` without positive rows, for a score that is not finite, a share outside [0, 1], or lengths
/// that differ.
pub fn threshold_by_recall(scores: &[f64], truth: &[bool], at_least: f64) -> Option<Operating> {
    let cuts = Cuts::new(scores, truth).filter(|_| (0.0..=1.0).contains(&at_least))?;
    cuts.best(|new, old| {
        let is_enough = new.labelled() > 0 && new.recall().is_some_and(|r| r >= at_least);
        is_enough && old.is_none_or(|old| compare_precision(new, old).is_ge())
    })
}

/// The threshold that finds the most positive rows with at least such a precision; of equally many
/// the greater precision.
///
/// `None` if no threshold reaches it, without positive rows, for a score that is not finite, a
/// precision outside [0, 1], or lengths that differ.
pub fn threshold_by_precision(scores: &[f64], truth: &[bool], at_least: f64) -> Option<Operating> {
    let cuts = Cuts::new(scores, truth).filter(|_| (0.0..=1.0).contains(&at_least))?;
    cuts.best(|new, old| {
        let is_enough = new.positives() > 0 && new.precision().is_some_and(|p| p >= at_least);
        is_enough && old.is_none_or(|old| new.true_positives > old.true_positives)
    })
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn square(beta: f64) -> Option<f64> {
    (beta > 0.0 && beta <= GREATEST_BETA).then_some(beta * beta)
}

/// By whole numbers, so that equal ones are equal.
fn compare_precision(a: &Counts, b: &Counts) -> std::cmp::Ordering {
    let left = u128::from(a.true_positives) * u128::from(b.labelled());
    left.cmp(&(u128::from(b.true_positives) * u128::from(a.labelled())))
}

/// All rows with one score.
struct Tie {
    score: f64,
    positives: u64,
    negatives: u64,
}

/// All ways to part rows by their score.
struct Cuts {
    /// Descending in score; never empty.
    ties: Vec<Tie>,
    positives: u64,
    negatives: u64,
}

impl Cuts {
    /// `None` without rows, if a score is not finite, or the lengths differ.
    fn new(scores: &[f64], truth: &[bool]) -> Option<Self> {
        let is_finite = scores.iter().all(|s| s.is_finite());
        if scores.len() != truth.len() || scores.is_empty() || !is_finite {
            return None;
        }
        let mut rows: Vec<(f64, bool)> =
            scores.iter().copied().zip(truth.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let of_tie = |tie: &[(f64, bool)]| {
            let positives = tie.iter().filter(|row| row.1).count();
            let negatives = tie.len() - positives;
            Tie { score: tie[0].0, positives: positives as u64, negatives: negatives as u64 }
        };
        let ties: Vec<Tie> = rows.chunk_by(|a, b| a.0 == b.0).map(of_tie).collect();
        let positives = ties.iter().map(|tie| tie.positives).sum();
        let negatives = ties.iter().map(|tie| tie.negatives).sum();
        Some(Self { ties, positives, negatives })
    }

    fn has_both_classes(&self) -> bool {
        self.positives > 0 && self.negatives > 0
    }

    /// What labelling no tie, the first, the first two and so on leads to.
    fn all(&self) -> impl Iterator<Item = Counts> {
        let none = Counts {
            true_negatives: self.negatives,
            false_negatives: self.positives,
            ..Counts::default()
        };
        let rest = self.ties.iter().scan(none, |counts, tie| {
            counts.true_positives += tie.positives;
            counts.false_negatives -= tie.positives;
            counts.false_positives += tie.negatives;
            counts.true_negatives -= tie.negatives;
            Some(*counts)
        });
        std::iter::once(none).chain(rest)
    }

    /// The threshold that labels so many ties; `None` for none where no finite number is above the
    /// highest score.
    fn threshold(&self, labelled: usize) -> Option<f64> {
        let Some(lowest) = labelled.checked_sub(1).map(|index| self.ties[index].score) else {
            return Some(self.ties[0].score.next_up()).filter(|above| above.is_finite());
        };
        let Some(next) = self.ties.get(labelled).map(|tie| tie.score) else {
            return Some(lowest);
        };
        let halfway = next / 2.0 + lowest / 2.0;
        Some(if halfway > next { halfway.min(lowest) } else { lowest })
    }

    /// Goes down the thresholds and takes the last that is better than the one taken before.
    fn best(&self, is_better: impl Fn(&Counts, Option<&Counts>) -> bool) -> Option<Operating> {
        let mut best: Option<Operating> = None;
        for (labelled, counts) in self.all().enumerate() {
            if !is_better(&counts, best.as_ref().map(|best| &best.counts)) {
                continue;
            }
            if let Some(threshold) = self.threshold(labelled) {
                best = Some(Operating { threshold, counts });
            }
        }
        best
    }
}

#[cfg(test)]
mod tests;
