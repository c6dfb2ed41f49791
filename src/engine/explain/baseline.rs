//! Approved applicants near a cut-off: with whom adverse answers are compared.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use super::Explainer;
use super::applicants::{KnownColumn, KnownValues};
use super::instead::has_number;
use crate::domain::calibration::Calibrator;
use crate::domain::reason::{BaselineRule, BaselineSource, ReasonBaseline};
use crate::engine::Quantity;
use crate::engine::features::Matrix;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;
use crate::stats::mean;

/// Rows of a baseline where too few lie near the cut-off, and at most.
const NEAREST: usize = 100;
const MOST: usize = 256;
/// Fewer say nothing.
const LEAST: usize = 10;
/// Half of what doubles the odds, in log odds.
const NEAR: f64 = std::f64::consts::LN_2 / 2.0;
/// Most words that are named as frequent, and the share of a baseline that has one of them.
const WORDS: usize = 3;
const MOST_OF: f64 = 0.6;
/// Log odds beyond this are as good as it.
const FAR: f64 = 40.0;

/// Which answers are adverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adverse<'a> {
    /// The smallest probability of the positive class that is answered by it.
    pub cut_off: f64,
    /// Whether the positive class is adverse, or the other one.
    pub is_positive: bool,
    /// What makes that probability of a logit.
    pub calibrator: Option<&'a Calibrator>,
    /// At most so many rows of a baseline; 256 at the utmost.
    pub most: usize,
}

impl Adverse<'_> {
    /// Whether an answer is less adverse by its probability, as it is served, where the log odds of the adverse
    /// class are `instead` rather than `value`: between these a calibration by steps may be level.
    pub fn eases(&self, value: f64, instead: f64) -> bool {
        let positive = |odds: f64| self.probability(if self.is_positive { odds } else { -odds });
        match self.is_positive {
            true => positive(instead) < positive(value),
            false => positive(instead) > positive(value),
        }
    }

    fn probability(&self, logit: f64) -> f64 {
        match self.calibrator {
            None => 1.0 / (1.0 + (-logit).exp()),
            Some(calibrator) => calibrator.apply(logit).unwrap_or(f64::NAN),
        }
    }

    /// By how much the log odds of an answer that is favourable lie beyond the cut-off; None of an adverse
    /// one.
    fn beyond(&self, logit: f64) -> Option<f64> {
        let probability = self.probability(logit);
        let is_adverse = (probability >= self.cut_off) == self.is_positive;
        let distance = (log_odds(probability) - log_odds(self.cut_off)).abs();
        (!is_adverse && distance.is_finite()).then_some(distance)
    }

    /// The log odds of the adverse class.
    pub fn quantity(&self) -> Quantity {
        Quantity::Positive { negative: !self.is_positive }
    }
}

/// The log odds of a probability, and of a cut-off, which is just above 1 where nobody is to be answered by the
/// positive class.
fn log_odds(probability: f64) -> f64 {
    let p = probability.clamp(0.0, 1.0);
    (p.ln() - (-p).ln_1p()).clamp(-FAR, FAR)
}

/// Rows that are answered favourably, nearest to a cut-off.
#[derive(Debug, Clone)]
pub struct Baseline {
    pub described: ReasonBaseline,
    /// `[rows, inputs]`, the nearest first.
    pub(super) references: Vec<f32>,
    /// Which of the applicants they are; empty where none are carried.
    pub(super) picked: Vec<usize>,
}

/// What the rows of a baseline mostly have in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Typical {
    /// The middle range that three quarters of all rows have at least, where so many have a number; the
    /// median and the mean of those that have one, and the share of rows that has one.
    Numbers { range: Option<[f64; 2]>, median: f64, mean: f64, present: f64 },
    /// The same of microseconds since 1970 in UTC.
    Times { range: Option<[i64; 2]>, median: i64, mean: i64, present: f64 },
    /// Words with the share of rows that have them, the most frequent first.
    Words(Vec<(String, f64)>),
}

impl Typical {
    /// The share of rows that has anything.
    pub fn present(&self) -> f64 {
        match self {
            Self::Numbers { present, .. } | Self::Times { present, .. } => *present,
            Self::Words(shares) => shares.iter().map(|(_, share)| share).sum(),
        }
    }
}

impl Explainer {
    /// The rows with whom adverse answers are compared: of those that the version carries and that are
    /// answered favourably, the ones within half of what doubles the odds of the cut-off, 256 at most;
    /// where these are not 100, the nearest 100.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when hardly any of them is answered favourably.
    pub fn baseline(&self, adverse: Adverse<'_>) -> Result<Baseline> {
        let (source, rows) = match &self.applicants {
            Some(applicants) => (BaselineSource::Applicants, &applicants.inputs),
            None => (BaselineSource::ReferenceRows, &self.references),
        };
        let logits = self.logits(rows)?;
        let mut favourable: Vec<(f64, f64, usize)> = logits
            .iter()
            .enumerate()
            .filter_map(|(row, logit)| Some((adverse.beyond(*logit)?, *logit, row)))
            .collect();
        if favourable.len() < LEAST {
            let detail = format!(
                "of {} rows that the version carries {} are answered favourably at the cut-off {}: too \
                 few to tell reasons by; name the other class in adverse, or train with a threshold that \
                 approves some",
                rows.rows,
                favourable.len(),
                adverse.cut_off
            );
            return Err(Error::field(Code::InvalidRequest, "/reasons", detail));
        }
        // Ties of a calibration by steps fall to the log odds below it.
        let sign = if adverse.is_positive { -1.0 } else { 1.0 };
        favourable.sort_by(|a, b| {
            let (a_odds, b_odds) = (sign * a.1, sign * b.1);
            a.0.total_cmp(&b.0).then(a_odds.total_cmp(&b_odds)).then(a.2.cmp(&b.2))
        });
        let near = favourable.iter().take_while(|(beyond, _, _)| *beyond < NEAR).count();
        let (rule, count) = match near {
            NEAREST.. => (BaselineRule::NearCutOff, near.min(MOST)),
            _ => (BaselineRule::Nearest, favourable.len().min(NEAREST)),
        };
        favourable.truncate(count.min(adverse.most));
        let picked: Vec<usize> = favourable.into_iter().map(|(_, _, row)| row).collect();
        let references: Vec<f32> = rows.each(&picked).flatten().copied().collect();
        let mut hash = Sha256::new();
        references.iter().for_each(|number| hash.update(number.to_le_bytes()));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let described = ReasonBaseline {
            id: hex::encode(hash.finalize()),
            rows: count(picked.len()),
            rule,
            source,
            chosen_from: count(rows.rows),
        };
        let picked = if self.applicants.is_some() { picked } else { Vec::new() };
        Ok(Baseline { described, references, picked })
    }

    /// The log odds of the positive class of what is carried, reckoned once.
    fn logits(&self, rows: &Matrix) -> Result<&[f64]> {
        if let Some(known) = self.logits.get() {
            return Ok(known);
        }
        let positive = Quantity::Positive { negative: false };
        let found = self.networks.values(&rows.data, rows.width, positive)?;
        Ok(self.logits.get_or_init(|| found))
    }

    /// The columns of the version in the order in which it reads them.
    pub fn columns(&self) -> Vec<&str> {
        super::players::columns(&self.features, &self.layout)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    /// What the rows of a baseline mostly have in a column; None where that is not carried, or none of
    /// them has anything.
    pub fn typical(&self, baseline: &Baseline, column: &str) -> Option<Typical> {
        let columns = &self.applicants.as_ref()?.columns;
        let KnownColumn { values, .. } = columns.iter().find(|known| known.name == column)?;
        let rows = baseline.picked.len();
        let count = rows.max(1) as f64;
        match values {
            KnownValues::Numbers(values) => {
                let mut some = picked(values, &baseline.picked);
                some.sort_unstable_by(f64::total_cmp);
                Some(Typical::Numbers {
                    range: middle(&some, rows),
                    median: ranked(&some, 0.5)?,
                    mean: mean(&some)?,
                    present: some.len() as f64 / count,
                })
            }
            KnownValues::Times(values) => {
                let mut some = picked(values, &baseline.picked);
                some.sort_unstable();
                Some(Typical::Times {
                    range: middle(&some, rows),
                    median: ranked(&some, 0.5)?,
                    mean: mean(&some.iter().map(|time| *time as f64).collect::<Vec<_>>())? as i64,
                    present: some.len() as f64 / count,
                })
            }
            KnownValues::Words { words, codes } => {
                let mut counts = vec![0_usize; words.len()];
                for code in picked(codes, &baseline.picked) {
                    counts[code as usize] += 1;
                }
                let shares = words.iter().zip(counts).filter(|(_, count)| *count > 0);
                let mut shares: Vec<(String, f64)> =
                    shares.map(|(word, n)| (word.clone(), n as f64 / count)).collect();
                shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                (!shares.is_empty()).then_some(Typical::Words(shares))
            }
        }
    }

    /// On which side of a baseline each row's number in a column lies by what the network reads, for
    /// versions that carry no values: one list for each column; equal of what is no number or missing, and
    /// between the median and the mean of those of the baseline that have one.
    ///
    /// # Errors
    /// As [`super::super::LoadedModel::predict`].
    pub fn sides(&self, frame: &Frame, baseline: &Baseline) -> Result<Vec<Vec<Ordering>>> {
        let inputs = self.features.transform(frame)?;
        let sides = self.features.spans().map(|(_, span)| {
            let number = self.number_input(&span);
            let Some(input) = number else { return vec![Ordering::Equal; inputs.rows] };
            let missing = self.missing_input(&span);
            let of_rows = |data: &[f32]| -> Vec<Option<f64>> {
                let number = |read: &[f32]| {
                    has_number(read, missing).then(|| read.get(input).copied().map(f64::from))?
                };
                data.chunks_exact(inputs.width.max(1)).map(number).collect()
            };
            let mut some: Vec<f64> = of_rows(&baseline.references).into_iter().flatten().collect();
            some.sort_unstable_by(f64::total_cmp);
            let centre = ranked(&some, 0.5).zip(mean(&some));
            let side = |n: f64| {
                centre.map_or(Ordering::Equal, |(median, mean)| beyond(&n, &median, &mean))
            };
            let rows = of_rows(&inputs.data).into_iter();
            rows.map(|number| number.map_or(Ordering::Equal, side)).collect()
        });
        Ok(sides.collect())
    }
}

/// On which side of both its median and its mean a value lies; equal between them. What a column adds is
/// reckoned against all rows of a baseline, about their mean, which a word such as "high" must not contradict;
/// what most of them have is the median.
pub fn beyond<T: PartialOrd>(value: &T, median: &T, mean: &T) -> Ordering {
    match (value.partial_cmp(median), value.partial_cmp(mean)) {
        (Some(side), Some(other)) if side == other => side,
        _ => Ordering::Equal,
    }
}

/// Whether most rows have nothing, of which this share has something.
pub fn most_lack(present: f64) -> bool {
    present < 0.5
}

/// The most frequent words, as few as three fifths of all rows have; None where it would take too many.
pub fn frequent(words: &[(String, f64)]) -> Option<Vec<&str>> {
    let (mut named, mut sum) = (Vec::new(), 0.0);
    for (word, share) in words.iter().take(WORDS) {
        named.push(word.as_str());
        sum += share;
        if sum >= MOST_OF {
            return Some(named);
        }
    }
    None
}

/// A quantile of sorted values that is one of them: a sentence names what somebody has.
fn ranked<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    sorted.get(ranked_place(sorted.len(), share)?).copied()
}

/// Its place among so many.
pub(super) fn ranked_place(count: usize, share: f64) -> Option<usize> {
    let last = count.checked_sub(1)?;
    Some((share * last as f64).round() as usize)
}

/// The range in the middle of sorted values that three quarters of so many rows have at least, between
/// values that somebody has; None where fewer rows have any.
fn middle<T: Copy>(sorted: &[T], rows: usize) -> Option<[T; 2]> {
    let spare = sorted.len().checked_sub((3 * rows).div_ceil(4))?;
    let cut = spare / 2;
    Some([*sorted.get(cut)?, *sorted.get(sorted.len() - 1 - cut)?])
}

fn picked<T: Copy>(values: &[Option<T>], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|row| values.get(*row).copied().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calibration::IsotonicRegression;

    #[test]
    fn a_quantile_is_what_somebody_has() {
        let pay = [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0];
        assert_eq!(ranked(&pay, 0.5), Some(0.0));
        assert_eq!(ranked(&[-1.0, 2.0], 0.75), Some(2.0));
        assert_eq!(ranked::<f64>(&[], 0.5), None);
    }

    #[test]
    fn cut_offs_at_an_end_and_beyond_are_as_far_as_any() {
        for (cut_off, is_positive) in [(0.0, false), (1.0, true), (1.0 + f64::EPSILON, true)] {
            let adverse = Adverse { cut_off, is_positive, calibrator: None, most: 9 };
            let beyond = [-2.0, 0.0, 2.0].map(|logit| adverse.beyond(logit).unwrap());
            // Log odds of 40 stand for certainty.
            let end: f64 = if is_positive { 40.0 } else { -40.0 };
            for (found, logit) in beyond.into_iter().zip([-2.0, 0.0, 2.0]) {
                assert!((found - (end - logit).abs()).abs() < 1e-9, "{cut_off}: {found}");
            }
        }
        let half = Adverse { cut_off: 0.5, is_positive: true, calibrator: None, most: 9 };
        assert_eq!((half.beyond(-800.0), half.beyond(800.0)), (Some(FAR), None));
    }

    #[test]
    fn an_answer_eases_by_the_probability_that_is_served() {
        let of =
            |calibrator, is_positive| Adverse { cut_off: 0.5, is_positive, calibrator, most: 9 };
        for is_positive in [true, false] {
            let plain = of(None, is_positive);
            assert_eq!(
                [0.5, 1.0, 1.5].map(|instead| plain.eases(1.0, instead)),
                [true, false, false]
            );
        }
        // By steps: level between what both log odds fall to.
        let steps = Calibrator::Isotonic(IsotonicRegression {
            scores: vec![-1.0, 0.0, 3.0],
            values: vec![0.2, 0.6, 0.6],
        });
        let by_steps = of(Some(&steps), true);
        assert!(!by_steps.eases(2.0, 1.0) && by_steps.eases(2.0, -1.0));
    }

    #[test]
    fn three_quarters_of_all_rows_have_what_is_said_of_most() {
        for rows in 1..=40_usize {
            for count in 0..=rows {
                let values: Vec<usize> = (0..count).collect();
                let found = middle(&values, rows);
                assert_eq!(
                    found.is_some(),
                    count > 0 && 4 * count >= 3 * rows,
                    "{count} of {rows}"
                );
                let Some([low, high]) = found else { continue };
                let inside = values.iter().filter(|value| (low..=high).contains(*value)).count();
                assert!(4 * inside >= 3 * rows, "{inside} of {rows}");
                // None could be left out at both ends.
                assert!(4 * inside.saturating_sub(2) < 3 * rows, "{inside} of {rows}");
            }
        }
    }
}
