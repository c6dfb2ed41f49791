//! Calibration: how logits become probabilities that come true, and how far probabilities are from
//! what happened.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tagged::deserialize_tagged;
use super::version::Interval;

/// How the probabilities of a model of classes are calibrated, on the rows that a threshold is set by:
/// each by networks that were not trained on it, none of them a test row. Those of several classes by a
/// temperature alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationSpec {
    /// The simplest way that is no more than a standard error worse than the best, by the log loss of
    /// rows that it was not fitted on; isotonic regression only from 1,000 rows of each class on.
    #[default]
    Auto,
    /// The logits as they are.
    None,
    Temperature,
    Platt,
    Isotonic,
}

/// Turns a logit into a probability of the positive class that rises with it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calibrator {
    Temperature(TemperatureScaling),
    Platt(PlattScaling),
    Isotonic(IsotonicRegression),
}

deserialize_tagged! { Calibrator by "kind":
    "temperature" => Temperature(TemperatureScaling),
    "platt" => Platt(PlattScaling),
    "isotonic" => Isotonic(IsotonicRegression),
}

/// sigmoid(logit / temperature); for several classes softmax(logits / temperature) (Guo et al. 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemperatureScaling {
    pub temperature: f64,
}

/// sigmoid(slope * logit + intercept) (Platt 1999).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlattScaling {
    pub slope: f64,
    pub intercept: f64,
}

/// Straight lines between the knots (`scores[i]`, `values[i]`), where both rise; the first and the
/// last value beyond them. Scores are logits, values probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IsotonicRegression {
    pub scores: Vec<f64>,
    pub values: Vec<f64>,
}

/// Ways to calibrate, from the simplest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibratorKind {
    /// The logits as they are.
    None,
    Temperature,
    Platt,
    Isotonic,
}

/// What a way to calibrate loses, in nats per row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationCandidate {
    pub kind: CalibratorKind,
    /// Cross-fitted log loss.
    pub log_loss: f64,
    /// By how much it is above the least of all, and the standard error of that difference, from
    /// the differences row by row.
    pub excess: f64,
    pub standard_error: f64,
}

/// The way to calibrate that was taken, and those that it was chosen from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationChoice {
    pub kind: CalibratorKind,
    /// From the simplest on; without isotonic regression where a class has fewer than 1,000 rows, and
    /// none where too few rows tell them apart.
    pub candidates: Vec<CalibrationCandidate>,
}

/// How far the probabilities of a part are from what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reliability {
    /// From the lowest probabilities to the highest, without bins that no row is in.
    pub bins: Vec<ReliabilityBin>,
    /// Mean distance of predicted and observed, bins weighted by their rows (expected calibration
    /// error, Naeini et al. 2015). Above 0 by chance alone, the more so the fewer rows a bin has.
    pub expected_error: f64,
    /// The greatest such distance.
    pub maximum_error: f64,
}

/// Rows whose predicted probabilities are close.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityBin {
    /// Bounds of the bin; with equal mass the least and the greatest probability in it.
    pub low: f64,
    pub high: f64,
    pub n: u64,
    pub mean_predicted: f64,
    /// Share of rows that came true, with its 95 % confidence interval (Wilson 1927).
    pub observed: f64,
    pub interval: Interval,
}

/// The Brier score and what it is made of (Murphy 1973; the two terms within bins, without which
/// the sum only holds if all rows of a bin have one probability, by Stephenson, Coelho and
/// Jolliffe 2008): score = reliability - resolution + uncertainty + `within_variance` -
/// `within_covariance`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BrierDecomposition {
    /// Mean squared error of the probabilities.
    pub score: f64,
    /// Mean squared distance of predicted and observed over bins: the less the better.
    pub reliability: f64,
    /// Variance of the observed share over bins: the more the better.
    pub resolution: f64,
    /// Variance of the truth, which no model changes.
    pub uncertainty: f64,
    /// Mean variance of the probabilities within bins.
    pub within_variance: f64,
    /// Twice the mean covariance of probability and truth within bins.
    pub within_covariance: f64,
}

/// Logistic regression of the truth on the logit. A model that is calibrated has slope 1 and
/// intercepts of 0; a slope below 1 is that of one too sure of itself (Cox 1958).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationLine {
    pub slope: f64,
    pub intercept: f64,
    /// The intercept where the slope is held at 1 (calibration in the large): above 0 where events
    /// are more frequent than predicted.
    pub in_the_large: f64,
}

/// How well a binary model's probabilities of the positive class come true, in 15 bins of equally
/// many rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationMetrics {
    pub reliability: Reliability,
    pub brier: BrierDecomposition,
    /// Absent where the likelihood has no maximum, as where the classes are parted in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<CalibrationLine>,
}

/// How well the most probable class of each row comes true, in 15 bins of equally many rows (Guo et al.
/// 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopLabelMetrics {
    pub reliability: Reliability,
    /// The same test rows by the probabilities as they were learnt; absent where these are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Uncalibrated>,
}

/// Figures of probabilities before they are calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Uncalibrated {
    /// Mean negative log-likelihood, in nats.
    pub log_loss: f64,
    pub brier: f64,
    /// Expected calibration error of the most probable class.
    pub expected_error: f64,
}
