//! Models.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::ColumnType;
use crate::error::FieldError;

/// Most classes that are inferred from text, and from whole numbers.
const MAX_TEXT_CLASSES: u64 = 20;
const MAX_CODE_CLASSES: u64 = 10;
/// Most classes in all.
const MAX_CLASSES: u64 = 1000;

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
    /// The task of a target of this type with so many different values: bool and two values are
    /// binary; text of 3 to 20 and whole numbers of 3 to 10 different values are classes; all other
    /// numbers a regression.
    ///
    /// # Errors
    /// A field, `/target` or `/task`, of which it is said what it is or has.
    pub fn infer(asked: Option<Task>, kind: ColumnType, distinct: u64) -> Result<Task, FieldError> {
        let refuse = |pointer: &str, detail: String| Err(FieldError::new(pointer, detail));
        match (asked, kind, distinct) {
            (_, ColumnType::Timestamp, _) => refuse(
                "/target",
                "is a point in time, which can't be predicted; take a number or a class".into(),
            ),
            (_, ColumnType::Image, _) => refuse(
                "/target",
                "holds images, which can't be predicted; take another column".into(),
            ),
            (_, _, 0) => refuse("/target", "has no value in any row".into()),
            (_, _, 1) => refuse(
                "/target",
                "has the same value in every row: there is nothing to learn".into(),
            ),
            (Some(Task::Binary), _, n) if n != 2 => refuse(
                "/task",
                format!(
                    "a binary target has two different values, this one has {n}; take multiclass or regression"
                ),
            ),
            (Some(Task::Multiclass), _, n) if !(3..=MAX_CLASSES).contains(&n) => refuse(
                "/task",
                format!(
                    "a multiclass target has 3 to {MAX_CLASSES} different values, this one has {n}"
                ),
            ),
            (Some(Task::Regression | Task::Forecast), kind, _) if !kind.is_numeric() => refuse(
                "/task",
                format!(
                    "only a number can be predicted or forecast, the target is {}; take a column of \
                     numbers, or leave the task out",
                    kind.as_str()
                ),
            ),
            (Some(task), ..) => Ok(task),
            (None, ColumnType::Bool, _) | (None, _, 2) => Ok(Task::Binary),
            (None, ColumnType::String, n) if n <= MAX_TEXT_CLASSES => Ok(Task::Multiclass),
            (None, ColumnType::String, n) => refuse(
                "/target",
                format!(
                    "is text with {n} different values, more than the {MAX_TEXT_CLASSES} that are \
                     taken for classes; say task multiclass if they are"
                ),
            ),
            (None, ColumnType::Int64, n) if n <= MAX_CODE_CLASSES => Ok(Task::Multiclass),
            (None, ColumnType::Int64 | ColumnType::Float64, _) => Ok(Task::Regression),
        }
    }
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
