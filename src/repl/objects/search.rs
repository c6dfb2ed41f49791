//! What came of a search: its leaderboard.

use std::time::Duration;

use super::super::table::Table;
use super::super::text::{duration, figure};
use crate::domain::search::{SearchEnd, SearchRecord, Trial, TrialState};
use crate::domain::training::Monitor;

/// What configurations are compared by, as a heading.
fn figure_of(monitor: Monitor) -> &'static str {
    match monitor {
        Monitor::Loss => "loss",
        Monitor::Auc => "AUC",
        Monitor::Accuracy => "accuracy",
        Monitor::MacroF1 => "macro-F1",
        Monitor::R2 => "R2",
    }
}

/// `best of 27 configurations in 48 s: trial 12, validation loss 0.4312 (as it stood 0.4425 after 9
/// epochs)`.
pub(super) fn text(record: &SearchRecord) -> String {
    let took = duration(Duration::try_from_secs_f64(record.seconds).unwrap_or_default());
    let of = record.trials.len();
    let by = figure_of(record.monitor);
    let trial = |number: u32| record.trials.iter().find(|trial| trial.number == number);
    let last = |trial: &Trial| trial.rungs.last().and_then(|rung| Some((rung.epochs, rung.value?)));
    let mut text = format!("best of {of} configurations in {took}: trial {}", record.winner);
    if let Some((_, value)) = trial(record.winner).and_then(last) {
        text.push_str(&format!(", validation {by} {}", figure(value)));
    }
    let first = trial(0).filter(|_| record.winner != 0);
    if let Some((epochs, value)) = first.and_then(last) {
        text.push_str(&format!(" (as it stood {} at epoch {epochs})", figure(value)));
    }
    if record.ended == SearchEnd::Minutes {
        text.push_str(&format!("; its {} minutes were over", record.spec.minutes));
    }
    text
}

/// The leaderboard: a column for each part that was varied, by the last name of its pointer where that
/// tells it apart.
pub(super) fn table(record: &SearchRecord) -> Table {
    let pointers: Vec<&String> = record.spec.space.iter().flatten().map(|(p, _)| p).collect();
    let short = |pointer: &str| pointer.rsplit('/').next().unwrap_or_default().to_owned();
    let headings: Vec<String> = pointers
        .iter()
        .map(|pointer| {
            let name = short(pointer);
            let same = pointers.iter().filter(|other| short(other) == name).count();
            if same > 1 { (*pointer).clone() } else { name }
        })
        .collect();
    let mut columns = vec![
        ("trial", true),
        ("state", false),
        ("epochs", true),
        (figure_of(record.monitor), true),
    ];
    columns.extend(headings.iter().map(|heading| (heading.as_str(), true)));
    let rows = record.trials.iter().map(|trial| {
        let Trial { number, values, state, rungs, .. } = trial;
        let last = rungs.last();
        let value = |pointer: &&String| match values.get(*pointer) {
            Some(value) => super::cell_of(value),
            None => "as it stands".to_owned(),
        };
        let mut row = vec![
            number.to_string(),
            match state {
                TrialState::Whole => "whole",
                TrialState::Paused => "paused",
                TrialState::Diverged => "diverged",
            }
            .to_owned(),
            last.map(|rung| rung.epochs.to_string()).unwrap_or_default(),
            last.and_then(|rung| rung.value).map(figure).unwrap_or_default(),
        ];
        row.extend(pointers.iter().map(value));
        row
    });
    Table::new(&columns, rows.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn record() -> SearchRecord {
        let trial = |number: u32, values: Json, state: &str, value: f64| {
            serde_json::json!({
                "number": number, "values": values, "state": state, "seconds": 1.0,
                "rungs": [{"epochs": 9, "best_epoch": 8, "validation_loss": value, "value": value}],
            })
        };
        let rate = |rate: f64| serde_json::json!({"/optimiser/learning_rate": rate});
        serde_json::from_value(serde_json::json!({
            "spec": {"minutes": 2, "trials": 27, "eta": 3, "space": {
                "/optimiser/learning_rate": {"by": "log_uniform", "low": 0.001, "high": 0.1}}},
            "seed": 0, "monitor": "loss", "ended": "minutes", "seconds": 121.0, "winner": 2,
            "trials": [trial(2, rate(0.01), "whole", 0.43), trial(0, serde_json::json!({}), "paused", 0.45)],
        }))
        .unwrap()
    }

    #[test]
    fn a_search_says_what_it_gained() {
        let said = text(&record());
        assert_eq!(
            said,
            "best of 2 configurations in 2:01 min: trial 2, validation loss 0.43 (as it stood 0.45 at \
             epoch 9); its 2 minutes were over"
        );
    }

    #[test]
    fn the_leaderboard_has_a_column_for_all_that_was_varied() {
        let table = table(&record());
        assert_eq!(table.headings, ["trial", "state", "epochs", "loss", "learning_rate"]);
        assert_eq!(table.rows[0], ["2", "whole", "9", "0.43", "0.01"]);
        assert_eq!(table.rows[1], ["0", "paused", "9", "0.45", "as it stands"]);
    }
}
