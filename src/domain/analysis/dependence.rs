//! Partial dependence: how the answers change with a column while all others stay.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::schema::{Cell, ColumnType};

/// Partial dependence (Friedman 2001) and the lines of single rows, ICE (Goldstein et al. 2015): every
/// row is answered once for each point of a grid, with the column set to it. Where columns go together,
/// some of these rows are such as there are none of. Only of versions that read the columns of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DependenceSpec {
    /// Each for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub columns: Vec<String>,
    /// Two columns each that are changed at once, on a grid of all combinations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub pairs: Vec<Vec<String>>,
    /// The class whose probability is looked at. When absent the positive one of two; of more classes
    /// one has to be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Points of a grid: so many quantiles of a number or a time from 5 % to 95 %, so many of the most
    /// frequent categories; all values where there are no more. A pair takes half as many of each.
    #[serde(default = "defaults::points")]
    #[schema(minimum = 2, maximum = 200)]
    pub points: u32,
    /// Rows of which the own line is kept, spread evenly over all.
    #[serde(default = "defaults::lines")]
    #[schema(maximum = 1_000)]
    pub lines: u32,
    /// Whether each row's line starts at 0, so that lines of different levels can be compared.
    #[serde(default)]
    pub centred: bool,
}

mod defaults {
    pub(super) fn points() -> u32 {
        20
    }
    pub(super) fn lines() -> u32 {
        20
    }
}

/// How the answers depend on columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DependenceResult {
    /// The class whose probability it is; none where the answers are numbers, in the target's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Mean answer to the rows as they are.
    pub mean: f64,
    /// Whether the lines and their means start at 0.
    pub centred: bool,
    pub columns: Vec<ColumnDependence>,
    pub pairs: Vec<PairDependence>,
}

/// How the answers depend on one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnDependence {
    pub column: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Numbers and times ascending, categories by falling frequency.
    pub points: Vec<DependencePoint>,
    /// Of single rows.
    pub lines: Vec<DependenceLine>,
}

/// The answers with the column set to one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DependencePoint {
    /// Null where it is missing.
    pub value: Cell,
    /// Over all rows.
    pub mean: f64,
    /// Bounds of a 95 % interval of the mean, by the spread over the rows.
    pub low: f64,
    pub high: f64,
}

/// The answers to one row, one a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DependenceLine {
    /// What the row really has in the column.
    pub value: Cell,
    pub answers: Vec<f64>,
}

/// How the answers depend on two columns at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PairDependence {
    /// Two.
    pub columns: Vec<String>,
    /// Values of the first.
    pub first: Vec<Cell>,
    /// Values of the second.
    pub second: Vec<Cell>,
    /// A list for each value of the first, with a mean answer for each of the second; not centred.
    pub means: Vec<Vec<f64>>,
}
