//! Versions that answer: found as requests name them, from memory while changes are heard.

use std::sync::Arc;

use super::cache::{Named, Registered};
use super::scores::Naming;
use super::versions::no_version;
use super::{Service, not_found};
use crate::domain::name::did_you_mean;
use crate::domain::prediction::VersionRef;
use crate::domain::version::Version;
use crate::engine::LoadedModel;
use crate::error::{Code, Context, Error, Result};
use crate::frame::RowReader;
use crate::store::Servable;

/// The alias that answers when none is named.
const DEFAULT_ALIAS: &str = "champion";

/// A version ready to score.
pub(super) struct Loaded {
    pub(super) version: Version,
    pub(super) model: LoadedModel,
    pub(super) naming: Naming,
    pub(super) reader: RowReader,
    /// Row's number of the model.
    pub(super) row: i64,
    /// Size of the weights, and of tables that were made of them.
    pub(super) bytes: u64,
}

impl Service {
    /// Where a model's aliases point, from memory while changes are heard.
    pub(super) async fn registered(&self, name: Named<'_>) -> Result<Arc<Registered>> {
        match self.0.cache.registered(name) {
            Some(found) => Ok(found),
            // Boxed, as what follows is rare and large, and every prediction's future holds it.
            None => Box::pin(self.read_registered(name)).await,
        }
    }

    async fn read_registered(&self, name: Named<'_>) -> Result<Arc<Registered>> {
        let epoch = self.0.cache.epoch();
        let Named { project, model } = name;
        let row = self.store().get_model(project, model).await?;
        let record = row.ok_or_else(|| not_found("model", model))?.model.record;
        let aliases = self.store().list_aliases(project, model).await?;
        let aliases = aliases.into_iter().map(|a| (a.alias, a.version)).collect();
        let found = Arc::new(Registered { record, aliases });
        self.0.cache.keep_registered(epoch, name, found.clone());
        Ok(found)
    }

    /// A version ready to score, from memory when it is there; its weights are verified by hash
    /// when they are read.
    pub(super) async fn loaded(&self, name: Named<'_>, number: u32) -> Result<Arc<Loaded>> {
        match self.0.cache.loaded(name, number) {
            Some(loaded) => Ok(loaded),
            None => Box::pin(self.load(name, number)).await,
        }
    }

    async fn load(&self, name: Named<'_>, number: u32) -> Result<Arc<Loaded>> {
        let epoch = self.0.cache.epoch();
        let Named { project, model } = name;
        let servable = self.store().get_servable(project, model, number).await?;
        let servable = servable.ok_or_else(|| no_version(model, number))?;
        let key = (servable.model, number);
        let (service, name) = (self.clone(), name.owned());
        let load = async move {
            let loaded = service.load_servable(servable).await?;
            service.0.cache.keep_loaded(epoch, (&name).into(), number, loaded.clone());
            Ok(loaded)
        };
        self.0.loading.join(key, load).await
    }

    async fn load_servable(&self, servable: Servable) -> Result<Arc<Loaded>> {
        let weights = self.store().load_blob(servable.weights).await?;
        // Windows are scored one request at a time, which a CPU does best.
        let reads_windows = servable.version.signature.window.is_some();
        let parameters = if reads_windows { 0 } else { servable.version.provenance.parameters };
        let load = move |device| {
            let version = servable.version.clone();
            let features = serde_json::from_str(servable.features.get())
                .context("reading a version's fitted features")?;
            let (signature, spec) = (&version.signature, &version.provenance.spec);
            let model = LoadedModel::load_on(device, signature, spec, features, &weights)?;
            let reader = RowReader::new(&version.signature.inputs);
            let naming = Naming::new(signature);
            let bytes = weights.len() as u64 + model.table_bytes();
            Ok(Arc::new(Loaded { model, naming, reader, row: servable.model, bytes, version }))
        };
        self.0.scorer.load(parameters, load).await
    }

    /// The number of the version that is asked for: by itself, by an alias, or as the champion. That there
    /// is a version of this number is not looked up.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an unknown model or alias.
    pub(super) async fn version_number(
        &self,
        name: Named<'_>,
        version: Option<&VersionRef>,
    ) -> Result<u32> {
        resolve(name.model, &*self.registered(name).await?, version)
    }

    /// The version that is asked for, ready to score.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an unknown model, version or alias.
    pub(super) async fn loaded_as(
        &self,
        name: Named<'_>,
        version: Option<&VersionRef>,
    ) -> Result<Arc<Loaded>> {
        let number = self.version_number(name, version).await?;
        self.loaded(name, number).await
    }

    /// The version that fields of a request's body ask for, ready to score. `fields` are where the model
    /// and the version are named.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming the field of an unknown model, version or alias.
    pub(super) async fn loaded_for_body(
        &self,
        name: Named<'_>,
        version: Option<&VersionRef>,
        fields: (&str, &str),
    ) -> Result<Arc<Loaded>> {
        let told = |field| move |error| fault_of(field, error);
        let registered = self.registered(name).await.map_err(told(fields.0))?;
        let number = resolve(name.model, &registered, version).map_err(told(fields.1))?;
        self.loaded(name, number).await.map_err(told(fields.1))
    }
}

/// What is not there is a fault of the request that names it.
fn fault_of(field: &str, error: Error) -> Error {
    match error.code() {
        Code::NotFound => Error::field(Code::InvalidRequest, field, error.to_string()),
        _ => error,
    }
}

/// The number of the version that is asked for.
pub(super) fn resolve(
    model: &str,
    registered: &Registered,
    version: Option<&VersionRef>,
) -> Result<u32> {
    let alias = match version {
        Some(VersionRef::Number(number)) => return Ok(*number),
        Some(VersionRef::Alias(alias)) => alias.as_str(),
        None => DEFAULT_ALIAS,
    };
    if let Some(number) = registered.aliases.get(alias) {
        return Ok(*number);
    }
    // A number in quotes can't be an alias.
    if let Ok(number) = alias.parse() {
        return Ok(number);
    }
    let hint = match version {
        None => "; point champion at a version or name one in 'version'".to_owned(),
        Some(_) => did_you_mean(alias, registered.aliases.keys().map(String::as_str)),
    };
    Err(Error::field(
        Code::NotFound,
        "/version",
        format!("model {model} has no alias {}{hint}", alias.escape_debug()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_resolved_by_number_alias_and_default() {
        let aliases = [("champion".to_owned(), 3), ("challenger".to_owned(), 5)].into();
        let registered = Registered { record: false, aliases };
        let resolve = |version: Option<VersionRef>| resolve("m", &registered, version.as_ref());
        assert_eq!(resolve(None).unwrap(), 3);
        assert_eq!(resolve(Some(VersionRef::Number(7))).unwrap(), 7);
        assert_eq!(resolve(Some(VersionRef::Alias("7".into()))).unwrap(), 7);
        assert_eq!(resolve(Some(VersionRef::Alias("challenger".into()))).unwrap(), 5);
        let error = resolve(Some(VersionRef::Alias("challanger".into()))).unwrap_err();
        assert!(error.to_string().contains("did you mean challenger?"), "{error}");
    }
}
