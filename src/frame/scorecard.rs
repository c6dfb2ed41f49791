//! A scorecard as CSV: a line for each bin.

use csv::{Terminator, WriterBuilder};

use crate::domain::scorecard::{Scorecard, ScorecardBin, ScorecardColumn};
use crate::error::{Context, Result};

const HEADER: [&str; 16] = [
    "column",
    "iv",
    "strength",
    "coefficient",
    "standard_error",
    "bin",
    "from",
    "below",
    "categories",
    "is_rare",
    "is_missing",
    "rows",
    "adverse_class",
    "adverse_rate",
    "woe",
    "points",
];

/// The bins of all columns, each with what is said of its column; `categories` are joined by `;`, a JSON list
/// where a name holds one.
///
/// # Errors
/// [`crate::error::Error::Internal`] where it can't be written.
pub fn write_scorecard(scorecard: &Scorecard) -> Result<Vec<u8>> {
    const WRITING: &str = "writing a scorecard";
    let mut writer =
        WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(HEADER).context(WRITING)?;
    for column in &scorecard.columns {
        for bin in &column.bins {
            writer.write_record(line(column, bin, &scorecard.adverse_class)).context(WRITING)?;
        }
    }
    writer.into_inner().context(WRITING)
}

fn line(column: &ScorecardColumn, bin: &ScorecardBin, class: &str) -> [String; 16] {
    let some = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        column.column.clone(),
        column.iv.to_string(),
        column.strength.as_str().to_owned(),
        column.coefficient.to_string(),
        some(column.standard_error),
        bin.label.clone(),
        some(bin.from),
        some(bin.below),
        joined(&bin.categories),
        bin.is_rare.to_string(),
        bin.is_missing.to_string(),
        bin.rows.to_string(),
        class.to_owned(),
        some(bin.adverse_rate),
        bin.woe.to_string(),
        bin.points.to_string(),
    ]
}

fn joined(names: &[String]) -> String {
    match names.iter().any(|name| name.contains(';') || name.starts_with('[')) {
        true => serde_json::json!(names).to_string(),
        false => names.join(";"),
    }
}
