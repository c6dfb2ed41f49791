//! Typed columns.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    Bool,
    Int64,
    Float64,
    String,
    /// A date or a time, kept as microseconds since 1970 in UTC, written as RFC 3339.
    Timestamp,
    /// A PNG or a JPEG, kept as it was sent, written as base64.
    Image,
}

impl ColumnType {
    pub const ALL: &[ColumnType] =
        &[Self::Bool, Self::Int64, Self::Float64, Self::String, Self::Timestamp, Self::Image];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Timestamp => "timestamp",
            Self::Image => "image",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.as_str() == text)
    }

    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int64 | Self::Float64)
    }
}

/// A named, typed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    #[schema(example = "income")]
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether the value may be null.
    pub nullable: bool,
}

/// One value of a row as JSON carries it. Timestamps are text (RFC 3339 or a plain date), images
/// are text too (base64 of a PNG or JPEG, with or without `data:image/png;base64,` before it).
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Cell {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Cell {
    /// As a category is named; None of what is missing.
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(truth) => Some(truth.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Float(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    /// Through a JSON value, for the reason that [`super::tagged`] gives.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let cell = match value {
            Value::Null => Some(Self::Null),
            Value::Bool(truth) => Some(Self::Bool(truth)),
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) => {
                let float = || number.as_f64().filter(|f| f.is_finite()).map(Self::Float);
                number.as_i64().map(Self::Int).or_else(float)
            }
            Value::Array(_) | Value::Object(_) => None,
        };
        cell.ok_or_else(|| D::Error::custom("must be a number, text, true, false or null"))
    }
}

/// A column with what is known of its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnSummary {
    #[schema(example = "income")]
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Number of missing values.
    pub nulls: u64,
    /// Number of different values, counted up to 10,000.
    pub distinct: u64,
    /// Whether there may be more different values than counted.
    pub distinct_is_lower_bound: bool,
    /// Smallest value (numbers, timestamps).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Cell>,
    /// Largest value (numbers, timestamps).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Cell>,
    /// Mean (numbers; the share of true for booleans).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation with n - 1 (numbers).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The most frequent values of a text, boolean or whole-number column, at most ten, most
    /// frequent first; empty where every value differs or more than 10,000 do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<ValueCount>,
    /// Sizes (images).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<ImageSizes>,
    /// What is odd about it: that it is text for a few cells, and would be numbers without them (CSV).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Between which sizes the images of a column are, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageSizes {
    #[schema(example = 28)]
    pub min_height: u32,
    #[schema(example = 28)]
    pub max_height: u32,
    #[schema(example = 28)]
    pub min_width: u32,
    #[schema(example = 28)]
    pub max_width: u32,
    /// 1 where every image is grey, 3 where one has colours. Transparency does not count.
    #[schema(example = 1)]
    pub channels: u32,
}

/// How often a value occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ValueCount {
    pub value: Cell,
    pub count: u64,
}
