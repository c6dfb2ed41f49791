//! Predictions: what is asked, what is answered, what is recorded.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::schema::Cell;

/// Most rows in one request.
pub const MAX_ROWS: usize = 100_000;

/// A row: its values by column name.
pub type Row = BTreeMap<String, Cell>;

/// Rows to score, given as `rows` or as `columns`, and by which version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionRequest {
    /// The rows as objects. Either this or `columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100_000)]
    pub rows: Option<Vec<Row>>,
    /// The rows as one list per column, all of one length. Either this or `rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<BTreeMap<String, Vec<Cell>>>,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// Whether the answer is kept as an append-only record before it leaves.
    #[serde(default)]
    pub record: bool,
}

/// A version by number or by alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum VersionRef {
    Number(u32),
    Alias(String),
}

/// The answer to a [`PredictionRequest`], one prediction a row in the order of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PredictionResponse {
    pub predictions: Vec<Prediction>,
    /// Smallest probability of the positive class that is answered by its label (binary).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub model: String,
    /// The version that answered.
    pub version: u32,
    /// Under which the answer is kept, when it was recorded: `/api/v1/predictions/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// One row's prediction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Prediction {
    /// Probability of each class by its label (binary, multiclass).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<BTreeMap<String, f64>>,
    /// The class that is answered: by the threshold (binary) or the most probable (multiclass).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The predicted number (regression).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// A recorded answer. Records are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PredictionRecord {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// The key that asked.
    pub key: Uuid,
    pub model: String,
    pub version: u32,
    pub rows: Vec<Row>,
    pub predictions: Vec<Prediction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// A recorded answer scored again by the version that gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    pub id: Uuid,
    pub model: String,
    pub version: u32,
    /// Whether every number has the same bits and every label is the same.
    pub identical: bool,
    /// Greatest difference of a probability or value.
    pub max_difference: f64,
    /// Whether every label is the same.
    pub same_labels: bool,
    /// The answers of now.
    pub predictions: Vec<Prediction>,
}
