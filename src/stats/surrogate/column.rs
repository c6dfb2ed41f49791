//! Columns of a table, numeric or categorical.

/// Levels a categorical column may have: per-level sums are kept in a table of this size at most.
pub(super) const LEVEL_LIMIT: usize = 1 << 16;

/// All rows of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column<'a> {
    /// In the column's own unit; NaN and the infinities are missing values.
    Numeric(&'a [f64]),
    /// Codes below `levels`; missing is a level of its own.
    Categorical { codes: &'a [u32], levels: usize },
}

impl Column<'_> {
    /// Rows of the column.
    pub fn rows(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categorical { codes, .. } => codes.len(),
        }
    }

    /// Whether each code is a level and the levels are not too many.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Numeric(_) => true,
            Self::Categorical { codes, levels } => {
                *levels <= LEVEL_LIMIT && codes.iter().all(|code| (*code as usize) < *levels)
            }
        }
    }
}

/// The rows of the columns; `None` if their lengths differ, one is not valid, or there is none.
pub(super) fn rows_of(columns: &[Column<'_>]) -> Option<usize> {
    let rows = columns.first()?.rows();
    columns.iter().all(|column| column.rows() == rows && column.is_valid()).then_some(rows)
}
