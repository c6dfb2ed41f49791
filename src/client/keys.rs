//! Keys: made, listed, revoked.

use reqwest::Method;
use uuid::Uuid;

use super::Client;
use crate::domain::key::{CreatedKey, Key, NewKey};
use crate::domain::page::{Page, PageQuery};
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn list_keys(&self, query: &PageQuery) -> Result<Page<Key>> {
        self.page(&["keys"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn create_key(&self, new: &NewKey) -> Result<CreatedKey> {
        self.fetch(self.call(Method::POST, &["keys"])?.json(new)?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn revoke_key(&self, id: Uuid) -> Result<Key> {
        self.fetch(self.call(Method::DELETE, &["keys", &id.to_string()])?).await
    }
}
