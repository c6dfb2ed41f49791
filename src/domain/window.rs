//! Windows: stretches of a series that are read, and what of it is to be foretold.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most steps that a window reads.
pub const MAX_LOOK_BACK: u32 = 4096;
/// Most steps that are forecast.
pub const MAX_HORIZON: u32 = 1024;
/// Most quantiles that are forecast.
pub const MAX_QUANTILES: usize = 19;

/// How the rows of a table become windows of series.
///
/// A table is long, with a series for each value of `entity`, or wide, with a series in each column
/// and one row an instant. The rows of a series are put in the order of `time`; a step is from one
/// row to the next. A window reads `look_back` rows, passes over `gap`, and is held against the
/// `horizon` rows after that. No window reaches across series, and no row that is foretold is in
/// two parts: windows across the bounds of the parts are left out. Windows of a later part may read
/// rows of an earlier one, never the other way round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// The column that orders the rows of a series: a timestamp or a number, different in each of
    /// them. Not used as a feature.
    #[schema(example = "date")]
    pub time: String,
    /// The column that says which series a row is of; all are one series when absent. Not used as
    /// a feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Rows that are read. When absent 336 for a forecast and 30 for `lstm` and other tasks, but
    /// at most a quarter of the longest series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub look_back: Option<u32>,
    /// Rows that are forecast. For other tasks, how many rows after the last one that is read the
    /// target stands: 0 is that row itself, and the target's column is then no feature.
    #[serde(default = "defaults::horizon")]
    #[schema(minimum = 0, maximum = 1024)]
    pub horizon: u32,
    /// Rows between those that are read and those that are foretold.
    #[serde(default)]
    #[schema(maximum = 1024)]
    pub gap: u32,
    /// Rows from the start of one training window to the next. Validation and test take all.
    #[serde(default = "defaults::stride")]
    #[schema(minimum = 1, maximum = 1024)]
    pub stride: u32,
    /// Columns that are forecast beside `target`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Levels of the quantiles that are forecast, ascending, 0.5 among them; the mean alone when
    /// empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 19, example = json!([0.1, 0.5, 0.9]))]
    pub quantiles: Vec<f64>,
    /// Rows in a season, for the seasonal naive forecast and the MASE. When absent what the usual
    /// time between two rows tells: 24 for an hour, 7 for a day, 52 for a week, 12 for a month, 4
    /// for a quarter, else 1, which is no season.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub season: Option<u32>,
    /// A longer pause than so many times the usual time between two rows ends a series, and a new
    /// one begins. Pauses end none when absent; uneven steps are then warned about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_pause: Option<f64>,
}

mod defaults {
    pub(super) fn horizon() -> u32 {
        1
    }
    pub(super) fn stride() -> u32 {
        1
    }
}
