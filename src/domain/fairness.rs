//! How decisions fall on groups of people: rates of each group, distances between groups, and each
//! group against a reference. What is shown are differences: neither a difference nor its absence says
//! why, and nothing here is a legal opinion.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::version::Interval;

/// Figures of groups and of the distances between them.
///
/// Rates by outcome are of the rows whose outcome is known. If that is known of the favoured only (a
/// loan refused has no outcome), they say little. Groups below the minimum size are shown and enter no
/// distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fairness {
    /// The group that others are compared with.
    pub reference: String,
    pub groups: Vec<GroupFairness>,
    /// Greatest less least selection rate.
    pub demographic_parity_difference: GroupDistance,
    /// Least by greatest selection rate.
    pub demographic_parity_ratio: GroupDistance,
    /// The greater of the differences in the true and in the false positive rate.
    pub equalized_odds_difference: GroupDistance,
    /// The lesser of their ratios; that of the true positive rate where no group has a false
    /// positive, so that no two differ in them.
    pub equalized_odds_ratio: GroupDistance,
    /// Greatest less least true positive rate.
    pub equal_opportunity_difference: GroupDistance,
    /// Least by greatest true positive rate.
    pub equal_opportunity_ratio: GroupDistance,
}

/// Figures of one group. What needs an outcome is of the rows where it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupFairness {
    pub name: String,
    pub n: u64,
    pub with_outcome: u64,
    /// Whether it has the minimum of rows: a smaller group is shown and enters no distance, and is
    /// not held against the four fifths.
    pub judged: bool,
    /// Share of favourable decisions. Like all shares absent without rows to take it of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_rate: Option<GroupRate>,
    /// Share of favourable decisions among the deserving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_positive_rate: Option<GroupRate>,
    /// Share of favourable decisions among the undeserving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_positive_rate: Option<GroupRate>,
    /// Share of rows of the positive class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_rate: Option<GroupRate>,
    /// How well the scores rank; absent where an outcome is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc_interval: Option<Interval>,
    /// Absent without rows whose outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<GroupCalibration>,
    /// Against the reference; absent in the reference itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<AdverseImpact>,
}

/// A share of rows with its 95 % confidence interval (Wilson 1927).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupRate {
    pub part: u64,
    pub n: u64,
    pub value: f64,
    pub interval: Interval,
}

/// How far the predicted probabilities of a group are from what happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupCalibration {
    /// Mean predicted probability of the positive class.
    pub mean_predicted: f64,
    /// The share of rows of that class, with its 95 % confidence interval (Wilson 1927).
    pub observed: f64,
    pub observed_interval: Interval,
    /// Expected calibration error over 15 bins of equal width: above 0 by chance alone, and the
    /// more so the smaller the group.
    pub expected_error: f64,
    /// Mean squared error.
    pub brier: f64,
}

/// Adverse impact on a group: its selection rate against that of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdverseImpact {
    /// Rate of the group by that of the reference; absent where the reference has no rows or no
    /// favourable decisions, or the group no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// 95 % confidence interval of the ratio, by the logarithm (Katz et al. 1978). Absent too where
    /// the group has no favourable decisions, or both groups nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Two-sided p-value of Fisher's exact test that both rates are one. Absent where one of the two
    /// has no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Whether the ratio is below 4/5 (Uniform Guidelines on Employee Selection Procedures 1978).
    /// Absent where there is no ratio, or the group or the reference is below the minimum size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_four_fifths: Option<bool>,
}

/// A distance between groups with its 95 % confidence interval.
///
/// The interval is that of the percentile bootstrap (Efron 1979), which draws rows anew within each
/// group. A distance between groups is never below 0 (a ratio never above 1), even if they differ
/// by chance alone; nor is its interval, which hence need not hold 0 (or 1) then, nor even the
/// figure itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupDistance {
    /// Absent where fewer than two groups have the rates it is made of, or all are 0 in a ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Absent too where more than a tenth of the resamples have no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}
