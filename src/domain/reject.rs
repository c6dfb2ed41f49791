//! Reject inference: outcomes that refused applicants might have had.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dataset::DatasetRef;
use super::prediction::VersionRef;

/// What is assumed of those who were refused; no data tells whether it is so.
pub const ASSUMPTION: &str = "refused applicants default `factor` times as often as accepted ones with the same \
    score: no data tells whether they do, and a model that is trained on drawn outcomes can't be tested on them";

/// A dataset of accepted applicants with an outcome, and of refused ones without, whose outcomes are to be
/// drawn by parcelling. Nothing does so unless it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectInferenceRequest {
    /// Rows without a value of the target are those who were refused.
    pub dataset: DatasetRef,
    /// A model of two classes whose target the dataset has, trained on the accepted.
    #[schema(example = "default-risk")]
    pub model: String,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// The class of those who don't pay; the positive one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adverse: Option<String>,
    /// Name of another dataset, which gets the outcomes as its next version: all columns, and behind them
    /// `inferred`, true where the outcome was drawn. Leave that column out of a training.
    #[schema(example = "loans-inferred")]
    pub into: String,
    /// Bands of the score with equally many accepted applicants, 20 at least. Those of one score are never
    /// parted: where many have the same, there are fewer bands.
    #[serde(default = "ten")]
    #[schema(minimum = 2, maximum = 100, default = 10)]
    pub bands: u32,
    /// How many times as often the refused default as the accepted of the same band: an assumption, which
    /// has to be said. 1: they are alike.
    #[schema(exclusive_minimum = 0, maximum = 100, example = 1.5)]
    pub factor: f64,
    /// Same seed, same outcomes.
    #[serde(default, deserialize_with = "crate::domain::whole::seed")]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
}

fn ten() -> u32 {
    10
}

/// Outcomes that were drawn for refused applicants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectInferenceResult {
    pub dataset: String,
    pub version: u32,
    pub rows: u64,
    /// Where it is: `/api/v1/datasets/{name}/versions/{n}`.
    pub location: String,
    pub accepted: u64,
    pub rejected: u64,
    /// Of the accepted, the share that defaulted; of the refused, the share for whom that was drawn.
    pub accepted_bad_rate: f64,
    pub inferred_bad_rate: f64,
    /// From the least probabilities of default on.
    pub bands: Vec<ScoreBand>,
    /// What was assumed.
    pub assumption: String,
}

/// A band of the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreBand {
    /// Probabilities of default of the accepted in it.
    pub low: f64,
    pub high: f64,
    pub accepted: u64,
    /// Those of them who defaulted.
    pub bad: u64,
    pub rejected: u64,
    /// The probability by which defaults were drawn for the rejected: the share of the accepted that defaulted
    /// x `factor`, 1 at most.
    #[serde(alias = "bad_rate")]
    pub drawn_at: f64,
    pub inferred_bad: u64,
}
