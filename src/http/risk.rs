//! Market risk of portfolios and losses of books of loans.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::{JSON_LIMIT, PREDICTION_LIMIT};
use super::examples;
use super::extract::Call;
use crate::domain::risk::backtest::{RiskBacktest, RiskBacktestRequest};
use crate::domain::risk::credit::{CreditLossAnswer, CreditLossRequest};
use crate::domain::risk::{RiskAssessment, RiskRequest};

/// Assess the risk of a portfolio
///
/// Value at risk and expected shortfall of a portfolio over prices in a dataset, at several levels, over the
/// next rows (days, where prices are daily): by its history, filtered history, a normal distribution, the
/// expansion of Cornish and Fisher, exponentially weighted variance, GARCH(1,1) with normal and with Student's
/// innovations and with leverage, and by a forecast of one of your models. Each figure comes with its standard
/// error or interval, each method with what it assumes, and says why where it does not apply. Beside them what
/// each asset adds, what today's portfolio would have lost in the worst spans of the history and in those that
/// you name, and under shocks that you give. Losses are positive, as shares of the value. Nothing is kept, and
/// the same request is answered the same. At most 1,000 assets, 10,000 times, and a minute.
#[utoipa::path(
    tag = "risk",
    request_body(content = RiskRequest, description = "Where prices stand, what is held, and what is asked",
        example = examples::risk_request),
    responses((status = 200, description = "What may be lost", body = RiskAssessment,
        example = examples::risk_assessment))
)]
#[post("/api/v1/risk/assessments")]
pub(super) async fn create_risk_assessment(mut call: Call) -> Answer {
    let request = call.json::<RiskRequest>(JSON_LIMIT).await?.value;
    ok(&call.service().assess_risk(&call.caller, request).await?)
}

/// Backtest the risk of a portfolio
///
/// Forecasts the value at risk and expected shortfall of each day of the past by the returns before that day
/// alone, and holds them against what came: how many losses went beyond (Kupiec), whether these follow each
/// other (Christoffersen), both at once, how far they went (Acerbi and Szekely), and the Basel committee's
/// traffic light at a level of 0.99. `series` gives every day. A failed test is an answer, not an error. A
/// version of one of your models (`network`) forecasts each day from the rows before it, too; all methods are
/// then held against the days after the rows that it was trained and chosen on, so that none is judged by
/// what it has learnt. At most 10,000 times, and a minute.
#[utoipa::path(
    tag = "risk",
    request_body(content = RiskBacktestRequest, description = "Where prices stand, what is held, and how \
        forecasts roll on", example = examples::risk_backtest_request),
    responses((status = 200, description = "How each method did", body = RiskBacktest,
        example = examples::risk_backtest))
)]
#[post("/api/v1/risk/backtests")]
pub(super) async fn create_risk_backtest(mut call: Call) -> Answer {
    let request = call.json::<RiskBacktestRequest>(JSON_LIMIT).await?.value;
    ok(&call.service().backtest_risk(&call.caller, request).await?)
}

/// Simulate the losses of a book of loans
///
/// The distribution of what a book of loans loses where one factor is common to all borrowers (Vasicek):
/// expected loss, value at risk and expected shortfall with the error of the simulation, percentiles, and
/// beside them the closed form of a large pool. Loans are sent, or stand in a dataset; their probabilities of
/// default are given, or told by a model of two classes. The same seed gives the same simulations. At most
/// 100,000 loans, 250 million draws, and a minute.
#[utoipa::path(
    tag = "risk",
    request_body(content = CreditLossRequest, description = "The loans, and how losses are simulated",
        example = examples::credit_loss_request),
    responses((status = 200, description = "The distribution of losses", body = CreditLossAnswer,
        example = examples::credit_losses))
)]
#[post("/api/v1/risk/credit-losses")]
pub(super) async fn create_credit_losses(mut call: Call) -> Answer {
    let request = call.json::<CreditLossRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().credit_losses(&call.caller, request).await?)
}
