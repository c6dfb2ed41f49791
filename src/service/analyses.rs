//! Analyses of models: queued, listed, read.

use uuid::Uuid;

use super::cache::Named;
use super::datasets::no_dataset;
use super::versions::no_version;
use super::{Idempotency, Service, blocking, not_found};
use crate::domain::analysis::{
    Analysis, AnalysisKind, AnalysisRequest, AnalysisSpec, AnalysisSummary,
};
use crate::domain::dataset::DatasetRef;
use crate::domain::job::{AnalysisJobSpec, Job, JobKind, JobSpec};
use crate::domain::key::Caller;
use crate::domain::page::{Page, PageQuery};
use crate::engine;
use crate::error::{Code, Context, Error, Result};
use crate::store::NewJob;

impl Service {
    /// Queues an analysis of a version of a model.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an unknown model, version or alias; [`Code::InvalidRequest`] naming every
    /// field that can't hold, an unknown dataset or one that lacks columns among them;
    /// [`Code::TooManyRequests`] where layers are named while others' answers are looked at.
    pub async fn analyse(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        request: AnalysisRequest,
    ) -> Result<Job> {
        if let Some(job) = self.kept(caller, once).await? {
            return Ok(job);
        }
        let name = Named { project: &caller.project, model };
        let version = self.version_number(name, request.version.as_ref()).await?;
        let found = self.store().get_servable(&caller.project, model, version).await?;
        let found = found.ok_or_else(|| no_version(model, version))?;
        let own = found.version.provenance.spec.dataset.clone();
        let asked = request.dataset.clone();
        let request = blocking(move || {
            let features = serde_json::from_str(found.features.get())
                .context("reading a version's fitted features")?;
            engine::check_analysis(&found.version, &features, &request)?;
            Ok((found.version, request))
        });
        let (described, request) = request.await?;
        self.check_layers_of(name, version, &request).await?;
        let dataset = match asked {
            None => {
                let found = self
                    .store()
                    .get_dataset_version(&caller.project, &own.name, own.version)
                    .await?;
                let (found, _) = found.ok_or_else(|| no_rows(version, &own))?;
                engine::check_analysed_columns(&described, &request, &found.columns)?;
                own
            }
            Some(asked) => {
                let found = self.named_dataset(caller, &asked, Code::InvalidRequest, "/dataset");
                let (found, _) = found.await?;
                engine::check_analysed_columns(&described, &request, &found.columns)?;
                DatasetRef { name: asked.name, version: Some(found.version) }
            }
        };
        let (project, key, model) = (caller.project.clone(), caller.key, model.to_owned());
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let held = tx.hold_dataset_version(&project, &dataset.name, dataset.version);
                if held.await?.is_none() {
                    return Err(match &request.dataset {
                        Some(asked) => no_dataset(asked, Code::InvalidRequest, "/dataset"),
                        None => no_rows(version, &dataset),
                    });
                }
                let job = AnalysisJobSpec { model: model.clone(), version, dataset, request };
                tx.insert_job(NewJob {
                    project: &project,
                    kind: JobKind::Analysis,
                    subject: &model,
                    spec: &JobSpec::Analysis(Box::new(job)),
                    upload: None,
                    created_by: Some(key),
                })
                .await
            })
        })
        .await
    }

    /// Whether the layers that an analysis names are the version's.
    async fn check_layers_of(
        &self,
        name: Named<'_>,
        version: u32,
        request: &AnalysisRequest,
    ) -> Result<()> {
        let AnalysisSpec::Activations(spec) = &request.analysis else { return Ok(()) };
        if spec.layers.is_empty() {
            return Ok(());
        }
        let turn = self.0.explaining.take().await?;
        let (inspector, layers) = (self.inspector(name, version).await?, spec.layers.clone());
        let checked = blocking(move || {
            let _turn = turn;
            inspector.check_layers(&layers, "/analysis/layers")
        });
        checked.await
    }

    /// Analyses of a model, of one kind or of all, the newest first.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn list_analyses(
        &self,
        caller: &Caller,
        model: &str,
        kind: Option<AnalysisKind>,
        query: &PageQuery,
    ) -> Result<Page<AnalysisSummary>> {
        self.get_model(caller, model).await?;
        self.store().list_analyses(&caller.project, model, kind, query).await
    }

    /// What was found.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_analysis(&self, caller: &Caller, model: &str, id: Uuid) -> Result<Analysis> {
        let found = self.store().get_analysis(&caller.project, model, id).await?;
        found.ok_or_else(|| not_found("analysis", &format!("{id} of model {model}")))
    }
}

/// What is said where the rows that a version was trained on are gone.
fn no_rows(version: u32, dataset: &DatasetRef) -> Error {
    let detail = format!(
        "dataset {}, which version {version} was trained on, was deleted: name another one whose rows \
         it is to be looked at over",
        dataset.name
    );
    Error::field(Code::InvalidRequest, "/dataset", detail)
}
