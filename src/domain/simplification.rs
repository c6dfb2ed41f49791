//! Simpler versions: pruned, distilled or quantised from one that is there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::network::NetworkSpec;
use super::prediction::VersionRef;
use super::tagged::deserialize_tagged;
use super::version::Interval;

/// Which version of a model is made simpler, and how. The rows are those of its own training, and
/// what was fitted on them stays; the test rows are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimplificationSpec {
    /// The parent: a version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    pub method: SimplificationMethod,
}

/// How a version is made simpler.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SimplificationMethod {
    Prune(Pruning),
    Distil(Distillation),
    Quantise(Quantisation),
}

deserialize_tagged! { SimplificationMethod by "kind":
    "prune" => Prune(Pruning),
    "distil" => Distil(Distillation),
    "quantise" => Quantise(Quantisation),
}

impl SimplificationMethod {
    /// As a request names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Prune(_) => "prune",
            Self::Distil(_) => "distil",
            Self::Quantise(_) => "quantise",
        }
    }
}

/// The smallest weights of all layers become 0 (global magnitude pruning, Han et al. 2015), and the
/// others are trained on for a few epochs. What is 0 is not stored; it is multiplied as before, so
/// that answers take as long. The threshold stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pruning {
    /// Share of the layers' weights that become 0; biases, embeddings and tables of words stay.
    #[serde(default = "defaults::sparsity")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub sparsity: f64,
    /// Epochs that the others are trained on for; 0 leaves them as they are.
    #[serde(default = "defaults::fine_tuning")]
    #[schema(maximum = 1_000)]
    pub epochs: u32,
    /// Of the first of these steps, from which it falls to 0; the parent's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: Option<f64>,
}

/// A smaller network, the student, learns what the parent answers beside what is true (Hinton et al.
/// 2015): its loss is (1 - share) times that of the truth and share times temperature² times the
/// Kullback-Leibler divergence of the answers, both at the temperature; of numbers, the squared
/// difference of the answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// The student. When absent: one network of the parent's kind for a parent of several; `mlp` for
    /// `tabm` and `transformer`; half the units of one member for `monotone`; half the units for `mlp`, `cnn`, `lstm`, `text_cnn` and
    /// `text_attention`; `nlinear` for `attention` that forecasts, else `lstm`. The other networks
    /// are simple already: name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkSpec>,
    /// By which logits are divided: the higher, the more the less likely classes tell. Numbers have
    /// none.
    #[serde(default = "defaults::temperature")]
    #[schema(minimum = 1, maximum = 100)]
    pub temperature: f64,
    /// How much of the loss is the parent's.
    #[serde(default = "defaults::share")]
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub share: f64,
    /// What suits the student when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub epochs: Option<u32>,
}

/// Every weight becomes one of 255 steps of its channel, stored in one byte (symmetric, 8 bits, a
/// scale for each channel). Answers are given by the steps' values in f32. The threshold stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantisation {}

mod defaults {
    pub(super) fn sparsity() -> f64 {
        0.5
    }
    pub(super) fn fine_tuning() -> u32 {
        3
    }
    pub(super) fn temperature() -> f64 {
        2.0
    }
    pub(super) fn share() -> f64 {
        0.5
    }
}

/// From which version another was made simpler, what that saves and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Simplification {
    /// The parent's number.
    #[schema(example = 1)]
    pub version: u32,
    /// As it was carried out.
    pub method: SimplificationMethod,
    /// The parent, measured anew beside it: on the same test rows and in the same minute.
    pub before: Footprint,
    /// The simpler one.
    pub after: Footprint,
    /// By how much it answers better in the main metric: below 0 quality was lost.
    pub difference: Option<f64>,
    /// 95 % confidence interval of the difference, the rows of the two taken in pairs; none of
    /// forecasts.
    pub interval: Option<Interval>,
    /// Greatest distance between two answers to a test row: of probabilities, or in the target's unit.
    pub max_difference: f64,
    /// Share of the test rows whose label stays (classes only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_labels: Option<f64>,
}

/// What a version answers with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Footprint {
    /// The main metric: AUC, accuracy, R2 or, of a forecast, the scaled MSE.
    #[schema(example = "auc")]
    pub metric: String,
    /// On the test rows.
    pub value: Option<f64>,
    /// Mean negative log-likelihood of the test rows, in nats (classes only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// Bytes of the stored weights.
    pub bytes: u64,
    /// Numbers that the network answers with.
    pub parameters: u64,
    /// How many of these are not 0.
    pub nonzero: u64,
    /// Median microseconds of the network for one prepared row, on one thread of the CPU.
    pub row_microseconds: f64,
    /// Prepared rows a second where as many as 1,000 are answered together.
    pub rows_per_second: f64,
}
