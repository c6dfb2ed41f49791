//! How far the intervals of a forecast reach, learnt from validation windows and kept with the version.

use serde::{Deserialize, Serialize};

use super::FittedFeatures;
use crate::stats::widened;

/// The intervals of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FittedIntervals {
    /// Validation windows that they were learnt from.
    pub(crate) windows: u64,
    /// One for each coverage for which these are enough.
    pub(crate) coverages: Vec<FittedCoverage>,
}

/// The intervals of one coverage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FittedCoverage {
    pub(crate) coverage: f64,
    /// Places among the version's levels of the forecasts from which they reach down and up: one
    /// place, where no pair of quantiles is forecast.
    pub(crate) low: usize,
    pub(crate) high: usize,
    /// `[horizon * series]`, scaled.
    pub(crate) radii: Vec<f64>,
}

impl FittedFeatures {
    /// The intervals of forecasts, where it is these that are answered.
    pub(crate) fn intervals(&self) -> Option<&FittedIntervals> {
        self.sequence.as_ref()?.intervals.as_ref()
    }

    /// The same features with these intervals.
    pub(crate) fn with_intervals(mut self, intervals: FittedIntervals) -> Self {
        if let Some(sequence) = &mut self.sequence {
            sequence.intervals = Some(intervals);
        }
        self
    }

    /// Intervals round forecasts `[horizon, series, levels]` in the columns' units: low and high of each
    /// step and series. None of a coverage that is not carried.
    pub(crate) fn intervals_round(
        &self,
        forecasts: &[f64],
        coverage: f64,
    ) -> Option<Vec<(f64, f64)>> {
        let sequence = self.sequence.as_ref()?;
        let levels = sequence.window.quantiles.len().max(1);
        let fitted = self.intervals()?.coverages.iter().find(|c| c.coverage == coverage)?;
        let each = forecasts.chunks_exact(levels).zip(&fitted.radii).enumerate();
        let of = |(cell, (forecast, radius)): (usize, (&[f64], &f64))| {
            let series = sequence.series.get(cell % sequence.series.len().max(1))?;
            let (low, high) = (forecast.get(fitted.low)?, forecast.get(fitted.high)?);
            Some(widened(*low, *high, radius * series.scale.deviation))
        };
        each.map(of).collect()
    }
}
