//! Analyses of models: asked for, listed, read.

use reqwest::Method;
use uuid::Uuid;

use super::Client;
use crate::domain::analysis::{Analysis, AnalysisKind, AnalysisRequest, AnalysisSummary};
use crate::domain::job::Job;
use crate::domain::page::{Page, PageQuery};
use crate::error::Result;

impl Client {
    /// Looks at a version of a model over many rows; the job does it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn analyse(&self, model: &str, request: &AnalysisRequest) -> Result<Job> {
        let call = self.call(Method::POST, &["models", model, "analyses"])?;
        self.fetch(call.json(request)?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_analyses(
        &self,
        model: &str,
        kind: Option<AnalysisKind>,
        query: &PageQuery,
    ) -> Result<Page<AnalysisSummary>> {
        let call = self
            .call(Method::GET, &["models", model, "analyses"])?
            .query("kind", kind.map(AnalysisKind::as_str));
        self.page_of(call, query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_analysis(&self, model: &str, id: Uuid) -> Result<Analysis> {
        let path = ["models", model, "analyses", &id.to_string()];
        self.fetch(self.call(Method::GET, &path)?).await
    }
}
