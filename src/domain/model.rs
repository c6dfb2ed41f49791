//! Models.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Numbers of the rows to come.
    Forecast,
}

impl Task {
    pub const ALL: [Task; 4] = [Self::Binary, Self::Multiclass, Self::Regression, Self::Forecast];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
            Self::Forecast => "forecast",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == text)
    }
}

/// What a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// The columns of a row.
    Tabular,
    /// A picture.
    Image,
    /// Rows of a series.
    Sequence,
    /// A text.
    Text,
}

impl InputKind {
    const ALL: [InputKind; 4] = [Self::Tabular, Self::Image, Self::Sequence, Self::Text];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tabular => "tabular",
            Self::Image => "image",
            Self::Sequence => "sequence",
            Self::Text => "text",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
