//! Scaling of numbers.

use std::sync::OnceLock;

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
        let scaled = self.scale.apply(value);
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
            Self::Standard(scale) => scale.apply(value).clamp(-MAX_STANDARD, MAX_STANDARD) as f32,
        }
    }

    /// The same for many, to the bit.
    fn apply_all(&self, values: &[f64], scaled: &mut [f32]) {
        match self {
            Self::Quantile(scale) => scale.apply_all(values, scaled),
            Self::Standard(_) => {
                for (value, scaled) in values.iter().zip(scaled) {
                    *scaled = self.apply(*value);
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

    fn apply(&self, value: f64) -> f64 {
        let level = self.level(self.guide.parts(&self.quantiles), value);
        normal(stats::normal_inverse_cdf(level).unwrap_or(f64::NAN))
    }

    /// The same for many, whose levels become normal together.
    fn apply_all(&self, values: &[f64], scaled: &mut [f32]) {
        const CHUNK: usize = 128;
        let parts = self.guide.parts(&self.quantiles);
        let mut levels = [0.0; CHUNK];
        for (values, scaled) in values.chunks(CHUNK).zip(scaled.chunks_mut(CHUNK)) {
            let levels = &mut levels[..values.len()];
            for (level, value) in levels.iter_mut().zip(values) {
                *level = self.level(parts, *value);
            }
            stats::normal_inverse_cdfs(levels);
            for (level, scaled) in levels.iter().zip(scaled) {
                *scaled = normal(*level) as f32;
            }
        }
    }

    /// The share of the training rows below a value, within what they can tell.
    #[inline]
    fn level(&self, parts: &Parts, value: f64) -> f64 {
        let below = parts.below(&self.quantiles, value);
        let last = (self.quantiles.len().max(2) - 1) as f64;
        let (low, high) =
            (below.checked_sub(1).and_then(|i| self.quantiles.get(i)), self.quantiles.get(below));
        let position = match (low, high) {
            // Halved, so that the difference of two huge values stays finite.
            (Some(low), Some(high)) if *high != value => {
                (below - 1) as f64 + (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
            }
            (_, Some(high)) if *high == value => {
                let ties = self.quantiles.get(below..).unwrap_or_default();
                let through = below + ties.partition_point(|q| *q <= value);
                (below + through - 1) as f64 / 2.0
            }
            _ => below as f64,
        };
        (position / last).clamp(self.floor, 1.0 - self.floor)
    }
}

/// A normal deviate within what networks are given; 0 for none.
fn normal(z: f64) -> f64 {
    if z.is_nan() { 0.0 } else { z.clamp(-MAX_NORMAL, MAX_NORMAL) }
}

/// Parts of equal width of the range of the quantiles.
const PARTS: usize = 1024;

/// Where among the quantiles a value is to be looked for. A search from the middle would read ten
/// places of them; this one reads two or three, and where the quantiles lie so unevenly that a part
/// holds many, no more than the other.
#[derive(Debug, Clone, Default)]
struct Guide(OnceLock<Parts>);

/// It follows from the quantiles.
impl PartialEq for Guide {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Clone)]
struct Parts {
    lowest: f64,
    /// Parts per unit; 0 where the range is empty or too large to be parted.
    scale: f64,
    /// Number of quantiles in the parts before each.
    starts: Vec<u16>,
}

impl Guide {
    fn parts(&self, quantiles: &[f64]) -> &Parts {
        self.0.get_or_init(|| Parts::of(quantiles))
    }
}

impl Parts {
    fn of(quantiles: &[f64]) -> Self {
        let (lowest, highest) = (quantiles.first(), quantiles.last());
        let (lowest, highest) = (lowest.copied().unwrap_or(0.0), highest.copied().unwrap_or(0.0));
        let scale = PARTS as f64 / (highest - lowest);
        let scale = if scale.is_normal() { scale } else { 0.0 };
        let mut parts = Self { lowest, scale, starts: Vec::with_capacity(PARTS + 1) };
        let mut start = 0;
        for part in 0..=PARTS {
            let rest = quantiles.get(start..).unwrap_or_default();
            start += rest.iter().take_while(|q| parts.part(**q) < part).count();
            parts.starts.push(u16::try_from(start).unwrap_or(u16::MAX));
        }
        parts
    }

    /// Number of ascending quantiles below a value.
    fn below(&self, quantiles: &[f64], value: f64) -> usize {
        let part = self.part(value);
        // What stands in an earlier part is smaller, what stands in a later one is larger: the part
        // never falls while the value rises, also by rounding.
        let (from, to) = (usize::from(self.starts[part]), usize::from(self.starts[part + 1]));
        from + quantiles[from..to].partition_point(|q| *q < value)
    }

    fn part(&self, value: f64) -> usize {
        // A negative number and NaN become 0, one that is too large the last.
        (((value - self.lowest) * self.scale) as usize).min(PARTS - 1)
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
    fn the_guide_finds_what_a_search_finds() {
        let even: Vec<f64> = (0..1000).map(f64::from).collect();
        let skewed: Vec<f64> = (0..1000).map(|i| f64::from(i).powi(5)).collect();
        let tied: Vec<f64> = (0..1000).map(|i| f64::from((i - 600).max(0) / 7)).collect();
        let huge = vec![f64::MIN, -1.0, 0.0, 1e-300, f64::MAX];
        let same = vec![3.0; 10];
        for quantiles in [even, skewed, tied, huge, same, vec![1.0, 1.0 + f64::EPSILON]] {
            let guide = Guide::default();
            let beyond = [f64::NEG_INFINITY, f64::MIN, -1.0, 0.5, f64::MAX, f64::INFINITY];
            let near = quantiles.iter().flat_map(|q| [q.next_down(), *q, q.next_up()]);
            for value in near.chain(beyond).collect::<Vec<_>>() {
                let searched = quantiles.partition_point(|q| *q < value);
                assert_eq!(guide.parts(&quantiles).below(&quantiles, value), searched, "{value}");
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
