//! Investment advice.

use reqwest::Method;

use super::Client;
use crate::domain::investment::{
    BacktestRequest, BacktestResponse, FrontierRequest, FrontierResponse, PortfolioRequest,
    PortfolioResponse,
};
use crate::error::Result;

impl Client {
    /// Seeks a portfolio.
    ///
    /// # Errors
    /// What the server says.
    pub async fn advise_portfolio(&self, request: &PortfolioRequest) -> Result<PortfolioResponse> {
        let call = self.call(Method::POST, &["investments", "portfolios"])?;
        self.fetch(call.json(request)?.pure()).await
    }

    /// Walks strategies through a history.
    ///
    /// # Errors
    /// What the server says.
    pub async fn backtest_portfolios(&self, request: &BacktestRequest) -> Result<BacktestResponse> {
        let call = self.call(Method::POST, &["investments", "backtests"])?;
        self.fetch(call.json(request)?.pure()).await
    }

    /// Traces an efficient frontier.
    ///
    /// # Errors
    /// What the server says.
    pub async fn trace_frontier(&self, request: &FrontierRequest) -> Result<FrontierResponse> {
        let call = self.call(Method::POST, &["investments", "frontiers"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
