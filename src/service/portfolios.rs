//! Datasets whose rows are assessed under a policy: queued.

use super::datasets::no_dataset;
use super::policies::Bound;
use super::{Idempotency, Service};
use crate::domain::assessment::{LoanPortfolioRequest, LoanPortfolioStaging, MAX_PORTFOLIO};
use crate::domain::dataset::{DatasetRef, DatasetVersion};
use crate::domain::job::{AssessmentJobSpec, Job, JobKind, JobSpec};
use crate::domain::key::Caller;
use crate::domain::name::{check_name, did_you_mean};
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, FieldError, Result};
use crate::service::loans::stage_rules;
use crate::store::NewJob;

/// What is found of each row, in the order of the new columns.
pub(super) const COLUMNS: [&str; 10] = [
    "decision",
    "points",
    "pd",
    "exposure",
    "expected_loss",
    "limit",
    "rate",
    "rules",
    "reasons",
    "reason_texts",
];
/// The same of stages.
pub(super) const STAGING_COLUMNS: [&str; 2] = ["stage", "provision"];
const MAX_PREFIX: usize = 40;

impl Service {
    /// Queues the assessment of a dataset's rows under a policy.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an unknown policy; [`Code::InvalidRequest`] naming an unknown dataset, what
    /// it lacks, and every field that can't hold.
    pub async fn assess_dataset(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        policy: &str,
        mut request: LoanPortfolioRequest,
    ) -> Result<Job> {
        if let Some(job) = self.kept(caller, once).await? {
            return Ok(job);
        }
        check_name("/into", &request.into)?;
        let found = self.policy_version(&caller.project, policy, request.version).await?;
        let bound = self.bound(&caller.project, found, None).await?;
        let found = self.named_dataset(caller, &request.dataset, Code::InvalidRequest, "/dataset");
        let (dataset, _) = found.await?;
        let faults = faults(&bound, &request, &dataset);
        if !faults.is_empty() {
            let detail = "the dataset can't be assessed so";
            return Err(Error::fields(Code::InvalidRequest, detail, faults));
        }
        request.dataset.version = Some(dataset.version);
        let spec = AssessmentJobSpec {
            policy: policy.to_owned(),
            policy_version: bound.policy.version,
            model_version: bound.loaded.version.version,
            request,
        };
        let (project, key) = (caller.project.clone(), caller.key);
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let DatasetRef { name, version } = &spec.request.dataset;
                if tx.hold_dataset_version(&project, name, *version).await?.is_none() {
                    let dataset = &spec.request.dataset;
                    return Err(no_dataset(dataset, Code::InvalidRequest, "/dataset"));
                }
                let subject = spec.policy.clone();
                tx.insert_job(NewJob {
                    project: &project,
                    kind: JobKind::Assessment,
                    subject: &subject,
                    spec: &JobSpec::Assessment(Box::new(spec)),
                    upload: None,
                    created_by: Some(key),
                })
                .await
            })
        })
        .await
    }
}

/// What a dataset lacks of some columns, each with whether values of one type are read as those of another.
pub(super) fn lacking<'a>(
    wanted: impl Iterator<Item = (&'a str, ColumnType)>,
    dataset: &DatasetVersion,
) -> Vec<FieldError> {
    let fault = |(name, kind): (&str, ColumnType)| {
        let columns = &dataset.columns;
        let detail = match columns.iter().find(|column| column.name == name).map(|c| c.kind) {
            None => {
                let near = did_you_mean(name, columns.iter().map(|column| column.name.as_str()));
                format!("has no column {name}{near}")
            }
            Some(found) if found == kind => return None,
            Some(ColumnType::Int64) if kind == ColumnType::Float64 => return None,
            Some(found) => format!(
                "has a column {name} of type {}, where {} is needed",
                found.as_str(),
                kind.as_str()
            ),
        };
        Some(FieldError::new("/dataset", detail))
    };
    wanted.filter_map(fault).collect()
}

fn faults(
    bound: &Bound,
    request: &LoanPortfolioRequest,
    dataset: &DatasetVersion,
) -> Vec<FieldError> {
    let columns = bound.columns();
    let wanted = columns.iter().map(|column| (column.name.as_str(), column.kind));
    let mut faults = lacking(wanted, dataset);
    if request.into == request.dataset.name {
        let detail = "is the dataset itself, whose next version would have what was decided among what was known: \
                      name another";
        faults.push(FieldError::new("/into", detail));
    }
    if dataset.rows > MAX_PORTFOLIO {
        let detail = format!("has {} rows, more than {MAX_PORTFOLIO}", dataset.rows);
        faults.push(FieldError::new("/dataset", detail));
    }
    let prefix = &request.prefix;
    if prefix.chars().count() > MAX_PREFIX || prefix.chars().any(char::is_control) {
        faults.push(FieldError::new("/prefix", format!("must be at most {MAX_PREFIX} characters")));
    }
    let staging = request.staging.as_ref().map_or(&[][..], |_| &STAGING_COLUMNS[..]);
    for name in COLUMNS.iter().chain(staging).map(|name| format!("{prefix}{name}")) {
        if dataset.columns.iter().any(|column| column.name == name) {
            let detail = format!(
                "the dataset has a column {name} already: choose a prefix for the new columns"
            );
            faults.push(FieldError::new("/prefix", detail));
        }
    }
    if let Some(staging) = &request.staging {
        faults.extend(staging_faults(bound, staging, dataset));
    }
    faults
}

fn staging_faults(
    bound: &Bound,
    staging: &LoanPortfolioStaging,
    dataset: &DatasetVersion,
) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut add = |field: &str, detail: String| {
        faults.push(FieldError::new(format!("/staging{field}"), detail));
    };
    if bound.terms().pricing.is_none() {
        add("", "needs a policy with pricing, by which losses are known".to_owned());
    }
    let columns = [
        ("/days_past_due", Some(&staging.days_past_due)),
        ("/origination_pd", staging.origination_pd.as_ref()),
        ("/remaining_months", Some(&staging.remaining_months)),
    ];
    for (field, name) in columns {
        let Some(name) = name else { continue };
        match dataset.columns.iter().find(|column| column.name == *name) {
            Some(column) if column.kind.is_numeric() => {}
            Some(column) => add(field, format!("{name} is a {}, no number", column.kind.as_str())),
            None => {
                let known = dataset.columns.iter().map(|column| column.name.as_str());
                add(
                    field,
                    format!("the dataset has no column {name}{}", did_you_mean(name, known)),
                );
            }
        }
    }
    if !(-0.5..=10.0).contains(&staging.effective_rate) {
        add("/effective_rate", format!("{} is not from -0.5 to 10", staging.effective_rate));
    }
    if let Err(fault) = stage_rules(&staging.rules).check() {
        add(&format!("/rules{}", fault.pointer), fault.detail);
    }
    faults
}
