//! Versions made simpler.

use super::cache::Named;
use super::versions::no_version;
use super::{Idempotency, Service};
use crate::domain::dataset::DatasetRef;
use crate::domain::job::{Job, JobKind, JobSpec, SimplificationJobSpec};
use crate::domain::key::Caller;
use crate::domain::simplification::SimplificationSpec;
use crate::engine;
use crate::error::{Code, Error, Result};
use crate::store::NewJob;

impl Service {
    /// Queues the making of a simpler version of a model from one that is there.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`] for an unknown model, version or alias;
    /// [`crate::error::Code::InvalidSpec`] naming every field that can't hold, and where the rows that
    /// the version was trained on were deleted.
    pub async fn simplify(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        spec: SimplificationSpec,
    ) -> Result<Job> {
        if let Some(job) = self.kept(caller, once).await? {
            return Ok(job);
        }
        let name = Named { project: &caller.project, model };
        let version = self.version_number(name, spec.version.as_ref()).await?;
        let found = self.store().get_version(&caller.project, model, version).await?;
        let parent = found.ok_or_else(|| no_version(model, version))?;
        engine::check_simplification(&parent, &spec.method)?;
        let dataset = parent.provenance.spec.dataset;
        let (project, key, model) = (caller.project.clone(), caller.key, model.to_owned());
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let held = tx.hold_dataset_version(&project, &dataset.name, dataset.version);
                if held.await?.is_none() {
                    return Err(no_rows(version, &dataset));
                }
                let job =
                    SimplificationJobSpec { model: model.clone(), version, method: spec.method };
                tx.insert_job(NewJob {
                    project: &project,
                    kind: JobKind::Simplification,
                    subject: &model,
                    spec: &JobSpec::Simplification(Box::new(job)),
                    upload: None,
                    created_by: Some(key),
                })
                .await
            })
        })
        .await
    }
}

/// What is said where the rows that a version was trained on are gone.
fn no_rows(version: u32, dataset: &DatasetRef) -> Error {
    let number = dataset.version.map(|number| format!(" {number}")).unwrap_or_default();
    let detail = format!(
        "dataset {}{number}, which version {version} was trained on, was deleted: train a version anew",
        dataset.name
    );
    Error::field(Code::InvalidSpec, "/version", detail)
}
