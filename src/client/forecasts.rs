//! Forecasts.

use reqwest::Method;

use super::Client;
use crate::domain::forecast::{ForecastRequest, ForecastResponse};
use crate::error::Result;

impl Client {
    /// Forecasts series.
    ///
    /// # Errors
    /// What the server says.
    pub async fn forecast(
        &self,
        model: &str,
        request: &ForecastRequest,
    ) -> Result<ForecastResponse> {
        let call = self.call(Method::POST, &["models", model, "forecasts"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
