//! JSON that is kept as it was written, laid out as Jupyter does.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// A JSON object whose values keep their text and whose keys keep their order.
#[derive(Debug, Clone, Default)]
pub struct Metadata(Vec<(String, Box<RawValue>)>);

impl Metadata {
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| &**value)
    }

    /// The value of a key, where there is one of this type.
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.get(key).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// Sets a key, in its old place where there is one.
    pub fn set(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.set_raw(key, raw(value));
    }

    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(own, _)| own != key);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    pub(super) fn set_raw(&mut self, key: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(own, _)| own == key) {
            Some((_, own)) => *own = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    pub(super) fn push(&mut self, key: String, value: Box<RawValue>) {
        self.0.push((key, value));
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    }

    /// Whether both hold the same values, in whatever order and layout.
    pub(super) fn same(&self, other: &Self) -> bool {
        let sorted = |of: &Self| {
            let mut values: Vec<(String, String)> =
                of.iter().map(|(key, value)| (key.to_owned(), one_line(value.get()))).collect();
            values.sort();
            values
        };
        sorted(self) == sorted(other)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut values = Metadata::default();
                while let Some((key, value)) = map.next_entry()? {
                    values.push(key, value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(Values)
    }
}

/// A value as JSON. What has no JSON, such as a map with keys that are no strings, is null.
pub(super) fn raw(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A string as JSON.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An object in lines, its keys in order, as it stands `depth` levels deep.
pub(super) fn object(mut fields: Vec<(String, String)>, depth: usize) -> String {
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    let fields = fields.into_iter().map(|(key, value)| format!("{}: {value}", string(&key)));
    enclosed('{', fields, '}', depth)
}

/// A list in lines, as it stands `depth` levels deep.
pub(super) fn list(items: impl IntoIterator<Item = String>, depth: usize) -> String {
    enclosed('[', items.into_iter(), ']', depth)
}

/// A text as a list of its lines, each with its end.
pub(super) fn lines(text: &str, depth: usize) -> String {
    list(split_lines(text).into_iter().map(string), depth)
}

fn enclosed(open: char, items: impl Iterator<Item = String>, close: char, depth: usize) -> String {
    let inner = format!("\n{}", " ".repeat(depth + 1));
    let items: Vec<String> = items.map(|item| format!("{inner}{item}")).collect();
    if items.is_empty() {
        return format!("{open}{close}");
    }
    format!("{open}{}\n{}{close}", items.join(","), " ".repeat(depth))
}

/// The lines of a text as Python counts them, each with its end.
fn split_lines(text: &str) -> Vec<&str> {
    const ENDS: [char; 10] = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ENDS) {
        let tail = rest.get(at..).unwrap_or_default();
        let end = if tail.starts_with("\r\n") {
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        let (line, others) = rest.split_at(at + end);
        lines.push(line);
        rest = others;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// JSON in one line, its strings and numbers untouched.
pub(super) fn one_line(json: &str) -> String {
    laid_out(json, None)
}

/// JSON in lines, as it stands `depth` levels deep, its strings and numbers untouched.
pub(super) fn indented(json: &str, depth: usize) -> String {
    laid_out(json, Some(depth))
}

fn laid_out(json: &str, depth: Option<usize>) -> String {
    let mut out = String::with_capacity(json.len());
    let mut level = depth.unwrap_or(0);
    let new_line = |out: &mut String, level: usize| {
        if depth.is_some() {
            out.push('\n');
            out.push_str(&" ".repeat(level));
        }
    };
    let mut rest = json.trim_start();
    while let Some(c) = rest.chars().next() {
        let taken = if c == '"' { string_end(rest) } else { c.len_utf8() };
        let (token, others) = rest.split_at(taken);
        rest = others.trim_start();
        match c {
            '{' | '[' if rest.starts_with(['}', ']']) => {
                let (close, others) = rest.split_at(1);
                out.push(c);
                out.push_str(close);
                rest = others.trim_start();
            }
            '{' | '[' => {
                level += 1;
                out.push(c);
                new_line(&mut out, level);
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                new_line(&mut out, level);
                out.push(c);
            }
            ',' if depth.is_none() => out.push_str(", "),
            ',' => {
                out.push(c);
                new_line(&mut out, level);
            }
            ':' => out.push_str(": "),
            _ => out.push_str(token),
        }
    }
    out
}

/// Where the string ends that the JSON begins with.
fn string_end(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}
