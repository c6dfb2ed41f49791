//! What people read: lines, tables, errors.

use crate::error::{Context, Error, Result};
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

pub(super) use crate::repl::{duration, grouped};

/// Writes to standard output; a reader that has gone away is no error.
///
/// # Errors
/// [`Error::Internal`] when the output can't be written.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("writing to standard output"),
    }
}

/// Writes a remark to standard error, where scripts don't read.
pub(super) fn remark(text: &str) {
    // Where not even this can be written, nothing can be said about it.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says what went wrong, where, and the way out.
pub(super) fn report(error: &Error) -> ExitCode {
    remark(&described(error));
    ExitCode::FAILURE
}

fn described(error: &Error) -> String {
    let mut text = format!("error: {error}");
    match error {
        Error::Problem { detail, errors, .. } => {
            for field in errors {
                if field.detail == *detail {
                    text.push_str(&format!("\n  at {}", field.pointer));
                } else {
                    text.push_str(&format!("\n  {}: {}", field.pointer, field.detail));
                }
            }
        }
        Error::Internal { source, .. } => {
            let mut next = source.source();
            while let Some(cause) = next {
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text.push_str(&format!("\n  because: {cause_text}"));
                }
                next = cause.source();
            }
        }
    }
    text
}

/// Rows with their columns aligned and two spaces between; the last column may be of any width.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Colours, where they are welcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    colours: bool,
}

impl Style {
    pub(super) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colours: std::io::stdout().is_terminal() && !refused }
    }

    /// None at all.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { colours: false }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.wrapped("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.wrapped("31", text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.wrapped("1", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.wrapped("2", text)
    }

    fn wrapped(self, code: &str, text: &str) -> String {
        if self.colours && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A word as a shell takes it.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, FieldError};

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "1", "x"], ["büro", "22", ""]].map(|r| r.map(String::from).to_vec());
        assert_eq!(aligned(&rows), "a     1   x\nbüro  22\n");
    }

    #[test]
    fn words_survive_a_shell() {
        for text in ["plain-1.2", "two words", "it's", "$HOME `x` \\ \"", ""] {
            let script = format!("printf %s {}", shell_word(text));
            let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), text);
        }
    }

    #[test]
    fn an_error_says_what_and_where() {
        let one = Error::field(Code::InvalidRequest, "actuary.toml, line 3", "no such setting");
        assert_eq!(described(&one), "error: no such setting\n  at actuary.toml, line 3");
        let errors = vec![FieldError::new("/a", "bad"), FieldError::new("/b", "worse")];
        let two = Error::fields(Code::InvalidRows, "2 rows don't fit", errors);
        assert_eq!(described(&two), "error: 2 rows don't fit\n  /a: bad\n  /b: worse");
        let source = std::io::Error::other("disk full");
        assert_eq!(described(&Error::internal("writing", source)), "error: writing: disk full");
    }
}
