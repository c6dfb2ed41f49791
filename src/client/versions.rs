//! Versions: trained, listed, read.

use reqwest::Method;

use super::Client;
use crate::domain::job::Job;
use crate::domain::page::{Page, PageQuery};
use crate::domain::training::TrainingSpec;
use crate::domain::version::{Version, VersionSummary};
use crate::error::Result;

impl Client {
    /// Trains a new version of a model; the job does it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn train(&self, model: &str, spec: &TrainingSpec) -> Result<Job> {
        self.fetch(self.call(Method::POST, &["models", model, "versions"])?.json(spec)?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_versions(
        &self,
        model: &str,
        query: &PageQuery,
    ) -> Result<Page<VersionSummary>> {
        self.page(&["models", model, "versions"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_version(&self, model: &str, version: u32) -> Result<Version> {
        let version = version.to_string();
        self.fetch(self.call(Method::GET, &["models", model, "versions", &version])?).await
    }
}
