//! Datasets: rows, columns, nulls.

use serde_json::{Map, Value as Json, json};

use super::super::table::Table;
use super::super::text::{counted, grouped};
use crate::domain::dataset::DatasetVersion;
use crate::domain::schema::{ColumnSummary, ColumnType, ImageSizes};
use crate::error::{Context, Result};

/// `loans 3   30,000 rows × 24 columns   4 text · 19 number · 1 time   no nulls`.
pub(super) fn text(dataset: &DatasetVersion) -> String {
    let with_nulls = dataset.columns.iter().filter(|column| column.nulls > 0).count();
    let nulls = match with_nulls {
        0 => "no nulls".to_owned(),
        n => {
            let cells: u64 = dataset.columns.iter().map(|column| column.nulls).sum();
            format!("{} in {}", counted(cells, "null"), counted(n as u64, "column"))
        }
    };
    format!(
        "{} {}   {} × {}   {}   {nulls}",
        dataset.dataset,
        dataset.version,
        counted(dataset.rows, "row"),
        counted(dataset.columns.len() as u64, "column"),
        kinds(&dataset.columns)
    )
}

fn kinds(columns: &[ColumnSummary]) -> String {
    let names = [
        ("text", &[ColumnType::String][..]),
        ("number", &[ColumnType::Int64, ColumnType::Float64]),
        ("bool", &[ColumnType::Bool]),
        ("time", &[ColumnType::Timestamp]),
        ("image", &[ColumnType::Image]),
    ];
    let counts: Vec<String> = names
        .iter()
        .filter_map(|(name, kinds)| {
            let count = columns.iter().filter(|column| kinds.contains(&column.kind)).count();
            (count > 0).then(|| format!("{count} {name}"))
        })
        .collect();
    counts.join(" · ")
}

pub(super) fn table(datasets: &[&DatasetVersion]) -> Table {
    let columns = [
        ("dataset", false),
        ("version", true),
        ("rows", true),
        ("columns", true),
        ("kinds", false),
        ("created", false),
    ];
    let rows = datasets
        .iter()
        .map(|d| {
            vec![
                d.dataset.clone(),
                d.version.to_string(),
                grouped(d.rows),
                d.columns.len().to_string(),
                kinds(&d.columns),
                d.created_at.format("%Y-%m-%d %H:%M").to_string(),
            ]
        })
        .collect();
    Table::new(&columns, rows)
}

/// A row for each column.
pub(super) fn described(dataset: &DatasetVersion) -> Result<Vec<Map<String, Json>>> {
    let row = |column: &ColumnSummary| {
        let top: Vec<String> = column
            .top
            .iter()
            .take(3)
            .map(|value| {
                let name = serde_json::to_value(&value.value).context("reading a value")?;
                Ok(format!("{} ({})", super::cell_of(&name), grouped(value.count)))
            })
            .collect::<Result<_>>()?;
        // Of images the sizes, as height x width.
        let size = |size: fn(&ImageSizes) -> (u32, u32)| {
            column
                .sizes
                .as_ref()
                .map(size)
                .map(|(height, width)| json!(format!("{height}x{width}")))
        };
        let min = column.min.as_ref().map(|min| json!(min));
        let max = column.max.as_ref().map(|max| json!(max));
        let values = json!({
            "column": column.name,
            "type": column.kind.as_str(),
            "nulls": column.nulls,
            "distinct": column.distinct,
            "min": min.or_else(|| size(|s| (s.min_height, s.min_width))),
            "mean": column.mean,
            "max": max.or_else(|| size(|s| (s.max_height, s.max_width))),
            "std": column.std,
            "top": top.join(", "),
        });
        match values {
            Json::Object(row) => Ok(row),
            _ => Ok(Map::new()),
        }
    };
    dataset.columns.iter().map(row).collect()
}
