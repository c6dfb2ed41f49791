//! The efficient frontier of a universe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Advised, Estimates, InvestorProfile, StartingPoint, ViewsSpec};
use crate::domain::prices::PricesRequest;

/// A universe whose efficient frontier is sought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FrontierRequest {
    pub prices: PricesRequest,
    #[serde(default)]
    pub profile: InvestorProfile,
    #[serde(default)]
    pub estimates: Estimates,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<ViewsSpec>,
    /// From the least risk to the greatest return, at equal distances of return.
    #[serde(default = "twenty")]
    #[schema(minimum = 2, maximum = 100, default = 20)]
    pub points: u32,
}

fn twenty() -> u32 {
    20
}

/// The answer to a [`FrontierRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrontierResponse {
    pub notice: String,
    /// From the least risk to the greatest return; one alone where all portfolios earn the same.
    pub points: Vec<FrontierPoint>,
    /// The place of the greatest Sharpe ratio after costs, which are spread over the horizon, among the points: where
    /// trading costs something it need not be that of the greatest `sharpe`, which is before costs. Absent where no
    /// point is expected to earn more than the risk-free rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_sharpe: Option<u32>,
    /// What the costs of trading are counted from.
    pub starts_from: StartingPoint,
    /// Each asset by itself.
    pub assets: Vec<AssetRisk>,
    pub unknown: Vec<String>,
    pub universe: Advised,
}

/// A portfolio of the frontier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrontierPoint {
    /// A year, before costs.
    pub expected_return: f64,
    /// A year.
    pub volatility: f64,
    /// A year, before costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharpe: Option<f64>,
    /// Of the assets that are held, by name.
    pub weights: BTreeMap<String, f64>,
}

/// Risk and return of one asset, a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetRisk {
    pub asset: String,
    pub expected_return: f64,
    pub volatility: f64,
}
