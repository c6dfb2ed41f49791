//! Credit policies.

use reqwest::Method;

use super::Client;
use crate::domain::page::{Page, PageQuery};
use crate::domain::policy::{Policy, PolicyTerms, PolicyVersion, PolicyVersionSummary};
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn create_policy_version(
        &self,
        policy: &str,
        terms: &PolicyTerms,
    ) -> Result<PolicyVersion> {
        let call = self.call(Method::POST, &["loans", "policies", policy, "versions"])?;
        self.fetch(call.json(terms)?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_policies(&self, query: &PageQuery) -> Result<Page<Policy>> {
        self.page(&["loans", "policies"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_policy_versions(
        &self,
        policy: &str,
        query: &PageQuery,
    ) -> Result<Page<PolicyVersionSummary>> {
        self.page(&["loans", "policies", policy, "versions"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_policy_version(&self, policy: &str, version: u32) -> Result<PolicyVersion> {
        let path = ["loans", "policies", policy, "versions", &version.to_string()];
        self.fetch(self.call(Method::GET, &path)?).await
    }
}
