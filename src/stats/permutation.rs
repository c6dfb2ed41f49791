//! Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019): how much worse a metric gets
//! when columns are shuffled against all others.

use super::{mean, standard_deviation};

/// How much a metric suffers, in its own unit; positive where the columns matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Importance {
    pub mean: f64,
    /// Over the repeats, with divisor n - 1.
    pub standard_deviation: f64,
    /// Of the mean, by the shuffling alone (not by the choice of rows).
    pub standard_error: f64,
}

/// The importance by the metric of the rows as they are and of each repeat; `higher_is_better` of the
/// metric. `None` below two repeats and for a metric that is not finite.
pub fn permutation_importance(
    base: f64,
    permuted: &[f64],
    higher_is_better: bool,
) -> Option<Importance> {
    let lost = |metric: &f64| if higher_is_better { base - metric } else { metric - base };
    let lost: Vec<f64> = permuted.iter().map(lost).collect();
    let standard_deviation = standard_deviation(&lost)?;
    let standard_error = standard_deviation / (lost.len() as f64).sqrt();
    Some(Importance { mean: mean(&lost)?, standard_deviation, standard_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As NumPy: `np.mean`, `np.std(ddof=1)`.
    #[test]
    fn what_is_lost_is_positive_whichever_way_a_metric_goes() {
        let found = permutation_importance(0.8, &[0.7, 0.6, 0.65], true).unwrap();
        assert!((found.mean - 0.15).abs() < 1e-12, "{found:?}");
        assert!((found.standard_deviation - 0.05).abs() < 1e-12, "{found:?}");
        assert!((found.standard_error - 0.05 / 3f64.sqrt()).abs() < 1e-12, "{found:?}");
        let of_loss = permutation_importance(-0.8, &[-0.7, -0.6, -0.65], false).unwrap();
        assert!((of_loss.mean - found.mean).abs() < 1e-12);
        assert_eq!(of_loss.standard_error, found.standard_error);
    }

    #[test]
    fn nothing_is_said_without_repeats_or_of_what_is_not_finite() {
        assert_eq!(permutation_importance(1.0, &[], true), None);
        assert_eq!(permutation_importance(1.0, &[0.5], true), None);
        assert_eq!(permutation_importance(f64::NAN, &[0.5, 0.6], true), None);
        assert_eq!(permutation_importance(1.0, &[0.5, f64::INFINITY], true), None);
    }
}
