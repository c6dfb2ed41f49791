//! Frames: rows that are here, not on the server.

use serde_json::{Map, Value as Json, json};

use super::super::table::{SHOWN_ROWS, Table};
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
        .to_rows()
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

/// The first rows.
pub(super) fn table(frame: &Frame) -> Result<Table> {
    let mut table = super::table_of_rows(&rows(&frame.part(0, SHOWN_ROWS))?);
    if frame.rows() == 0 {
        let columns: Vec<(&str, bool)> =
            frame.columns().iter().map(|c| (c.name.as_str(), is_number(c.kind))).collect();
        table = Table::new(&columns, Vec::new());
    }
    table.total = frame.rows() as u64;
    Ok(table)
}

pub(in crate::repl) fn is_number(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Int64 | ColumnType::Float64)
}
