//! Investment advice: who invests in what, the portfolio that is answered, and how a rule would have done.

mod answer;
mod backtest;
mod frontier;
mod profile;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::prediction::VersionRef;
use super::prices::PricesRequest;
pub use answer::{
    Advised, Binding, Estimate, Holding, Outcomes, Outlook, PortfolioResponse, Resampling,
    Standing, StartingPoint, UsedView, UsedViews,
};
pub use backtest::{
    BacktestRequest, BacktestResponse, BacktestedStrategy, Rebalancing, StrategyPerformance,
    StrategySpec,
};
pub use frontier::{AssetRisk, FrontierPoint, FrontierRequest, FrontierResponse};
pub use profile::{AssetGroup, AssetScore, InvestorProfile, RiskLimits, TailLimit, WeightBounds};

/// What every answer says of itself.
pub const NOTICE: &str = "model output for the inputs given; general information, not personal advice; past and \
                          simulated results do not predict";

/// Most histories that are drawn anew, and most points of a frontier.
pub const MAX_RESAMPLES: u32 = 1_000;
pub const MAX_POINTS: u32 = 100;
/// Most strategies of one backtest.
pub const MAX_STRATEGIES: usize = 20;
/// Most weights in one answer to a backtest.
pub const MAX_WEIGHTS: usize = 1_000_000;

/// An investor's profile and the universe, for which a portfolio is sought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortfolioRequest {
    /// The universe: prices of assets, whose simple returns are what is known of them.
    pub prices: PricesRequest,
    #[serde(default)]
    pub profile: InvestorProfile,
    #[serde(default)]
    pub goal: PortfolioGoal,
    #[serde(default)]
    pub estimates: Estimates,
    /// What is believed of returns beyond the history (Black and Litterman). They take the place of
    /// `estimates.mean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<ViewsSpec>,
    /// How often the history is drawn anew, in blocks, to see how far the answer hangs on it; 0 for not at all.
    #[serde(default = "hundred")]
    #[schema(maximum = 1000, default = 100)]
    pub resamples: u32,
    /// Returns in a block; the cube root of how many there are when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub block: Option<u32>,
    /// The same seed gives the same answer.
    #[serde(default, deserialize_with = "crate::domain::whole::seed")]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
}

fn hundred() -> u32 {
    100
}

/// What is sought within the constraints.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortfolioGoal {
    #[serde(default)]
    pub objective: ObjectiveKind,
    /// Of `max_utility`: half of it times the variance counts against a year's return; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub risk_aversion: Option<f64>,
    /// Of `target_return`: the year's return that is expected at least, after costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.08)]
    pub target_return: Option<f64>,
    /// Of `min_cvar`: the worst 1 - level of the periods are meant; 0.95 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub level: Option<f64>,
}

/// What a portfolio is best by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectiveKind {
    /// Least variance: needs no expected returns, and so does not suffer from their errors.
    #[default]
    MinVariance,
    /// Greatest expected excess over the risk-free rate for the risk.
    MaxSharpe,
    /// Greatest expected return, less what the risk counts.
    MaxUtility,
    /// Least variance of those that are expected to earn enough.
    TargetReturn,
    /// Greatest expected return: sensible only within a limit on risk.
    MaxReturn,
    /// Least mean loss in the worst periods of the history.
    MinCvar,
    /// The same share of the risk for each asset.
    RiskParity,
    /// Hierarchical risk parity: the tree of correlations, each branch by the inverse of its variance.
    Hrp,
    /// The same weight for each asset.
    EqualWeight,
}

impl ObjectiveKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MinVariance => "min_variance",
            Self::MaxSharpe => "max_sharpe",
            Self::MaxUtility => "max_utility",
            Self::TargetReturn => "target_return",
            Self::MaxReturn => "max_return",
            Self::MinCvar => "min_cvar",
            Self::RiskParity => "risk_parity",
            Self::Hrp => "hrp",
            Self::EqualWeight => "equal_weight",
        }
    }
}

/// How risk and return are estimated from the history.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    #[serde(default)]
    pub covariance: CovarianceKind,
    /// Of `ewma`: how fast weights fall with each period of age; 0.94 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub decay: Option<f64>,
    #[serde(default)]
    pub mean: MeanKind,
}

/// How covariances are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CovarianceKind {
    /// The sample's, shrunk towards equal variances without correlation (Ledoit and Wolf 2004).
    #[default]
    LedoitWolf,
    /// The sample's: poor where there are hardly more returns than assets.
    Sample,
    /// Newer returns count more (RiskMetrics).
    Ewma,
}

/// How expected returns are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeanKind {
    /// The sample's means, moved towards the mean of all of them by as much as their noise asks for (Jorion 1986).
    #[default]
    Shrunk,
    /// The sample's means: mostly noise.
    Sample,
    /// Nothing is known.
    Zero,
}

/// What is believed of returns: given views, or the forecasts of a model, or both.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewsSpec {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    pub given: Vec<GivenView>,
    /// A model that forecasts the prices or returns of this universe, from the newest rows of its dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// Weights of the market, by asset: those returns that make them the best choice are believed without any
    /// view. Equal weights when absent.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub market: std::collections::BTreeMap<String, f64>,
    /// The market's risk aversion.
    #[serde(default = "market_aversion")]
    #[schema(exclusive_minimum = 0, default = 2.5)]
    pub risk_aversion: f64,
    /// How uncertain the market's returns are, as a share of the covariance.
    #[serde(default = "tau")]
    #[schema(exclusive_minimum = 0, maximum = 1, default = 0.05)]
    pub tau: f64,
}

fn market_aversion() -> f64 {
    2.5
}

fn tau() -> f64 {
    0.05
}

/// A view: a portfolio is expected to return so much a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenView {
    /// Weights by asset: `{"AAPL": 1}` is about one asset, `{"AAPL": 1, "JPM": -1}` about which does better.
    pub assets: std::collections::BTreeMap<String, f64>,
    /// A year.
    #[serde(rename = "return")]
    #[schema(example = 0.03)]
    pub value: f64,
    /// How sure it is: at 1 it holds, at 0.5 it counts as much as the market, near 0 not at all.
    #[serde(default = "half")]
    #[schema(exclusive_minimum = 0, maximum = 1, default = 0.5)]
    pub confidence: f64,
}

fn half() -> f64 {
    0.5
}
