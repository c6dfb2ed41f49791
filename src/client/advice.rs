//! Advice.

use reqwest::Method;

use super::Client;
use crate::domain::advice::{Advice, AdviceRequest};
use crate::error::Result;

impl Client {
    /// Recommends a training on a dataset.
    ///
    /// # Errors
    /// What the server says.
    pub async fn advise(&self, request: &AdviceRequest) -> Result<Advice> {
        let call = self.call(Method::POST, &["advice"])?;
        self.fetch(call.json(request)?.pure()).await
    }
}
