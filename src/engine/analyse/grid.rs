//! Values that a column is set to.

use std::collections::HashMap;

use crate::domain::schema::{Cell, ColumnType};
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, Values, format_timestamp, parse_timestamp};
use crate::stats;

/// The points of one column.
pub(super) struct Grid {
    pub(super) column: String,
    pub(super) kind: ColumnType,
    pub(super) cells: Vec<Cell>,
}

impl Grid {
    /// Of a number or a time so many quantiles, of anything else so many of its most frequent values.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a column that has no value in the rows.
    pub(super) fn of(frame: &Frame, column: &str, points: usize) -> Result<Self> {
        let kind = frame.column(column).map(|column| column.kind).ok_or_else(|| {
            Error::new(Code::InvalidRequest, format!("there is no column {column}"))
        })?;
        let cells = match kind {
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => {
                let grid = stats::numeric_grid(&frame.numbers(column)?, points).unwrap_or_default();
                let mut cells: Vec<Cell> =
                    grid.into_iter().map(|number| cell_of(kind, number)).collect();
                // Quantiles of whole numbers may be rounded to the same one.
                cells.dedup();
                cells
            }
            _ => by_frequency(cells(frame, column)?, points),
        };
        match cells.iter().any(|cell| *cell != Cell::Null) {
            true => Ok(Self { column: column.to_owned(), kind, cells }),
            false => {
                let detail = format!("column {column} has no value in these rows");
                Err(Error::field(Code::InvalidRequest, "/analysis/columns", detail))
            }
        }
    }

    /// The points as the values of a column.
    pub(super) fn values(&self) -> Result<Values> {
        let cells = || self.cells.iter();
        Ok(match self.kind {
            ColumnType::Bool => Values::Bool(
                cells().map(|c| if let Cell::Bool(v) = c { Some(*v) } else { None }).collect(),
            ),
            ColumnType::Int64 => Values::Int64(
                cells().map(|c| if let Cell::Int(v) = c { Some(*v) } else { None }).collect(),
            ),
            ColumnType::Float64 => Values::Float64(
                cells().map(|c| if let Cell::Float(v) = c { Some(*v) } else { None }).collect(),
            ),
            ColumnType::String => Values::String(cells().map(text).collect()),
            ColumnType::Timestamp => Values::Timestamp(
                cells()
                    .map(|c| text(c).and_then(|text| parse_timestamp(text.as_bytes())))
                    .collect(),
            ),
            ColumnType::Image => {
                return Err(Error::internal("making a grid", "pictures have none"));
            }
        })
    }
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// A number of a column as a value of it, NaN as null.
fn cell_of(kind: ColumnType, number: f64) -> Cell {
    match kind {
        _ if !number.is_finite() => Cell::Null,
        ColumnType::Bool => Cell::Bool(number != 0.0),
        ColumnType::Int64 => Cell::Int(number.round() as i64),
        ColumnType::Timestamp => Cell::Text(format_timestamp(number.round() as i64)),
        _ => Cell::Float(number),
    }
}

/// All values of a column.
///
/// # Errors
/// [`Code::InvalidRequest`] for an unknown column and one of images.
pub(super) fn cells(frame: &Frame, column: &str) -> Result<Vec<Cell>> {
    match frame.column(column).map(|column| column.kind) {
        Some(ColumnType::String) => Ok(frame
            .texts(column)?
            .into_iter()
            .map(|text| text.map_or(Cell::Null, |text| Cell::Text(text.to_owned())))
            .collect()),
        kind => {
            let kind = kind.unwrap_or(ColumnType::Float64);
            let numbers = frame.numbers(column)?;
            Ok(numbers.into_iter().map(|number| cell_of(kind, number)).collect())
        }
    }
}

/// The most frequent of them, of equals the one that comes first.
pub(super) fn by_frequency(cells: Vec<Cell>, most: usize) -> Vec<Cell> {
    let mut seen: Vec<Cell> = Vec::new();
    let mut codes: HashMap<String, u32> = HashMap::new();
    let mut code = |cell: Cell| {
        // No two kinds of cells are in one column.
        let key = match &cell {
            Cell::Text(text) => format!("t{text}"),
            other => format!("{other:?}"),
        };
        *codes.entry(key).or_insert_with(|| {
            seen.push(cell);
            seen.len() as u32 - 1
        })
    };
    let coded: Vec<u32> = cells.into_iter().map(&mut code).collect();
    let grid = stats::categorical_grid(&coded, most);
    grid.into_iter().map(|code| seen[code as usize].clone()).collect()
}
