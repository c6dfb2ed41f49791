//! What the layers of a version make of rows.

use std::sync::Arc;

use super::Service;
use super::cache::Named;
use super::content::blocking;
use super::loaded::Loaded;
use super::turns::{PATIENCE, patiently_or};
use super::versions::no_version;
use crate::domain::activation::{ActivationRequest, ActivationResponse, MAX_LAYERS, MAX_OBSERVED};
use crate::domain::key::Caller;
use crate::domain::prediction::{MAX_ROWS, Row};
use crate::engine::{Inspector, Wanted};
use crate::error::{Code, Context, Error, Result};

impl Service {
    /// Answers what the layers of a version make of rows, and how its places look at each other.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every value that can't be read; [`Code::InvalidRequest`] for a
    /// layer that the version does not have, too many rows, and numbers of theirs;
    /// [`Code::NotFound`] for an unknown model, version or alias; [`Code::TooManyRequests`] while
    /// others' answers are looked at.
    pub async fn observe(
        &self,
        caller: &Caller,
        model: &str,
        request: ActivationRequest,
    ) -> Result<ActivationResponse> {
        let name = Named { project: &caller.project, model };
        let version = self.version_number(name, request.version.as_ref()).await?;
        let loaded = self.loaded(name, version).await?;
        let ActivationRequest { rows, layers, attention, .. } = request;
        let rows = checked(rows, &layers, &loaded)?;
        let turn = self.0.explaining.take().await?;
        let frame = blocking(move || loaded.reader.rows(&rows)).await?;
        let inspector = self.inspector(name, version).await?;
        let work = move |stop: &mut dyn FnMut() -> bool| {
            inspector.observe(&frame, Wanted { layers: &layers, attention }, stop)
        };
        let activations = patiently_or(turn, PATIENCE, too_long, work).await?;
        Ok(ActivationResponse { activations, model: model.to_owned(), version })
    }

    /// A version whose layers can be looked at, from memory when it is there.
    pub(super) async fn inspector(&self, name: Named<'_>, number: u32) -> Result<Arc<Inspector>> {
        if let Some(inspector) = self.0.cache.inspector(name, number) {
            return Ok(inspector);
        }
        let epoch = self.0.cache.epoch();
        let Named { project, model } = name;
        let servable = self.store().get_servable(project, model, number).await?;
        let servable = servable.ok_or_else(|| no_version(model, number))?;
        let key = (servable.model, number);
        let (service, name) = (self.clone(), name.owned());
        let load = async move {
            let weights = service.store().load_blob(servable.weights).await?;
            // As f32, whatever form they are kept in.
            let bytes = servable.version.provenance.parameters * 4;
            let inspector = blocking(move || {
                let features = serde_json::from_str(servable.features.get())
                    .context("reading a version's fitted features")?;
                let (signature, spec) =
                    (&servable.version.signature, &servable.version.provenance.spec);
                Inspector::load(signature, spec, features, &weights).map(Arc::new)
            })
            .await?;
            let cache = &service.0.cache;
            cache.keep_inspector(epoch, (&name).into(), number, inspector.clone(), bytes);
            Ok(inspector)
        };
        self.0.inspectors.join(key, load).await
    }
}

/// The way out for whoever still waits.
fn too_long() -> Error {
    let detail = "looking at activations takes longer than a minute: send fewer rows";
    Error::field(Code::InvalidRequest, "/rows", detail)
}

/// The rows of a request, as many as may be.
fn checked(rows: Option<Vec<Row>>, layers: &[String], loaded: &Loaded) -> Result<Vec<Row>> {
    let refuse =
        |pointer: &str, detail: String| Err(Error::field(Code::InvalidRequest, pointer, detail));
    let rows = rows.unwrap_or_default();
    if rows.is_empty() {
        return refuse("/rows", "there are no rows to look at".to_owned());
    }
    let most = match loaded.version.signature.window {
        // Each window reads many of them.
        Some(_) => MAX_ROWS,
        None => MAX_OBSERVED,
    };
    if rows.len() > most {
        let detail = format!("{} rows are more than {most}: send them in parts", rows.len());
        return refuse("/rows", detail);
    }
    if layers.len() > MAX_LAYERS {
        let detail = format!("{} layers are more than {MAX_LAYERS}", layers.len());
        return refuse("/layers", detail);
    }
    Ok(rows)
}
