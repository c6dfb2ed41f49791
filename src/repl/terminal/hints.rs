//! Hints behind the cursor: what a call may still be given, or the rest of an earlier cell.

use rustyline::Context;
use rustyline::hint::{Hint, Hinter, HistoryHinter};

use super::super::catalogue::{self, Function};
use super::super::source::{Kind, head, is_word, outline, pieces, step};
use super::super::text::shortened;

/// A hint is not shown in fewer columns.
const LEAST_ROOM: usize = 8;
const MORE: &str = ", …";

/// What is shown behind the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suggestion {
    shown: String,
    /// What the right arrow inserts.
    inserted: Option<String>,
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.inserted.as_deref()
    }
}

/// The hint for a cell with the cursor at its end, in at most `room` columns.
pub(super) fn suggestion(cell: &str, room: usize, context: &Context<'_>) -> Option<Suggestion> {
    if room < LEAST_ROOM {
        return None;
    }
    if let Some(shown) = parameters(cell, room) {
        return Some(Suggestion { shown, inserted: None });
    }
    if cell.contains('\n') {
        return None;
    }
    let rest = HistoryHinter::new().hint(cell, cell.len(), context)?;
    let first = rest.lines().next().unwrap_or_default();
    // Of a long cell the first line.
    let more = if first.len() < rest.len() { " …" } else { "" };
    let shown = shortened(&format!("{first}{more}"), room);
    Some(Suggestion { shown, inserted: Some(rest) })
}

/// The parameters that the call that is open at the end of a cell has not been given yet.
fn parameters(cell: &str, room: usize) -> Option<String> {
    let head = head(cell);
    // `%time` has code behind it.
    let code = if head < cell.len() { &cell[head..] } else { cell.lines().next_back()? };
    let is_comment = pieces(code).last().is_some_and(|piece| piece.kind == Kind::Comment);
    if is_comment || code.trim_start().starts_with('!') {
        return None;
    }
    let outline = outline(code)?;
    let call = Call::open_at_end(code, &outline)?;
    let names = call.function.parameters.iter().skip(call.positional);
    let left = names.filter(|p| !call.named.contains(&p.name)).map(|p| match p.default {
        Some(default) => format!("{}={default}", p.name),
        None => p.name.to_owned(),
    });
    let joined = joined(left, room.saturating_sub(call.before.len()))?;
    Some(format!("{}{joined}", call.before))
}

/// As many whole parts as there is room for, with commas.
fn joined(parts: impl Iterator<Item = String>, room: usize) -> Option<String> {
    let mut parts = parts.peekable();
    let mut text = parts.next()?;
    while let Some(part) = parts.next() {
        let rest = if parts.peek().is_some() { MORE.chars().count() } else { 0 };
        if text.chars().count() + 2 + part.chars().count() + rest > room {
            text.push_str(MORE);
            break;
        }
        text.push_str(", ");
        text.push_str(&part);
    }
    (text.chars().count() <= room).then_some(text)
}

/// A call of a function of the catalogue whose bracket is open.
struct Call<'a> {
    function: &'static Function,
    /// Parameters that are given by their place; of a method the value itself is the first.
    positional: usize,
    /// Those that are given by name.
    named: Vec<&'a str>,
    /// What would have to be typed before the next argument.
    before: &'static str,
}

impl<'a> Call<'a> {
    fn open_at_end(code: &'a str, outline: &'a str) -> Option<Self> {
        let mut depth = 0;
        let open = outline.char_indices().rev().find(|(_, c)| {
            depth += step(*c);
            depth > 0
        });
        let (open, _) = open.filter(|(_, c)| *c == '(')?;
        let called = &code[..open];
        let length: usize =
            called.chars().rev().take_while(|c| is_word(*c)).map(char::len_utf8).sum();
        let (before, name) = called.split_at(called.len() - length);
        let function = catalogue::find(name)?;
        let is_method = before.ends_with('.');
        let is_definition = before.trim_end().ends_with("def");
        // A text has methods of its own.
        let of_text = before.ends_with("\".") || before.ends_with("'.");
        if is_definition || of_text {
            return None;
        }
        let given = arguments(&outline[open + 1..]);
        let (last, complete) = given.split_last()?;
        if given.iter().any(|argument| argument.trim_start().starts_with('*')) {
            return None;
        }
        let is_begun = !last.trim().is_empty();
        let given = if is_begun { given.as_slice() } else { complete };
        let named: Vec<&str> = given.iter().filter_map(|argument| name_of(argument)).collect();
        let positional = given.len() - named.len() + usize::from(is_method);
        let before = match (is_begun, complete.is_empty(), last.is_empty()) {
            (true, ..) => ", ",
            (false, false, true) => " ",
            _ => "",
        };
        Some(Self { function, positional, named, before })
    }
}

/// What stands between the commas of a call; the last may be empty.
fn arguments(outline: &str) -> Vec<&str> {
    let mut depth = 0;
    outline
        .split(|c| {
            depth += step(c);
            c == ',' && depth == 0
        })
        .collect()
}

/// The name of an argument that is given by name.
fn name_of(argument: &str) -> Option<&str> {
    let (name, value) = argument.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(is_word) && !value.starts_with('=');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use rustyline::history::{DefaultHistory, History};

    use super::*;

    #[rstest]
    #[case("load(", Some("source, name=None, types=None"))]
    #[case("load('a'", Some(", name=None, types=None"))]
    #[case("load('a',", Some(" name=None, types=None"))]
    #[case("load('a', ", Some("name=None, types=None"))]
    #[case("load('a', types={'x': 1}, ", Some("name=None"))]
    #[case("load('a', name=", Some(", types=None"))]
    #[case("load('a', name == b, ", Some("types=None"))]
    #[case("load('a', b, c", None)]
    #[case("load('a', [", None)]
    #[case("load('a', f(", None)]
    #[case("load('a", None)]
    #[case("load('a')", None)]
    #[case("load(  # wh", None)]
    #[case("load(  # why\n    'a',\n    ", Some("name=None, types=None"))]
    #[case("x = [load(head(a)[1, 2],", Some(" name=None, types=None"))]
    #[case("loans.head(", Some("n=10, offset=0"))]
    #[case("loans.head(5", Some(", offset=0"))]
    #[case("', '.head(", None)]
    #[case("def head(", None)]
    #[case("head(*a, ", None)]
    #[case("reload(", None)]
    #[case("%time head(", Some("dataset, n=10, offset=0"))]
    #[case("%time\nhead(", Some("dataset, n=10, offset=0"))]
    #[case("!head(", None)]
    #[case("head(ü, ", Some("n=10, offset=0"))]
    fn a_call_tells_what_it_may_still_be_given(#[case] cell: &str, #[case] hint: Option<&str>) {
        assert_eq!(parameters(cell, 60).as_deref(), hint, "{cell:?}");
    }

    #[test]
    fn a_signature_is_cut_at_a_comma() {
        let cut = |room| parameters("head(", room);
        assert_eq!(cut(23).as_deref(), Some("dataset, n=10, offset=0"));
        assert_eq!(cut(22).as_deref(), Some("dataset, n=10, …"));
        assert_eq!(cut(15).as_deref(), Some("dataset, …"));
        assert_eq!(cut(6), None);
    }

    #[test]
    fn an_earlier_cell_is_offered_and_a_signature_cannot_be_inserted() {
        let mut history = DefaultHistory::new();
        history.add("x = head(a)").unwrap();
        history.add("for x in y:\n    print(x)").unwrap();
        let context = Context::new(&history);
        let hint = |cell, room| {
            let found = suggestion(cell, room, &context)?;
            Some((found.display().to_owned(), found.completion().map(str::to_owned)))
        };
        let offered =
            |shown: &str, inserted: &str| Some((shown.to_owned(), Some(inserted.to_owned())));
        assert_eq!(hint("x = h", 40), offered("ead(a)", "ead(a)"));
        assert_eq!(hint("for", 40), offered(" x in y: …", " x in y:\n    print(x)"));
        assert_eq!(hint("for", 8), offered(" x in y…", " x in y:\n    print(x)"));
        assert_eq!(hint("for", 7), None);
        assert_eq!(hint("for x in y:\n", 40), None);
        assert_eq!(hint("x = head(", 40), Some(("dataset, n=10, offset=0".to_owned(), None)));
    }

    proptest! {
        #[test]
        fn no_hint_is_wider_than_its_room(
            cell in "(head|train|load|[a (),.=\"'%!#\\n\\[\\]ü]){0,20}",
            room in 0usize..60,
        ) {
            if let Some(hint) = parameters(&cell, room) {
                prop_assert!(hint.chars().count() <= room);
            }
        }
    }
}
