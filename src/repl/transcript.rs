//! What a session has done: its cells and what they gave.

use super::magics::{Step, is_work, steps};
use super::outcome::{Outcome, Shown};
use super::table::{SHOWN_ROWS, Table};
use super::terminal::holds_key;

/// Characters of what a cell printed that are kept.
const MOST_PRINTED: usize = 200_000;

/// A cell that was evaluated.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) source: String,
    pub(super) outcome: Outcome,
}

/// Every cell of a session, in order.
#[derive(Debug, Default)]
pub(super) struct Transcript(Vec<Entry>);

impl Transcript {
    /// Keeps a cell, and of what it gave as much as a notebook shows.
    pub(super) fn push(&mut self, source: String, outcome: &Outcome) {
        let short = |shown: &Option<Shown>| {
            let Shown { text, table, plot, .. } = shown.as_ref()?;
            let table = table.as_ref().map(|table| Table {
                headings: table.headings.clone(),
                numeric: table.numeric.clone(),
                rows: table.rows.iter().take(SHOWN_ROWS).cloned().collect(),
                total: table.total,
                texts: table.texts,
            });
            Some(Shown { text: text.clone(), table, plot: plot.clone(), json: None })
        };
        let mut printed: String = outcome.printed.chars().take(MOST_PRINTED).collect();
        if printed.len() < outcome.printed.len() {
            printed.push_str("…\n");
        }
        let kept = Outcome {
            number: outcome.number,
            value: short(&outcome.value),
            assigned: short(&outcome.assigned),
            printed,
            fault: outcome.fault.clone(),
            exit: outcome.exit,
            then: None,
        };
        self.0.push(Entry { source, outcome: kept });
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The cell of a number.
    pub(super) fn find(&self, number: u32) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.outcome.number == number)
    }

    /// The newest text in which a function is defined.
    pub(super) fn definition(&self, function: &str) -> Option<String> {
        let head = format!("def {function}(");
        self.0.iter().rev().find_map(|entry| {
            let mut lines = entry.source.lines().skip_while(|line| !line.starts_with(&head));
            let mut text = vec![lines.next()?];
            text.extend(lines.take_while(|line| line.is_empty() || line.starts_with([' ', '\t'])));
            Some(text.join("\n").trim_end().to_owned())
        })
    }
}

impl Entry {
    /// Whether it may hold a key, in what was typed or in what it gave.
    pub(super) fn holds_key(&self) -> bool {
        let Outcome { value, assigned, printed, .. } = &self.outcome;
        let texts = [value, assigned].into_iter().flatten().map(|shown| &shown.text);
        texts.chain([&self.source, printed]).any(|text| holds_key(text))
    }

    /// Whether a notebook needs it to come to the same.
    pub(super) fn is_kept(&self) -> bool {
        let counts = |step: &Step| match step {
            Step::Magic { name, .. } => is_work(name),
            Step::Help { .. } => false,
            Step::Shell { .. } | Step::Code(_) => true,
        };
        let ends = self.outcome.exit.is_some();
        self.outcome.fault.is_none() && !ends && steps(&self.source).iter().any(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    #[test]
    fn what_failed_or_only_asked_is_not_kept() {
        let entry = |source: &str| Entry { source: source.into(), outcome: Outcome::default() };
        for (source, kept) in [
            ("x = 1", true),
            ("%time x", true),
            ("!ls", true),
            ("%who", false),
            ("train?", false),
            ("%who\nx = 1", true),
        ] {
            assert_eq!(entry(source).is_kept(), kept, "{source}");
        }
        let fault = Some(Fault::plain("no"));
        let failed = Entry { outcome: Outcome { fault, ..Outcome::default() }, ..entry("x") };
        assert!(!failed.is_kept());
    }

    #[test]
    fn the_newest_definition_is_found() {
        let mut transcript = Transcript::default();
        transcript.push("def f(x): return 1".into(), &Outcome::default());
        transcript.push(
            "y = 1\ndef f(x):\n    z = x\n\n    return z\n\nf(2)".into(),
            &Outcome::default(),
        );
        let found = transcript.definition("f");
        assert_eq!(found.as_deref(), Some("def f(x):\n    z = x\n\n    return z"));
        assert_eq!(transcript.definition("g"), None);
    }
}
