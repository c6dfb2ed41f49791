//! Optimisers and their settings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tagged::deserialize_tagged;

/// The optimiser and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OptimiserSpec {
    Sgd(Sgd),
    Adam(Adam),
    #[serde(rename = "adamw")]
    AdamW(AdamW),
}

deserialize_tagged! { OptimiserSpec by "kind":
    "sgd" => Sgd(Sgd),
    "adam" => Adam(Adam),
    "adamw" => AdamW(AdamW),
}

impl Default for OptimiserSpec {
    fn default() -> Self {
        Self::AdamW(AdamW::default())
    }
}

/// Stochastic gradient descent with momentum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Of the steps at full height; when absent 0.05.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: Option<f64>,
    #[serde(default = "defaults::momentum")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub momentum: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: None, momentum: defaults::momentum() }
    }
}

/// Adam (Kingma & Ba 2015).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// Of the steps at full height; when absent what suits the network and the number of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: Option<f64>,
    #[serde(default = "defaults::beta_1")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub beta_1: f64,
    #[serde(default = "defaults::beta_2")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub beta_2: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: None, beta_1: defaults::beta_1(), beta_2: defaults::beta_2() }
    }
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019); biases don't decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Of the steps at full height; when absent what suits the network and the number of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: Option<f64>,
    #[serde(default = "defaults::beta_1")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub beta_1: f64,
    #[serde(default = "defaults::beta_2")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub beta_2: f64,
    /// When absent 1 for an MLP below 10,000 training rows, else 0.01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub weight_decay: Option<f64>,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            learning_rate: None,
            beta_1: defaults::beta_1(),
            beta_2: defaults::beta_2(),
            weight_decay: None,
        }
    }
}

/// The defaults that have no type of their own to stand in.
mod defaults {
    pub(super) fn momentum() -> f64 {
        0.9
    }
    pub(super) fn beta_1() -> f64 {
        0.9
    }
    pub(super) fn beta_2() -> f64 {
        0.999
    }
}
