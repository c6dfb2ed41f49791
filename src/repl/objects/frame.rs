//! Frames: rows that are here, not on the server.

use serde_json::{Map, Value as Json, json};

use super::super::table::Table;
use super::super::text::counted;
use crate::domain::schema::ColumnType;
use crate::error::{Context, Result};
use crate::frame::Frame;

/// `619,040 rows × 7 columns`.
pub(super) fn text(frame: &Frame) -> String {
    let (rows, columns) = (frame.rows() as u64, frame.columns().len() as u64);
    format!("{} × {}", counted(rows, "row"), counted(columns, "column"))
}

pub(super) fn fields(frame: &Frame) -> Result<Map<String, Json>> {
    let columns: Vec<Json> = frame
        .columns()
        .iter()
        .map(|column| json!({"name": column.name, "type": column.kind.as_str()}))
        .collect();
    Ok(Map::from_iter([
        ("rows".to_owned(), (frame.rows() as u64).into()),
        ("columns".to_owned(), columns.into()),
    ]))
}

/// The rows as dicts, in the order of the columns.
pub(in crate::repl) fn rows(frame: &Frame) -> Result<Vec<Map<String, Json>>> {
    frame
        .to_rows()?
        .into_iter()
        .map(|mut row| {
            let mut cell = |name: &String| {
                let cell = row.remove(name).unwrap_or_default();
                Ok((name.clone(), serde_json::to_value(cell).context("reading a row")?))
            };
            frame.columns().iter().map(|column| cell(&column.name)).collect()
        })
        .collect()
}

/// At most so many of the first rows.
pub(super) fn table(frame: &Frame, rows_shown: usize) -> Result<Table> {
    let mut table = super::table_of_rows(&rows(&frame.part(0, rows_shown)?)?);
    if frame.rows() == 0 {
        let columns: Vec<(&str, bool)> =
            frame.columns().iter().map(|c| (c.name.as_str(), is_number(c.kind))).collect();
        table = Table::new(&columns, Vec::new());
    }
    for (at, column) in frame.columns().iter().enumerate() {
        if column.kind == ColumnType::Timestamp {
            shorten_times(table.rows.iter_mut().filter_map(|row| row.get_mut(at)).collect());
        }
    }
    table.total = frame.rows() as u64;
    Ok(table)
}

/// `2013-02-08` where all are days, `2013-02-08 09:30:00` where one is not.
fn shorten_times(cells: Vec<&mut String>) {
    const MIDNIGHT: &str = "T00:00:00Z";
    let are_days = cells.iter().all(|cell| cell.is_empty() || cell.ends_with(MIDNIGHT));
    for cell in cells {
        *cell = match are_days {
            true => cell.trim_end_matches(MIDNIGHT).to_owned(),
            false => cell.trim_end_matches('Z').replacen('T', " ", 1),
        };
    }
}

pub(in crate::repl) fn is_number(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Int64 | ColumnType::Float64)
}
