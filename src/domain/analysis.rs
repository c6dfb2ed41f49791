//! Analyses of a model: how one of its versions answers over the rows of a dataset, and what was found.
//! One file per kind.

mod activations;
mod dependence;
mod fairness;
mod importance;
mod rolling_origin;
mod surrogate;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::activations::{
    ActivationsResult, ActivationsSpec, LayerStatistics, RowActivation, UnitStatistics,
};
pub use self::dependence::{
    ColumnDependence, DependenceLine, DependencePoint, DependenceResult, DependenceSpec,
    PairDependence,
};
pub use self::fairness::{FAIRNESS_NOTICE, FairnessResult, FairnessSpec};
pub use self::importance::{
    AnalysisMetric, ColumnImportance, ImportanceResult, ImportanceSpec, MetricSense,
};
pub use self::rolling_origin::{
    OriginResult, RolledCoverage, RollingOriginResult, RollingOriginSpec, RollingTraining,
};
pub use self::surrogate::{
    SurrogateFidelity, SurrogateLinear, SurrogateNode, SurrogatePart, SurrogateResult,
    SurrogateRule, SurrogateSpec, SurrogateSplit, SurrogateTerm, SurrogateTree,
};
use super::dataset::DatasetRef;
use super::prediction::VersionRef;
use super::tagged::deserialize_tagged;

/// Most rows that an analysis looks at.
pub const MAX_ANALYSED: u32 = 1_000_000;

/// Which version is looked at, over which rows, and what is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisRequest {
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// All rows of this dataset; those without a target are left out where one is needed. When absent
    /// the test rows of the version's own dataset, from which it has not learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRef>,
    /// Rows that are looked at, at most (windows, of a version that reads windows): of more so many are
    /// drawn by the seed.
    #[serde(default = "defaults::rows")]
    #[schema(minimum = 2, maximum = 1_000_000)]
    pub rows: u32,
    /// The same seed, version and rows give the same numbers.
    #[serde(default)]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
    pub analysis: AnalysisSpec,
}

mod defaults {
    pub(super) fn rows() -> u32 {
        10_000
    }
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnalysisSpec {
    Importance(ImportanceSpec),
    Dependence(DependenceSpec),
    Surrogate(SurrogateSpec),
    Activations(ActivationsSpec),
    Fairness(FairnessSpec),
    RollingOrigin(RollingOriginSpec),
}

deserialize_tagged! { AnalysisSpec by "kind":
    "importance" => Importance(ImportanceSpec),
    "dependence" => Dependence(DependenceSpec),
    "surrogate" => Surrogate(SurrogateSpec),
    "activations" => Activations(ActivationsSpec),
    "fairness" => Fairness(FairnessSpec),
    "rolling_origin" => RollingOrigin(RollingOriginSpec),
}

impl AnalysisSpec {
    /// As a request names it.
    pub fn kind(&self) -> AnalysisKind {
        match self {
            Self::Importance(_) => AnalysisKind::Importance,
            Self::Dependence(_) => AnalysisKind::Dependence,
            Self::Surrogate(_) => AnalysisKind::Surrogate,
            Self::Activations(_) => AnalysisKind::Activations,
            Self::Fairness(_) => AnalysisKind::Fairness,
            Self::RollingOrigin(_) => AnalysisKind::RollingOrigin,
        }
    }
}

/// Kinds of analyses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisKind {
    Importance,
    Dependence,
    Surrogate,
    Activations,
    Fairness,
    RollingOrigin,
}

impl AnalysisKind {
    pub const ALL: &[AnalysisKind] = &[
        Self::Importance,
        Self::Dependence,
        Self::Surrogate,
        Self::Activations,
        Self::Fairness,
        Self::RollingOrigin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Importance => "importance",
            Self::Dependence => "dependence",
            Self::Surrogate => "surrogate",
            Self::Activations => "activations",
            Self::Fairness => "fairness",
            Self::RollingOrigin => "rolling_origin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// What an analysis has found. It is never changed, and stays when its version or its rows are deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Analysis {
    pub id: Uuid,
    #[schema(example = "default-risk")]
    pub model: String,
    #[schema(example = 1)]
    pub version: u32,
    /// Whose rows were looked at.
    #[schema(example = "loans")]
    pub dataset: String,
    #[schema(example = 1)]
    pub dataset_version: u32,
    /// Rows, or windows, that were looked at.
    pub rows: u64,
    pub created_at: DateTime<Utc>,
    /// The job that made it.
    pub job: Uuid,
    /// As it was asked for.
    pub request: AnalysisRequest,
    pub result: AnalysisResult,
    /// What was noticed and gone on with.
    pub warnings: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnalysisResult {
    Importance(ImportanceResult),
    Dependence(DependenceResult),
    Surrogate(SurrogateResult),
    Activations(ActivationsResult),
    Fairness(Box<FairnessResult>),
    RollingOrigin(Box<RollingOriginResult>),
}

deserialize_tagged! { AnalysisResult by "kind":
    "importance" => Importance(ImportanceResult),
    "dependence" => Dependence(DependenceResult),
    "surrogate" => Surrogate(SurrogateResult),
    "activations" => Activations(ActivationsResult),
    "fairness" => Fairness(Box<FairnessResult>),
    "rolling_origin" => RollingOrigin(Box<RollingOriginResult>),
}

/// An analysis in a list: without what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalysisSummary {
    pub id: Uuid,
    pub kind: AnalysisKind,
    #[schema(example = "default-risk")]
    pub model: String,
    #[schema(example = 1)]
    pub version: u32,
    #[schema(example = "loans")]
    pub dataset: String,
    #[schema(example = 1)]
    pub dataset_version: u32,
    pub rows: u64,
    pub created_at: DateTime<Utc>,
    /// The job that made it.
    pub job: Uuid,
}
