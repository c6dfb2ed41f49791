//! What the editor asks while a cell is typed: is it complete, what may come next, how it looks.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::line_buffer::LineBuffer;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Changeset, Context, Helper};

use super::super::catalogue;
use super::super::session::Session;
use super::colours::painted;
use super::hints::{Suggestion, suggestion};
use super::indentation::is_unfinished;
use super::keys::Signals;
use super::screen;

pub(super) struct Typing {
    session: Rc<RefCell<Session>>,
    colours: bool,
    signals: Arc<Signals>,
    /// Whether the cell is drawn for the last time, and stays on the screen.
    is_final: Cell<bool>,
}

impl Typing {
    /// Without `colours` there are no hints either: nothing would tell them from what is typed.
    pub(super) fn new(session: Rc<RefCell<Session>>, colours: bool, signals: Arc<Signals>) -> Self {
        Self { session, colours, signals, is_final: Cell::new(false) }
    }

    /// Rows that a cell takes, and the columns that are left in its last one.
    fn extent(&self, cell: &str) -> (usize, usize) {
        let prompt = super::prompt_of(self.session.borrow().next_number()).len();
        extent(cell, prompt, screen::width())
    }
}

/// Rows that a cell takes behind a prompt, and the columns that are left in its last one. That
/// one's last column stays empty, or a row would be added.
fn extent(cell: &str, prompt: usize, columns: usize) -> (usize, usize) {
    let (mut rows, mut used, mut before) = (0, 0, prompt);
    for line in cell.split('\n') {
        used = before + line.chars().count();
        rows += used / columns + 1;
        before = 0;
    }
    (rows, columns - used % columns - 1)
}

impl Helper for Typing {}

impl Hinter for Typing {
    type Hint = Suggestion;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Suggestion> {
        if !self.colours || pos < line.len() {
            return None;
        }
        suggestion(line, self.extent(line).1, context)
    }
}

impl Highlighter for Typing {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        if !self.colours {
            return Cow::Borrowed(line);
        }
        let cursor = (!self.is_final.get()).then_some(pos);
        Cow::Owned(painted(line, cursor, &|name| catalogue::find(name).is_some()))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        default: bool,
    ) -> Cow<'b, str> {
        self.signals.set_searching(!default);
        if self.colours {
            Cow::Owned(format!("\x1b[32m{prompt}\x1b[0m"))
        } else {
            Cow::Borrowed(prompt)
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        self.is_final.set(kind == CmdKind::ForcedRefresh);
        // To draw a cell that is higher than the terminal scrolls its first rows away once more.
        let draws = self.colours && self.extent(line).0 <= screen::height();
        // A movement draws the cell without its hint.
        self.signals.set_hint_hidden(draws && kind == CmdKind::MoveCursor);
        draws
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_unfinished(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let pair = |text: String| Pair { display: text.clone(), replacement: text };
        if self.signals.has_edit() {
            return Ok((pos, vec![pair(String::new())]));
        }
        let before = line.get(..pos).unwrap_or_default();
        let (start, candidates) = self.session.borrow().complete(before);
        Ok((start, candidates.into_iter().map(pair).collect()))
    }

    /// Makes a key's change, where one has left it, else completes.
    fn update(&self, line: &mut LineBuffer, start: usize, elected: &str, changes: &mut Changeset) {
        match self.signals.take_edit() {
            Some(edit) => {
                line.replace(edit.removed, "", changes);
                line.set_pos(edit.cursor);
            }
            None => {
                let end = line.pos();
                line.replace(start..end, elected, changes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_take_several_rows() {
        assert_eq!(extent("", 8, 20), (1, 11));
        assert_eq!(extent("x = 1", 8, 20), (1, 6));
        assert_eq!(extent("123456789012", 8, 20), (2, 19));
        assert_eq!(extent("ü\n1234567890123456789", 8, 20), (2, 0));
        assert_eq!(extent("a\n\n", 8, 20), (3, 19));
    }
}
