//! Rows of any fields in the cells of a table.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::figure;

/// Rows of any fields as a table, the columns in the order in which they come.
pub(in crate::repl) fn table_of_rows(rows: &[Map<String, Json>]) -> Table {
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let columns: Vec<(&str, bool)> = names
        .iter()
        .map(|name| {
            let mut values = rows.iter().filter_map(|row| row.get(*name)).filter(|v| !v.is_null());
            (name.as_str(), values.all(Json::is_number))
        })
        .collect();
    let line = |row: &Map<String, Json>| {
        names.iter().map(|name| row.get(*name).map(cell_of).unwrap_or_default()).collect()
    };
    Table::new(&columns, rows.iter().map(line).collect())
}

/// A JSON value in a cell.
pub(super) fn cell_of(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64().map_or_else(|| number.to_string(), figure),
        },
        Json::Bool(truth) => truth.to_string(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(cell_of).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}: {}", cell_of(value))).collect();
            fields.join(", ")
        }
    }
}
