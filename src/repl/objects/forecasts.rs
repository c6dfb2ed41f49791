//! Forecasts: a line for each step of each series.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::counted;
use crate::domain::forecast::ForecastResponse;
use crate::error::Result;

/// `2 series by vix 3   does not beat the random walk`.
pub(super) fn text(answer: &ForecastResponse) -> String {
    let verdict = if answer.beats_random_walk {
        "beats the random walk"
    } else {
        "does not beat the random walk"
    };
    let count = counted(answer.forecasts.len() as u64, "forecast");
    format!("{count} by {} {}   {verdict} on its test part", answer.model, answer.version)
}

pub(super) fn fields(answer: &ForecastResponse) -> Result<Map<String, Json>> {
    let mut fields = super::object(answer)?;
    let values: Vec<Vec<f64>> =
        answer.forecasts.iter().map(|f| f.steps.iter().map(|s| s.value).collect()).collect();
    fields.insert("values".to_owned(), values.into());
    Ok(fields)
}

/// A row for each step of each series.
pub(super) fn described(answer: &ForecastResponse) -> Vec<Map<String, Json>> {
    let mut rows = Vec::new();
    for forecast in &answer.forecasts {
        for step in &forecast.steps {
            let mut row = Map::new();
            if let Some(entity) = &forecast.entity {
                row.insert("series".to_owned(), entity.clone().into());
            }
            row.insert("column".to_owned(), forecast.target.clone().into());
            row.insert("step".to_owned(), step.step.into());
            row.insert("value".to_owned(), step.value.into());
            for (level, value) in &step.quantiles {
                row.insert(format!("q{level}"), (*value).into());
            }
            rows.push(row);
        }
    }
    rows
}

/// At most so many of the first rows.
pub(super) fn table(answer: &ForecastResponse, shown: usize) -> Table {
    let mut rows = described(answer);
    let total = rows.len() as u64;
    rows.truncate(shown);
    let mut table = super::table_of_rows(&rows);
    table.total = total;
    table
}
