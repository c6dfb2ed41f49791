//! Two models on the same rows.

use super::{Z_95, mean, standard_deviation};
use crate::domain::version::Interval;

/// By how much the first is better, with its 95 % confidence interval, which is absent where the
/// data don't tell how wide it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub value: f64,
    pub interval: Option<Interval>,
}

impl Difference {
    fn new(value: f64, variance: Option<f64>) -> Self {
        let half_width = variance.filter(|v| *v > 0.0).map(|v| Z_95 * v.sqrt());
        let around = |half: f64| Interval { low: value - half, high: value + half };
        Self { value, interval: half_width.filter(|half| half.is_finite()).map(around) }
    }
}

/// AUC of the first scores less that of the second, both of the same rows: the variance of the
/// difference by DeLong et al. 1988, in which what the two have in common cancels.
///
/// None where a class is missing, a score is not finite, or the lengths differ.
pub fn auc_difference(first: &[f64], second: &[f64], truth: &[bool]) -> Option<Difference> {
    let (first, second) = (placements(first, truth)?, placements(second, truth)?);
    let of_class = |class: bool| -> Vec<f64> {
        let rows = first.iter().zip(&second).zip(truth).filter(|(_, truth)| **truth == class);
        rows.map(|((a, b), _)| a - b).collect()
    };
    let (positives, negatives) = (of_class(true), of_class(false));
    let variance = |values: &[f64]| Some(standard_deviation(values)?.powi(2) / values.len() as f64);
    let variance = variance(&positives).zip(variance(&negatives)).map(|(p, n)| p + n);
    Some(Difference::new(mean(&positives)?, variance))
}

/// Mean of the first less that of the second, of paired values: the shares of right labels, or
/// errors.
///
/// None where there is no value, one is not finite, or the lengths differ.
pub fn mean_difference(first: &[f64], second: &[f64]) -> Option<Difference> {
    if first.len() != second.len() {
        return None;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let value = mean(&differences).filter(|mean| mean.is_finite())?;
    let variance = standard_deviation(&differences).map(|s| s.powi(2) / differences.len() as f64);
    Some(Difference::new(value, variance))
}

/// Of each row the share of the other class that it is on the right side of, ties counting half.
fn placements(scores: &[f64], truth: &[bool]) -> Option<Vec<f64>> {
    if scores.len() != truth.len() || scores.iter().any(|s| !s.is_finite()) {
        return None;
    }
    let positives = truth.iter().filter(|t| **t).count() as f64;
    let negatives = truth.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut placements = vec![0.0; scores.len()];
    let (mut below, mut passed) = (0.0, 0.0);
    for tie in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let of_tie = tie.iter().filter(|row| truth[**row]).count() as f64;
        let others = tie.len() as f64 - of_tie;
        for &row in tie {
            placements[row] = if truth[row] {
                (below + others / 2.0) / negatives
            } else {
                (positives - passed - of_tie / 2.0) / positives
            };
        }
        below += others;
        passed += of_tie;
    }
    Some(placements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{auc, auc_interval};

    #[test]
    fn the_difference_of_aucs_is_that_of_the_aucs() {
        let truth = [true, false, true, false, true, false, false, true];
        let a = [0.9, 0.1, 0.8, 0.8, 0.4, 0.3, 0.35, 0.7];
        let b = [0.2, 0.1, 0.9, 0.5, 0.5, 0.6, 0.3, 0.4];
        let difference = auc_difference(&a, &b, &truth).unwrap();
        let expected = auc(&a, &truth).unwrap() - auc(&b, &truth).unwrap();
        assert!((difference.value - expected).abs() < 1e-12);
        let interval = difference.interval.unwrap();
        assert!(interval.low < expected && expected < interval.high);
        assert_eq!(
            auc_difference(&a, &a, &truth).unwrap(),
            Difference { value: 0.0, interval: None }
        );
        assert_eq!(auc_difference(&a, &b, &[true; 8]), None);
    }

    /// Against a constant the difference varies as the AUC itself does.
    #[test]
    fn against_guessing_it_is_the_variance_of_one_auc() {
        let truth: Vec<bool> = (0..200).map(|row| row % 3 == 0).collect();
        let scores: Vec<f64> = (0..200)
            .map(|row| f64::from(row * 7919 % 211) + if row % 3 == 0 { 60.0 } else { 0.0 })
            .collect();
        let difference = auc_difference(&scores, &[0.5; 200], &truth).unwrap();
        let auc = auc(&scores, &truth).unwrap();
        assert!((difference.value - (auc - 0.5)).abs() < 1e-12);
        let (narrow, logit) =
            (difference.interval.unwrap(), auc_interval(&scores, &truth).unwrap());
        let (width, expected) = (narrow.high - narrow.low, logit.high - logit.low);
        assert!((width / expected - 1.0).abs() < 0.05, "{width} {expected}");
    }

    #[test]
    fn paired_means_have_the_interval_of_their_differences() {
        let (a, b) = ([1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]);
        let difference = mean_difference(&a, &b).unwrap();
        let half = Z_95 * (0.25_f64 / 4.0).sqrt();
        let interval = difference.interval.unwrap();
        assert!((difference.value - 0.25).abs() < 1e-12);
        assert!((interval.high - 0.25 - half).abs() < 1e-12, "{interval:?}");
        assert_eq!(mean_difference(&a, &b[1..]), None);
        assert_eq!(mean_difference(&[], &[]), None);
    }
}
