//! Counterfactuals: from what to what, and what is answered before and after.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure};
use crate::domain::counterfactual::{
    AlternativeRow, ColumnChange, Counterfactual, CounterfactualOutcome, CounterfactualResponse,
};
use crate::domain::prediction::Prediction;
use crate::error::{Context, Result};

/// What was found, and what of it is told as a probability.
pub(in crate::repl) struct Counterfactuals {
    pub(in crate::repl) response: CounterfactualResponse,
    /// The class whose probability is held against the threshold (binary).
    pub(in crate::repl) positive_class: Option<String>,
}

impl Counterfactuals {
    /// `1 row by default 3   2 alternatives: 0 in place of 1`.
    pub(super) fn text(&self) -> String {
        let CounterfactualResponse { counterfactuals, model, version, .. } = &self.response;
        let count = counted(counterfactuals.len() as u64, "row");
        let text = format!("{count} by {model} {version}");
        if let [one] = counterfactuals.as_slice() {
            return format!("{text}   {}", self.outcome(one));
        }
        let of = |outcome| counterfactuals.iter().filter(|one| one.outcome == outcome).count();
        format!(
            "{text}   {} found, {} need no change, {} not within these bounds",
            of(CounterfactualOutcome::Found),
            of(CounterfactualOutcome::AlreadyMet),
            of(CounterfactualOutcome::NoneWithinBounds)
        )
    }

    fn outcome(&self, one: &Counterfactual) -> String {
        let before = self.answered(one, &one.prediction);
        match (one.outcome, one.nearest.as_ref()) {
            (CounterfactualOutcome::AlreadyMet, _) => format!("no change is needed: {before}"),
            (CounterfactualOutcome::Found, _) => {
                let count = one.alternatives.len() as u64;
                format!("{} for {before}", counted(count, "alternative"))
            }
            (CounterfactualOutcome::NoneWithinBounds, Some(nearest)) => {
                let after = self.answered(one, &nearest.prediction);
                format!("none within these bounds: {before} at first, {after} at the nearest")
            }
            (CounterfactualOutcome::NoneWithinBounds, None) => {
                format!("none within these bounds for {before}")
            }
        }
    }

    /// `1 (p 0.82)`, or a number.
    fn answered(&self, one: &Counterfactual, prediction: &Prediction) -> String {
        let number = figure(self.number(one, prediction).unwrap_or(f64::NAN));
        match &prediction.label {
            Some(label) => format!("{label} (p {number})"),
            None => number,
        }
    }

    /// The probability of the positive class of two, of several that of the one that is sought; or a
    /// number.
    fn number(&self, one: &Counterfactual, prediction: &Prediction) -> Option<f64> {
        let class = self.positive_class.as_ref().or(one.goal.class.as_ref());
        match (&prediction.probabilities, class) {
            (Some(probabilities), Some(class)) => probabilities.get(class).copied(),
            _ => prediction.value,
        }
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        let mut fields = super::object(&self.response)?;
        let smallest = |one: &Counterfactual| {
            let changes = one.alternatives.first().map(|first| &first.changes);
            changes.into_iter().flatten().map(to).collect::<Result<Map<String, Json>>>()
        };
        let changes = self.response.counterfactuals.iter().map(|one| Ok(smallest(one)?.into()));
        fields.insert("changes".to_owned(), changes.collect::<Result<Vec<Json>>>()?.into());
        fields.entry("threshold").or_insert(Json::Null);
        Ok(fields)
    }

    /// A row for each change of each alternative, or of what came nearest.
    pub(super) fn described(&self) -> Vec<Map<String, Json>> {
        let is_one = self.response.counterfactuals.len() == 1;
        let mut lines = Vec::new();
        for (number, one) in self.response.counterfactuals.iter().enumerate() {
            let found = one.alternatives.iter().zip(1..).map(|(found, at)| (Json::from(at), found));
            let nearest = one.nearest.iter().map(|nearest| ("nearest".into(), nearest));
            let start = lines.len();
            for (which, found) in found.chain(nearest) {
                for change in &found.changes {
                    let mut line = Map::from_iter([("alternative".to_owned(), which.clone())]);
                    self.put(&mut line, one, found, change);
                    lines.push(line);
                }
            }
            if lines.len() == start && !is_one {
                let outcome = serde_json::to_value(one.outcome).unwrap_or_default();
                lines.push(Map::from_iter([("alternative".to_owned(), outcome)]));
            }
            if !is_one {
                for line in &mut lines[start..] {
                    line.shift_insert(0, "row".to_owned(), number.into());
                }
            }
        }
        lines
    }

    fn put(
        &self,
        line: &mut Map<String, Json>,
        one: &Counterfactual,
        found: &AlternativeRow,
        change: &ColumnChange,
    ) {
        let json = |value| serde_json::to_value(value).unwrap_or_default();
        line.insert("column".to_owned(), change.column.clone().into());
        line.insert("from".to_owned(), json(&change.from));
        line.insert("to".to_owned(), json(&change.to));
        line.insert("cost".to_owned(), change.cost.into());
        line.insert("before".to_owned(), self.number(one, &one.prediction).into());
        line.insert("after".to_owned(), self.number(one, &found.prediction).into());
        if let Some(label) = &found.prediction.label {
            line.insert("answer".to_owned(), label.clone().into());
        }
    }

    pub(super) fn table(&self) -> Table {
        super::table_of_rows(&self.described())
    }
}

fn to(change: &ColumnChange) -> Result<(String, Json)> {
    let to = serde_json::to_value(&change.to).context("reading a change")?;
    Ok((change.column.clone(), to))
}
