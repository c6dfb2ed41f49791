//! What each column matters.

use serde_json::{Map, Value as Json};

use super::super::super::table::Table;
use super::super::super::text::{counted, figure};
use crate::domain::analysis::{ColumnImportance, ImportanceResult};
use crate::plot::Plot;

/// `auc 0.78, 10 repeats`.
pub(super) fn text(found: &ImportanceResult) -> String {
    let repeats = counted(found.repeats.into(), "repeat");
    format!("{} {}, {repeats}", found.metric.as_str(), figure(found.base))
}

fn name(column: &ColumnImportance) -> String {
    column.columns.join(" + ")
}

pub(super) fn means(found: &ImportanceResult) -> Map<String, Json> {
    found.columns.iter().map(|column| (name(column), column.mean.into())).collect()
}

pub(super) fn described(found: &ImportanceResult) -> Vec<Map<String, Json>> {
    let row = |column: &ColumnImportance| {
        Map::from_iter([
            ("column".to_owned(), name(column).into()),
            ("importance".to_owned(), column.mean.into()),
            ("standard error".to_owned(), column.standard_error.into()),
            ("standard deviation".to_owned(), column.standard_deviation.into()),
        ])
    };
    found.columns.iter().map(row).collect()
}

pub(super) fn table(found: &ImportanceResult) -> Table {
    let lost = format!("{} lost", found.metric.as_str());
    let columns = [("column", false), (lost.as_str(), true), ("±", true), ("", false)];
    let greatest = found.columns.iter().map(|column| column.mean).fold(0.0, f64::max);
    let row = |column: &ColumnImportance| {
        let share = if greatest > 0.0 { (column.mean / greatest).clamp(0.0, 1.0) } else { 0.0 };
        let bar = "▇".repeat((share * 20.0).round() as usize);
        vec![name(column), figure(column.mean), figure(column.standard_error), bar]
    };
    Table::new(&columns, found.columns.iter().map(row).collect())
}

/// Bars, each with its standard error beside its name.
pub(super) fn plot(title: String, found: &ImportanceResult) -> Plot {
    let named = found.columns.iter().map(|column| {
        (format!("{} ± {}", name(column), figure(column.standard_error)), column.mean)
    });
    let lost = format!("{} lost", found.metric.as_str());
    super::bars(title, ("column", &lost), named.collect())
}
