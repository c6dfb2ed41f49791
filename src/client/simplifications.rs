//! Versions made simpler.

use reqwest::Method;

use super::Client;
use crate::domain::job::Job;
use crate::domain::simplification::SimplificationSpec;
use crate::error::Result;

impl Client {
    /// Makes a simpler version of a model; the job does it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn simplify(&self, model: &str, spec: &SimplificationSpec) -> Result<Job> {
        let call = self.call(Method::POST, &["models", model, "simplifications"])?;
        self.fetch(call.json(spec)?).await
    }
}
