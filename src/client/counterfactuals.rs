//! Counterfactuals.

use reqwest::Method;

use super::Client;
use crate::domain::counterfactual::{CounterfactualRequest, CounterfactualResponse};
use crate::error::Result;

impl Client {
    /// Searches for changes of rows that lead to another answer.
    ///
    /// # Errors
    /// What the server says.
    pub async fn counterfactuals(
        &self,
        model: &str,
        request: &CounterfactualRequest,
    ) -> Result<CounterfactualResponse> {
        let call = self.call(Method::POST, &["models", model, "counterfactuals"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
