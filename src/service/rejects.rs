//! Reject inference: queued.

use super::cache::Named;
use super::datasets::no_dataset;
use super::loaded::Loaded;
use super::portfolios::lacking;
use super::{Idempotency, Service};
use crate::domain::assessment::MAX_PORTFOLIO;
use crate::domain::dataset::{DatasetRef, DatasetVersion};
use crate::domain::job::{Job, JobKind, JobSpec, RejectInferenceJobSpec};
use crate::domain::key::Caller;
use crate::domain::model::Task;
use crate::domain::name::{check_name, did_you_mean};
use crate::domain::reject::RejectInferenceRequest;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, FieldError, Result};
use crate::store::NewJob;

/// The column that says where an outcome was drawn.
pub(super) const INFERRED: &str = "inferred";

impl Service {
    /// Queues the drawing of outcomes for the refused applicants of a dataset.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming an unknown model, version, alias or dataset, what it lacks, and every
    /// field that can't hold.
    pub async fn infer_rejects(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        mut request: RejectInferenceRequest,
    ) -> Result<Job> {
        if let Some(job) = self.kept(caller, once).await? {
            return Ok(job);
        }
        check_name("/into", &request.into)?;
        let name = Named { project: &caller.project, model: &request.model };
        let version = request.version.as_ref();
        let loaded = self.loaded_for_body(name, version, ("/model", "/version")).await?;
        let found = self.named_dataset(caller, &request.dataset, Code::InvalidRequest, "/dataset");
        let (dataset, _) = found.await?;
        let faults = faults(&loaded, &request, &dataset);
        if !faults.is_empty() {
            let detail = "outcomes can't be inferred so";
            return Err(Error::fields(Code::InvalidRequest, detail, faults));
        }
        request.dataset.version = Some(dataset.version);
        let spec = RejectInferenceJobSpec { model_version: loaded.version.version, request };
        let (project, key) = (caller.project.clone(), caller.key);
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let DatasetRef { name, version } = &spec.request.dataset;
                if tx.hold_dataset_version(&project, name, *version).await?.is_none() {
                    let dataset = &spec.request.dataset;
                    return Err(no_dataset(dataset, Code::InvalidRequest, "/dataset"));
                }
                let subject = name.clone();
                tx.insert_job(NewJob {
                    project: &project,
                    kind: JobKind::RejectInference,
                    subject: &subject,
                    spec: &JobSpec::RejectInference(Box::new(spec)),
                    upload: None,
                    created_by: Some(key),
                })
                .await
            })
        })
        .await
    }
}

fn faults(
    loaded: &Loaded,
    request: &RejectInferenceRequest,
    dataset: &DatasetVersion,
) -> Vec<FieldError> {
    let signature = &loaded.version.signature;
    if signature.task != Task::Binary || signature.window.is_some() {
        let detail = "outcomes are drawn by a model that answers rows with one of two classes";
        return vec![FieldError::new("/model", detail)];
    }
    let wanted = signature.inputs.iter().map(|input| (input.name.as_str(), input.kind));
    let mut faults = lacking(wanted, dataset);
    if request.into == request.dataset.name {
        let detail = "is the dataset itself, whose next version would have drawn outcomes among the true ones: \
                      name another";
        faults.push(FieldError::new("/into", detail));
    }
    let mut add = |pointer: &str, detail: String| faults.push(FieldError::new(pointer, detail));
    if let Some(adverse) = request.adverse.as_ref().filter(|a| !signature.classes.contains(a)) {
        let near = did_you_mean(adverse, signature.classes.iter().map(String::as_str));
        add("/adverse", format!("the version knows no class {adverse}{near}"));
    }
    let target = dataset.columns.iter().find(|column| column.name == signature.target);
    match target {
        None => add("/dataset", format!("has no column {}, the model's target", signature.target)),
        Some(target) if target.nulls == 0 => {
            let detail = format!(
                "has a value of {} in every row: refused applicants are those without one",
                signature.target
            );
            add("/dataset", detail);
        }
        Some(target) if matches!(target.kind, ColumnType::Timestamp | ColumnType::Image) => {
            add("/dataset", format!("{} is no outcome", signature.target));
        }
        Some(_) => {}
    }
    if dataset.columns.iter().any(|column| column.name == INFERRED) {
        add("/dataset", format!("has a column {INFERRED} already, which tells what was drawn"));
    }
    if dataset.rows > MAX_PORTFOLIO {
        add("/dataset", format!("has {} rows, more than {MAX_PORTFOLIO}", dataset.rows));
    }
    if !(2..=100).contains(&request.bands) {
        add("/bands", format!("{} is not from 2 to 100", request.bands));
    }
    if !(request.factor > 0.0 && request.factor <= 100.0) {
        add("/factor", "must be above 0 and at most 100".to_owned());
    }
    faults
}
