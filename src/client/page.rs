//! Pages of lists.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Client;
use super::call::Call;
use crate::domain::page::{Page, PageQuery};
use crate::error::Result;

#[derive(Deserialize)]
struct Body<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl Client {
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &PageQuery,
    ) -> Result<Page<T>> {
        self.page_of(self.call(Method::GET, path)?, query).await
    }

    /// The page of a call that may have a query of its own.
    pub(super) async fn page_of<T: DeserializeOwned>(
        &self,
        call: Call,
        query: &PageQuery,
    ) -> Result<Page<T>> {
        let call = call.query("limit", query.limit).query("cursor", query.cursor.as_ref());
        let Body { items, next_cursor } = self.fetch(call).await?;
        Ok(Page { items, next_cursor })
    }
}
