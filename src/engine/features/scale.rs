//! Scaling of numbers.

use serde::{Deserialize, Serialize};

use crate::domain::model::Scaling;
use crate::stats;

/// Most quantiles that are kept.
const MAX_QUANTILES: usize = 1000;
/// Inputs stay within this many standard deviations of a normal distribution.
const MAX_NORMAL: f64 = 5.2;
/// Standardised inputs stay within this many standard deviations: far enough to change no honest
/// value, near enough to keep f32 finite.
const MAX_STANDARD: f64 = 100.0;

/// How numbers are brought to one scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scale {
    Quantile(Quantile),
    Standard(Standard),
}

impl Scale {
    /// Fits finite values; None where they can't be scaled.
    pub(super) fn fit(values: &[f64], scaling: Scaling) -> Option<Self> {
        match scaling {
            Scaling::Quantile => Quantile::fit(values).map(Self::Quantile),
            Scaling::Standard => Standard::fit(values).map(Self::Standard),
        }
    }

    /// A finite input for any value but NaN.
    pub(super) fn apply(&self, value: f64) -> f32 {
        match self {
            Self::Quantile(scale) => scale.apply(value) as f32,
            Self::Standard(scale) => scale.apply(value).clamp(-MAX_STANDARD, MAX_STANDARD) as f32,
        }
    }
}

/// To a normal distribution by the mid-rank among the training rows, linear between quantiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quantile {
    /// Ascending, at equally spaced levels from 0 to 1.
    quantiles: Vec<f64>,
    /// Lowest level: half a training row, since nothing is known beyond.
    floor: f64,
}

impl Quantile {
    fn fit(values: &[f64]) -> Option<Self> {
        let count = values.len().clamp(2, MAX_QUANTILES);
        let levels: Vec<f64> = (0..count).map(|i| i as f64 / (count - 1) as f64).collect();
        let floor = (0.5 / values.len() as f64).min(0.5);
        Some(Self { quantiles: stats::quantiles(values, &levels)?, floor })
    }

    fn apply(&self, value: f64) -> f64 {
        let below = self.quantiles.partition_point(|q| *q < value);
        let ties = self.quantiles.get(below..).unwrap_or_default();
        let through = match ties.first() {
            Some(first) if *first == value => below + ties.partition_point(|q| *q <= value),
            _ => below,
        };
        let position = if below < through {
            (below + through - 1) as f64 / 2.0
        } else {
            match (
                below.checked_sub(1).and_then(|i| self.quantiles.get(i)),
                self.quantiles.get(below),
            ) {
                // Halved, so that the difference of two huge values stays finite.
                (Some(low), Some(high)) => {
                    (below - 1) as f64 + (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
                }
                _ => below as f64,
            }
        };
        let level = position / (self.quantiles.len().max(2) - 1) as f64;
        stats::normal_inverse_cdf(level.clamp(self.floor, 1.0 - self.floor))
            .map_or(0.0, |z| z.clamp(-MAX_NORMAL, MAX_NORMAL))
    }
}

/// To mean 0 and standard deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    pub mean: f64,
    pub deviation: f64,
}

impl Standard {
    /// None where the values don't vary, or are too large for their squares.
    pub(crate) fn fit(values: &[f64]) -> Option<Self> {
        let (mean, deviation) = (stats::mean(values)?, stats::standard_deviation(values)?);
        (deviation.is_normal()).then_some(Self { mean, deviation })
    }

    pub(crate) fn apply(&self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }

    pub(crate) fn undo(&self, scaled: f64) -> f64 {
        scaled * self.deviation + self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_map_to_a_normal_distribution() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i).powi(3)).collect();
        let scale = Scale::fit(&values, Scaling::Quantile).unwrap();
        let scaled: Vec<f64> = values.iter().map(|v| f64::from(scale.apply(*v))).collect();
        assert!(stats::mean(&scaled).unwrap().abs() < 1e-3);
        assert!((stats::standard_deviation(&scaled).unwrap() - 1.0).abs() < 0.01);
        assert!((scale.apply(values[2500])).abs() < 1e-2);
        assert!(scaled.windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn ties_take_their_middle_rank() {
        // Six tenths are zeros: their middle rank is 0.3.
        let values: Vec<f64> = (0..1000).map(|i| f64::from((i - 600).max(0))).collect();
        let scale = Scale::fit(&values, Scaling::Quantile).unwrap();
        assert!((f64::from(scale.apply(0.0)) - -0.5244).abs() < 0.01, "{}", scale.apply(0.0));
    }

    #[test]
    fn any_value_becomes_finite() {
        for scaling in [Scaling::Quantile, Scaling::Standard] {
            for values in [&[1.0, 2.0, 3.0][..], &[f64::MIN, 0.0, f64::MAX], &[-1e-300, 1e300]] {
                let Some(scale) = Scale::fit(values, scaling) else { continue };
                for value in [f64::MIN, -1.0, 0.0, 2.5, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]
                {
                    assert!(scale.apply(value).is_finite(), "{scale:?} of {value}");
                }
            }
        }
    }

    #[test]
    fn beyond_the_training_rows_the_last_level_holds() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let scale = Scale::fit(&values, Scaling::Quantile).unwrap();
        assert_eq!(scale.apply(1e9), scale.apply(100.0));
        assert!((scale.apply(1e9) - 2.5758).abs() < 1e-3);
    }

    #[test]
    fn standard_scaling_can_be_undone() {
        let scale = Standard::fit(&[1.0, 2.0, 4.0]).unwrap();
        assert!((scale.undo(scale.apply(3.3)) - 3.3).abs() < 1e-12);
        assert!(Standard::fit(&[2.0, 2.0]).is_none());
    }
}
