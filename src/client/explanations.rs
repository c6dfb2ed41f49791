//! Explanations of answers.

use reqwest::Method;

use super::Client;
use crate::domain::explanation::{ExplanationRequest, ExplanationResponse};
use crate::error::Result;

impl Client {
    /// Explains answers.
    ///
    /// # Errors
    /// What the server says.
    pub async fn explain(
        &self,
        model: &str,
        request: &ExplanationRequest,
    ) -> Result<ExplanationResponse> {
        let call = self.call(Method::POST, &["models", model, "explanations"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
