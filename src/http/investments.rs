//! Investment advice.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::PREDICTION_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::investment::{
    BacktestRequest, BacktestResponse, FrontierRequest, FrontierResponse, PortfolioRequest,
    PortfolioResponse,
};

/// Advise a portfolio
///
/// Seeks the weights of a universe of assets that are best by a goal within an investor's profile: bounds
/// on assets, groups and scores, exclusions, limits on volatility, CVaR and drawdown, turnover and cost.
/// Answers each weight with its reason and with the interval in which it lies for histories drawn anew, the
/// constraints that hold the portfolio back and what they cost, and what it does not know. Views are given,
/// or are the forecasts of a model. Constraints that can't be met together are named, with the least by
/// which each would have to give way. Fewer than 50 returns say nothing of risk, and are refused. Model output
/// for the inputs given; general information, not personal advice. Changes nothing.
#[utoipa::path(
    tag = "investments",
    request_body(content = PortfolioRequest, description = "The universe, the profile and the goal",
        example = examples::portfolio_request),
    responses((status = 200, description = "The portfolio, with its reasons",
        body = PortfolioResponse, example = examples::portfolio_response))
)]
#[post("/api/v1/investments/portfolios")]
pub(super) async fn create_investment_portfolio(mut call: Call) -> Answer {
    let request = call.json::<PortfolioRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().advise_portfolio(&call.caller, request).await?)
}

/// Backtest strategies
///
/// Walks strategies forward through a history: each decision looks at what was known then, is traded
/// later, and earns what comes after, less what trading costs. Beside them stand equal weights, buying and
/// holding, and cash. Sharpe ratios are deflated by how many strategies were tried. Where the constraints
/// can't be met at a decision, what is held goes on, and the answer says why. Views are left out: a model
/// that was trained on later rows would know the future. Changes nothing.
#[utoipa::path(
    tag = "investments",
    request_body(content = BacktestRequest, description = "The universe, and the strategies",
        example = examples::backtest_request),
    responses((status = 200, description = "How the strategies did",
        body = BacktestResponse, example = examples::backtest_response))
)]
#[post("/api/v1/investments/backtests")]
pub(super) async fn create_investment_backtest(mut call: Call) -> Answer {
    let request = call.json::<BacktestRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().backtest_portfolios(&call.caller, request).await?)
}

/// Trace an efficient frontier
///
/// The portfolios of least risk for each return within an investor's profile, from the least risk to the
/// greatest return. Changes nothing.
#[utoipa::path(
    tag = "investments",
    request_body(content = FrontierRequest, description = "The universe and the profile",
        example = examples::frontier_request),
    responses((status = 200, description = "The frontier",
        body = FrontierResponse, example = examples::frontier_response))
)]
#[post("/api/v1/investments/frontiers")]
pub(super) async fn create_investment_frontier(mut call: Call) -> Answer {
    let request = call.json::<FrontierRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().trace_frontier(&call.caller, request).await?)
}
