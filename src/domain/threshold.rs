//! Thresholds: from which probability of the positive class on a row is answered by it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tagged::deserialize_tagged;

/// How the decision threshold of a binary model is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ThresholdSpec {
    /// Where the F1 score of the validation rows is greatest.
    #[default]
    F1,
    FBeta(ThresholdFBeta),
    Rate(ThresholdRate),
    Recall(ThresholdRecall),
    Precision(ThresholdPrecision),
    Value(ThresholdValue),
    Cost(ThresholdCost),
}

deserialize_tagged! { ThresholdSpec by "by":
    "f1" => F1,
    "f_beta" => FBeta(ThresholdFBeta),
    "rate" => Rate(ThresholdRate),
    "recall" => Recall(ThresholdRecall),
    "precision" => Precision(ThresholdPrecision),
    "value" => Value(ThresholdValue),
    "cost" => Cost(ThresholdCost),
}

/// Where the weighted harmonic mean of precision and recall of the validation rows is greatest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdFBeta {
    /// Recall counts so many times as much as precision.
    #[schema(exclusive_minimum = 0, maximum = 1000)]
    pub beta: f64,
}

/// The most rows, but at most such a share of the validation rows, are positive; rows of one score are
/// never parted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdRate {
    #[schema(minimum = 0, maximum = 1)]
    pub rate: f64,
}

/// A fixed threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdValue {
    #[schema(minimum = 0, maximum = 1)]
    pub value: f64,
}

/// At least such a share of the positive validation rows is found, with the greatest precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdRecall {
    #[schema(minimum = 0, maximum = 1)]
    pub at_least: f64,
}

/// At least such a share of the validation rows that are called positive is so, and as many as can be are
/// found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdPrecision {
    #[schema(minimum = 0, maximum = 1)]
    pub at_least: f64,
}

/// By what rows cost by label and truth (a cost matrix): positive where that costs less on average (Elkan
/// 2001), which is when p >= (`false_positive` - `true_negative`) / (`false_positive` - `true_negative` +
/// `false_negative` - `true_positive`). It relies on probabilities that come true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdCost {
    /// What it costs to call a negative row positive.
    #[schema(exclusive_minimum = 0)]
    pub false_positive: f64,
    /// What it costs to call a positive row negative.
    #[schema(exclusive_minimum = 0)]
    pub false_negative: f64,
    /// What it costs to call a positive row positive: less than to call it negative, below 0 for a gain.
    #[serde(default)]
    pub true_positive: f64,
    /// What it costs to call a negative row negative: less than to call it positive, below 0 for a gain.
    #[serde(default)]
    pub true_negative: f64,
}
