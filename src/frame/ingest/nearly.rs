//! Columns that became text for a few cells, and would be numbers without them.

use super::Ingested;
use crate::frame::cells::{Number, is_null};

/// So many other cells are looked at before a column counts as text.
const PATIENCE: u64 = 20;
/// At most one value of so many is another than a number.
const MOST: u64 = 100;
const SHOWN: usize = 40;

/// The text columns of a file, as long as they may still be such.
pub(super) struct Nearly(Vec<Option<Doubt>>);

#[derive(Default)]
struct Doubt {
    numbers: u64,
    others: u64,
    /// The first other cell, with its line.
    first: Option<(u64, String)>,
}

impl Nearly {
    /// Of columns by whether they were inferred to be text.
    pub(super) fn of(are_text: impl Iterator<Item = bool>) -> Self {
        Self(are_text.map(|is_text| is_text.then(Doubt::default)).collect())
    }

    pub(super) fn observe(&mut self, at: usize, line: u64, cell: &[u8]) {
        let Some(place) = self.0.get_mut(at) else { return };
        let Some(doubt) = place else { return };
        let cell = cell.trim_ascii();
        if is_null(cell) {
            return;
        }
        if Number::of(cell).float {
            doubt.numbers += 1;
            return;
        }
        doubt.others += 1;
        if doubt.first.is_none() {
            let text = String::from_utf8_lossy(cell);
            doubt.first = Some((line, text.chars().take(SHOWN).collect()));
        }
        // Digits that are no number are a code.
        let is_code = cell.iter().all(u8::is_ascii_digit);
        if is_code || doubt.others > PATIENCE && doubt.is_text() {
            *place = None;
        }
    }

    /// Says it of the columns of which it is so.
    pub(super) fn note(self, ingested: &mut Ingested) {
        for (doubt, column) in self.0.into_iter().zip(&mut ingested.columns) {
            let Some(doubt) = doubt.filter(|doubt| !doubt.is_text()) else { continue };
            let Some((line, cell)) = doubt.first else { continue };
            let (numbers, all) = (doubt.numbers, doubt.numbers + doubt.others);
            column.note = Some(format!(
                "{numbers} of {all} values are numbers, and the column is text: line {line} holds '{cell}'; \
                 correct it, or upload with types={}:float64, which names every such place",
                column.name
            ));
        }
    }
}

impl Doubt {
    fn is_text(&self) -> bool {
        self.others * MOST > self.numbers + self.others
    }
}
