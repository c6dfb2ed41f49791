//! JSON bodies: parsed into their types, with every bad field named by its pointer.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, FieldError, Result};

/// Of larger bodies the first bad field alone is named, since they would be parsed over and over; and of those larger
/// still its place is told by the first parse alone.
const MENDED_BYTES: usize = 1 << 16;
const SEARCHED_BYTES: usize = 1 << 20;
/// At most so many bad fields are named.
const MAX_ERRORS: usize = 20;
/// How often a body is parsed in search of them, and how deep stand-ins hold others.
const MAX_PARSES: usize = 60;
const MAX_DEPTH: usize = 2;
/// What is said of a field that is missing.
const REQUIRED: &str = "is required";

/// Parses a body.
///
/// # Errors
/// [`Code::MalformedRequest`] where it is not JSON; [`Code::InvalidRequest`] with the pointer of
/// each field that is missing, unknown or of another type (of the first in a large body), or of text that
/// holds U+0000.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    if let Some(at) = find_nul(body) {
        let detail = "holds the character U+0000, which can't be stored";
        return Err(Error::field(Code::InvalidRequest, pointer_at(body, at), detail));
    }
    // serde would take a list as a struct's fields in their order.
    let is_object = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    if !is_object && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        let errors = vec![FieldError::new("", "must be a JSON object")];
        return Err(Error::fields(Code::InvalidRequest, "the body must be a JSON object", errors));
    }
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            return invalid::<T>(body, &error);
        }
        let detail = match body.is_empty() {
            true => "the body is empty: send a JSON object".to_owned(),
            false => format!("the body is not JSON: {error}"),
        };
        Error::new(Code::MalformedRequest, detail)
    })
}

/// Names every bad field: mends the first one and parses again, until nothing is wrong or what is
/// wrong can't be mended.
fn invalid<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Error {
    let rest: Option<Value> =
        (body.len() <= SEARCHED_BYTES).then(|| serde_json::from_slice(body).ok()).flatten();
    let first = locate::<T>(body, rest.as_ref(), error);
    let mut errors = vec![first.clone()];
    if let Some(value) = rest.filter(|_| body.len() <= MENDED_BYTES) {
        let mut mending = Mending { value, mended: Vec::new(), parses: MAX_PARSES };
        let mut next = Some(first);
        while let Some(last) = next
            && errors.len() < MAX_ERRORS
            && mending.mend::<T>(&last)
        {
            next = mending.first_error::<T>();
            errors.extend(next.iter().filter(|next| !mending.has_made(next)).cloned());
        }
    }
    let detail = match errors.as_slice() {
        [only] if only.pointer.is_empty() => format!("the body {}", only.detail),
        [only] => format!("{} {}", only.pointer, only.detail),
        several => format!("{} fields of the body don't hold", several.len()),
    };
    Error::fields(Code::InvalidRequest, detail, errors)
}

/// A body whose bad fields are mended one by one, so that serde gets to those behind them.
struct Mending {
    value: Value,
    /// Pointers of what was taken out or put in, of which nothing more is to be said.
    mended: Vec<String>,
    /// How often it may still be parsed.
    parses: usize,
}

impl Mending {
    /// Takes out what is bad; what lacks a required field, too, or where it can't be taken out gets a
    /// stand-in for that. False where neither helps.
    fn mend<T: DeserializeOwned>(&mut self, error: &FieldError) -> bool {
        let pointer = &error.pointer;
        if error.detail != REQUIRED {
            return !self.mended.contains(pointer) && self.take_out(pointer);
        }
        let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        if self.take_out(parent) {
            return true;
        }
        let value = std::mem::take(&mut self.value);
        let filled = self.filled::<T>(&value, pointer, 0);
        let is_filled = filled.is_some();
        if is_filled {
            self.mended.push(pointer.clone());
        }
        self.value = filled.unwrap_or(value);
        is_filled
    }

    fn take_out(&mut self, pointer: &str) -> bool {
        let is_out = take_out(&mut self.value, pointer);
        if is_out {
            self.mended.push(pointer.to_owned());
        }
        is_out
    }

    /// The value with something at `pointer` that parses, found by trying.
    fn filled<T: DeserializeOwned>(
        &mut self,
        value: &Value,
        pointer: &str,
        depth: usize,
    ) -> Option<Value> {
        let (parent, name) = pointer.rsplit_once('/')?;
        for stand_in in [json!(""), json!(0), json!([]), json!({}), json!(false)] {
            let mut trial = value.clone();
            let object = trial.pointer_mut(parent)?.as_object_mut()?;
            object.insert(unescape(name), stand_in);
            self.parses = self.parses.checked_sub(1)?;
            let Some(next) = first_error::<T>(&trial) else { return Some(trial) };
            if !lies_within(&next.pointer, pointer) {
                // A variant's name that is none is told of the object around it.
                if next.pointer != parent {
                    return Some(trial);
                }
            } else if next.pointer != pointer && next.detail == REQUIRED && depth < MAX_DEPTH {
                let filled = self.filled::<T>(&trial, &next.pointer, depth + 1);
                if filled.is_some() {
                    return filled;
                }
            }
        }
        None
    }

    /// What is wrong now.
    fn first_error<T: DeserializeOwned>(&mut self) -> Option<FieldError> {
        self.parses = self.parses.checked_sub(1)?;
        first_error::<T>(&self.value)
    }

    /// Whether an error comes of the mending alone.
    fn has_made(&self, error: &FieldError) -> bool {
        self.mended.iter().any(|pointer| lies_within(&error.pointer, pointer))
    }
}

fn first_error<T: DeserializeOwned>(value: &Value) -> Option<FieldError> {
    let text = serde_json::to_vec(value).ok()?;
    let error = serde_json::from_slice::<T>(&text).err()?;
    Some(locate::<T>(&text, Some(value), &error))
}

/// Whether a pointer is another or leads on from it.
fn lies_within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Removes a field of an object. Elements of arrays stay: without one the others would move.
fn take_out(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.is_some_and(|object| object.shift_remove(&unescape(name)).is_some())
}

/// Where serde stopped and why, in words for whoever wrote the body.
fn locate<T: DeserializeOwned>(
    body: &[u8],
    value: Option<&Value>,
    error: &serde_json::Error,
) -> FieldError {
    let text = message(error);
    let pointer = blamed::<T>(body, value, error);
    if let Some(name) = quoted(&text, "missing field `") {
        return FieldError::new(format!("{pointer}/{}", escape(name)), REQUIRED);
    }
    if let Some(name) = quoted(&text, "unknown field `") {
        let hint = did_you_mean(name, alternatives(&text));
        let here = pointer.rsplit('/').next().is_some_and(|last| last == escape(name));
        let pointer = if here { pointer } else { format!("{pointer}/{}", escape(name)) };
        return FieldError::new(pointer, format!("no such field{hint}"));
    }
    if let Some(name) = quoted(&text, "unknown variant `") {
        let known: Vec<&str> = alternatives(&text).collect();
        let hint = did_you_mean(name, known.iter().copied());
        return FieldError::new(pointer, format!("'{name}' is none of {}{hint}", known.join(", ")));
    }
    FieldError::new(pointer, plain(&text))
}

/// serde's message without its line and column.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned()
}

/// The value to blame. serde does not say where within an enum it stopped, only where it was when
/// it heard of it: after the enum's value or, if that is the last of its object, after the object.
/// Which of the two it is shows by a trial: without the value the same error must not come again, and
/// what the object lacks is no longer missing when it is put behind the value.
fn blamed<T: DeserializeOwned>(
    body: &[u8],
    value: Option<&Value>,
    error: &serde_json::Error,
) -> String {
    let end = offset(body, error);
    let outer = pointer_at(body, end);
    let closed = end.checked_sub(1).and_then(|last| body.get(last));
    if !matches!(closed, Some(b'}' | b']')) {
        return outer;
    }
    let inner = pointer_at(body, end - 1);
    let text = message(error);
    let missing = quoted(&text, "missing field `");
    let Some(value) = value else { return if missing.is_some() { outer } else { inner } };
    let is_inner = match missing {
        Some(name) => lacks_with::<T>(value, &outer, name, &text),
        None => !is_to_blame::<T>(value, &outer, &text),
    };
    if is_inner { inner } else { outer }
}

/// Whether the same is missing when the object at `pointer` has it.
fn lacks_with<T: DeserializeOwned>(value: &Value, pointer: &str, name: &str, text: &str) -> bool {
    let mut trial = value.clone();
    let Some(object) = trial.pointer_mut(pointer).and_then(Value::as_object_mut) else {
        return false;
    };
    // What it has already is not missing there.
    if object.insert(name.to_owned(), Value::Null).is_some() {
        return true;
    }
    let Ok(trial) = serde_json::to_vec(&trial) else { return false };
    serde_json::from_slice::<T>(&trial).is_err_and(|other| message(&other) == text)
}

/// Whether without the value at `pointer` the same error no longer comes there, but not for its lack.
fn is_to_blame<T: DeserializeOwned>(value: &Value, pointer: &str, text: &str) -> bool {
    let mut rest = value.clone();
    if !take_out(&mut rest, pointer) {
        return false;
    }
    let Ok(rest) = serde_json::to_vec(&rest) else { return false };
    let Err(other) = serde_json::from_slice::<T>(&rest) else { return true };
    let same = message(&other) == text && pointer_at(&rest, offset(&rest, &other)) == pointer;
    !same && quoted(&message(&other), "missing field `") != pointer.rsplit('/').next()
}

/// What stands between a prefix and the next backtick.
fn quoted<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.split('`').next()
}

/// The names that serde says it expected: every second part between backticks but the first.
fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(3).step_by(2)
}

/// serde's words for a wrong type, without the names of Rust's types.
fn plain(text: &str) -> String {
    if text.contains("untagged enum VersionRef") {
        return "must be a version's number or an alias".to_owned();
    }
    let Some((given, expected)) = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
    else {
        return text.to_owned();
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or greater",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other if other.starts_with("struct ") || other.contains("map") => "an object",
        other if other.contains("enum") => "one of its variants",
        other => other,
    };
    let given = match given {
        "map" => "an object",
        "sequence" => "a list",
        other => other,
    };
    format!("must be {expected}, not {given}")
}

/// Position of the first U+0000 in a string: actix and serde take the escape, PostgreSQL does not.
fn find_nul(body: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(step) = body.get(from..)?.iter().position(|b| *b == b'\\') {
        let at = from + step;
        if body.get(at + 1..)?.starts_with(b"u0000") {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

/// serde's line and column as an offset.
fn offset(body: &[u8], error: &serde_json::Error) -> usize {
    let lines = body.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + error.column()
}

/// A step from a value to one inside it.
enum Step {
    Field { name: String, named: bool },
    Element(usize),
}

/// JSON pointer (RFC 6901) of the value that stands at or before an offset of a valid text.
fn pointer_at(body: &[u8], end: usize) -> String {
    let mut steps: Vec<Step> = Vec::new();
    let mut at = 0;
    while at < end {
        let Some(byte) = body.get(at) else { break };
        match byte {
            b'"' => {
                let close = string_end(body, at);
                if let Some(Step::Field { name, named }) = steps.last_mut()
                    && !*named
                {
                    let raw = body.get(at..close).unwrap_or_default();
                    *name = serde_json::from_slice(raw).unwrap_or_default();
                    *named = true;
                }
                at = close;
                continue;
            }
            b'{' => steps.push(Step::Field { name: String::new(), named: false }),
            b'[' => steps.push(Step::Element(0)),
            b'}' | b']' => drop(steps.pop()),
            b',' => match steps.last_mut() {
                Some(Step::Field { named, .. }) => *named = false,
                Some(Step::Element(index)) => *index += 1,
                None => {}
            },
            _ => {}
        }
        at += 1;
    }
    let mut pointer = String::new();
    for step in &steps {
        match step {
            Step::Field { named: false, .. } => {}
            Step::Field { name, .. } => pointer = format!("{pointer}/{}", escape(name)),
            Step::Element(index) => pointer = format!("{pointer}/{index}"),
        }
    }
    pointer
}

/// The offset after a string that starts at `start`.
fn string_end(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    body.len()
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::analysis::AnalysisRequest;
    use crate::domain::loan::ExpectedLossRequest;
    use crate::domain::prediction::PredictionRequest;
    use crate::domain::simplification::SimplificationSpec;
    use crate::domain::training::TrainingSpec;

    fn errors<T: DeserializeOwned>(body: &str) -> Vec<(String, String)> {
        match parse::<T>(body.as_bytes()) {
            Err(Error::Problem { code: Code::InvalidRequest, errors, .. }) => {
                errors.into_iter().map(|e| (e.pointer, e.detail)).collect()
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => Vec::new(),
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(p, d)| ((*p).to_owned(), (*d).to_owned())).collect()
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let body = r#"{
            "dataset": {"name": "loans", "versoin": 1},
            "taget": "default",
            "epochs": "many",
            "optimiser": {"kind": "adan"}
        }"#;
        assert_eq!(
            errors::<TrainingSpec>(body),
            pairs(&[
                ("/dataset/versoin", "no such field; did you mean version?"),
                ("/taget", "no such field; did you mean target?"),
                ("/epochs", "must be a whole number, 0 or greater, not string \"many\""),
                ("/optimiser", "'adan' is none of sgd, adam, adamw, rmsprop; did you mean adam?"),
                ("/target", "is required"),
            ])
        );
    }

    #[test]
    fn a_field_within_a_tagged_object_is_named() {
        let body = r#"{"dataset":{"name":"loans"},"target":"y",
            "network":{"kind":"mlp","widths":[3],"dropout":0.1}}"#;
        assert_eq!(errors::<TrainingSpec>(body), pairs(&[("/network/widths", "no such field")]));
        let body = r#"{"network":{"kind":"mlp","dropout":"x"},"target":"y",
            "dataset":{"name":"loans"}}"#;
        assert_eq!(
            errors::<TrainingSpec>(body),
            pairs(&[("/network", "must be a number, not string \"x\"")])
        );
    }

    #[test]
    fn a_field_missing_from_a_tagged_object_is_named_there() {
        let missing = r#"{"dataset":{"name":"loans"},"target":"y","class_weights":{"by":"given"}}"#;
        assert_eq!(
            errors::<TrainingSpec>(missing),
            pairs(&[("/class_weights/weights", "is required")])
        );
        let elsewhere = r#"{"class_weights":{"by":"none"},"dataset":{"name":"loans"}}"#;
        assert_eq!(errors::<TrainingSpec>(elsewhere), pairs(&[("/target", "is required")]));
    }

    #[test]
    fn a_tagged_object_without_its_kind_is_named() {
        assert_eq!(
            errors::<AnalysisRequest>(r#"{"analysis":{}}"#),
            pairs(&[("/analysis/kind", "is required")])
        );
        assert_eq!(
            errors::<SimplificationSpec>(r#"{"method":{}}"#),
            pairs(&[("/method/kind", "is required")])
        );
        assert_eq!(
            errors::<SimplificationSpec>(r#"{"version":1}"#),
            pairs(&[("/method", "is required")])
        );
    }

    #[test]
    fn what_stands_behind_a_missing_field_is_named_too() {
        let body = r#"{"dataset":{"name":"loans"},"target":"default","threshold":{},
            "parts":{"by":"x"},"optimiser":{"kind":"sgdd"},"schedule":{}}"#;
        let named = errors::<TrainingSpec>(body);
        let pointers: Vec<&str> = named.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/threshold/by", "/parts", "/optimiser", "/schedule/kind"],
            "{named:?}"
        );
        let required = |pointers: &[&str]| {
            pointers.iter().map(|p| ((*p).to_owned(), REQUIRED.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(errors::<TrainingSpec>("{}"), required(&["/dataset", "/target"]));
        assert_eq!(
            errors::<TrainingSpec>(r#"{"dataset":{}}"#),
            required(&["/dataset/name", "/target"])
        );
    }

    #[test]
    fn a_value_deep_in_the_rows_is_named() {
        let body = r#"{"rows":[{"a":1},{"a":2,"b~/":{"c":3}}]}"#;
        let named = errors::<PredictionRequest>(body);
        assert_eq!(
            named,
            pairs(&[("/rows/1/b~0~1", "must be a number, text, true, false or null")])
        );
        assert_eq!(
            errors::<PredictionRequest>(r#"{"rows":[{"a":{}},{"a":1e400}]}"#),
            pairs(&[
                ("/rows/0/a", "must be a number, text, true, false or null"),
                ("/rows/1/a", "must be a number, text, true, false or null"),
            ])
        );
        assert_eq!(
            errors::<PredictionRequest>(r#"{"rows":[],"version":{}}"#),
            pairs(&[("/version", "must be a version's number or an alias")])
        );
    }

    /// It would be parsed over and over.
    #[test]
    fn of_a_large_body_the_first_bad_field_is_named() {
        let rows = |text: &str| format!(r#"{{"rows":[{{"a":{{}}}},{{"b":[]}},{{"c":"{text}"}}]}}"#);
        assert_eq!(errors::<PredictionRequest>(&rows("")).len(), 2);
        let large = errors::<PredictionRequest>(&rows(&"x".repeat(MENDED_BYTES)));
        assert_eq!(large, pairs(&[("/rows/0/a", "must be a number, text, true, false or null")]));
    }

    #[test]
    fn a_number_that_is_too_great_is_named_where_it_stands() {
        let body = r#"{"loans":[],"rules":{"ratio":2,"impaired_days":40000}}"#;
        let told = [("/rules/impaired_days", "must be at most 36525")];
        assert_eq!(errors::<ExpectedLossRequest>(body), pairs(&told));
        let body = r#"{"loans":[],"rules":{"impaired_days":1.5}}"#;
        let told = "must be a whole number from 0 to 36525, not floating point `1.5`";
        assert_eq!(errors::<ExpectedLossRequest>(body), pairs(&[("/rules/impaired_days", told)]));
    }

    #[test]
    fn no_text_holds_nul() {
        let body = r#"{"rows":[{"a":"x\\u0000"},{"a":"\u0000"}]}"#;
        assert_eq!(
            errors::<PredictionRequest>(body),
            pairs(&[("/rows/1/a", "holds the character U+0000, which can't be stored")])
        );
        assert!(errors::<PredictionRequest>(r#"{"rows":[{"a":"x\\u0000"}]}"#).is_empty());
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        let deep = format!("{{\"rows\":[{{\"a\":{}", "[".repeat(100_000));
        for body in ["", "{", "{'a':1}", "{\"rows\":[{\"a\":NaN}]}", &deep] {
            let error = parse::<PredictionRequest>(body.as_bytes()).unwrap_err();
            assert_eq!(error.code(), Code::MalformedRequest, "{body:.40}");
        }
    }

    #[test]
    fn the_whole_body_of_another_type_is_named() {
        let error = parse::<PredictionRequest>(b"[1]").unwrap_err().to_string();
        assert!(error.starts_with("the body") || error.starts_with("/0"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_search(body in proptest::collection::vec(0u8..=255, 0..60), end in 0usize..80) {
            let _ = pointer_at(&body, end);
            let _ = find_nul(&body);
            let _ = parse::<PredictionRequest>(&body);
        }
    }
}
