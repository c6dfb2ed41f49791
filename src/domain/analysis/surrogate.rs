//! Surrogates: models that can be read, fitted to what a version answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::schema::Cell;

/// A small decision tree (Breiman et al. 1984) and a ridge regression (Hoerl and Kennard 1970) over the
/// columns as they are sent, fitted to what the version answers to one half of the rows and held against
/// its answers to the other half. Only of versions that read the columns of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SurrogateSpec {
    /// The class whose probability is fitted. When absent the positive one of two; of more classes one
    /// has to be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Conditions from the root of the tree to a leaf, at most.
    #[serde(default = "defaults::depth")]
    #[schema(minimum = 1, maximum = 8)]
    pub depth: u32,
    /// Rows of a leaf, at least.
    #[serde(default = "defaults::leaf")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub leaf: u32,
    /// Of the squared coefficients of the linear one, whose numbers are standardised.
    #[serde(default = "defaults::penalty")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000_000)]
    pub penalty: f64,
}

impl Default for SurrogateSpec {
    fn default() -> Self {
        Self {
            class: None,
            depth: defaults::depth(),
            leaf: defaults::leaf(),
            penalty: defaults::penalty(),
        }
    }
}

mod defaults {
    pub(super) fn depth() -> u32 {
        4
    }
    pub(super) fn leaf() -> u32 {
        50
    }
    pub(super) fn penalty() -> f64 {
        1.0
    }
}

/// What can be read in place of the version, and how far it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateResult {
    /// The class whose probability is fitted; none where the answers are numbers, in the target's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// From this probability on two answers have the same label; none of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Rows that the surrogates were fitted to.
    pub fitted_rows: u64,
    /// Rows that they are held against the version's answers on.
    pub held_out_rows: u64,
    pub tree: SurrogateTree,
    pub linear: SurrogateLinear,
}

/// How well a surrogate stands in for the version, on rows that it was not fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateFidelity {
    /// Share of the variance of the version's answers that is explained; none where they don't vary.
    pub r2: Option<f64>,
    /// Share of the rows that both label alike; none of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// Whether neither is below 0.8: else it tells little of the version.
    pub is_faithful: bool,
}

/// A tree of conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateTree {
    pub fidelity: SurrogateFidelity,
    /// One for each leaf, from left to right.
    pub rules: Vec<SurrogateRule>,
    /// One line for each node, indented.
    pub text: String,
    /// The first is the root; children come after their parent.
    pub nodes: Vec<SurrogateNode>,
}

/// What the rows of a leaf have in common, and what is answered to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateRule {
    /// All of them hold; none where the tree is one leaf.
    pub conditions: Vec<String>,
    /// Mean answer of the version.
    pub mean: f64,
    /// Fitted rows.
    pub rows: u64,
}

/// A node of a tree, and the fitted rows that reach it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateNode {
    /// Mean answer of the version.
    pub mean: f64,
    pub rows: u64,
    /// None of a leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SurrogateSplit>,
}

/// Where a node sends its rows: to the left those whose value is below `below` or one of `among`, and
/// where `missing` is set those without a value; all others to the right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateSplit {
    pub column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Cell>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<Cell>,
    pub missing: bool,
    /// Whether rare categories go left, which are not told apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub others: bool,
    /// Number of the left child, counted from 0.
    pub left: u32,
    pub right: u32,
}

/// A sum: the intercept and, for each term, its coefficient times its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateLinear {
    pub fidelity: SurrogateFidelity,
    pub intercept: f64,
    /// The strongest first, by `standardised`.
    pub terms: Vec<SurrogateTerm>,
}

/// One term of a sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurrogateTerm {
    pub column: String,
    pub part: SurrogatePart,
    /// The category, where the term is 1 for it and else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Cell>,
    /// Change of the answer for one unit of the value (a day, of times).
    pub coefficient: f64,
    /// Change of the answer for one standard deviation of the value.
    pub standardised: f64,
    /// Mean of the value over the fitted rows, for which a missing number is taken.
    pub mean: f64,
}

/// What of its column the value of a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurrogatePart {
    /// The number; of a time, days since 1970 in UTC.
    Number,
    /// 1 where it is missing, else 0.
    Missing,
    /// 1 where it is `category`, else 0.
    Category,
    /// 1 where it is a rare category, which are not told apart.
    Others,
}
