//! What keys do in a cell of many lines, where the editor's own commands don't do it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustyline::history::History;
use rustyline::{
    Cmd, ConditionalEventHandler, Editor, Event, EventContext, EventHandler, Helper, KeyCode,
    KeyEvent, Modifiers, Movement, RepeatCount,
};

use super::indentation::{Edit, dedented, indentation_after, indented, is_unfinished, unindented};

/// What keys and the helper tell each other and the prompt.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// A key's change of the cell, which the helper makes.
    edit: Mutex<Option<Edit>>,
    /// Whether the history is searched.
    is_searching: AtomicBool,
    /// Whether there is a hint that is not on the screen.
    is_hint_hidden: AtomicBool,
    ending: Mutex<Option<Ending>>,
}

/// Why a cell that was read is not evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was given up.
    Cancelled,
    /// It is to be opened in an editor, and put at the prompt again.
    Editor,
}

impl Signals {
    /// A key's change, which is then forgotten.
    pub(super) fn take_edit(&self) -> Option<Edit> {
        locked(&self.edit).take()
    }

    /// Whether a key has changed the cell.
    pub(super) fn has_edit(&self) -> bool {
        locked(&self.edit).is_some()
    }

    pub(super) fn set_searching(&self, is_searching: bool) {
        self.is_searching.store(is_searching, Ordering::Relaxed);
    }

    pub(super) fn set_hint_hidden(&self, is_hidden: bool) {
        self.is_hint_hidden.store(is_hidden, Ordering::Relaxed);
    }

    /// Why what was read is not to be evaluated, which is then forgotten.
    pub(super) fn take_ending(&self) -> Option<Ending> {
        locked(&self.ending).take()
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Binds the keys.
pub(super) fn bind<H: Helper, I: History>(lines: &mut Editor<H, I>, signals: &Arc<Signals>) {
    const NONE: Modifiers = Modifiers::NONE;
    let bindings: [(&[KeyEvent], Action); 13] = [
        (&[KeyEvent(KeyCode::Enter, NONE)], enter),
        (&[KeyEvent(KeyCode::Char('J'), Modifiers::CTRL)], enter),
        (&[KeyEvent(KeyCode::Enter, Modifiers::ALT)], new_line),
        (&[KeyEvent(KeyCode::Tab, NONE)], tab),
        (&[KeyEvent(KeyCode::BackTab, NONE)], back_tab),
        (&[KeyEvent(KeyCode::Backspace, NONE)], backspace),
        (&[KeyEvent(KeyCode::Right, NONE)], accept_hint),
        (&[KeyEvent(KeyCode::End, NONE)], accept_hint),
        (&[KeyEvent(KeyCode::Char('E'), Modifiers::CTRL)], accept_hint),
        (&[KeyEvent(KeyCode::Char('F'), Modifiers::CTRL)], accept_hint),
        (&[KeyEvent(KeyCode::Char('C'), Modifiers::CTRL)], cancel),
        (&[KeyEvent(KeyCode::Char('e'), Modifiers::ALT)], open_editor),
        (
            &[
                KeyEvent(KeyCode::Char('X'), Modifiers::CTRL),
                KeyEvent(KeyCode::Char('E'), Modifiers::CTRL),
            ],
            open_editor,
        ),
    ];
    for (keys, action) in bindings {
        let handler = Handler { action, signals: signals.clone() };
        let handler = EventHandler::Conditional(Box::new(handler));
        lines.bind_sequence(Event::KeySeq(keys.to_vec()), handler);
    }
}

/// What has been typed when a key is pressed.
#[derive(Debug, Clone, Copy, Default)]
struct Typed<'a> {
    cell: &'a str,
    /// In bytes.
    cursor: usize,
    has_hint: bool,
    /// Whether the hint is a text to insert.
    can_accept: bool,
    is_searching: bool,
}

/// The command of a key; none for what the editor does by itself.
type Action = fn(Typed<'_>, &Signals) -> Option<Cmd>;

struct Handler {
    action: Action,
    signals: Arc<Signals>,
}

impl ConditionalEventHandler for Handler {
    fn handle(
        &self,
        _: &Event,
        count: RepeatCount,
        is_positive: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        // What an earlier key left when its command was not carried out.
        self.signals.take_edit();
        self.signals.take_ending();
        if count != 1 || !is_positive {
            return None;
        }
        let typed = Typed {
            cell: context.line(),
            cursor: context.pos(),
            has_hint: context.has_hint(),
            can_accept: context.hint_text().is_some(),
            is_searching: self.signals.is_searching.load(Ordering::Relaxed),
        };
        (self.action)(typed, &self.signals)
    }
}

/// The commands that remove text lose their count where a key is bound to them, so that they
/// remove one character. A completion may change the cell at will.
fn change(edit: Option<Edit>, signals: &Signals) -> Option<Cmd> {
    let command = edit.is_some().then_some(Cmd::Complete);
    *locked(&signals.edit) = edit;
    command
}

/// Goes on where the cell is not finished, and above its last line.
fn enter(typed: Typed<'_>, signals: &Signals) -> Option<Cmd> {
    let Typed { cell, cursor, is_searching, .. } = typed;
    if is_searching {
        // What was found may be changed before it is evaluated.
        return cell.contains('\n').then_some(Cmd::Move(Movement::EndOfBuffer));
    }
    let after = cell.get(cursor..).unwrap_or_default();
    let is_above = after.contains('\n') && !after.trim().is_empty();
    if is_above || is_unfinished(cell) { new_line(typed, signals) } else { None }
}

fn new_line(typed: Typed<'_>, _: &Signals) -> Option<Cmd> {
    let before = typed.cell.get(..typed.cursor)?;
    Some(Cmd::Insert(1, format!("\n{}", indentation_after(before))))
}

/// Indents at a line's beginning, else completes.
fn tab(typed: Typed<'_>, _: &Signals) -> Option<Cmd> {
    let spaces = indented(typed.cell, typed.cursor).filter(|_| !typed.is_searching)?;
    Some(Cmd::Insert(1, spaces))
}

fn back_tab(typed: Typed<'_>, signals: &Signals) -> Option<Cmd> {
    change(dedented(typed.cell, typed.cursor).filter(|_| !typed.is_searching), signals)
}

fn backspace(typed: Typed<'_>, signals: &Signals) -> Option<Cmd> {
    change(unindented(typed.cell, typed.cursor).filter(|_| !typed.is_searching), signals)
}

/// Accepts a hint at the end of the cell. One that a movement has taken from the screen is shown
/// again first.
fn accept_hint(typed: Typed<'_>, signals: &Signals) -> Option<Cmd> {
    if typed.is_searching || !typed.has_hint || typed.cursor < typed.cell.len() {
        None
    } else if signals.is_hint_hidden.load(Ordering::Relaxed) {
        Some(Cmd::Repaint)
    } else if typed.can_accept {
        Some(Cmd::CompleteHint)
    } else {
        Some(Cmd::Noop)
    }
}

/// Gives the cell up. The editor's own command would leave a hint on the screen.
fn cancel(typed: Typed<'_>, signals: &Signals) -> Option<Cmd> {
    if typed.is_searching || !typed.has_hint {
        return None;
    }
    *locked(&signals.ending) = Some(Ending::Cancelled);
    Some(Cmd::AcceptLine)
}

/// Ends the reading; the prompt does the rest.
fn open_editor(typed: Typed<'_>, signals: &Signals) -> Option<Cmd> {
    if typed.is_searching {
        return Some(Cmd::Noop);
    }
    *locked(&signals.ending) = Some(Ending::Editor);
    Some(Cmd::AcceptLine)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What is typed, with the cursor at `|`.
    fn typed(text: &str) -> (String, usize) {
        (text.replace('|', ""), text.find('|').unwrap())
    }

    fn press(action: Action, text: &str) -> Option<Cmd> {
        let (cell, cursor) = typed(text);
        action(Typed { cell: &cell, cursor, ..Typed::default() }, &Signals::default())
    }

    #[rstest]
    #[case("x = 1|", None)]
    #[case("f(a|, b)", None)]
    #[case("def f():|", Some("\n    "))]
    #[case("def f():\n    x = 1|", Some("\n    "))]
    #[case("def f():\n    x = 1\n    |", None)]
    #[case("def f():|\n    x = 1\n    ", Some("\n    "))]
    #[case("def f():\n    x = 1|\n    ", None)]
    #[case("x = 1|\ny = 2", Some("\n"))]
    #[case("x = 1\ny |= 2", None)]
    #[case("f(|", Some("\n"))]
    fn enter_goes_on_or_evaluates(#[case] text: &str, #[case] inserted: Option<&str>) {
        let expected = inserted.map(|text| Cmd::Insert(1, text.to_owned()));
        assert_eq!(press(enter, text), expected, "{text:?}");
    }

    #[test]
    fn alt_enter_goes_on_wherever_it_is() {
        assert_eq!(press(new_line, "  x = 1|"), Some(Cmd::Insert(1, "\n  ".into())));
    }

    #[test]
    fn tab_indents_or_completes() {
        assert_eq!(press(tab, "a\n  |"), Some(Cmd::Insert(1, "  ".into())));
        assert_eq!(press(tab, "tra|"), None);
    }

    #[test]
    fn a_key_leaves_its_change_to_the_helper() {
        let signals = Signals::default();
        let (cell, cursor) = typed("a\n    |");
        let typed = Typed { cell: &cell, cursor, ..Typed::default() };
        for action in [backspace, back_tab] {
            assert_eq!(action(typed, &signals), Some(Cmd::Complete));
            assert_eq!(signals.take_edit(), Some(Edit { removed: 2..6, cursor: 2 }));
            assert!(!signals.has_edit());
        }
        assert_eq!(press(backspace, "a|"), None);
    }

    #[test]
    fn a_hint_is_accepted_only_where_it_is_seen() {
        let signals = Signals::default();
        let typed = Typed { cell: "a", cursor: 1, has_hint: true, ..Typed::default() };
        assert_eq!(accept_hint(typed, &signals), Some(Cmd::Noop));
        let text = Typed { can_accept: true, ..typed };
        assert_eq!(accept_hint(text, &signals), Some(Cmd::CompleteHint));
        signals.set_hint_hidden(true);
        assert_eq!(accept_hint(text, &signals), Some(Cmd::Repaint));
        assert_eq!(accept_hint(Typed { cursor: 0, ..text }, &signals), None);
    }

    #[test]
    fn a_search_is_left_as_the_editor_has_it() {
        let signals = Signals::default();
        let (cell, cursor) = typed("a\n    |b");
        let typed = Typed { cell: &cell, cursor, is_searching: true, ..Typed::default() };
        for action in [tab, back_tab, backspace, accept_hint] {
            assert_eq!(action(typed, &signals), None);
        }
        assert_eq!(enter(typed, &signals), Some(Cmd::Move(Movement::EndOfBuffer)));
        assert_eq!(enter(Typed { cell: "f(", cursor: 0, ..typed }, &signals), None);
    }

    #[test]
    fn a_cell_that_is_not_evaluated_says_so_once() {
        let signals = Signals::default();
        for (action, ending) in
            [(cancel as Action, Ending::Cancelled), (open_editor, Ending::Editor)]
        {
            assert_eq!(
                action(Typed { cell: "f(", has_hint: true, ..Typed::default() }, &signals),
                Some(Cmd::AcceptLine)
            );
            assert_eq!(signals.take_ending(), Some(ending));
            assert_eq!(signals.take_ending(), None);
        }
    }
}
