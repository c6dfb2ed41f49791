//! The columns of a table as surrogates read them.

use super::Level;
use crate::domain::schema::{Cell, ColumnType};
use crate::engine::analyse::grid::{by_frequency, cells};
use crate::error::Result;
use crate::frame::{Frame, format_timestamp};
use crate::stats::surrogate::{Column, ColumnName};

/// Categories that are told apart, the most frequent ones: longer rules nobody reads.
const CATEGORIES: usize = 30;
/// Microseconds.
const DAY: f64 = 86_400e6;
const MISSING: &str = "(missing)";
const OTHERS: &str = "(others)";

/// All columns that a version reads.
pub(super) struct Columns(Vec<Held>);

struct Held {
    name: String,
    kind: ColumnType,
    values: Values,
}

enum Values {
    /// NaN where missing; of times, days since 1970.
    Numbers(Vec<f64>),
    /// Behind the categories come what is missing and all others.
    Categories { known: Vec<Cell>, codes: Vec<u32> },
}

/// Some rows of one column.
pub(super) enum Read {
    Numbers(Vec<f64>),
    Categories { codes: Vec<u32>, levels: usize },
}

impl Read {
    pub(super) fn view(&self) -> Column<'_> {
        match self {
            Self::Numbers(numbers) => Column::Numeric(numbers),
            Self::Categories { codes, levels } => Column::Categorical { codes, levels: *levels },
        }
    }
}

impl Columns {
    /// Reads the named columns; categories are those of the `fitted` rows.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a column that is not there or holds images.
    pub(super) fn of(frame: &Frame, names: &[&str], fitted: &[usize]) -> Result<Self> {
        let held = |name: &&str| {
            let kind = frame.column(name).map_or(ColumnType::Float64, |column| column.kind);
            let values = match kind {
                ColumnType::Bool | ColumnType::String => categories(cells(frame, name)?, fitted),
                ColumnType::Timestamp => {
                    let numbers = frame.numbers(name)?;
                    Values::Numbers(numbers.into_iter().map(|number| number / DAY).collect())
                }
                _ => Values::Numbers(frame.numbers(name)?),
            };
            Ok(Held { name: (*name).to_owned(), kind, values })
        };
        names.iter().map(held).collect::<Result<_>>().map(Self)
    }

    pub(super) fn read(&self, rows: &[usize]) -> Vec<Read> {
        let read = |held: &Held| match &held.values {
            Values::Numbers(numbers) => Read::Numbers(rows.iter().map(|&r| numbers[r]).collect()),
            Values::Categories { known, codes } => Read::Categories {
                codes: rows.iter().map(|&row| codes[row]).collect(),
                levels: known.len() + 2,
            },
        };
        self.0.iter().map(read).collect()
    }

    pub(super) fn name(&self, column: usize) -> &str {
        self.0.get(column).map_or("", |held| held.name.as_str())
    }

    /// What columns and categories are called in rules.
    pub(super) fn names(&self) -> Vec<ColumnName> {
        let name = |held: &Held| ColumnName {
            name: held.name.clone(),
            levels: match &held.values {
                Values::Numbers(_) => Vec::new(),
                Values::Categories { known, .. } => {
                    known.iter().map(shown).chain([MISSING.into(), OTHERS.into()]).collect()
                }
            },
            is_time: held.kind == ColumnType::Timestamp,
        };
        self.0.iter().map(name).collect()
    }

    /// A number between two values of a column, as the column is sent.
    pub(super) fn bound(&self, column: usize, number: f64) -> Cell {
        match self.0.get(column).map(|held| held.kind) {
            Some(ColumnType::Timestamp) => {
                Cell::Text(format_timestamp((number * DAY).round() as i64))
            }
            _ => Cell::Float(number),
        }
    }

    pub(super) fn level(&self, column: usize, level: u32) -> Level {
        match self.0.get(column).map(|held| &held.values) {
            Some(Values::Categories { known, .. }) => {
                let level = level as usize;
                match known.get(level) {
                    Some(cell) => Level::Known(cell.clone()),
                    None if level == known.len() => Level::Missing,
                    None => Level::Others,
                }
            }
            _ => Level::Others,
        }
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

fn categories(cells: Vec<Cell>, fitted: &[usize]) -> Values {
    let seen = fitted.iter().map(|&row| cells[row].clone()).filter(|cell| *cell != Cell::Null);
    let known = by_frequency(seen.collect(), CATEGORIES);
    let code = |cell: &Cell| match cell {
        Cell::Null => known.len(),
        cell => known.iter().position(|known| known == cell).unwrap_or(known.len() + 1),
    };
    let codes = cells.iter().map(|cell| code(cell) as u32).collect();
    Values::Categories { known, codes }
}
