//! Assessments of applicants and of loan books.

use reqwest::Method;
use uuid::Uuid;

use super::Client;
use crate::domain::assessment::{
    AssessmentRecord, AssessmentReplay, AssessmentRequest, AssessmentResponse, LoanPortfolioRequest,
};
use crate::domain::job::Job;
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn assess(
        &self,
        policy: &str,
        request: &AssessmentRequest,
    ) -> Result<AssessmentResponse> {
        let call = self.call(Method::POST, &["loans", "policies", policy, "assessments"])?;
        self.fetch(call.json(request)?).await
    }

    /// Assesses the rows of a dataset; the job does it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn assess_dataset(
        &self,
        policy: &str,
        request: &LoanPortfolioRequest,
    ) -> Result<Job> {
        let call = self.call(Method::POST, &["loans", "policies", policy, "portfolios"])?;
        self.fetch(call.json(request)?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_assessment(&self, id: Uuid) -> Result<AssessmentRecord> {
        let path = ["loans", "assessments", &id.to_string()];
        self.fetch(self.call(Method::GET, &path)?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn replay_assessment(&self, id: Uuid) -> Result<AssessmentReplay> {
        let path = ["loans", "assessments", &id.to_string(), "replay"];
        self.fetch(self.call(Method::POST, &path)?.pure()).await
    }
}
