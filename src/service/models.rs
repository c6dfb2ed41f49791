//! Models: listed, set, trained.

use super::datasets::no_dataset;
use super::jobs::gone;
use super::{Idempotency, Service, blocking, not_found};
use crate::domain::dataset::DatasetRef;
use crate::domain::job::{Job, JobKind, JobSpec, TrainingJobSpec};
use crate::domain::key::Caller;
use crate::domain::model::{Model, ModelSettings};
use crate::domain::name::check_name;
use crate::domain::page::{Page, PageQuery};
use crate::domain::start::StartSpec;
use crate::domain::training::TrainingSpec;
use crate::domain::version::{Answers, Signature};
use crate::engine;
use crate::error::{Code, Error, FieldError, Result};
use crate::store::{NewJob, Tx};

impl Service {
    /// Queues the training of a model's next version.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] naming every field that can't hold, [`Code::DeviceUnavailable`],
    /// [`Code::InvalidRequest`] for a bad name; an unknown dataset is a bad field.
    pub async fn train(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        mut spec: TrainingSpec,
    ) -> Result<Job> {
        check_name("/name", model)?;
        if let Some(job) = self.kept(caller, once).await? {
            return Ok(job);
        }
        checked(&spec, engine::check_spec).await?;
        let (dataset, _) =
            self.named_dataset(caller, &spec.dataset, Code::InvalidSpec, "/dataset").await?;
        let columns = dataset.columns.clone();
        checked(&spec, move |spec| engine::check_columns(spec, &columns)).await?;
        if let Some(newest) = self.newest_signature(&caller.project, model).await? {
            let answers = Answers {
                task: engine::known_task(&spec, &dataset.columns),
                target: Some(&spec.target),
                classes: None,
                positive_class: spec.positive_class.as_deref(),
            };
            alike(model, answers, &newest)?;
        }
        spec.dataset.version = Some(dataset.version);
        let project = caller.project.clone();
        let (key, model) = (caller.key, model.to_owned());
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let DatasetRef { name, version } = &spec.dataset;
                if tx.hold_dataset_version(&project, name, *version).await?.is_none() {
                    return Err(no_dataset(&spec.dataset, Code::InvalidSpec, "/dataset"));
                }
                let upload = match &spec.start {
                    Some(start) => Some(weights_to_start(tx, &project, start, &spec).await?),
                    None => None,
                };
                let job = TrainingJobSpec { model: model.clone(), spec };
                let spec = JobSpec::Training(Box::new(job));
                tx.insert_job(NewJob {
                    project: &project,
                    kind: JobKind::Training,
                    subject: &model,
                    spec: &spec,
                    upload,
                    created_by: Some(key),
                })
                .await
            })
        })
        .await
    }

    /// The signature of a model's newest version, where it has one.
    pub(super) async fn newest_signature(
        &self,
        project: &str,
        model: &str,
    ) -> Result<Option<Signature>> {
        let Some(row) = self.store().get_model(project, model).await? else { return Ok(None) };
        let newest = self.store().get_version(project, model, row.model.latest_version).await?;
        Ok(newest.map(|newest| newest.signature))
    }

    /// Models of the caller's project by name.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_models(&self, caller: &Caller, query: &PageQuery) -> Result<Page<Model>> {
        self.store().list_models(&caller.project, query).await
    }

    /// A model.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_model(&self, caller: &Caller, name: &str) -> Result<Model> {
        let row = self.store().get_model(&caller.project, name).await?;
        row.map(|row| row.model).ok_or_else(|| not_found("model", name))
    }

    /// Changes a model's settings.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn change_model(
        &self,
        caller: &Caller,
        name: &str,
        settings: ModelSettings,
    ) -> Result<Model> {
        let mut tx = self.store().begin().await?;
        let model = tx.set_model_record(&caller.project, name, settings.record).await?;
        let model = model.ok_or_else(|| not_found("model", name))?;
        tx.commit().await?;
        self.0.cache.forget();
        Ok(model)
    }
}

/// Refuses what another version of a model can't answer.
///
/// # Errors
/// [`Code::InvalidSpec`].
pub(super) fn alike(model: &str, answers: Answers<'_>, newest: &Signature) -> Result<()> {
    match answers.conflict(model, newest) {
        Some(FieldError { pointer, detail }) => {
            Err(Error::field(Code::InvalidSpec, pointer, detail))
        }
        None => Ok(()),
    }
}

/// The blob of the weights that a training is to begin with, held until the end of the transaction.
async fn weights_to_start(
    tx: &mut Tx,
    project: &str,
    start: &StartSpec,
    spec: &TrainingSpec,
) -> Result<i64> {
    let id = start.job;
    let bad = |detail: String| Error::field(Code::InvalidSpec, "/start/job", detail);
    let failed = tx.hold_failed_job(project, id).await?;
    let (job, error, blob) =
        failed.ok_or_else(|| bad(format!("there is no job {id} that has failed")))?;
    let checkpoint = error.and_then(|error| error.checkpoint);
    let (JobSpec::Training(earlier), Some(checkpoint)) = (job, checkpoint) else {
        return Err(bad(format!(
            "job {id} has no checkpoint to begin with: only a training that diverged after its first \
             epoch has one"
        )));
    };
    if !checkpoint.may_start {
        return Err(bad(format!(
            "the checkpoint of job {id} is of {}: it is one of several networks, or has learnt from \
             validation rows; no other training can begin with it",
            checkpoint.run
        )));
    }
    start.check(spec, &earlier.spec)?;
    blob.ok_or_else(|| bad(gone(id)))
}

/// Checks a specification, on another thread where there is a search: it stands for many.
async fn checked(
    spec: &TrainingSpec,
    check: impl FnOnce(&TrainingSpec) -> Result<()> + Send + 'static,
) -> Result<()> {
    if spec.search.is_none() {
        return check(spec);
    }
    let spec = spec.clone();
    blocking(move || check(&spec)).await
}
