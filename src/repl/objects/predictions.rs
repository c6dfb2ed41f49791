//! Predictions: probabilities first, then the answer, then what was asked.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::counted;
use crate::domain::prediction::{Prediction, PredictionResponse, Row};
use crate::error::{Context, Result};

/// An answer, and the rows that it is for.
pub(in crate::repl) struct Predictions {
    pub(in crate::repl) response: PredictionResponse,
    pub(in crate::repl) rows: Vec<Row>,
    /// The class whose probability is held against the threshold (binary).
    pub(in crate::repl) positive_class: Option<String>,
}

impl Predictions {
    /// `3 rows by default 2   threshold 0.18   recorded as …`.
    pub(super) fn text(&self) -> String {
        let answer = &self.response;
        let mut text = format!(
            "{} by {} {}",
            counted(answer.predictions.len() as u64, "row"),
            answer.model,
            answer.version
        );
        if let Some(threshold) = answer.threshold {
            text.push_str(&format!("   threshold {threshold:.2}"));
        }
        if let Some(id) = answer.id {
            text.push_str(&format!("   recorded as {id}"));
        }
        text
    }

    fn score(&self, prediction: &Prediction) -> Option<f64> {
        let class = self.positive_class.as_ref()?;
        prediction.probabilities.as_ref()?.get(class).copied()
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        let mut fields = super::object(&self.response)?;
        let predictions = &self.response.predictions;
        let labels: Vec<_> = predictions.iter().map(|p| p.label.clone()).collect();
        let values: Vec<_> = predictions.iter().map(|p| p.value).collect();
        let scores: Vec<_> = predictions.iter().map(|p| self.score(p)).collect();
        let rows = serde_json::to_value(&self.rows).context("reading rows")?;
        fields.insert("labels".to_owned(), labels.into());
        fields.insert("scores".to_owned(), scores.into());
        fields.insert("values".to_owned(), values.into());
        fields.insert("rows".to_owned(), rows);
        // Also where there is none, so that a script may ask.
        for name in ["id", "reasons", "explanations"] {
            fields.entry(name).or_insert(Json::Null);
        }
        fields.entry("threshold").or_insert(Json::Null);
        Ok(fields)
    }

    /// A row for each of the rows: answer, then question.
    pub(super) fn described(&self) -> Vec<Map<String, Json>> {
        let pairs = self.response.predictions.iter().zip(&self.rows).enumerate();
        pairs.map(|(at, (prediction, row))| self.line(at, prediction, row)).collect()
    }

    fn line(&self, at: usize, prediction: &Prediction, row: &Row) -> Map<String, Json> {
        let mut line = Map::new();
        let one = self.positive_class.as_ref();
        for (class, p) in prediction.probabilities.iter().flatten() {
            // The other of two says nothing new.
            if one.is_none_or(|one| one == class) {
                line.insert(format!("p({class})"), (*p).into());
            }
        }
        if let Some(label) = &prediction.label {
            line.insert("label".to_owned(), label.clone().into());
        }
        if let Some(value) = prediction.value {
            line.insert("value".to_owned(), value.into());
        }
        if let Some(reasons) = &self.response.reasons {
            let codes = reasons.rows.get(at).into_iter().flatten().map(|r| r.code.as_str());
            line.insert("reasons".to_owned(), codes.collect::<Vec<_>>().join(", ").into());
        }
        for (name, cell) in row {
            let cell = serde_json::to_value(cell).unwrap_or_default();
            line.entry(name.clone()).or_insert(cell);
        }
        line
    }

    /// At most so many of the first rows.
    pub(super) fn table(&self, shown: usize) -> Table {
        let pairs = self.response.predictions.iter().zip(&self.rows).take(shown).enumerate();
        let rows: Vec<_> =
            pairs.map(|(at, (prediction, row))| self.line(at, prediction, row)).collect();
        let mut table = super::table_of_rows(&rows);
        // A probability is read by its decimals, one below the other.
        for (at, heading) in table.headings.iter().enumerate() {
            for (row, line) in table.rows.iter_mut().zip(&rows) {
                let p = line.get(heading).and_then(Json::as_f64);
                if let (true, Some(p), Some(cell)) = (heading.starts_with("p("), p, row.get_mut(at))
                {
                    *cell = format!("{p:.4}");
                }
            }
        }
        table.total = self.response.predictions.len() as u64;
        table
    }
}
