//! Who invests: for how long, with what limits, and what is held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An investor's profile. Weights are shares of wealth and sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvestorProfile {
    /// Periods for which the portfolio is meant to be held: costs of trading are spread over them.
    #[serde(default = "year")]
    #[schema(minimum = 1, maximum = 10000, default = 252)]
    pub horizon: u32,
    /// Returns in a year: 252 of days, 52 of weeks, 12 of months.
    #[serde(default = "days")]
    #[schema(exclusive_minimum = 0, maximum = 100000, default = 252)]
    pub periods_per_year: f64,
    /// A year.
    #[serde(default)]
    #[schema(minimum = -1, maximum = 10, default = 0)]
    pub risk_free_rate: f64,
    #[serde(default)]
    pub limits: RiskLimits,
    /// Assets that are never held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    pub exclude: Vec<String>,
    /// Least weight of every asset; below 0 it may be sold short, but by `risk_parity`, `hrp` and `equal_weight`.
    #[serde(default)]
    #[schema(minimum = -1, maximum = 1, default = 0)]
    pub min_weight: f64,
    /// Greatest weight of every asset.
    #[serde(default = "one")]
    #[schema(minimum = 0, maximum = 2, default = 1)]
    pub max_weight: f64,
    /// Other bounds of single assets, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, WeightBounds>,
    /// Bounds on what assets weigh together: sectors, countries, kinds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, AssetGroup>,
    /// Bounds on the average of a score, weighted as the assets are: sustainability, quality.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, AssetScore>,
    /// What is held now, by asset; what is missing to 1 is cash, which is all there is when absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub current: BTreeMap<String, f64>,
    /// Most that may be bought and sold together, as a share of wealth: 2 is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub max_turnover: Option<f64>,
    /// What buying or selling costs, as a share of what is traded, on the way from `current`, or from cash where that
    /// is absent. Spread over the horizon, it counts against what is sought.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 0.5, default = 0, example = 0.001)]
    pub cost: f64,
}

impl Default for InvestorProfile {
    fn default() -> Self {
        Self {
            horizon: year(),
            periods_per_year: days(),
            risk_free_rate: 0.0,
            limits: RiskLimits::default(),
            exclude: Vec::new(),
            min_weight: 0.0,
            max_weight: one(),
            bounds: BTreeMap::new(),
            groups: BTreeMap::new(),
            scores: BTreeMap::new(),
            current: BTreeMap::new(),
            max_turnover: None,
            cost: 0.0,
        }
    }
}

fn year() -> u32 {
    252
}

fn days() -> f64 {
    252.0
}

fn one() -> f64 {
    1.0
}

/// Limits on risk, by what the history shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskLimits {
    /// Greatest standard deviation of a year's return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, example = 0.12)]
    pub volatility: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvar: Option<TailLimit>,
    /// Deepest fall from a high over the history, of the sum of its returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, example = 0.25)]
    pub drawdown: Option<f64>,
}

/// A limit on the mean loss of the worst periods (CVaR, expected shortfall).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TailLimit {
    /// The worst 1 - level of the periods are meant.
    #[serde(default = "level")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1, default = 0.95)]
    pub level: f64,
    /// Greatest mean loss in one of them; losses are positive.
    #[schema(exclusive_minimum = 0, example = 0.025)]
    pub max: f64,
}

fn level() -> f64 {
    0.95
}

/// Bounds on a weight; those of the profile where one is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightBounds {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1, maximum = 1)]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1, maximum = 2)]
    pub max: Option<f64>,
}

/// Bounds on what some assets weigh together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetGroup {
    #[schema(min_items = 1, max_items = 1000)]
    pub assets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// Bounds on an average score.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetScore {
    /// Of every asset of the universe that is not excluded, by name.
    pub values: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}
