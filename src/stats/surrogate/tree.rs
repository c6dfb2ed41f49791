//! A small regression tree as a surrogate of a model: CART with squared error (Breiman et al. 1984)
//! over numeric and categorical columns, readable as rules.

mod grow;
mod render;

use crate::stats::surrogate::column::{Column, rows_of};

pub use grow::fit;
pub use render::{ColumnName, Rule};

/// Limits of a tree's growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeOptions {
    /// Splits from the root to a leaf at most.
    pub max_depth: usize,
    /// Rows of a leaf at least (one where this is zero).
    pub min_leaf: usize,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self { max_depth: 4, min_leaf: 50 }
    }
}

/// What the tree knows of a column it was fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `missing`: whether a value was missing in the fitted rows.
    Numeric {
        missing: bool,
    },
    Categorical {
        levels: usize,
    },
}

/// A fitted tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    kinds: Vec<Kind>,
    /// Node 0 is the root; children come after their parent.
    nodes: Vec<Node>,
}

/// A node and the fitted rows that reach it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Weighted mean of the target, which is the prediction.
    pub mean: f64,
    pub rows: usize,
    /// `None` for a leaf.
    pub split: Option<Split>,
}

/// Where a node sends its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    pub column: usize,
    pub test: Test,
    /// Node of the rows that pass the test.
    pub left: usize,
    /// Node of all others.
    pub right: usize,
}

/// What a row passes to go left.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The value is below `threshold`, or missing and `missing` is set.
    Below { threshold: f64, missing: bool },
    /// The value is missing.
    Missing,
    /// The code is among the ascending `levels`.
    In { levels: Vec<u32> },
}

impl Test {
    fn passes(&self, column: &Column<'_>, row: usize) -> bool {
        match (self, column) {
            (Self::Below { threshold, missing }, Column::Numeric(values)) => {
                if values[row].is_finite() { values[row] < *threshold } else { *missing }
            }
            (Self::Missing, Column::Numeric(values)) => !values[row].is_finite(),
            (Self::In { levels }, Column::Categorical { codes, .. }) => {
                levels.binary_search(&codes[row]).is_ok()
            }
            _ => false,
        }
    }
}

impl Tree {
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.split.is_none()).count()
    }

    /// The prediction for each row. `None` unless the columns are of the same number and kinds as
    /// the fitted ones and all equally long; codes unknown to the tree go right.
    pub fn predict(&self, columns: &[Column<'_>]) -> Option<Vec<f64>> {
        let leaves = self.leaf_of(columns)?;
        leaves.into_iter().map(|leaf| Some(self.nodes.get(leaf)?.mean)).collect()
    }

    /// The leaf that each row reaches, by its place among the nodes; `None` as for
    /// [`Tree::predict`].
    pub fn leaf_of(&self, columns: &[Column<'_>]) -> Option<Vec<usize>> {
        let is_alike = |(kind, column): (&Kind, &Column<'_>)| {
            matches!(
                (kind, column),
                (Kind::Numeric { .. }, Column::Numeric(_))
                    | (Kind::Categorical { .. }, Column::Categorical { .. })
            )
        };
        let rows = rows_of(columns)?;
        if columns.len() != self.kinds.len() || !self.kinds.iter().zip(columns).all(is_alike) {
            return None;
        }
        (0..rows).map(|row| self.leaf(columns, row)).collect()
    }

    fn leaf(&self, columns: &[Column<'_>], row: usize) -> Option<usize> {
        let mut at = 0;
        while let Some(split) = &self.nodes.get(at)?.split {
            let is_left = split.test.passes(columns.get(split.column)?, row);
            let next = if is_left { split.left } else { split.right };
            // A tree read from elsewhere may point back at itself.
            if next <= at {
                return None;
            }
            at = next;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests;
