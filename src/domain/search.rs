//! Searches for the configuration that trains best: what is asked for, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::tagged::deserialize_tagged;
use super::training::Monitor;

/// A search by asynchronous successive halving (ASHA, Li et al. 2020): many configurations are trained
/// for one epoch, the best third of them for three, the best third of these for nine, and so on; those
/// that are left, to their last epoch. The first configuration is the specification as it stands. The
/// version is the winner, trained whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchSpec {
    /// Minutes after which no further epoch of a configuration begins, but those that the winner needs
    /// to its end; preparing the rows does not count, and neither do the trainings beside the search.
    #[serde(default = "defaults::minutes")]
    #[schema(exclusive_minimum = 0, maximum = 10_080)]
    pub minutes: f64,
    /// Configurations at most, the specification as it stands among them; fewer where the minutes are
    /// over before or where the space has no more.
    #[serde(default = "defaults::trials")]
    #[schema(minimum = 9, maximum = 729)]
    pub trials: u32,
    /// One in so many goes on at each step, for so many times as many epochs.
    #[serde(default = "defaults::eta")]
    #[schema(minimum = 2, maximum = 9)]
    pub eta: u32,
    /// What is varied: JSON pointers into the specification, below `/network`, `/optimiser`,
    /// `/schedule`, `/batch_size`, `/gradient_clip`, `/average`, `/loss`, `/augmentation` or
    /// `/accumulation`, each with the values that it may have. Below `/network` and `/schedule` their
    /// `kind` has to be named. When absent the learning rate, the decay, the batch size and the sizes
    /// and the dropout of the network, but for what the specification names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({
        "/optimiser/learning_rate": {"by": "log_uniform", "low": 0.0003, "high": 0.03},
        "/batch_size": {"by": "choice", "values": [32, 64, 128]}
    }))]
    pub space: Option<BTreeMap<String, Distribution>>,
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self {
            minutes: defaults::minutes(),
            trials: defaults::trials(),
            eta: defaults::eta(),
            space: None,
        }
    }
}

/// The values that a part of the specification may have.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Distribution {
    Uniform(UniformRange),
    LogUniform(LogUniformRange),
    Integer(IntegerRange),
    Choice(Choices),
}

deserialize_tagged! { Distribution by "by":
    "uniform" => Uniform(UniformRange),
    "log_uniform" => LogUniform(LogUniformRange),
    "integer" => Integer(IntegerRange),
    "choice" => Choice(Choices),
}

/// Numbers from `low` to `high`, each as likely as any other; of four digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformRange {
    pub low: f64,
    pub high: f64,
}

/// Numbers from `low`, above 0, to `high`, whose logarithms are as likely as any other; of four digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogUniformRange {
    pub low: f64,
    pub high: f64,
}

/// Whole numbers from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegerRange {
    pub low: u32,
    pub high: u32,
    /// Whether it is their logarithms that are equally likely; `low` is then 1 or more.
    #[serde(default)]
    pub log: bool,
}

/// One of some values, each as likely as any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// Numbers, texts, lists or whole objects: `[{"kind": "mlp"}, {"kind": "tabm"}]` of `/network`.
    #[schema(min_items = 1, max_items = 30)]
    pub values: Vec<Value>,
}

/// What came of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchRecord {
    /// As it was carried out, the space filled in.
    pub spec: SearchSpec,
    /// The seed by which the configurations were drawn.
    pub seed: u64,
    /// What configurations were compared by.
    pub monitor: Monitor,
    /// Why no further configuration was begun.
    pub ended: SearchEnd,
    /// Seconds that it took, the winner's way to its end included.
    pub seconds: f64,
    /// Number of the configuration that became the version.
    pub winner: u32,
    /// Every configuration that was begun, the best first: those that were trained further before
    /// others, those that diverged last.
    pub trials: Vec<Trial>,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchEnd {
    /// All configurations were tried, and none was left to go on with.
    Trials,
    /// The minutes were over.
    Minutes,
}

/// A configuration that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    /// 0 is the specification as it stands; by its number and the seed a configuration is drawn.
    pub number: u32,
    /// What was varied, by pointer; nothing of the first one.
    pub values: BTreeMap<String, Value>,
    pub state: TrialState,
    /// The figures of the validation rows at each step that it reached.
    pub rungs: Vec<RungResult>,
    /// Seconds of its training.
    pub seconds: f64,
    /// Why it diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How far a configuration came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// It was trained to its end.
    Whole,
    /// It was not gone on with.
    Paused,
    /// Its loss or a weight was no longer a number, or hopeless.
    Diverged,
}

/// A configuration at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RungResult {
    /// Epochs that were over; fewer than those of the step where it had stopped early.
    pub epochs: u32,
    /// The epoch whose weights were kept up to there.
    pub best_epoch: u32,
    /// Validation loss of that epoch.
    pub validation_loss: f64,
    /// The figure of that epoch by which configurations are compared; none where it was not defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// A search that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchProgress {
    /// Configurations that were begun.
    pub begun: u32,
    /// Configurations at most.
    pub trials: u32,
    /// At most so many seconds are left, but for the winner's way to its end.
    pub seconds_left: f64,
    /// What they are compared by.
    pub monitor: Monitor,
    /// The best ones up to now, ten at most.
    pub leaders: Vec<Leader>,
}

/// A line of the leaderboard of a search that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Leader {
    pub trial: u32,
    /// What was varied, by pointer.
    pub values: BTreeMap<String, Value>,
    /// Epochs that were over at its last step.
    pub epochs: u32,
    /// The figure by which they are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// The defaults that have no type of their own to stand in.
mod defaults {
    pub(super) fn minutes() -> f64 {
        10.0
    }
    pub(super) fn trials() -> u32 {
        27
    }
    pub(super) fn eta() -> u32 {
        3
    }
}
