//! Models: listed and set up.

use reqwest::Method;

use super::Client;
use crate::domain::model::{Model, ModelSettings};
use crate::domain::page::{Page, PageQuery};
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn list_models(&self, query: &PageQuery) -> Result<Page<Model>> {
        self.page(&["models"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_model(&self, name: &str) -> Result<Model> {
        self.fetch(self.call(Method::GET, &["models", name])?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn change_model(&self, name: &str, settings: &ModelSettings) -> Result<Model> {
        self.fetch(self.call(Method::PATCH, &["models", name])?.json(settings)?).await
    }
}
