//! Models that can be read, in place of one that can't: a small tree and a line, fitted to what the
//! other answers, and how well they stand in for it.

mod column;
mod fidelity;
mod linear;
mod tree;

pub use self::column::Column;
pub use self::fidelity::{FAITHFUL, Fidelity, fidelity};
pub use self::linear::{DEFAULT_PENALTY, Linear, Part, Term, fit as fit_linear};
pub use self::tree::{ColumnName, Node, Rule, Split, Test, Tree, TreeOptions, fit as fit_tree};
