//! Activations of rows.

use reqwest::Method;

use super::Client;
use crate::domain::activation::{ActivationRequest, ActivationResponse};
use crate::error::Result;

impl Client {
    /// Looks at what the layers of a version make of rows.
    ///
    /// # Errors
    /// What the server says.
    pub async fn observe(
        &self,
        model: &str,
        request: &ActivationRequest,
    ) -> Result<ActivationResponse> {
        let call = self.call(Method::POST, &["models", model, "activations"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
