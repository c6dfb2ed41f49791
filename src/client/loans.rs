//! Loans that were made, and applicants who were refused one.

use reqwest::Method;

use super::Client;
use crate::domain::job::Job;
use crate::domain::loan::{ExpectedLossRequest, ExpectedLossResponse};
use crate::domain::reject::RejectInferenceRequest;
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn expected_losses(
        &self,
        request: &ExpectedLossRequest,
    ) -> Result<ExpectedLossResponse> {
        let call = self.call(Method::POST, &["loans", "expected-losses"])?.pure();
        self.fetch(call.json(request)?).await
    }

    /// Draws outcomes for the refused applicants of a dataset; the job does it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn infer_rejects(&self, request: &RejectInferenceRequest) -> Result<Job> {
        let call = self.call(Method::POST, &["loans", "reject-inferences"])?;
        self.fetch(call.json(request)?).await
    }
}
