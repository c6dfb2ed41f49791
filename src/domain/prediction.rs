//! Predictions: what is asked, what is answered, what is recorded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::explanation::Explanation;
use super::reason::{Reasons, ReasonsWanted};
use super::schema::Cell;

mod plain;
mod scores;

pub use plain::{CellRef, PlainCell, PlainRows, Span};
pub use scores::{Further, ScoredResponse, Scores};

/// Media type of rows and answers as an Arrow IPC stream (registered with IANA).
pub const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// Most rows in one request.
pub const MAX_ROWS: usize = 100_000;

/// A row: its values by column name.
pub type Row = BTreeMap<String, Cell>;

/// Rows to score, given as `rows` or as `columns`, and by which version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionRequest {
    /// The rows as objects. Either this or `columns`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unique_rows")]
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
    /// Whether adverse answers get their reasons (tables, two classes): `true`, or how. They are kept with a
    /// record. At most 1,000 rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Box<ReasonsWanted>>,
    /// Whether each answer is explained, as the explanations endpoint does by default. At most 1,000
    /// rows; not kept with a record.
    #[serde(default, skip_serializing_if = "is_false")]
    pub explain: bool,
}

fn is_false(truth: &bool) -> bool {
    !truth
}

/// A row in which no column stands twice: which of the two was meant nobody can say.
struct UniqueRow(Row);

impl<'de> Deserialize<'de> for UniqueRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = UniqueRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row: an object of values by column name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut columns: M) -> Result<UniqueRow, M::Error> {
                let mut row = Row::new();
                while let Some((name, cell)) = columns.next_entry::<String, Cell>()? {
                    match row.entry(name) {
                        Entry::Vacant(free) => free.insert(cell),
                        Entry::Occupied(taken) => {
                            let problem = format!("column `{}` stands twice", taken.key());
                            return Err(M::Error::custom(problem));
                        }
                    };
                }
                Ok(UniqueRow(row))
            }
        }
        deserializer.deserialize_map(Columns)
    }
}

pub(super) fn unique_rows<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Row>>, D::Error> {
    let rows = Option::<Vec<UniqueRow>>::deserialize(deserializer)?;
    Ok(rows.map(|rows| rows.into_iter().map(|row| row.0).collect()))
}

/// A version by number or by alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum VersionRef {
    Number(u32),
    Alias(String),
}

/// The answer to a [`PredictionRequest`]: one prediction a row in the order of the rows or, of a
/// version that reads windows, one for the newest window of each series in the order in which the
/// series come.
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
    /// Why answers are adverse, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Box<Reasons>>,
    /// What each column adds to each answer, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanations: Option<Vec<Explanation>>,
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
    /// Why answers are adverse, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Box<Reasons>>,
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
    /// Whether the reasons of now have the same codes and columns in the same order, against the same
    /// baseline; absent where none were recorded. The record keeps the sentences that were told: those of
    /// columns without an entry in the table are the program's, and may be put otherwise by a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_reasons: Option<bool>,
    /// The reasons of now, where some were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Box<Reasons>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_stands_once_in_a_row() {
        let request = |text| serde_json::from_str::<PredictionRequest>(text);
        let rows = request(r#"{"rows": [{"age": 41.5, "zip": "007"}, {}]}"#).unwrap().rows.unwrap();
        assert_eq!(rows[0]["age"], Cell::Float(41.5));
        assert_eq!(rows[0]["zip"], Cell::Text("007".into()));
        assert!(request("{}").unwrap().rows.is_none());
        let twice = request(r#"{"rows": [{"age": 1, "age": 2}]}"#).unwrap_err().to_string();
        assert!(twice.contains("`age` stands twice"), "{twice}");
    }
}
