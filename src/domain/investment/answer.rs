//! The portfolio that is answered, with its reasons and what is not known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Estimates, PortfolioGoal};

/// The answer to a `PortfolioRequest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PortfolioResponse {
    /// What this is and is not.
    pub notice: String,
    pub goal: PortfolioGoal,
    pub estimates: Estimates,
    /// Every asset of the universe, the heaviest first.
    pub holdings: Vec<Holding>,
    pub portfolio: Outlook,
    /// The same weight for each asset that may be held, whatever the constraints say, for comparison.
    pub equal_weight: Outlook,
    /// What the current weights are worth, where some are given and they sum to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Outlook>,
    /// What turnover and its costs are counted from.
    pub starts_from: StartingPoint,
    /// The constraints that hold the portfolio back, those that cost most first.
    pub binding: Vec<Binding>,
    /// Whether weights by a rule were moved, since its own don't meet the constraints.
    pub moved: bool,
    pub outcomes: Outcomes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<UsedViews>,
    pub resampling: Resampling,
    /// What the answer does not know, in plain words.
    pub unknown: Vec<String>,
    pub universe: Advised,
}

/// What is held before the trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartingPoint {
    /// The profile says nothing of what is held: everything has to be bought.
    Cash,
    /// The profile's `current`.
    Current,
}

/// What the answer stands on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Advised {
    pub assets: u32,
    /// Returns of each.
    pub returns: u32,
    /// When the first return is complete, and the last.
    pub from: String,
    pub to: String,
    /// Assets that were left out, since they lack prices.
    pub dropped_assets: Vec<String>,
    pub dropped_dates: u32,
    /// Prices that stand for missing ones.
    pub filled: u32,
    /// How far the covariance was shrunk, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrinkage: Option<f64>,
}

/// A number with an interval of nine in ten, by histories that were drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    pub value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// Why an asset has its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Between its bounds: the goal alone sets its weight.
    Free,
    AtMax,
    AtMin,
    /// The goal has no use for it.
    NotHeld,
    Excluded,
}

/// One asset of the portfolio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Holding {
    pub asset: String,
    /// In its interval lie the weights that are best for nine in ten of the histories drawn anew.
    pub weight: Estimate,
    /// Now; 0 where nothing is said.
    pub current: f64,
    pub standing: Standing,
    /// In plain words.
    pub reason: String,
    /// Its share in the variance of the portfolio; they sum to 1.
    pub risk_share: f64,
    /// A year, as it was estimated.
    pub expected_return: f64,
    /// A year.
    pub volatility: f64,
}

/// What is expected of a portfolio, and what it would have been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outlook {
    /// A year, by the estimates, before costs. Its interval holds the true one nine times in ten, by the same weights
    /// in histories drawn anew, and is wider for a short history, which differs less from itself than the world does.
    pub expected_return: Estimate,
    /// Standard deviation of a year's return; its interval likewise.
    pub volatility: Estimate,
    /// Expected excess over the risk-free rate for the volatility.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharpe: Option<f64>,
    /// Mean loss in the worst periods of the history, at the level that was asked for or 0.95.
    pub cvar: f64,
    /// Deepest fall from a high over the history, of the sum of returns.
    pub drawdown: f64,
    /// Sum of all that is bought and sold to come to hold it, as a share of wealth.
    pub turnover: f64,
    /// What that costs, as a share of wealth.
    pub cost: f64,
}

/// A constraint that holds the portfolio back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Binding {
    /// Where it stands in the request.
    pub pointer: String,
    /// What a hundredth more room would gain, in the figure that `gains` names; absent where the weights come of a
    /// rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// `volatility`, `sharpe`, `utility`, `cvar` or `return`; all but `cvar` a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gains: Option<String>,
    /// In plain words.
    pub says: String,
}

/// What a holding over the whole horizon would have brought, by paths drawn from the history in blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outcomes {
    /// Periods.
    pub horizon: u32,
    pub paths: u32,
    /// Return over the horizon, after costs, that one path in twenty stays below.
    pub low: f64,
    pub median: f64,
    /// That one path in twenty exceeds.
    pub high: f64,
    /// Share of the paths that end with a loss.
    pub loss_share: f64,
}

/// What was believed, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsedViews {
    /// What the market's weights imply, a year, by asset.
    pub prior: BTreeMap<String, f64>,
    pub views: Vec<UsedView>,
    /// The model that forecast, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Whether it beat the random walk on its test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beats_random_walk: Option<bool>,
    /// Rows ahead that its views are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u32>,
}

/// A view as it was used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsedView {
    pub assets: BTreeMap<String, f64>,
    /// A year.
    #[serde(rename = "return")]
    pub value: f64,
    /// Standard deviation of its error, as a year's return: for what a model forecasts, the root of its squared
    /// error of this asset on rows that it had not seen, of prices as a share of the last known one. An asset with few
    /// such rows, or none, has more of the error of all assets of the universe, each for its variance. A version of
    /// more than 1,000 series knows the error of all of them alone, which then stands for each in proportion to its
    /// variance.
    pub error: f64,
}

/// How the error bars came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resampling {
    pub resamples: u32,
    /// Histories for which the constraints could not be met: they have no weights.
    pub failed: u32,
    /// Returns in a block.
    pub block: u32,
    pub seed: u64,
    /// Share of the histories within the intervals of weights, and with which the others hold the truth.
    pub level: f64,
}
