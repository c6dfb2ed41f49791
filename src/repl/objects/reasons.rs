//! Reasons of adverse answers, and the tables that they are told by.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::counted;
use crate::domain::prediction::{Prediction, PredictionResponse};
use crate::domain::reason::{Reason, ReasonCondition, ReasonEntry, ReasonTable, Reasons};
use crate::error::Result;

/// What is answered, and why it is adverse.
pub(in crate::repl) struct Told {
    pub(in crate::repl) response: PredictionResponse,
    /// The class whose probability is held against the threshold.
    pub(in crate::repl) positive_class: Option<String>,
}

impl Told {
    fn reasons(&self) -> Option<&Reasons> {
        self.response.reasons.as_deref()
    }

    /// Each answer with its reasons.
    fn answers(&self) -> impl Iterator<Item = (&Prediction, &[Reason])> {
        let rows = self.reasons().map_or(&[][..], |reasons| &reasons.rows);
        let rows = rows.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
        self.response.predictions.iter().zip(rows)
    }

    /// `3 rows by default 2   1 adverse (yes)   by table 1`.
    pub(super) fn text(&self) -> String {
        let answer = &self.response;
        let count = counted(answer.predictions.len() as u64, "row");
        let mut text = format!("{count} by {} {}", answer.model, answer.version);
        if let Some(reasons) = self.reasons() {
            let adverse = self.answers().filter(|(_, reasons)| !reasons.is_empty()).count();
            text.push_str(&format!("   {adverse} adverse ({})", reasons.adverse_class));
            if let Some(table) = reasons.table {
                text.push_str(&format!("   by table {table}"));
            }
            if !reasons.holds {
                text.push_str("\n! some contributions did not add up: too coarse to rely on");
            }
        }
        if let Some(id) = answer.id {
            text.push_str(&format!("   recorded as {id}"));
        }
        text
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        let mut fields = super::object(&self.response)?;
        let each = |part: fn(&Reason) -> Json| -> Json {
            let row = |(_, reasons): (&Prediction, &[Reason])| -> Json {
                reasons.iter().map(part).collect::<Vec<Json>>().into()
            };
            self.answers().map(row).collect::<Vec<Json>>().into()
        };
        let labels: Vec<Option<String>> =
            self.response.predictions.iter().map(|p| p.label.clone()).collect();
        fields.insert("labels".to_owned(), labels.into());
        fields.insert("codes".to_owned(), each(|reason| reason.code.clone().into()));
        fields.insert("letters".to_owned(), each(|reason| reason.text.clone().into()));
        fields.entry("id").or_insert(Json::Null);
        Ok(fields)
    }

    /// A row for each reason.
    pub(super) fn described(&self) -> Vec<Map<String, Json>> {
        let mut rows = Vec::new();
        for (number, (_, reasons)) in self.answers().enumerate() {
            for reason in reasons {
                rows.push(Map::from_iter([
                    ("row".to_owned(), number.into()),
                    ("code".to_owned(), reason.code.clone().into()),
                    ("reason".to_owned(), reason.text.clone().into()),
                    ("columns".to_owned(), reason.columns.join(", ").into()),
                    ("adds".to_owned(), reason.contribution.into()),
                ]));
            }
        }
        rows
    }

    /// Row, label, probability and reasons, one below the other; at most so many of the first rows.
    pub(super) fn table(&self, shown: usize) -> Table {
        let mut rows = Vec::new();
        for (number, (prediction, reasons)) in self.answers().enumerate().take(shown) {
            let p = self.positive_class.as_ref().and_then(|class| {
                prediction.probabilities.as_ref().and_then(|p| p.get(class)).copied()
            });
            let mut line = vec![
                number.to_string(),
                prediction.label.clone().unwrap_or_default(),
                p.map(|p| format!("{p:.4}")).unwrap_or_default(),
            ];
            let reasons = reasons.iter().map(|reason| match reason.code.as_str() {
                // A column's own name begins its sentence.
                code if reason.text.starts_with(code) => reason.text.clone(),
                code => format!("{code}: {}", reason.text),
            });
            line.push(reasons.collect::<Vec<String>>().join("\n"));
            rows.push(line);
        }
        let heading = match &self.positive_class {
            Some(class) => format!("p({class})"),
            None => "p".to_owned(),
        };
        let columns = [("row", true), ("label", false), (&heading, true), ("reasons", false)];
        let mut table = Table::new(&columns, rows).with_texts();
        table.total = self.response.predictions.len() as u64;
        table
    }
}

/// `reason table 2 of default   12 entries`.
pub(super) fn table_text(table: &ReasonTable) -> String {
    let entries = counted(table.entries.len() as u64, "entry");
    let entries = entries.replace("entrys", "entries");
    format!("reason table {} of {}   {entries}", table.number, table.model)
}

fn when(entry: &ReasonEntry) -> String {
    match &entry.when {
        None => String::new(),
        Some(ReasonCondition::Is(value)) => value.as_str().to_owned(),
        Some(ReasonCondition::OneOf(values)) => format!("in {}", values.join(", ")),
    }
}

pub(super) fn table_described(table: &ReasonTable) -> Vec<Map<String, Json>> {
    let row = |entry: &ReasonEntry| {
        Map::from_iter([
            ("code".to_owned(), entry.code.clone().into()),
            ("columns".to_owned(), entry.columns.join(", ").into()),
            ("when".to_owned(), when(entry).into()),
            ("language".to_owned(), entry.language.clone().into()),
            ("text".to_owned(), entry.text.clone().into()),
        ])
    };
    table.entries.iter().map(row).collect()
}

pub(super) fn table_table(table: &ReasonTable) -> Table {
    let mut rows = table_described(table);
    if table.entries.iter().all(|entry| entry.language.is_none()) {
        rows.iter_mut().for_each(|row| drop(row.shift_remove("language")));
    }
    super::table_of_rows(&rows).with_texts()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_an_answer_with_all_of_its_reasons() {
        let reason = |code: &str, text: &str| json!({"code": code, "text": text, "columns": [code], "contribution": 0.5});
        let long =
            "income is 15,000, and three quarters of those who were approved have at least 42,000.";
        let reasons = json!([reason("income", long), reason("R02", "Short history.")]);
        let answer = json!({"label": "yes", "probabilities": {"no": 0.3, "yes": 0.7}});
        let response = serde_json::from_value(json!({
            "predictions": vec![answer; 30], "model": "m", "version": 1,
            "reasons": {"rows": vec![reasons; 30], "adverse_class": "yes", "cut_off": 0.5,
                        "method": "expected_gradients", "max": 4, "holds": true}
        }))
        .unwrap();
        let told = Told { response, positive_class: Some("yes".to_owned()) };
        let text = told.table(20).render(80, str::to_owned);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.matches(&format!("{long} R02: Short history.")).count(), 20, "{text}");
        assert!(text.ends_with("20 of 30 rows"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(told.table(30).csv().unwrap().lines().count(), 31);
    }
}
