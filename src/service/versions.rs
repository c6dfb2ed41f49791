//! Versions of models.

use super::{Content, Service, not_found};
use crate::domain::key::Caller;
use crate::domain::page::{Page, PageQuery};
use crate::domain::version::{Version, VersionSummary};
use crate::error::Result;
use crate::store::Change;

impl Service {
    /// Versions of a model, newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`].
    pub async fn list_versions(
        &self,
        caller: &Caller,
        model: &str,
        query: &PageQuery,
    ) -> Result<Page<VersionSummary>> {
        self.get_model(caller, model).await?;
        self.store().list_versions(&caller.project, model, query).await
    }

    /// A version.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`].
    pub async fn get_version(&self, caller: &Caller, model: &str, version: u32) -> Result<Version> {
        let found = self.store().get_version(&caller.project, model, version).await?;
        found.map(|v| self.priced_version(v)).ok_or_else(|| no_version(model, version))
    }

    /// A version with its weights, as safetensors.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`].
    pub async fn version_weights(
        &self,
        caller: &Caller,
        model: &str,
        version: u32,
    ) -> Result<(Version, Content)> {
        let found = self.store().get_servable(&caller.project, model, version).await?;
        let found = found.ok_or_else(|| no_version(model, version))?;
        Ok((found.version, self.stored(found.weights).await?))
    }

    /// Deletes a version that nothing holds.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`]; [`crate::error::Code::InUse`] naming an alias that points
    /// at it or a recorded prediction that it gave.
    pub async fn delete_version(&self, caller: &Caller, model: &str, version: u32) -> Result<()> {
        let mut tx = self.store().begin().await?;
        if !tx.delete_version(&caller.project, model, version).await? {
            return Err(no_version(model, version));
        }
        tx.commit().await?;
        self.0.cache.note(Change::Version);
        Ok(())
    }
}

pub(super) fn no_version(model: &str, version: u32) -> crate::error::Error {
    not_found("version", &format!("{version} of model {model}"))
}
