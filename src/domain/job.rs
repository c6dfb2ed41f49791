//! Jobs: durable work that outlives the process that took it up.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::analysis::{AnalysisKind, AnalysisRequest};
use super::assessment::{LoanPortfolioRequest, LoanPortfolioSummary};
use super::cost::Cost;
use super::dataset::{DataFormat, DatasetRef};
use super::forecast::AgainstRandomWalk;
use super::reject::{RejectInferenceRequest, RejectInferenceResult};
use super::schema::ColumnType;
use super::search::SearchProgress;
use super::simplification::SimplificationMethod;
use super::tagged::deserialize_tagged;
use super::training::TrainingSpec;
use super::version::EpochLoss;
use crate::error::{Code, FieldError};

/// A job as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    pub id: Uuid,
    pub kind: JobKind,
    pub state: JobState,
    /// What it works on: the name of a dataset or a model.
    pub subject: String,
    /// How often it was taken up.
    pub attempts: u32,
    pub max_attempts: u32,
    /// What a training is expected to take, known once its rows are prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    pub created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// An upload becomes a dataset version.
    Ingestion,
    /// A specification becomes a model version.
    Training,
    /// A model version becomes a simpler one.
    Simplification,
    /// A model version is looked at over the rows of a dataset.
    Analysis,
    /// The rows of a dataset are assessed under a credit policy.
    Assessment,
    /// Outcomes are drawn for the refused applicants of a dataset.
    RejectInference,
    /// Unreferenced blobs and old idempotency records are removed.
    Sweep,
}

impl JobKind {
    pub const ALL: [JobKind; 7] = [
        Self::Ingestion,
        Self::Training,
        Self::Simplification,
        Self::Analysis,
        Self::Assessment,
        Self::RejectInference,
        Self::Sweep,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingestion => "ingestion",
            Self::Training => "training",
            Self::Simplification => "simplification",
            Self::Analysis => "analysis",
            Self::Assessment => "assessment",
            Self::RejectInference => "reject_inference",
            Self::Sweep => "sweep",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Queued,
    Running,
    /// Asked to stop; the child is being ended.
    CancelPending,
    Cancelled,
    Done,
    Failed,
}

impl JobState {
    pub const ALL: &[JobState] = &[
        Self::Queued,
        Self::Running,
        Self::CancelPending,
        Self::Cancelled,
        Self::Done,
        Self::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::CancelPending => "cancel_pending",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.as_str() == text)
    }

    /// Whether nothing more will happen.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Cancelled | Self::Done | Self::Failed)
    }
}

/// How far a running job is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Progress {
    Ingestion(IngestionProgress),
    Training(TrainingProgress),
    Analysis(AnalysisProgress),
    Assessment(AssessmentProgress),
}

deserialize_tagged! { Progress by "kind":
    "ingestion" => Ingestion(IngestionProgress),
    "training" => Training(TrainingProgress),
    "analysis" => Analysis(AnalysisProgress),
    "assessment" => Assessment(AssessmentProgress),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IngestionProgress {
    /// `reading`, `typing`, `writing` or `storing`.
    pub stage: String,
    pub rows: u64,
    pub bytes: u64,
    pub total_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrainingProgress {
    /// What is being trained of all that the job trains: `tabm`, `linear baseline`.
    #[serde(default)]
    pub run: String,
    /// Its number, from 1 on.
    #[serde(default)]
    pub run_number: u64,
    /// As many trainings as are expected.
    #[serde(default)]
    pub runs: u64,
    /// Epochs that are over.
    pub epoch: u32,
    pub epochs: u32,
    /// The last epoch's figures.
    pub last: EpochLoss,
    /// The best epoch up to now.
    pub best_epoch: u32,
    pub rows_per_second: f64,
    /// At most so many seconds of this training are left, if it does not stop early.
    pub seconds_left: f64,
    /// The search that this training is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchProgress>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalysisProgress {
    /// What is being done: `reading`, then the kind of the analysis.
    pub stage: String,
    /// Of `total`: rows that were answered, each as often as it is, or trainings that are over.
    pub done: u64,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentProgress {
    /// Rows that were assessed, of `total`.
    pub done: u64,
    pub total: u64,
}

/// What a finished job made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobResult {
    DatasetVersion(DatasetVersionResult),
    ModelVersion(ModelVersionResult),
    Analysis(AnalysisJobResult),
    Assessment(AssessmentJobResult),
    RejectInference(RejectInferenceResult),
    Sweep(SweepResult),
}

deserialize_tagged! { JobResult by "kind":
    "dataset_version" => DatasetVersion(DatasetVersionResult),
    "model_version" => ModelVersion(ModelVersionResult),
    "analysis" => Analysis(AnalysisJobResult),
    "assessment" => Assessment(AssessmentJobResult),
    "reject_inference" => RejectInference(RejectInferenceResult),
    "sweep" => Sweep(SweepResult),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetVersionResult {
    pub dataset: String,
    pub version: u32,
    pub rows: u64,
    /// Where it is: `/api/v1/datasets/{name}/versions/{n}`.
    pub location: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelVersionResult {
    pub model: String,
    pub version: u32,
    /// Where it is: `/api/v1/models/{name}/versions/{n}`.
    pub location: String,
    /// Of a forecast: whether it beats the random walk, with the test's figures and in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_random_walk: Option<AgainstRandomWalk>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalysisJobResult {
    pub model: String,
    pub id: Uuid,
    /// What was looked for; `kind` says what the job made.
    pub analysis: AnalysisKind,
    /// Where it is: `/api/v1/models/{name}/analyses/{id}`.
    pub location: String,
}

/// A dataset's version with the decisions on its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentJobResult {
    pub policy: String,
    pub policy_version: u32,
    pub model: String,
    /// The version that scored.
    pub model_version: u32,
    pub dataset: String,
    pub version: u32,
    pub rows: u64,
    /// Where it is: `/api/v1/datasets/{name}/versions/{n}`.
    pub location: String,
    pub summary: LoanPortfolioSummary,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepResult {
    pub blobs: u64,
    pub bytes: u64,
    pub idempotency_records: u64,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobError {
    pub code: Code,
    pub detail: String,
    /// Every bad place, by line and column of an upload or by pointer into the specification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What is kept of a training that diverged; nothing where it did so at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<JobCheckpoint>,
}

impl JobError {
    pub fn new(code: Code, detail: String, errors: Vec<FieldError>) -> Self {
        Self { code, detail, errors, checkpoint: None }
    }
}

/// The weights that a training had before it diverged, all of them finite: those of the best epoch, and
/// the last ones, which mostly are lost already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobCheckpoint {
    /// Which of the job's networks diverged.
    pub run: String,
    /// Epochs that were over.
    pub epoch: u32,
    /// Figures of the last of them; absent where the first one was not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<EpochLoss>,
    /// Figures of the best of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<EpochLoss>,
    /// Size as safetensors.
    pub bytes: u64,
    pub sha256: String,
    /// Whether a training may begin with them (its `start`): not those of one of several networks, or
    /// of one that has learnt from validation rows.
    pub may_start: bool,
    /// They are removed some time after this.
    pub kept_until: DateTime<Utc>,
    /// Where they are: `/api/v1/jobs/{job}/checkpoint`.
    pub location: String,
}

/// What happened to a job, in order; also the stream of server-sent events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    /// Counted from 1 within the job; the id of the server-sent event.
    pub sequence: u64,
    pub at: DateTime<Utc>,
    pub event: JobEventKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobEventKind {
    State(StateEvent),
    Progress(ProgressEvent),
    Log(LogEvent),
}

deserialize_tagged! { JobEventKind by "kind":
    "state" => State(StateEvent),
    "progress" => Progress(ProgressEvent),
    "log" => Log(LogEvent),
}

impl JobEventKind {
    /// Name of the server-sent event.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Progress(_) => "progress",
            Self::Log(_) => "log",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StateEvent {
    pub state: JobState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgressEvent {
    pub progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogEvent {
    pub message: String,
}

/// What a job is to do, as it is stored with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    Ingestion(IngestionSpec),
    Training(Box<TrainingJobSpec>),
    Simplification(Box<SimplificationJobSpec>),
    Analysis(Box<AnalysisJobSpec>),
    Assessment(Box<AssessmentJobSpec>),
    RejectInference(Box<RejectInferenceJobSpec>),
    Sweep,
}

deserialize_tagged! { JobSpec by "kind":
    "ingestion" => Ingestion(IngestionSpec),
    "training" => Training(Box<TrainingJobSpec>),
    "simplification" => Simplification(Box<SimplificationJobSpec>),
    "analysis" => Analysis(Box<AnalysisJobSpec>),
    "assessment" => Assessment(Box<AssessmentJobSpec>),
    "reject_inference" => RejectInference(Box<RejectInferenceJobSpec>),
    "sweep" => Sweep,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestionSpec {
    pub dataset: String,
    pub format: DataFormat,
    /// Types that are wanted whatever the values look like.
    pub types: Vec<(String, ColumnType)>,
    pub upload_sha256: String,
    pub upload_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingJobSpec {
    pub model: String,
    /// As asked for, the dataset's version resolved.
    pub spec: TrainingSpec,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimplificationJobSpec {
    pub model: String,
    /// The parent's number.
    pub version: u32,
    pub method: SimplificationMethod,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisJobSpec {
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// The snapshot whose rows are read.
    pub dataset: DatasetRef,
    /// As it was asked for.
    pub request: AnalysisRequest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssessmentJobSpec {
    pub policy: String,
    /// Number of the policy's version.
    pub policy_version: u32,
    /// Number of the model's version, as it was when the job was queued.
    pub model_version: u32,
    /// As it was asked for, the dataset's version resolved.
    pub request: LoanPortfolioRequest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectInferenceJobSpec {
    /// Number of the model's version.
    pub model_version: u32,
    /// As it was asked for, the dataset's version resolved.
    pub request: RejectInferenceRequest,
}
