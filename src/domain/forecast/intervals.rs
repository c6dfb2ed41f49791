//! Intervals of forecasts, and how often what came true lay in them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::version::Interval;

/// The coverages for which each version that forecasts carries intervals.
pub const COVERAGES: [f64; 3] = [0.8, 0.9, 0.95];

/// Where a value is expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastInterval {
    /// In the column's unit.
    pub low: f64,
    /// In the column's unit.
    pub high: f64,
}

/// How wide intervals have to be is learnt from the validation windows (split conformal prediction).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// As far to both sides of the forecast as enough of the validation windows erred by, step by step
    /// and column by column (Vovk et al. 2005; Lei et al. 2018).
    AbsoluteResidual,
    /// From a low to a high quantile that are forecast, moved out, or in, until they cover enough of
    /// the validation windows (Romano, Patterson & Candès 2019).
    Quantile,
}

impl IntervalMethod {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbsoluteResidual => "absolute_residual",
            Self::Quantile => "quantile",
        }
    }
}

/// How intervals of one coverage did on the test windows, of which neither the networks nor the
/// intervals had learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntervalMetrics {
    /// The share of true values that the intervals are made to cover.
    #[schema(example = 0.9)]
    pub coverage: f64,
    pub method: IntervalMethod,
    /// Validation windows from which their widths were learnt.
    pub calibrated_on: u64,
    /// Share of the true values that lay in their intervals, over windows, steps and columns.
    pub covered: f64,
    /// 95 % confidence interval of that share (Wilson). Forecasts one of which begins before the other is
    /// over, and those of several series at one time, err together: they count as one trial.
    pub interval: Interval,
    /// Trials that are independent of each other in that sense.
    pub trials: u64,
    /// Mean width of the intervals, in standard deviations of the training rows.
    pub mean_width: f64,
    /// What coverage would have been with intervals that are widened after each miss.
    pub adaptive: AdaptiveCoverage,
    /// Share that was covered, of each step ahead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_step: Vec<f64>,
    /// Share and width by column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_target: Vec<TargetCoverage>,
}

/// The intervals of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetCoverage {
    pub target: String,
    /// Share of its true values that were covered.
    pub covered: f64,
    /// In the column's unit.
    pub mean_width: f64,
}

/// Coverage of adaptive conformal intervals (Gibbs & Candès 2021) over the test windows, in the order
/// of time, each step and column of each series by itself: after a miss the next intervals are made
/// for a larger coverage, after a hit for a slightly smaller one. A miss counts from when it can be
/// known, as many rows later as it was forecast ahead. Where this is much nearer to what is asked
/// than the fixed intervals' coverage, the series has changed since the validation windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdaptiveCoverage {
    /// Share of the true values that lay in their intervals.
    pub covered: f64,
    /// How much the share of misses that is aimed at moves after a miss.
    pub rate: f64,
    /// Share of the intervals that had to be wider than any error of the validation windows, and so
    /// have no bounds.
    pub unbounded: f64,
    /// Mean width of those that have bounds, in standard deviations of the training rows; absent where
    /// none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_width: Option<f64>,
}

impl IntervalMetrics {
    /// `90 % intervals covered 83.1 % of the test values (95 % interval 81.3 % to 84.7 %), adaptive ones
    /// 89.7 %`.
    pub fn text(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        format!(
            "{} % intervals covered {} of the test values (95 % interval {} to {}), adaptive ones {}",
            (1000.0 * self.coverage).round() / 10.0,
            percent(self.covered),
            percent(self.interval.low),
            percent(self.interval.high),
            percent(self.adaptive.covered)
        )
    }
}
