//! Market risk of a portfolio: what is asked, and what is answered.
//!
//! A loss is positive, as a share of the portfolio's value.

pub mod backtest;
pub mod credit;
pub mod stress;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dataset::DatasetRef;
use super::prediction::VersionRef;
use super::prices::PricesRequest;
use stress::{StressRequest, StressResult};

/// Levels are within these.
pub const LEAST_LEVEL: f64 = 0.5;
pub const GREATEST_LEVEL: f64 = 0.9999;
/// Most levels of one request, and most days of a horizon.
pub const MAX_LEVELS: usize = 10;
pub const MAX_HORIZON: u32 = 250;

/// How a distribution of returns is made of a history.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RiskMethod {
    /// The returns as they were, each as likely.
    Historical,
    /// Returns over their volatility at the time, times the volatility now.
    FilteredHistorical,
    /// A normal distribution with the mean and deviation of the returns.
    Gaussian,
    /// The same, bent by skewness and kurtosis; refused where that is no distribution.
    CornishFisher,
    /// A normal distribution around 0 with an exponentially weighted variance.
    Ewma,
    /// GARCH(1,1) with normal innovations.
    Garch,
    /// GARCH(1,1) with Student's innovations.
    GarchT,
    /// GARCH(1,1) that answers more to losses than to gains.
    GjrGarch,
    /// A forecast of one of our models.
    Network,
}

impl RiskMethod {
    /// Those that need nothing but a history.
    pub const OF_HISTORY: [Self; 8] = [
        Self::Historical,
        Self::FilteredHistorical,
        Self::Gaussian,
        Self::CornishFisher,
        Self::Ewma,
        Self::Garch,
        Self::GarchT,
        Self::GjrGarch,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Historical => "historical",
            Self::FilteredHistorical => "filtered_historical",
            Self::Gaussian => "gaussian",
            Self::CornishFisher => "cornish_fisher",
            Self::Ewma => "ewma",
            Self::Garch => "garch",
            Self::GarchT => "garch_t",
            Self::GjrGarch => "gjr_garch",
            Self::Network => "network",
        }
    }
}

/// What volatility the filtered historical method divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolatilityFilter {
    #[default]
    Ewma,
    Garch,
}

/// What is held. Equal weights of all assets when neither weights nor positions are given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Holdings {
    /// Shares of the value by asset, negative for what is sold short. What is missing to 1 is cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"AAPL": 0.6, "JPM": 0.4}))]
    pub weights: Option<BTreeMap<String, f64>>,
    /// Units by asset, at the last prices. Instead of weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<BTreeMap<String, f64>>,
    /// What the whole is worth, for amounts beside shares; goes with weights. Positions tell it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub value: Option<f64>,
}

/// How methods are set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RiskSettings {
    /// Of what an exponentially weighted variance was the day before, so much stays.
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub decay: f64,
    pub filter: VolatilityFilter,
    /// Of what is drawn.
    #[serde(deserialize_with = "crate::domain::whole::seed")]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
}

impl Default for RiskSettings {
    fn default() -> Self {
        Self { decay: 0.94, filter: VolatilityFilter::Ewma, seed: 0 }
    }
}

/// A portfolio whose risk is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskRequest {
    pub prices: PricesRequest,
    #[serde(default)]
    pub holdings: Holdings,
    /// Probabilities that a loss is not exceeded, from 0.5 to 0.9999.
    #[serde(default = "defaults::levels")]
    #[schema(max_items = 10)]
    pub levels: Vec<f64>,
    /// Rows of prices ahead: days, where prices are daily.
    #[serde(default = "defaults::horizon")]
    #[schema(minimum = 1, maximum = 250)]
    pub horizon: u32,
    /// All that need nothing but a history when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<RiskMethod>>,
    /// The newest returns alone, so many; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 50, maximum = 10_000)]
    pub window: Option<u32>,
    #[serde(default)]
    pub settings: RiskSettings,
    #[serde(default)]
    pub stress: StressRequest,
    /// What the method `network` asks; it is one of the methods where this is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<RiskNetwork>,
}

/// A version of a model that forecasts the portfolio's returns or their volatility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskNetwork {
    #[schema(example = "portfolio-tail")]
    pub model: String,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// The history that it forecasts from: one series, of this portfolio's returns.
    pub dataset: DatasetRef,
    /// Which of the columns that it forecasts; may be left out where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What that column is.
    pub means: NetworkTarget,
}

/// What a forecast column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkTarget {
    /// Returns of the portfolio as shares (0.01 is 1 %): the value at risk is the forecast quantile of
    /// `1 - level`, which has to be among those that the version was trained for. One row ahead only.
    Return,
    /// Volatility of the portfolio's returns for one row, as a share: around 0, with normal quantiles.
    Volatility,
}

mod defaults {
    pub(super) fn levels() -> Vec<f64> {
        vec![0.95, 0.99]
    }
    pub(super) fn horizon() -> u32 {
        1
    }
}

/// The answer to a [`RiskRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskAssessment {
    /// The snapshot that was read.
    pub dataset: DatasetRef,
    /// The first and the last time of the returns that were read.
    pub from: String,
    pub to: String,
    /// Returns.
    pub observations: u64,
    pub horizon: u32,
    /// What the portfolio is worth, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Shares of the value by asset.
    pub weights: BTreeMap<String, f64>,
    /// In the order in which methods were asked for.
    pub methods: Vec<MethodRisk>,
    /// What each asset adds, by the Gaussian and the historical method at each level.
    pub contributions: Vec<RiskContributions>,
    pub stress: Vec<StressResult>,
    /// What all figures rest on.
    pub assumptions: Vec<String>,
    pub warnings: Vec<String>,
}

/// What one method says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MethodRisk {
    pub method: RiskMethod,
    /// One for each level that can be told.
    pub figures: Vec<RiskFigure>,
    /// Why there are none, where the method does not apply to these returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What was estimated, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, f64>,
    /// What this method takes for granted.
    pub assumptions: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Figures at one level; losses are positive, as shares of the value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskFigure {
    pub level: f64,
    /// The loss that is exceeded with probability 1 - level.
    pub value_at_risk: f64,
    /// The mean of the losses in that tail; a network that forecasts quantiles does not tell it.
    pub expected_shortfall: Option<f64>,
    /// Of the value at risk, by how few returns it was estimated of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// That holds the true value at risk with a probability of 95 %, where the assumptions hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The value at risk times what the portfolio is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
}

/// What assets add to a figure; all parts together are the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskContributions {
    pub method: RiskMethod,
    pub level: f64,
    pub assets: Vec<AssetContribution>,
}

/// One asset's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetContribution {
    pub asset: String,
    pub weight: f64,
    pub value_at_risk: f64,
    pub expected_shortfall: f64,
    /// By how much the value at risk grows for each unit of weight.
    pub marginal: f64,
}
