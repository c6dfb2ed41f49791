//! How a forecast would have done, trained anew as time went on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::forecast::{AgainstRandomWalk, ForecastBaseline};
use crate::domain::version::Interval;

/// Trains a version's specification anew on the rows up to each of several origins and forecasts the
/// rows after it, which that training has not seen: neither networks, nor scales, baselines or
/// intervals know a row after their origin. A version of a forecast is needed. Of the request, `rows`
/// has no meaning here, and `seed` is added to that of the specification; all rows of the dataset are
/// used, of the version's own where none is named. What all trainings together are expected to take,
/// by what the version's own took, must not be more than 6 hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollingOriginSpec {
    /// Times up to which rows are known, the last one so that all that it foretells is known too.
    #[serde(default = "defaults::origins")]
    #[schema(minimum = 2, maximum = 1000)]
    pub origins: u32,
    /// Rows from one origin to the next; as many as are forecast when absent, so that no row is
    /// foretold twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub step: Option<u32>,
    /// Whether a training reads all rows before its origin or the newest alone.
    #[serde(default)]
    pub training: RollingTraining,
    /// Times before an origin that a `sliding` training reads; as many as there are before the first
    /// origin when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 20, maximum = 10_000_000)]
    pub training_rows: Option<u32>,
    /// The networks are trained anew at each so manieth origin, and answer at those between.
    #[serde(default = "defaults::refit_every")]
    #[schema(minimum = 1, maximum = 1000)]
    pub refit_every: u32,
    /// Share of the times before an origin, the newest, that validate: they end a training early, and
    /// intervals are learnt from them.
    #[serde(default = "defaults::validation")]
    #[schema(minimum = 0.05, maximum = 0.5)]
    pub validation: f64,
}

impl Default for RollingOriginSpec {
    fn default() -> Self {
        Self {
            origins: defaults::origins(),
            step: None,
            training: RollingTraining::default(),
            training_rows: None,
            refit_every: defaults::refit_every(),
            validation: defaults::validation(),
        }
    }
}

mod defaults {
    pub(super) fn origins() -> u32 {
        12
    }
    pub(super) fn refit_every() -> u32 {
        1
    }
    pub(super) fn validation() -> f64 {
        0.2
    }
}

/// Which rows before its origin a training reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollingTraining {
    /// All of them.
    #[default]
    Expanding,
    /// The newest, always as many.
    Sliding,
}

/// How the forecasts from all origins did.
///
/// Scaled figures are in standard deviations of the version's own training rows, so that they can be
/// held against its metrics; a mean is over origins, series, steps and columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RollingOriginResult {
    /// In the order of time.
    pub origins: Vec<OriginResult>,
    /// Trainings.
    pub refits: u64,
    /// Rows from one origin to the next.
    pub step: u32,
    /// Rows that are forecast from each.
    pub horizon: u32,
    /// Rows between an origin and the first that is forecast.
    pub gap: u32,
    /// Scaled.
    pub mse: f64,
    /// Scaled.
    pub mae: f64,
    /// Mean of the origins' MASE; absent where one has none.
    pub mase: Option<f64>,
    /// What the simplest forecasts reached from the same origins, each fitted to the same rows, and
    /// the test of Diebold and Mariano, over origins, corrected for as many as are foretold together.
    pub baselines: Vec<ForecastBaseline>,
    pub against_random_walk: AgainstRandomWalk,
    /// Of the coverages for which each training had enough validation windows.
    pub intervals: Vec<RolledCoverage>,
    /// Of all trainings.
    pub seconds: f64,
}

/// The forecasts from one origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OriginResult {
    /// The last time that was known.
    pub from: String,
    /// Whether networks were trained for this origin; else it is answered by those of an earlier one.
    pub refitted: bool,
    /// Windows that the networks were trained on.
    pub training_windows: u64,
    /// Series that were forecast.
    pub series: u64,
    /// Scaled.
    pub mse: f64,
    /// Scaled.
    pub mae: f64,
    /// Error over that of the seasonal naive forecast within the training rows; absent where these
    /// repeat exactly.
    pub mase: Option<f64>,
    /// Scaled squared error of each baseline, by its name.
    #[schema(example = json!({"random_walk": 0.9, "ridge": 0.8}))]
    pub baselines: BTreeMap<String, f64>,
    /// Share of the true values that lay in their intervals, by the intervals' coverage.
    #[schema(example = json!({"0.9": 0.917}))]
    pub covered: BTreeMap<String, f64>,
}

/// How intervals of one coverage did over all origins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolledCoverage {
    /// The share that they were made to cover.
    #[schema(example = 0.9)]
    pub coverage: f64,
    /// The share that they covered.
    pub covered: f64,
    /// 95 % confidence interval of that share (Wilson), origins one of which comes before what another
    /// foretells is over counting as one.
    pub interval: Interval,
    /// Origins that are independent of each other in that sense.
    pub trials: u64,
}
