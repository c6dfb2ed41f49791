//! Counterfactuals: what of a row would have to be different for another answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::prediction::{Prediction, Row, VersionRef, unique_rows};
use super::schema::Cell;

/// Most rows in one request: each is searched round by tens of thousands of rows.
pub const MAX_COUNTERFACTUALS: usize = 100;
/// Most columns that are changed at once, and most alternatives for a row.
pub const MAX_CHANGES: u32 = 8;
pub const MAX_ALTERNATIVES: u32 = 10;

/// Rows for which another answer is sought, what of them may change, and which answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualRequest {
    /// As for predictions.
    #[serde(default, deserialize_with = "unique_rows")]
    #[schema(min_items = 1, max_items = 100, required = true)]
    pub rows: Option<Vec<Row>>,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// The columns that may change, by name, and how; no other one ever does, and none whose value is
    /// missing in a row.
    pub change: BTreeMap<String, Changeable>,
    #[serde(default)]
    pub goal: CounterfactualGoal,
    /// Most columns that are changed at once.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 8, default = 3)]
    pub max_changes: u32,
    /// Most alternatives for a row, each of other columns.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 10, default = 3)]
    pub alternatives: u32,
}

fn three() -> u32 {
    3
}

/// How a column may change: numbers by `min`, `max`, `direction` and `step`, categories and booleans to
/// `values`. Times, texts and pictures can't.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Changeable {
    /// Least value; the least one of the training rows when absent (where they were standardised, three
    /// standard deviations below their mean), or the row's own where that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Greatest value; when absent as `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    #[serde(default)]
    pub direction: ChangeDirection,
    /// New values are whole multiples of it. When absent: 1 for whole numbers, for others the power of
    /// ten next below a hundredth of the scale and of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub step: Option<f64>,
    /// The change that costs 1. When absent: the median absolute deviation of the training rows, or the
    /// mean one where more than half of them are equal; where they were standardised, the standard
    /// deviation. Any change of a category or a boolean costs 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub scale: Option<f64>,
    /// What a category or a boolean may become; when absent any value that the version tells apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 1000)]
    pub values: Option<Vec<Cell>>,
}

/// Which way a number may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeDirection {
    #[default]
    Either,
    Increase,
    Decrease,
}

/// The answer that is sought. Of two classes, when empty: the one that is not answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualGoal {
    /// The class that is to be answered or, with `at_least` or `below`, whose probability it is (the
    /// positive one when absent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The probability, or the number of a regression, is to be as much at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The probability, or the number of a regression, is to be less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

/// The answer to a [`CounterfactualRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CounterfactualResponse {
    /// One for each row in the order of the rows.
    pub counterfactuals: Vec<Counterfactual>,
    /// Smallest probability of the positive class that is answered by its label (binary).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub model: String,
    /// The version that answered.
    pub version: u32,
}

/// What was found for one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Counterfactual {
    pub outcome: CounterfactualOutcome,
    /// What was sought of this row.
    pub goal: CounterfactualGoal,
    /// What is answered to the row as it is.
    pub prediction: Prediction,
    /// Changes after which the goal is met, the smallest first; none holds all columns of a smaller one.
    pub alternatives: Vec<AlternativeRow>,
    /// Where none was found: what came nearest to the goal, without meeting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<AlternativeRow>,
}

/// What a search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CounterfactualOutcome {
    /// There are alternatives.
    Found,
    /// The row is answered as is sought without any change.
    AlreadyMet,
    /// No change was found within these bounds.
    NoneWithinBounds,
}

/// Some changes, and what is answered after them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlternativeRow {
    /// In the order in which the version reads its columns; none where the row itself comes nearest.
    pub changes: Vec<ColumnChange>,
    /// Sum of the costs of the changes.
    pub cost: f64,
    /// What the version answers to the changed row, which was scored.
    pub prediction: Prediction,
}

/// The change of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnChange {
    pub column: String,
    pub from: Cell,
    pub to: Cell,
    /// The change over the column's scale; 1 for a category or a boolean.
    pub cost: f64,
}
