//! Tables of reasons.

use bytes::Bytes;
use reqwest::Method;

use super::Client;
use super::call::Body;
use crate::domain::page::{Page, PageQuery};
use crate::domain::reason::{NewReasonTable, ReasonTable, ReasonTableSummary};
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn create_reason_table(
        &self,
        model: &str,
        new: &NewReasonTable,
    ) -> Result<ReasonTable> {
        let call = self.call(Method::POST, &["models", model, "reason-tables"])?;
        self.fetch(call.json(new)?).await
    }

    /// The same of CSV.
    ///
    /// # Errors
    /// What the server says.
    pub async fn import_reason_table(&self, model: &str, csv: Bytes) -> Result<ReasonTable> {
        let call = self.call(Method::POST, &["models", model, "reason-tables"])?;
        self.fetch(call.body("text/csv", Body::Bytes(csv))?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_reason_tables(
        &self,
        model: &str,
        query: &PageQuery,
    ) -> Result<Page<ReasonTableSummary>> {
        self.page(&["models", model, "reason-tables"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_reason_table(&self, model: &str, number: u32) -> Result<ReasonTable> {
        let number = number.to_string();
        self.fetch(self.call(Method::GET, &["models", model, "reason-tables", &number])?).await
    }
}
