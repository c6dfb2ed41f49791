//! Backtests: forecasts of risk as they would have been made, held against what came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RiskMethod, RiskNetwork, RiskSettings};
use crate::domain::dataset::DatasetRef;
use crate::domain::prices::PricesRequest;

/// Most estimations of a model of variance in one request, and most returns that are read for all forecasts.
pub const MAX_FITS: usize = 5_000;
pub const MAX_READS: usize = 50_000_000;
/// Most numbers that a network reads for all its forecasts.
pub const MAX_NETWORK_READS: usize = 50_000_000;

/// What is to be held against the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskBacktestRequest {
    pub prices: PricesRequest,
    /// Shares of the value by asset, brought back to these each day; equal ones of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"AAPL": 0.6, "JPM": 0.4}))]
    pub weights: Option<BTreeMap<String, f64>>,
    #[serde(default = "defaults::level")]
    #[schema(minimum = 0.5, maximum = 0.9999)]
    pub level: f64,
    /// All that need nothing but a history when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<RiskMethod>>,
    /// What the method `network` asks; it is one of the methods where this is given. The days are then
    /// those after all rows that the version was trained and chosen on, for every method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<RiskNetwork>,
    /// Returns that each forecast is made of: those just before its day. A network reads as many rows as
    /// it was trained to.
    #[serde(default = "defaults::window")]
    #[schema(minimum = 50, maximum = 10_000)]
    pub window: u32,
    /// Days after which models of variance are estimated anew; between, only their volatility moves on.
    #[serde(default = "defaults::refit_every")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub refit_every: u32,
    /// The first day that is forecast; when absent the first after `window` returns, and after what a
    /// network was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2015-08-10")]
    pub start: Option<String>,
    #[serde(default)]
    pub settings: RiskSettings,
    /// Whether the answer has every day.
    #[serde(default)]
    pub series: bool,
}

mod defaults {
    pub(super) fn level() -> f64 {
        0.99
    }
    pub(super) fn window() -> u32 {
        500
    }
    pub(super) fn refit_every() -> u32 {
        20
    }
}

/// The answer to a [`RiskBacktestRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskBacktest {
    /// The snapshot that was read.
    pub dataset: DatasetRef,
    pub level: f64,
    pub window: u32,
    pub refit_every: u32,
    /// The first and the last day that was forecast.
    pub from: String,
    pub to: String,
    pub days: u64,
    /// Exceedances that are expected: (1 - level) of the days.
    pub expected: f64,
    pub weights: BTreeMap<String, f64>,
    pub methods: Vec<MethodBacktest>,
    /// Which version forecast, where a network was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<BacktestedNetwork>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<BacktestSeries>,
    pub assumptions: Vec<String>,
    pub warnings: Vec<String>,
}

/// A version whose forecasts were held against days that it had not learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestedNetwork {
    pub model: String,
    pub version: u32,
    /// The snapshot that it forecast from.
    pub dataset: DatasetRef,
    /// The column that it forecasts.
    pub target: String,
    /// Rows before each day that it read.
    pub look_back: u32,
    /// The last time among the rows that it was trained and chosen on: training and validation part.
    pub trained_until: String,
}

/// How one method did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MethodBacktest {
    pub method: RiskMethod,
    /// Why there is no result, where the method does not apply to these returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<BacktestResult>,
}

/// Counts and tests of one method's forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestResult {
    /// Days whose loss went beyond the value at risk.
    pub exceedances: u64,
    /// Whether there are as many as expected (Kupiec 1995).
    pub kupiec: RiskTest,
    /// Whether one follows another (Christoffersen 1998).
    pub independence: RiskTest,
    /// Days by whether the day before and the day itself were exceedances: neither, the day, the day
    /// before, both.
    pub transitions: [u64; 4],
    /// Both at once.
    pub conditional_coverage: RiskTest,
    /// Of the expected shortfall; absent where one is not above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<ShortfallTest>,
    /// Of the newest 250 days at a level of 0.99; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_light: Option<TrafficLightResult>,
    /// Mean value at risk, as a share of the value.
    pub mean_value_at_risk: f64,
    /// Mean pinball loss of the value at risk as a quantile of returns: of two that pass the tests, less is
    /// better.
    pub pinball: f64,
    /// Days beyond the value at risk, the newest 100 at most.
    pub exceeded: Vec<Exceedance>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A likelihood ratio test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskTest {
    pub statistic: f64,
    /// The probability of so great a statistic where the forecasts are right.
    pub p_value: f64,
}

/// The second statistic of Acerbi and Szekely (2014).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShortfallTest {
    /// 0 is expected of right forecasts; less where the tail is worse than they say.
    pub z2: f64,
    /// Below it, forecasts are refused at 5 %: a value for 250 days at a level of 0.975.
    pub critical_5_percent: f64,
    /// The same at 0.01 %.
    pub critical_hundredth_percent: f64,
}

/// The traffic light of the Basel committee.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrafficLightResult {
    /// Exceedances in the newest 250 days.
    pub exceptions: u64,
    pub zone: TrafficZone,
    /// What capital is multiplied by.
    pub multiplier: f64,
}

/// What a supervisor makes of exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrafficZone {
    Green,
    Yellow,
    Red,
}

impl TrafficZone {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// A day on which more was lost than the value at risk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Exceedance {
    pub time: String,
    pub loss: f64,
    pub value_at_risk: f64,
}

/// Every day that was forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestSeries {
    pub times: Vec<String>,
    /// The portfolio's.
    pub returns: Vec<f64>,
    /// By method.
    pub value_at_risk: BTreeMap<String, Vec<f64>>,
}
