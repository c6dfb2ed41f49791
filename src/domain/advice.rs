//! Advice: what to train on a dataset, and why.

mod service;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::service::{Purpose, ServiceAdvice, ServiceStep};
use super::cost::Cost;
use super::dataset::DatasetRef;
use super::model::Task;
use super::network::NetworkSpec;
use super::training::TrainingSpec;

/// What is to be predicted from which data, and how long it may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdviceRequest {
    pub dataset: DatasetRef,
    /// What the data are for; found in the data when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The column to predict. May be absent where a purpose is given: for lending a column of two
    /// values that is named like an outcome is taken, for others the first column of prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "default")]
    pub target: Option<String>,
    /// Inferred from the target and its course in time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The column that orders the rows: a timestamp or a number. When absent, a timestamp in whose
    /// order the rows stand is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column that says which series a row is of; goes with a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Rows ahead, where a series is forecast.
    #[serde(default = "defaults::horizon")]
    #[schema(minimum = 1, maximum = 1024)]
    pub horizon: u32,
    /// Columns that are not to be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Minutes that the training may take.
    #[serde(default = "defaults::minutes")]
    #[schema(exclusive_minimum = 0, maximum = 10_080)]
    pub minutes: f64,
}

mod defaults {
    pub(super) fn horizon() -> u32 {
        1
    }
    pub(super) fn minutes() -> f64 {
        10.0
    }
}

/// The answer to an [`AdviceRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Advice {
    /// The snapshot that was looked at.
    pub dataset: DatasetRef,
    pub task: Task,
    /// Name of the network that is recommended and was measured; where `spec` names none, the
    /// largest of those that the training chooses from.
    #[schema(example = "tabm")]
    pub network: String,
    /// What is recommended: it trains a version as it stands. Nothing is left open, but the network
    /// of a table that is parted by time: training serves the simplest that is as good there.
    pub spec: TrainingSpec,
    /// What that training is expected to take on this machine.
    pub estimate: Cost,
    /// Why, each with the numbers that it rests on.
    pub reasons: Vec<Finding>,
    /// What may go wrong.
    pub warnings: Vec<Finding>,
    /// What else was considered, in the order in which it would have been taken.
    pub alternatives: Vec<Alternative>,
    /// The services that the data suit, the one that suits best first; none where they are neither a
    /// loan book nor series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceAdvice>,
    pub probe: Probe,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub code: FindingCode,
    /// A sentence for people.
    pub text: String,
    /// The columns that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The numbers that it rests on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// Stable names of what is found; new ones are added, none is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// How many rows have a target.
    Rows,
    /// Rows are so few that the recipe for few rows is taken.
    FewRows,
    /// A class, or the target as a whole, has so few rows that figures are vague.
    FewRowsOfClass,
    /// Columns by kind.
    Columns,
    /// A text column with more values than are kept apart.
    Cardinality,
    /// Values are missing.
    Missing,
    /// A column names the row; it is left out.
    Identifier,
    /// A column is free text among others; it is left out.
    FreeText,
    /// One class is rare.
    Imbalance,
    /// The rows are in the order of a time, and are split by it.
    TimeOrder,
    /// No network is named: the later rows decide which is served.
    LeftOpen,
    /// Rows are split at random though they have a time, or change from the first to the last.
    RandomSplit,
    /// The rows are a series, whose next values are forecast.
    Series,
    /// The rows are images.
    Images,
    /// The rows are texts, whose words are read.
    Texts,
    /// A column alone tells the target so well that it may be known only afterwards.
    LeakageSuspect,
    /// A column alone tells the target; it is left out.
    Leakage,
    /// A network that came into question can't be trained on such data.
    Unsuited,
    /// What was measured of the recommended network.
    Measured,
    /// The device, and why.
    Device,
    /// Several networks are averaged.
    Ensemble,
    /// How the time that is given decided.
    Budget,
    /// The probe's time ran out before every network was measured.
    ProbeLimit,
    /// A column that was taken where none was named.
    Taken,
    /// A points scorecard suits beside the network.
    Scorecard,
    /// A column seems to tell what must not decide on a loan.
    ProtectedColumn,
    /// Outcomes are too few to calibrate probabilities, or to hold them against what came true.
    FewDefaults,
    /// No column tells what is owed.
    NoExposure,
    /// No column tells when.
    NoTime,
    /// There are too few dates.
    FewDates,
    /// Some assets have no price at some dates.
    Gaps,
    /// There are more assets than dates.
    MoreAssetsThanDates,
    /// A single asset leaves nothing to choose.
    OneAsset,
    /// Prices are not all above 0, so that they have no returns.
    NotPositive,
}

/// A network that was considered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alternative {
    /// The network in its size.
    pub network: NetworkSpec,
    /// What its training is expected to take.
    pub estimate: Cost,
    /// Training rows a second, as measured.
    pub rows_per_second: f64,
    /// Trainable numbers.
    pub parameters: u64,
    /// Why it does not come first.
    pub why_not: String,
}

/// How the times were measured: a few steps of each network, on rows of the dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// What it took.
    pub seconds: f64,
    /// What it may take, but for the step that is running then.
    pub limit_seconds: f64,
    /// Rows that were looked at.
    pub rows: u64,
    /// `cpu` or `cuda:N`, with the SIMD level.
    pub device: String,
    /// Training rows a second of the recommended network.
    pub rows_per_second: f64,
}
