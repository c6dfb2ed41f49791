//! JSON lines: one object a line. One pass finds the columns and their types, a second converts.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::{check_names, declared, no_rows};
use super::faults::{Faults, at, fault};
use super::sink::Sink;
use super::source::{Reporter, open_text};
use super::{Ingested, MAX_COLUMNS, MAX_RECORD, OnProgress, Output};
use crate::domain::schema::ColumnType;
use crate::error::{Code, Context, Error, Result};
use crate::frame::builder::Value;
use crate::frame::cells::{Cells, Guess, misfit, parse_text};

pub(super) fn ingest(
    input: &Path,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let mut columns = Columns::default();
    let guesses = infer(input, &mut columns, progress)?;
    check_names(&columns.names, |at| format!("column {}", at + 1))?;
    let kinds = declared(&columns.names, types)?.into_iter().zip(guesses);
    let kinds = kinds.map(|(d, g)| d.unwrap_or_else(|| g.kind())).collect::<Vec<_>>();
    convert(input, &mut columns, &kinds, output, progress)
}

fn infer(input: &Path, columns: &mut Columns, progress: OnProgress<'_>) -> Result<Vec<Guess>> {
    let mut guesses: Vec<Guess> = Vec::new();
    let mut reporter = Reporter::new(progress, "typing", input)?;
    let mut faults = Faults::default();
    let mut lines = Lines::open(input)?;
    let mut rows = 0;
    while lines.advance()? {
        rows += 1;
        columns.read(&lines, rows, &mut faults, |column, token| {
            if guesses.len() <= column {
                guesses.resize(column + 1, Guess::NOTHING);
            }
            match token {
                Token::Null => {}
                Token::Bool(_) => guesses[column].observe_bool(),
                Token::Number(text) => guesses[column].observe_number(text.as_bytes()),
                Token::Text(text) => guesses[column].observe_text(text.as_bytes()),
            }
            None
        })?;
        reporter.reached(rows, lines.bytes)?;
    }
    faults.check()?;
    if rows == 0 {
        return Err(no_rows());
    }
    if columns.names.is_empty() {
        return Err(Error::new(Code::InvalidData, "the file's objects are all empty"));
    }
    reporter.ended(rows)?;
    guesses.resize(columns.names.len(), Guess::NOTHING);
    Ok(guesses)
}

fn convert(
    input: &Path,
    columns: &mut Columns,
    kinds: &[ColumnType],
    output: &dyn Output,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let named = columns.names.iter().cloned().zip(kinds.iter().copied()).collect();
    let mut sink = Sink::create(output, named)?;
    let mut reporter = Reporter::new(progress, "writing", input)?;
    let mut faults = Faults::default();
    let mut lines = Lines::open(input)?;
    let mut cells = Cells::default();
    columns.last_row.fill(0);
    let mut rows = 0;
    while lines.advance()? {
        rows += 1;
        columns.read(&lines, rows, &mut faults, |column, token| {
            let value = fit(kinds[column], token, &mut cells);
            sink.push(column, *value.as_ref().unwrap_or(&Value::Null));
            value.err()
        })?;
        for (column, last) in columns.last_row.iter().enumerate() {
            if *last != rows {
                sink.push(column, Value::Null);
            }
        }
        sink.end_row(faults.is_empty())?;
        reporter.reached(rows, lines.bytes)?;
    }
    faults.check()?;
    reporter.ended(rows)?;
    sink.finish()
}

/// The file's lines, blank ones left out.
struct Lines {
    input: BufReader<File>,
    text: Vec<u8>,
    /// The number of the line in `text`, from 1.
    line: u64,
    bytes: u64,
}

impl Lines {
    fn open(input: &Path) -> Result<Self> {
        Ok(Self { input: open_text(input)?, text: Vec::new(), line: 0, bytes: 0 })
    }

    /// Reads the next line; false at the end of the file.
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.text.clear();
            let mut limited = (&mut self.input).take(MAX_RECORD as u64 + 1);
            let used = limited.read_until(b'\n', &mut self.text).context("reading an upload")?;
            self.line += 1;
            self.bytes += used as u64;
            if used > MAX_RECORD {
                let detail = format!("is longer than {} MiB", MAX_RECORD >> 20);
                return Err(fault(format!("line {}", self.line), detail));
            }
            if used == 0 || !self.text.trim_ascii().is_empty() {
                return Ok(used > 0);
            }
        }
    }
}

/// One value as JSON writes it: numbers keep their digits.
#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(&'a str),
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(text) | Self::Text(text) => text,
        }
    }
}

/// A value of a column's type, or why it is none. In a text column texts are taken as they are,
/// since JSON has a null of its own.
fn fit<'a>(kind: ColumnType, token: Token<'a>, cells: &'a mut Cells) -> Result<Value<'a>, String> {
    let text = token.text().as_bytes();
    match (kind, token) {
        (_, Token::Null) => Ok(Value::Null),
        (ColumnType::String, _) => {
            parse_text(text).map(Value::Text).ok_or_else(|| misfit(kind, text))
        }
        (_, _) => cells.read(kind, text),
    }
}

/// The columns by the order in which they first appeared.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
    /// The last row, from 1, in which each column had a value.
    last_row: Vec<u64>,
}

impl Columns {
    /// Tells `on_value` each value of the line's object; what that answers is a fault.
    fn read(
        &mut self,
        lines: &Lines,
        row: u64,
        faults: &mut Faults,
        on_value: impl FnMut(usize, Token<'_>) -> Option<String>,
    ) -> Result<()> {
        let mut problems = Vec::new();
        let object = Object { columns: self, row, problems: &mut problems, on_value };
        let mut json = serde_json::Deserializer::from_slice(&lines.text);
        let read = object.deserialize(&mut json).and_then(|()| json.end());
        for (column, detail) in problems {
            faults.add(at(lines.line, &self.names[column]), detail)?;
        }
        if let Err(error) = read {
            let text = error.to_string();
            // The parser saw one line only, so its own line number would mislead.
            let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
            let place = match error.column() {
                0 => format!("line {}", lines.line),
                character => format!("line {}, character {character}", lines.line),
            };
            faults.add(place, reason)?;
        }
        Ok(())
    }

    /// The position of a column, which is added when it is new; None when there are too many.
    fn position(&mut self, name: &str) -> Option<usize> {
        let name = name.trim();
        if let Some(&at) = self.by_name.get(name) {
            return Some(at);
        }
        let at = self.names.len();
        if at == MAX_COLUMNS {
            return None;
        }
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), at);
        self.last_row.push(0);
        Some(at)
    }
}

/// Reads one object.
struct Object<'a, F> {
    columns: &'a mut Columns,
    row: u64,
    problems: &'a mut Vec<(usize, String)>,
    on_value: F,
}

impl<'de, F: FnMut(usize, Token<'_>) -> Option<String>> DeserializeSeed<'de> for Object<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(usize, Token<'_>) -> Option<String>> Visitor<'de> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one object per line, such as {\"age\": 41}")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(at) = map.next_key_seed(Key(self.columns))? {
            let value = map.next_value::<&'de RawValue>()?;
            let twice = std::mem::replace(&mut self.columns.last_row[at], self.row) == self.row;
            let problem = if twice {
                Some("stands twice in the object".to_owned())
            } else {
                with_token(value.get(), |token| (self.on_value)(at, token))
            };
            self.problems.extend(problem.map(|detail| (at, detail)));
        }
        Ok(())
    }
}

/// Tells `f` the value that a piece of JSON is; what holds no single value is told as null.
fn with_token(json: &str, mut f: impl FnMut(Token<'_>) -> Option<String>) -> Option<String> {
    const FLATTEN: &str = "a column holds single values; flatten it first";
    let mut refuse = |problem: String| f(Token::Null).or(Some(problem));
    match json.as_bytes() {
        [b'n', ..] => f(Token::Null),
        [b't', ..] => f(Token::Bool(true)),
        [b'f', ..] => f(Token::Bool(false)),
        [b'[', ..] => refuse(format!("is a list, and {FLATTEN}")),
        [b'{', ..] => refuse(format!("is an object, and {FLATTEN}")),
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            f(Token::Text(&json[1..json.len() - 1]))
        }
        [b'"', ..] => match serde_json::from_str::<String>(json) {
            Ok(text) => f(Token::Text(&text)),
            Err(_) => refuse("is not valid text".to_owned()),
        },
        _ => f(Token::Number(json)),
    }
}

/// Reads a key as the position of its column.
struct Key<'a>(&'a mut Columns);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        self.0.position(name).ok_or_else(|| {
            E::custom(format_args!(
                "has a column beyond the {MAX_COLUMNS} that a dataset has at most"
            ))
        })
    }
}
