//! Stress: what a portfolio would lose if something happened at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most of what may be asked for at once.
pub const MAX_WINDOWS: usize = 20;
pub const MAX_SCENARIOS: usize = 50;
pub const MAX_WORST: u32 = 10;
pub const MAX_LENGTHS: usize = 5;
pub const MAX_LENGTH: u32 = 250;

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StressRequest {
    /// Spans of the history by name: today's portfolio, held through them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub windows: Vec<StressWindow>,
    /// The worst spans of the history; those of 1, 5 and 20 rows, one each, when absent.
    #[serde(default)]
    pub worst: WorstRequest,
    /// Shocks that you think of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub scenarios: Vec<StressScenario>,
    /// The group of each asset, for shocks to groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, String>,
}

/// A span of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StressWindow {
    #[schema(example = "Brexit")]
    pub name: String,
    /// The first return that counts.
    #[schema(example = "2016-06-24")]
    pub from: String,
    /// The last one.
    #[schema(example = "2016-06-27")]
    pub to: String,
}

/// The spans in which today's portfolio would have lost most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorstRequest {
    /// Rows of each, at most five lengths.
    #[schema(max_items = 5)]
    pub lengths: Vec<u32>,
    /// So many of each length, none overlapping another.
    #[schema(minimum = 1, maximum = 10)]
    pub count: u32,
}

impl Default for WorstRequest {
    fn default() -> Self {
        Self { lengths: vec![1, 5, 20], count: 1 }
    }
}

/// Returns that come all at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StressScenario {
    #[schema(example = "rates up")]
    pub name: String,
    /// Of single assets: -0.2 is a fall of 20 %. They stand before those of groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"AAPL": -0.2}))]
    pub assets: BTreeMap<String, f64>,
    /// Of all assets of a group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, f64>,
    /// Of all others.
    #[serde(default)]
    pub others: f64,
}

/// Where a stress comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StressKind {
    /// A span that was named.
    Window,
    /// Among the worst of the history.
    Worst,
    /// Shocks that were given.
    Scenario,
}

/// What would be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StressResult {
    pub name: String,
    pub kind: StressKind,
    /// The first and the last return, of spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// As a share of the value; negative is a gain.
    pub loss: f64,
    /// Times what the portfolio is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    /// Those that lose most, at most ten.
    pub assets: Vec<StressedAsset>,
}

/// One asset's part in a stress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StressedAsset {
    pub asset: String,
    /// Its return.
    pub shock: f64,
    /// Its part in the loss of the whole.
    pub loss: f64,
}
