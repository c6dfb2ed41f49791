//! Walk-forward backtests: rules that decide on what is known, and earn what comes after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Advised, Estimates, InvestorProfile, PortfolioGoal};
use crate::domain::prices::PricesRequest;

/// Strategies that walk through a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    pub prices: PricesRequest,
    /// What each decision keeps to. Nothing is held at first, whatever `current` says, which must be left out; the
    /// cost is that of every trade, the first included. `max_turnover` holds for every trade but the first: since what
    /// is held drifts between a decision and its trade, the trade goes only as far as it allows.
    #[serde(default)]
    pub profile: InvestorProfile,
    /// Rules by which is decided; beside them stand equal weights, buying and holding, and cash.
    #[schema(min_items = 1, max_items = 20)]
    pub strategies: Vec<StrategySpec>,
    #[serde(default)]
    pub estimates: Estimates,
    /// Returns that each decision looks at.
    #[serde(default = "window")]
    #[schema(minimum = 2, maximum = 10000, default = 252)]
    pub window: u32,
    /// Whether later decisions look at all returns before them.
    #[serde(default)]
    pub expanding: bool,
    /// Returns between decisions.
    #[serde(default = "every")]
    #[schema(minimum = 1, maximum = 10000, default = 21)]
    pub every: u32,
    /// Returns between the last one that a decision looks at and the trade: at 1 what is decided after a close is
    /// traded at the next one; at 0 at the very same close, which nobody can do.
    #[serde(default = "lag")]
    #[schema(maximum = 1000, default = 1)]
    pub lag: u32,
    /// How many strategies were tried in all, by which the best of them is deflated; as many as are here when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000000)]
    pub trials: Option<u32>,
}

fn window() -> u32 {
    252
}

fn every() -> u32 {
    21
}

fn lag() -> u32 {
    1
}

/// A rule of a backtest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategySpec {
    /// That of the objective when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub name: Option<String>,
    #[serde(default)]
    pub goal: PortfolioGoal,
}

/// The answer to a [`BacktestRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestResponse {
    pub notice: String,
    /// Those that were asked for, then `equal_weight`, `buy_and_hold` and `cash`.
    pub strategies: Vec<BacktestedStrategy>,
    /// When each return that was earned was complete.
    pub dates: Vec<String>,
    /// The assets in whose order weights stand.
    pub assets: Vec<String>,
    /// By which Sharpe ratios were deflated.
    pub trials: u32,
    pub unknown: Vec<String>,
    pub universe: Advised,
}

/// How one strategy did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BacktestedStrategy {
    pub name: String,
    pub performance: StrategyPerformance,
    /// Of 1 that was invested, after costs, at each of the dates; 0 once everything was lost.
    pub wealth: Vec<f64>,
    /// When everything was lost, after which nothing was traded: at the close of a trade where its cost took it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruined: Option<String>,
    pub rebalancings: Vec<Rebalancing>,
}

/// How a strategy did after costs. Where it lost everything, all figures are of the time until then, and there is
/// no Sharpe or Sortino ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StrategyPerformance {
    /// Geometric, a year.
    pub annual_return: f64,
    /// Standard deviation, a year; absent where the first return lost everything, since one has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annual_volatility: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharpe: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sortino: Option<f64>,
    /// Deepest fall of wealth from a high, as a share of the high.
    pub max_drawdown: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calmar: Option<f64>,
    /// Mean loss in the worst twentieth of the periods.
    pub cvar: f64,
    /// Probability that the true Sharpe ratio is above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilistic_sharpe: Option<f64>,
    /// Probability that the Sharpe ratio is more than the luck of the best of all trials (Bailey and Lopez de Prado
    /// 2014). Above 0.95 is convincing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deflated_sharpe: Option<f64>,
    /// All that was bought and sold in a year, as a share of wealth, the first purchase included.
    pub annual_turnover: f64,
    /// What trading cost in a year, as a share of wealth.
    pub annual_cost: f64,
}

/// One decision and its trade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rebalancing {
    /// The last date that was known.
    pub decided: String,
    /// The close at which was traded.
    pub traded: String,
    /// Right after the trade, in the order of the assets.
    pub weights: Vec<f64>,
    pub turnover: f64,
    /// What coming to all that was decided would have taken, where `max_turnover` cut the trade short: what is held
    /// drifts between the decision and the trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_turnover: Option<f64>,
    /// Share of wealth.
    pub cost: f64,
    /// Why nothing was traded, where the constraints could not be met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

impl BacktestResponse {
    /// Weights after each trade of a strategy, by asset.
    pub fn weights(&self, strategy: usize) -> BTreeMap<&str, Vec<f64>> {
        let Some(strategy) = self.strategies.get(strategy) else { return BTreeMap::new() };
        let of = |at: usize| {
            let weights = strategy.rebalancings.iter().filter_map(|one| one.weights.get(at));
            weights.copied().collect()
        };
        self.assets.iter().enumerate().map(|(at, name)| (name.as_str(), of(at))).collect()
    }
}
