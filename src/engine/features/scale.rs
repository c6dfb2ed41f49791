//! Scaling of numbers.

use std::sync::OnceLock;

use actuary_kernels::Levels;
use serde::{Deserialize, Serialize};

use super::bins::mixed_edges;
use crate::domain::training::Scaling;
use crate::stats;

/// Fewest and most quantiles that are kept, and rows for each.
const MIN_QUANTILES: usize = 10;
const MAX_QUANTILES: usize = 1000;
const ROWS_PER_QUANTILE: usize = 30;
/// Inputs stay within this many standard deviations of a normal distribution.
const MAX_NORMAL: f64 = 5.2;
/// Standardised inputs stay within this many standard deviations: far enough to change no honest
/// value, near enough to keep f32 finite.
const MAX_STANDARD: f64 = 100.0;

/// A number's scale, and the edges of its bins on that scale where a network asks for bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binned {
    scale: Scale,
    /// Ascending; none, or two at least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edges: Vec<f32>,
}

impl Binned {
    /// Fits finite, ascending values; None where they can't be scaled.
    pub(super) fn fit(sorted: &[f64], scaling: Scaling, bins: usize) -> Option<Self> {
        let scale = Scale::fit(sorted, scaling)?;
        let edges = if bins > 0 {
            let scaled: Vec<f32> = sorted.iter().map(|v| scale.apply(*v)).collect();
            mixed_edges(&scaled, bins)
        } else {
            Vec::new()
        };
        Some(Self { scale, edges })
    }

    /// Of a number that has one value.
    pub(super) fn constant(value: f64) -> Self {
        let scale = Scale::Standard(Standard { mean: value, deviation: 1.0 });
        Self { scale, edges: Vec::new() }
    }

    /// A finite input for any value but NaN; with bins, none beyond them.
    pub(super) fn apply(&self, value: f64) -> f32 {
        self.within(self.scale.apply(value))
    }

    /// The quantiles whose levels are asked for, where they are.
    pub(super) fn quantile(&self) -> Option<&Quantile> {
        match &self.scale {
            Scale::Quantile(quantile) => Some(quantile),
            Scale::Standard(_) => None,
        }
    }

    /// What [`Binned::apply`] gives for a value of whose level this is the normal deviate.
    pub(super) fn of_normal(&self, deviate: f64) -> f32 {
        self.within(normal(deviate) as f32)
    }

    fn within(&self, scaled: f32) -> f32 {
        match self.edges.as_slice() {
            [first, .., last] => scaled.clamp(*first, *last),
            _ => scaled,
        }
    }

    /// The same for many, to the bit.
    pub(super) fn apply_all(&self, values: &[f64], scaled: &mut [f32]) {
        self.scale.apply_all(values, scaled);
        if let [first, .., last] = self.edges.as_slice() {
            scaled.iter_mut().for_each(|scaled| *scaled = scaled.clamp(*first, *last));
        }
    }

    pub(super) fn edges(&self) -> &[f32] {
        &self.edges
    }

    pub(super) fn scale(&self) -> &Scale {
        &self.scale
    }
}

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
            Self::Standard(scale) => scale.bounded(value),
        }
    }

    /// The same for many, to the bit.
    fn apply_all(&self, values: &[f64], scaled: &mut [f32]) {
        match self {
            Self::Quantile(scale) => scale.apply_all(values, scaled),
            Self::Standard(scale) => {
                for (value, scaled) in values.iter().zip(scaled) {
                    *scaled = scale.bounded(*value);
                }
            }
        }
    }
}

/// To a normal distribution by the mid-rank among the training rows, linear between quantiles.
///
/// Equal values take their middle rank, as they do where a little noise is added before the
/// quantiles are taken (Gorishniy et al. 2021), but without chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quantile {
    /// Ascending, at equally spaced levels from 0 to 1.
    quantiles: Vec<f64>,
    /// Lowest level: half a training row, since nothing is known beyond.
    floor: f64,
    #[serde(skip)]
    guide: Guide,
}

impl Quantile {
    fn fit(values: &[f64]) -> Option<Self> {
        let count = (values.len() / ROWS_PER_QUANTILE).clamp(MIN_QUANTILES, MAX_QUANTILES);
        let levels: Vec<f64> = (0..count).map(|i| i as f64 / (count - 1) as f64).collect();
        let floor = (0.5 / values.len() as f64).min(0.5);
        let quantiles = stats::quantiles(values, &levels)?;
        Some(Self { quantiles, floor, guide: Guide::default() })
    }

    /// Quantiles of the training rows at equal levels, ascending.
    pub(super) fn values(&self) -> &[f64] {
        &self.quantiles
    }

    fn apply(&self, value: f64) -> f64 {
        normal(stats::normal_inverse_cdf(self.level(value)).unwrap_or(f64::NAN))
    }

    /// The share of the training rows below a value.
    #[inline]
    pub(super) fn level(&self, value: f64) -> f64 {
        self.within(self.guide.levels(&self.quantiles).level(value))
    }

    /// The same for many, whose levels become normal together.
    fn apply_all(&self, values: &[f64], scaled: &mut [f32]) {
        const CHUNK: usize = 128;
        let guide = self.guide.levels(&self.quantiles);
        let mut levels = [0.0; CHUNK];
        for (values, scaled) in values.chunks(CHUNK).zip(scaled.chunks_mut(CHUNK)) {
            let levels = &mut levels[..values.len()];
            guide.levels(values, levels);
            levels.iter_mut().for_each(|level| *level = self.within(*level));
            stats::normal_inverse_cdfs(levels);
            for (level, scaled) in levels.iter().zip(scaled) {
                *scaled = normal(*level) as f32;
            }
        }
    }

    /// A level within what the training rows can tell.
    #[inline]
    fn within(&self, level: f64) -> f64 {
        level.clamp(self.floor, 1.0 - self.floor)
    }
}

/// A normal deviate within what networks are given; 0 for none.
#[inline]
fn normal(z: f64) -> f64 {
    if z.is_nan() { 0.0 } else { z.clamp(-MAX_NORMAL, MAX_NORMAL) }
}

/// Finds a value among the quantiles. It follows from them.
#[derive(Debug, Clone, Default)]
struct Guide(OnceLock<Levels>);

impl PartialEq for Guide {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Guide {
    fn levels(&self, quantiles: &[f64]) -> &Levels {
        self.0.get_or_init(|| Levels::new(quantiles))
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

    #[inline]
    pub(crate) fn apply(&self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }

    #[inline]
    fn bounded(&self, value: f64) -> f32 {
        self.apply(value).clamp(-MAX_STANDARD, MAX_STANDARD) as f32
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
        assert!(stats::mean(&scaled).unwrap().abs() < 1e-2);
        assert!((stats::standard_deviation(&scaled).unwrap() - 1.0).abs() < 0.02);
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
    fn many_at_once_have_the_bits_of_one_after_the_other() {
        let tied: Vec<f64> = (0..3000).map(|i| f64::from((i - 600).max(0) / 7)).collect();
        let values: Vec<f64> = (-50..2000).map(|i| f64::from(i) * 0.187).collect();
        for scaling in [Scaling::Quantile, Scaling::Standard] {
            for bins in [0, 8] {
                let scale = Binned::fit(&tied, scaling, bins).unwrap();
                let mut all = vec![0.0; values.len()];
                scale.apply_all(&values, &mut all);
                for (value, scaled) in values.iter().zip(&all) {
                    assert_eq!(scaled.to_bits(), scale.apply(*value).to_bits(), "{value}");
                    if let Some(quantile) = scale.quantile() {
                        let mut level = quantile.level(*value);
                        stats::normal_inverse_cdfs(std::slice::from_mut(&mut level));
                        assert_eq!(scaled.to_bits(), scale.of_normal(level).to_bits(), "{value}");
                    }
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
