//! Forecasts: what is asked, what is answered, and how good they were on the test part.

mod intervals;
mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::intervals::{
    AdaptiveCoverage, COVERAGES, ForecastInterval, IntervalMethod, IntervalMetrics, TargetCoverage,
};
pub use self::verdict::{AgainstRandomWalk, SIGNIFICANCE};
use super::dataset::DatasetRef;
use super::prediction::{Row, VersionRef, unique_rows};

/// History from which to forecast, and by which version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForecastRequest {
    /// The newest rows of each series, as many at least as the version reads. Either this or
    /// `dataset`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unique_rows")]
    #[schema(max_items = 100_000)]
    pub rows: Option<Vec<Row>>,
    /// A stored dataset whose newest rows are read. Either this or `rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRef>,
    /// Rows that are forecast, the first ones behind the version's `gap`: at most as many as it
    /// forecasts, which are also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1024)]
    pub horizon: Option<u32>,
    /// Levels among those that the version was trained for; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 19)]
    pub quantiles: Option<Vec<f64>>,
    /// Share of the true values that an interval round each value is to cover: 0.8, 0.9 or 0.95. How
    /// often such intervals did on the version's test windows is answered beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.9)]
    pub coverage: Option<f64>,
    /// Several coverages. Either this or `coverage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 3, example = json!([0.8, 0.95]))]
    pub intervals: Option<Vec<f64>>,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
}

/// The answer to a [`ForecastRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastResponse {
    /// One for each series and column, in the order in which the series come in the history.
    pub forecasts: Vec<Forecast>,
    pub model: String,
    /// The version that answered.
    pub version: u32,
    /// Whether the version beat the random walk on its test part.
    pub beats_random_walk: bool,
    /// The same with its figures and in words.
    pub against_random_walk: AgainstRandomWalk,
    /// How the intervals that were asked for did on the version's test windows, one for each coverage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<IntervalMetrics>,
}

/// The forecast of one column of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// Which series, where the version tells several apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The column.
    pub target: String,
    /// The last time that was read, as it was given.
    pub from: String,
    pub steps: Vec<ForecastStep>,
}

/// One row ahead. A version whose window has a `gap` forecasts none of the rows in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastStep {
    /// Rows after the last one that was read (`from`), counted from 1: the first one that is
    /// forecast is `gap + 1`.
    pub step: u32,
    /// In the column's unit: the mean, or the median of a version that forecasts quantiles.
    pub value: f64,
    /// By their levels, as text: `0.9`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quantiles: BTreeMap<String, f64>,
    /// By their coverage, as text: `0.9`. Each step's by itself: that all steps lie in theirs is less
    /// probable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: BTreeMap<String, ForecastInterval>,
}

/// Metrics of a forecast on the test part.
///
/// Scaled figures are in standard deviations of the training rows, each column by its own; a mean
/// is over windows, steps and columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastMetrics {
    /// Windows that were forecast.
    pub n: u64,
    /// Scaled.
    pub mse: f64,
    /// Scaled.
    pub mae: f64,
    /// Mean of the columns' MASE; absent where a column has none.
    pub mase: Option<f64>,
    /// Scaled squared error of each step ahead.
    pub mse_by_step: Vec<f64>,
    /// In each column's own unit, in the order of the signature's columns.
    pub by_target: Vec<TargetMetrics>,
    /// Errors of each series by itself, a series being a column of an entity, where there are at most 1,000 of them;
    /// versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_series: Vec<SeriesMetrics>,
    /// Of the quantiles, where they are forecast.
    pub quantiles: Option<QuantileMetrics>,
    /// What the simplest forecasts reach on the same windows.
    pub baselines: Vec<ForecastBaseline>,
    /// Whether the squared error is below the random walk's, and so far that chance is no
    /// explanation (p below 0.05).
    pub beats_random_walk: bool,
    /// The same with its figures and in words; versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_random_walk: Option<AgainstRandomWalk>,
    /// How often intervals covered what came true, one for each coverage for which there were enough
    /// validation windows; versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<IntervalMetrics>,
}

/// Errors of one column's forecasts in its own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetMetrics {
    pub target: String,
    pub mse: f64,
    pub mae: f64,
    /// Symmetric mean absolute percentage error, 0 to 200.
    pub smape: f64,
    /// The error over that of the seasonal naive forecast within the training rows; below 1 is
    /// better. Absent where these repeat exactly.
    pub mase: Option<f64>,
    /// Mean square of the last step's error as a share of the last value that was known, over all series; absent where
    /// one of these is not above 0, and of versions of earlier programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_mse: Option<f64>,
}

/// Errors of the forecasts of one column in one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesMetrics {
    /// What the entity column says; absent where all rows are one series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    pub target: String,
    /// Windows of it that were forecast.
    pub n: u64,
    /// Mean squared error over all steps, in the column's own unit.
    pub mse: f64,
    /// Mean square of the last step's error as a share of the last value that was known; absent where one of these
    /// is not above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_mse: Option<f64>,
}

/// How good forecast quantiles are, scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuantileMetrics {
    /// Mean pinball loss over all levels.
    pub pinball: f64,
    /// Continuous ranked probability score, estimated as twice that over the levels.
    pub crps: f64,
    /// One for each level.
    pub levels: Vec<LevelMetrics>,
}

/// One quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LevelMetrics {
    pub level: f64,
    pub pinball: f64,
    /// Share of the true values at or below the quantile, which should be the level.
    pub below: f64,
}

/// A forecast that needs no network, on the same windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastBaseline {
    pub kind: BaselineKind,
    /// Scaled.
    pub mse: f64,
    /// Scaled.
    pub mae: f64,
    /// 1 - MSE of the version / MSE of the baseline: above 0 the version is better.
    pub r2: Option<f64>,
    /// Of the version against the baseline; absent where the test is not defined.
    pub diebold_mariano: Option<ForecastTest>,
}

/// The simplest forecasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineKind {
    /// The last value, repeated: the best forecast of a random walk.
    RandomWalk,
    /// The last value, moved on by the mean change of the training rows.
    Drift,
    /// The value of one season before.
    SeasonalNaive,
    /// Linear in the values that are read, less the last of them; in closed form, its penalty
    /// chosen on the validation windows.
    Ridge,
}

impl BaselineKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RandomWalk => "random_walk",
            Self::Drift => "drift",
            Self::SeasonalNaive => "seasonal_naive",
            Self::Ridge => "ridge",
        }
    }
}

/// The test of Diebold and Mariano on squared errors, with the correction of Harvey, Leybourne and
/// Newbold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastTest {
    /// Negative where the version errs by less.
    pub statistic: f64,
    /// That differences so large come by chance where both err alike (two-sided).
    pub p_value: f64,
}
