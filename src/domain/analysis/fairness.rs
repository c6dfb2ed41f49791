//! How a version's decisions fall on groups of people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::fairness::Fairness;

/// What every result says of itself.
pub const FAIRNESS_NOTICE: &str = "This monitors differences between groups; neither a difference nor \
     its absence says why, and it is not a legal opinion.";

/// How the decisions of a version of two classes differ between the groups of a column that it does not
/// read. For monitoring: not a legal opinion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FairnessSpec {
    /// The column that says which group a row is of. The version must not read it, nor foretell it.
    #[schema(example = "gender")]
    pub column: String,
    /// Where the groups of a column of numbers end, ascending: `[25, 40]` makes under 25, 25 to 40 (of
    /// which 40 is none) and 40 and over. Needed where there are more than 50 numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 49)]
    pub bins: Vec<f64>,
    /// The group that others are compared with, as the result names it; the largest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The class that is favourable to whoever the row is of. When absent the one that is not the
    /// positive class: where `yes` is a default, `no` is, whose rows are approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub favourable: Option<String>,
    /// A row is labelled positive from this probability on; the version's own threshold when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: Option<f64>,
    /// Rows that a group needs to be judged; smaller ones are shown.
    #[serde(default = "defaults::least_rows")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub least_rows: u32,
}

mod defaults {
    pub(super) fn least_rows() -> u32 {
        30
    }
}

/// How the decisions differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FairnessResult {
    pub column: String,
    /// The class of a favourable decision, and of a deserving row: one that comes true so.
    #[schema(example = "no")]
    pub favourable: String,
    /// The class that the scores, the threshold and the base rates are of.
    #[schema(example = "yes")]
    pub positive_class: String,
    /// The threshold by which the decisions were made.
    pub threshold: f64,
    pub least_rows: u32,
    /// Rows whose outcome is known. Where none is, selection rates are all that is compared.
    pub with_outcome: u64,
    pub figures: Fairness,
    /// What stands out, in words.
    pub verdict: Vec<String>,
    /// What this is, and what it is not.
    pub notice: String,
}
