//! Errors of a cell: what, where, and the way out.

use starlark::ErrorKind;
use starlark::codemap::FileSpan;

use super::source::unmasked;
use super::wording::{spoken, unprefixed};
use crate::error::{Code, Error, FieldError};

/// So many characters of a long line are shown.
const EXCERPT: usize = 66;
/// So many bad fields are shown.
const DETAILS: usize = 8;

/// Why a cell failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub message: String,
    /// Every bad field, named as the argument that it came from.
    pub details: Vec<(String, String)>,
    /// Where in the cells; none where the trouble was not in one.
    pub place: Option<Place>,
    /// The calls that led there, the outermost first: `In [2], line 3`.
    pub called_from: Vec<String>,
    /// It was interrupted rather than wrong.
    pub interrupted: bool,
}

/// A place in a cell or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `In [3]`, or the file.
    pub source: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The whole line.
    pub excerpt: String,
    /// So many characters of it are meant.
    pub length: usize,
}

impl Fault {
    pub(super) fn plain(message: impl Into<String>) -> Self {
        let message = message.into();
        let (details, called_from) = (Vec::new(), Vec::new());
        Self { message, details, place: None, called_from, interrupted: false }
    }

    /// What Starlark or a function of ours said.
    pub(super) fn of(error: &starlark::Error, interrupted: bool) -> Self {
        let mut fault = match ours(error) {
            Some(own) => Self::of_own(own),
            None if interrupted => Self { interrupted, ..Self::plain("interrupted") },
            None => Self::plain(sentence(error)),
        };
        fault.place = error.span().map(place);
        let frames = error.call_stack().clone().into_frames();
        // The innermost is where it failed, which the place says.
        let above = frames.iter().filter(|frame| !frame.name.is_empty());
        fault.called_from = above
            .filter_map(|frame| frame.location.as_ref())
            // Starlark names places in its own source, too, which help nobody here.
            .filter(|location| !location.filename().ends_with(".rs"))
            .map(|location| {
                let at = location.resolve_span().begin;
                format!("{}, line {}", location.filename(), at.line + 1)
            })
            .collect();
        let here = fault.place.as_ref().map(|p| format!("{}, line {}", p.source, p.line));
        fault.called_from.retain(|at| Some(at) != here.as_ref());
        fault
    }

    /// An error of this program.
    pub(super) fn of_own(error: &Error) -> Self {
        match error {
            Error::Problem { code, detail, errors } => {
                let detail = unprefixed(detail, errors);
                let named = errors.iter().map(|field| named(field, detail));
                // Neither a place nor anything that was not said.
                let details =
                    named.filter(|(name, detail)| !(name.is_empty() && detail.is_empty()));
                let interrupted = *code == Code::Cancelled;
                Self { details: details.collect(), interrupted, ..Self::plain(spoken(detail)) }
            }
            Error::Internal { .. } => Self::plain(error.to_string()),
        }
    }

    /// The whole error in lines. `strong` is put round what matters most.
    pub fn render(&self, strong: impl Fn(&str) -> String) -> String {
        let mut text = format!("{} {}", strong("error:"), self.message);
        for (place, detail) in self.details.iter().take(DETAILS) {
            match detail.as_str() {
                "" => text.push_str(&format!("\n  at {place}")),
                detail => text.push_str(&format!("\n  {place}: {detail}")),
            }
        }
        if let Some(more) = self.details.len().checked_sub(DETAILS).filter(|more| *more > 0) {
            text.push_str(&format!("\n  and {more} more"));
        }
        if let Some(place) = &self.place {
            text.push_str(&place.render(&strong));
        }
        for call in &self.called_from {
            text.push_str(&format!("\n   called from {call}"));
        }
        text
    }
}

impl Place {
    /// What is shown of the line, and the column in it: a long line is cut round the place.
    fn window(&self) -> (String, usize) {
        let line: Vec<char> = self.excerpt.trim_end().chars().collect();
        let column = self.column.max(1);
        if line.len() <= EXCERPT {
            return (line.into_iter().collect(), column);
        }
        let from = if column + EXCERPT / 3 <= EXCERPT { 0 } else { column - 1 - EXCERPT / 3 };
        let to = (from + EXCERPT).min(line.len());
        let mut shown: String = line.get(from..to).unwrap_or_default().iter().collect();
        let mut column = column - from;
        if from > 0 {
            shown.insert(0, '…');
            column += 1;
        }
        if to < line.len() {
            shown.push('…');
        }
        (shown, column)
    }

    fn render(&self, strong: impl Fn(&str) -> String) -> String {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let (excerpt, column) = self.window();
        // Tabs keep their width above the carets.
        let lead = excerpt.chars().take(column - 1);
        let lead: String = lead.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let rest = excerpt.chars().count().saturating_sub(column - 1);
        let carets = "^".repeat(self.length.clamp(1, rest.max(1)));
        format!(
            "\n{margin}--> {}:{}:{}\n{number} | {excerpt}\n{margin} | {lead}{}",
            self.source,
            self.line,
            self.column,
            strong(&carets)
        )
    }
}

/// The error of this program within one of Starlark's.
fn ours(error: &starlark::Error) -> Option<&Error> {
    match error.kind() {
        ErrorKind::Native(inner) => inner.downcast_ref::<Error>(),
        _ => None,
    }
}

fn sentence(error: &starlark::Error) -> String {
    let text = unmasked(&error.without_diagnostic().to_string());
    let text = text.strip_prefix("Parse error: ").unwrap_or(&text);
    let text = text.strip_prefix("fail: ").unwrap_or(text);
    // That this program's values are structs is of no use here.
    text.trim_end().replace("Object of type `struct` has", "the value has")
}

fn place(span: &FileSpan) -> Place {
    let resolved = span.resolve_span();
    let line = span.file.source_line(resolved.begin.line);
    let end = if resolved.end.line == resolved.begin.line {
        resolved.end.column
    } else {
        line.trim_end().chars().count()
    };
    Place {
        source: span.filename().to_owned(),
        line: resolved.begin.line + 1,
        column: resolved.begin.column + 1,
        excerpt: unmasked(line.trim_end_matches(['\n', '\r'])),
        length: end.saturating_sub(resolved.begin.column).max(1),
    }
}

/// A pointer into a request, as the argument that it came from: `/network/hidden/0` is
/// `network.hidden[0]`.
fn named(field: &FieldError, whole: &str) -> (String, String) {
    let mut name = String::new();
    if let Some(pointer) = field.pointer.strip_prefix('/') {
        for part in pointer.split('/') {
            let part = part.replace("~1", "/").replace("~0", "~");
            if part.parse::<u64>().is_ok() {
                name.push_str(&format!("[{part}]"));
            } else {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&part);
            }
        }
    } else {
        name.clone_from(&field.pointer);
    }
    // What the sentence ends with needs no second time.
    let is_said = whole.ends_with(&field.detail);
    let detail = if is_said { String::new() } else { spoken(&field.detail) };
    (name, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_becomes_an_argument() {
        let error = Error::fields(
            Code::InvalidSpec,
            "2 fields are wrong",
            vec![
                FieldError::new("/network/hidden/0", "too wide"),
                FieldError::new("/a~1b", "2 fields are wrong"),
                FieldError::new("line 7, column age", "not a number"),
            ],
        );
        assert_eq!(
            Fault::of_own(&error).render(str::to_owned),
            "error: 2 fields are wrong\n  network.hidden[0]: too wide\n  at a/b\n  line 7, column \
             age: not a number"
        );
    }

    #[test]
    fn nothing_is_said_twice_nor_in_the_words_of_requests() {
        let one = |pointer: &str, detail: &str, whole: &str| {
            let errors = vec![FieldError::new(pointer, detail)];
            let error = Error::fields(Code::InvalidSpec, whole, errors);
            Fault::of_own(&error).render(str::to_owned)
        };
        let detail = "there is no column credti; did you mean credit?";
        let said = one("/target", detail, &format!("/target: {detail}"));
        assert_eq!(said, format!("error: {detail}\n  at target"));
        assert_eq!(
            one("/bounds/A", "b", "not together: b"),
            "error: not together: b\n  at bounds.A"
        );
        assert_eq!(one("", "b", "b"), "error: b");
        let detail = "is missing; send null where it is unknown";
        let said = one("/rows/0/age", detail, "the row doesn't fit");
        assert!(said.ends_with("rows[0].age: is missing; give None where it is unknown"), "{said}");
        let detail = "model vix forecasts: ask POST /api/v1/models/vix/forecasts";
        assert!(one("/version", detail, detail).contains("ask forecast(\"vix\")"));
    }

    #[test]
    fn a_long_line_is_cut_round_the_place() {
        let line = format!("{}wrong{}", "a".repeat(200), "b".repeat(200));
        for (excerpt, column, length) in [
            (line.clone(), 201, 5),
            (line.clone(), 1, 400),
            (line, 404, 2),
            ("x".repeat(70), 70, 1),
        ] {
            let source = "s".to_owned();
            let place = Place { source, line: 1, column, excerpt: excerpt.clone(), length };
            let (shown, at) = place.window();
            assert!(shown.chars().count() <= EXCERPT + 2);
            assert_eq!(shown.chars().nth(at - 1), excerpt.chars().nth(column - 1), "{shown}");
            let text = place.render(str::to_owned);
            let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
            assert!(widths.iter().all(|width| *width <= 80), "{text}");
        }
    }

    #[test]
    fn a_place_is_shown_with_carets() {
        let place = Place {
            source: "x.star".into(),
            line: 12,
            column: 5,
            excerpt: "größe[9]".into(),
            length: 99,
        };
        let fault = Fault { place: Some(place), ..Fault::plain("no") };
        assert_eq!(
            fault.render(str::to_owned),
            "error: no\n  --> x.star:12:5\n12 | größe[9]\n   |     ^^^^"
        );
    }
}
