//! Market risk of portfolios and losses of books of loans.

use reqwest::Method;

use super::Client;
use crate::domain::risk::backtest::{RiskBacktest, RiskBacktestRequest};
use crate::domain::risk::credit::{CreditLossAnswer, CreditLossRequest};
use crate::domain::risk::{RiskAssessment, RiskRequest};
use crate::error::Result;

impl Client {
    /// What a portfolio may lose.
    ///
    /// # Errors
    /// What the server says.
    pub async fn assess_risk(&self, request: &RiskRequest) -> Result<RiskAssessment> {
        let call = self.call(Method::POST, &["risk", "assessments"])?;
        self.fetch(call.json(request)?.pure()).await
    }

    /// How forecasts of risk would have done.
    ///
    /// # Errors
    /// What the server says.
    pub async fn backtest_risk(&self, request: &RiskBacktestRequest) -> Result<RiskBacktest> {
        let call = self.call(Method::POST, &["risk", "backtests"])?;
        self.fetch(call.json(request)?.pure()).await
    }

    /// What a book of loans may lose.
    ///
    /// # Errors
    /// What the server says.
    pub async fn credit_losses(&self, request: &CreditLossRequest) -> Result<CreditLossAnswer> {
        let call = self.call(Method::POST, &["risk", "credit-losses"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
