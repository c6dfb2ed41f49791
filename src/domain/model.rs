//! Models, and the specification by which a version of one is trained.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dataset::DatasetRef;
use super::tagged::deserialize_tagged;

/// A name under which versions are trained, all for one task and one kind of input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    #[schema(example = "default-risk")]
    pub name: String,
    pub task: Task,
    pub input_kind: InputKind,
    /// Number of the newest version.
    pub latest_version: u32,
    /// Whether every prediction is recorded, also when the request does not ask for it.
    pub record: bool,
    pub created_at: DateTime<Utc>,
}

/// Settings of a model that may be changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Whether every prediction is recorded, also when the request does not ask for it.
    pub record: bool,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

impl Task {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Binary, Self::Multiclass, Self::Regression].into_iter().find(|t| t.as_str() == text)
    }
}

/// What a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    Tabular,
}

impl InputKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tabular => "tabular",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        (text == "tabular").then_some(Self::Tabular)
    }
}

/// How a version is trained. Everything but `dataset` and `target` has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    pub dataset: DatasetRef,
    /// The column to predict.
    #[schema(example = "default")]
    pub target: String,
    /// The columns to predict from; every column but the target (and a time or part column named
    /// in `parts`) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Columns to leave out, when `features` is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Inferred from the target when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The class whose probability is the score of a binary model; when absent `1`, `true`,
    /// `yes` or `y` where one of the two classes is one of these, else the rarer class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_class: Option<String>,
    #[serde(default)]
    pub network: NetworkSpec,
    #[serde(default)]
    pub optimiser: OptimiserSpec,
    /// How often every training row is seen, at most; when absent 40 below 10,000 training rows,
    /// else 30, and five times that for the linear network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub epochs: Option<u32>,
    /// Rows per step; when absent 32 below 10,000 training rows, else 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 65_536)]
    pub batch_size: Option<u32>,
    /// Same seed, data, build and device: same weights (CPU).
    #[serde(default = "defaults::seed")]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
    /// `auto`, `cpu` or `cuda:N`.
    #[serde(default = "defaults::device")]
    #[schema(example = "auto", max_length = 20)]
    pub device: String,
    #[serde(default)]
    pub parts: PartsSpec,
    /// Stop when the validation loss has not improved for so many epochs; the best epoch's
    /// weights are kept in any case. 0 never stops early. A quarter of the epochs when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 10_000)]
    pub patience: Option<u32>,
    #[serde(default)]
    pub class_weights: ClassWeights,
    #[serde(default)]
    pub preprocessing: PreprocessingSpec,
    #[serde(default)]
    pub threshold: ThresholdSpec,
}

impl TrainingSpec {
    /// Name of the network.
    pub fn network_kind(&self) -> &'static str {
        match self.network {
            NetworkSpec::Linear(_) => "linear",
            NetworkSpec::Mlp(_) => "mlp",
        }
    }
}

/// The defaults that have no type of their own to stand in.
pub mod defaults {
    pub fn seed() -> u64 {
        0
    }
    pub fn device() -> String {
        "auto".into()
    }
    pub fn learning_rate_sgd() -> f64 {
        0.05
    }
    pub fn learning_rate_adam() -> f64 {
        0.001
    }
    pub fn momentum() -> f64 {
        0.9
    }
    pub fn beta_1() -> f64 {
        0.9
    }
    pub fn beta_2() -> f64 {
        0.999
    }
    pub fn validation() -> f64 {
        0.16
    }
    pub fn test() -> f64 {
        0.20
    }
    pub fn max_categories() -> u32 {
        64
    }
    pub fn min_category_count() -> u32 {
        5
    }
}

/// The network and its size.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkSpec {
    Linear(LinearNetwork),
    Mlp(MlpNetwork),
}

deserialize_tagged! { NetworkSpec by "kind":
    "linear" => Linear(LinearNetwork),
    "mlp" => Mlp(MlpNetwork),
}

impl Default for NetworkSpec {
    fn default() -> Self {
        Self::Mlp(MlpNetwork::default())
    }
}

/// Linear or logistic regression: the honest baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearNetwork {}

/// Multi-layer perceptron: fully connected layers with ReLU and dropout between.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MlpNetwork {
    /// Width of each hidden layer, 1 to 16 layers of 1 to 4,096 units; when absent 256 below
    /// 10,000 training rows, else 128 and 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 16)]
    pub hidden: Option<Vec<u32>>,
    /// Share of units that are dropped while training; when absent 0.5 below 10,000 training
    /// rows, else 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

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
    #[serde(default = "defaults::learning_rate_sgd")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: f64,
    #[serde(default = "defaults::momentum")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub momentum: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: defaults::learning_rate_sgd(), momentum: defaults::momentum() }
    }
}

/// Adam (Kingma & Ba 2015).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    #[serde(default = "defaults::learning_rate_adam")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: f64,
    #[serde(default = "defaults::beta_1")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub beta_1: f64,
    #[serde(default = "defaults::beta_2")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub beta_2: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            learning_rate: defaults::learning_rate_adam(),
            beta_1: defaults::beta_1(),
            beta_2: defaults::beta_2(),
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019); biases don't decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    #[serde(default = "defaults::learning_rate_adam")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub learning_rate: f64,
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
            learning_rate: defaults::learning_rate_adam(),
            beta_1: defaults::beta_1(),
            beta_2: defaults::beta_2(),
            weight_decay: None,
        }
    }
}

/// How rows fall into the training, validation and test parts.
///
/// Training rows fit the features and the weights; validation rows stop the training and set the
/// threshold; test rows are only reported on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum PartsSpec {
    Random(RandomParts),
    Time(TimeParts),
    Column(ColumnParts),
}

deserialize_tagged! { PartsSpec by "by":
    "random" => Random(RandomParts),
    "time" => Time(TimeParts),
    "column" => Column(ColumnParts),
}

impl Default for PartsSpec {
    fn default() -> Self {
        Self::Random(RandomParts::default())
    }
}

/// At random by the seed, each class in the same proportions in every part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomParts {
    /// Share of the validation rows.
    #[serde(default = "defaults::validation")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub validation: f64,
    /// Share of the test rows.
    #[serde(default = "defaults::test")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub test: f64,
}

impl Default for RandomParts {
    fn default() -> Self {
        Self { validation: defaults::validation(), test: defaults::test() }
    }
}

/// By time: the oldest rows train, the newest test; rows of one instant stay together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeParts {
    /// A column that orders the rows: a timestamp or a number. Not used as a feature.
    pub column: String,
    /// Share of the validation rows.
    #[serde(default = "defaults::validation")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub validation: f64,
    /// Share of the test rows.
    #[serde(default = "defaults::test")]
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub test: f64,
}

/// By a column that says `train`, `validation` or `test` in every row. Not used as a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnParts {
    pub column: String,
}

/// How much a row of each class counts in the loss.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every row counts 1: probabilities stay those of the data.
    #[default]
    None,
    /// Rows of every class together count the same; the probabilities then are those of balanced
    /// classes.
    Balanced,
    Given(GivenWeights),
}

deserialize_tagged! { ClassWeights by "by":
    "none" => None,
    "balanced" => Balanced,
    "given" => Given(GivenWeights),
}

/// A weight for each class by its label; a class not named counts 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenWeights {
    pub weights: BTreeMap<String, f64>,
}

/// How columns become numbers. What is fitted is fitted on training rows and kept in the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreprocessingSpec {
    #[serde(default)]
    pub scaling: Scaling,
    /// Categories kept per column, most frequent first; the others share one rare slot.
    #[serde(default = "defaults::max_categories")]
    #[schema(minimum = 1, maximum = 4_096)]
    pub max_categories: u32,
    /// A category seen less often in the training rows is rare.
    #[serde(default = "defaults::min_category_count")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub min_category_count: u32,
}

impl Default for PreprocessingSpec {
    fn default() -> Self {
        Self {
            scaling: Scaling::default(),
            max_categories: defaults::max_categories(),
            min_category_count: defaults::min_category_count(),
        }
    }
}

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// To a normal distribution by the quantiles of the training rows: robust against outliers.
    #[default]
    Quantile,
    /// To mean 0 and standard deviation 1.
    Standard,
}

/// How the decision threshold of a binary model is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ThresholdSpec {
    /// Where the F1 score of the validation rows is greatest.
    #[default]
    F1,
    Value(ThresholdValue),
    Cost(ThresholdCost),
}

deserialize_tagged! { ThresholdSpec by "by":
    "f1" => F1,
    "value" => Value(ThresholdValue),
    "cost" => Cost(ThresholdCost),
}

/// A fixed threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdValue {
    #[schema(minimum = 0, maximum = 1)]
    pub value: f64,
}

/// By costs: positive when p >= false_positive / (false_positive + false_negative).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdCost {
    /// What it costs to call a negative row positive.
    #[schema(exclusive_minimum = 0)]
    pub false_positive: f64,
    /// What it costs to call a positive row negative.
    #[schema(exclusive_minimum = 0)]
    pub false_negative: f64,
}
