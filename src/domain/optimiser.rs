//! Optimisers, and how their learning rate moves.

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
    #[serde(rename = "rmsprop")]
    RmsProp(RmsProp),
}

deserialize_tagged! { OptimiserSpec by "kind":
    "sgd" => Sgd(Sgd),
    "adam" => Adam(Adam),
    "adamw" => AdamW(AdamW),
    "rmsprop" => RmsProp(RmsProp),
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
    /// Whether the step looks ahead along the momentum (Nesterov 1983).
    #[serde(default)]
    pub nesterov: bool,
    /// Decay of the weights, which is added to their gradients; the numbers that words are made of
    /// don't decay.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    pub weight_decay: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            learning_rate: None,
            momentum: defaults::momentum(),
            nesterov: false,
            weight_decay: 0.0,
        }
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
    /// Of what decays: the numbers that words are made of don't. When absent 1 for an MLP below 10,000
    /// training rows, 0 for `linear` on a text, else 0.01.
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

/// RMSprop (Tieleman & Hinton 2012).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RmsProp {
    /// Of the steps at full height; when absent what suits the network and the number of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: Option<f64>,
    /// How much of the mean square of a gradient stays from step to step.
    #[serde(default = "defaults::smoothing")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub smoothing: f64,
    #[serde(default)]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub momentum: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { learning_rate: None, smoothing: defaults::smoothing(), momentum: 0.0 }
    }
}

/// How the learning rate moves. All but `one_cycle` may begin by rising linearly.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScheduleSpec {
    Constant(ConstantSchedule),
    Cosine(CosineSchedule),
    OneCycle(OneCycleSchedule),
    Step(StepSchedule),
    Plateau(PlateauSchedule),
}

deserialize_tagged! { ScheduleSpec by "kind":
    "constant" => Constant(ConstantSchedule),
    "cosine" => Cosine(CosineSchedule),
    "one_cycle" => OneCycle(OneCycleSchedule),
    "step" => Step(StepSchedule),
    "plateau" => Plateau(PlateauSchedule),
}

/// It stays where it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantSchedule {
    /// Share of all steps in which it rises from 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    pub warm_up: f64,
}

/// It falls to 0 along a cosine (Loshchilov & Hutter 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CosineSchedule {
    /// Share of all steps in which it rises from 0.
    #[serde(default = "defaults::warm_up")]
    #[schema(minimum = 0, maximum = 1)]
    pub warm_up: f64,
}

impl Default for CosineSchedule {
    fn default() -> Self {
        Self { warm_up: defaults::warm_up() }
    }
}

/// It rises along a cosine to its full height, then falls along one to nearly nothing (Smith &
/// Topin 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneCycleSchedule {
    /// Share of all steps after which it is at its full height.
    #[serde(default = "defaults::peak")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub peak: f64,
    /// What it starts from, as a share of its full height.
    #[serde(default = "defaults::cycle_start")]
    #[schema(minimum = 0, maximum = 1)]
    pub start: f64,
}

impl Default for OneCycleSchedule {
    fn default() -> Self {
        Self { peak: defaults::peak(), start: defaults::cycle_start() }
    }
}

/// It is multiplied by a factor every so many epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSchedule {
    /// Share of all steps in which it rises from 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    pub warm_up: f64,
    #[serde(default = "defaults::step_epochs")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub epochs: u32,
    #[serde(default = "defaults::factor")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub factor: f64,
}

/// It is multiplied by a factor when the validation loss has not improved for so many epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlateauSchedule {
    /// Share of all steps in which it rises from 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    pub warm_up: f64,
    #[serde(default = "defaults::plateau_epochs")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub epochs: u32,
    #[serde(default = "defaults::factor")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub factor: f64,
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
    pub(super) fn smoothing() -> f64 {
        0.99
    }
    pub(super) fn warm_up() -> f64 {
        0.1
    }
    pub(super) fn peak() -> f64 {
        0.3
    }
    pub(super) fn cycle_start() -> f64 {
        0.04
    }
    pub(super) fn step_epochs() -> u32 {
        10
    }
    pub(super) fn plateau_epochs() -> u32 {
        3
    }
    pub(super) fn factor() -> f64 {
        0.3
    }
}
