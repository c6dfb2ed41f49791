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
    /// The levels that the codes stand for: categories, then what is missing and all others, as far as
    /// there are any.
    Categories { levels: Vec<Level>, codes: Vec<u32> },
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
            Values::Categories { levels, codes } => Read::Categories {
                codes: rows.iter().map(|&row| codes[row]).collect(),
                levels: levels.len(),
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
                Values::Categories { levels, .. } => levels.iter().map(shown).collect(),
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
            Some(Values::Categories { levels, .. }) => {
                levels.get(level as usize).cloned().unwrap_or(Level::Others)
            }
            _ => Level::Others,
        }
    }
}

fn shown(level: &Level) -> String {
    match level {
        Level::Known(Cell::Text(text)) => text.clone(),
        Level::Known(Cell::Bool(truth)) => truth.to_string(),
        Level::Known(_) => String::new(),
        Level::Missing => MISSING.to_owned(),
        Level::Others => OTHERS.to_owned(),
    }
}

fn categories(cells: Vec<Cell>, fitted: &[usize]) -> Values {
    let seen = fitted.iter().map(|&row| cells[row].clone()).filter(|cell| *cell != Cell::Null);
    let known = by_frequency(seen.collect(), CATEGORIES);
    let level = |cell: Cell| match cell {
        Cell::Null => Level::Missing,
        cell if known.contains(&cell) => Level::Known(cell),
        _ => Level::Others,
    };
    let of_rows: Vec<Level> = cells.into_iter().map(level).collect();
    let further = [Level::Missing, Level::Others].into_iter().filter(|one| of_rows.contains(one));
    let levels: Vec<Level> = known.iter().cloned().map(Level::Known).chain(further).collect();
    let code = |level: &Level| levels.iter().position(|known| known == level).unwrap_or(0) as u32;
    let codes = of_rows.iter().map(code).collect();
    Values::Categories { levels, codes }
}
