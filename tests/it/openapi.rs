//! The committed description is the program's, and it is complete.

use std::collections::BTreeSet;

use actuary::http::openapi::document;
use serde_json::Value;

mod figures;

pub(crate) fn described() -> Value {
    serde_json::from_str(&document()).unwrap()
}

/// Every operation with its path and method.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    operations
}

#[test]
fn the_committed_document_is_the_programs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/actuary.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == document(),
        "openapi/actuary.json has drifted from the program; look at what changed, then run\n    \
         cargo run --release -- openapi > openapi/actuary.json"
    );
}

#[test]
fn every_operation_is_complete() {
    let document = described();
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let id = operation["operationId"].as_str().expect(&place);
        assert!(id.contains('_') || id.ends_with('z'), "{place}: {id} is not verb_noun");
        assert!(ids.insert(id.to_owned()), "{place}: {id} is taken");
        for text in ["summary", "description"] {
            assert!(operation[text].as_str().is_some_and(|t| t.len() >= 8), "{place}: no {text}");
        }
        let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let mut segments = path.split('/').filter(|segment| !segment.starts_with('{'));
        assert!(segments.all(|s| s.chars().all(is_kebab)), "{place} is not in kebab-case");
        let tag = operation["tags"][0].as_str().expect(&place);
        assert!(tags.contains(&tag), "{place}: tag {tag} is not declared");
        assert!(operation["security"].is_array(), "{place}: security is not declared");
        let statuses: Vec<&str> =
            operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        for class in ["4", "5"] {
            assert!(statuses.iter().any(|s| s.starts_with(class)), "{place}: no {class}XX");
        }
        check_successes(&place, &operation);
        check_parameters(&place, &path, &operation);
    }
    assert!(ids.len() >= 30, "only {} operations", ids.len());
}

fn check_successes(place: &str, operation: &Value) {
    let responses = operation["responses"].as_object().unwrap();
    let successes: Vec<_> = responses.iter().filter(|(s, _)| s.starts_with('2')).collect();
    assert_eq!(successes.len(), 1, "{place}: clients can't handle several success schemas");
    let (status, success) = successes[0];
    assert_eq!(status == "204", success.get("content").is_none(), "{place}: {status} and its body");
    for (media_type, content) in success["content"].as_object().into_iter().flatten() {
        assert!(content["schema"].is_object(), "{place}: {media_type} without a schema");
        let self_evident = place.ends_with("/openapi.json") || is_binary(media_type);
        assert!(self_evident || content.get("example").is_some(), "{place}: no example");
    }
    for (media_type, content) in
        operation["requestBody"]["content"].as_object().into_iter().flatten()
    {
        let example = content.get("example").is_some() || is_binary(media_type);
        assert!(example, "{place}: no example of the request");
    }
}

/// Whether an example would say nothing to a reader.
fn is_binary(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.apache.") || media_type == "application/octet-stream"
}

fn check_parameters(place: &str, path: &str, operation: &Value) {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let in_path: BTreeSet<&str> = parameters
        .iter()
        .filter(|p| p["in"] == "path")
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    let in_template: BTreeSet<&str> =
        path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
    assert_eq!(in_path, in_template, "{place}");
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        assert!(parameter["description"].is_string(), "{place}: {name} is not described");
        assert!(parameter["schema"].is_object(), "{place}: {name} has no schema");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = described();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect(reference);
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_error_is_a_problem() {
    let document = described();
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if !status.starts_with(['4', '5']) {
                continue;
            }
            let target = response["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
            let content = &document.pointer(target).unwrap()["content"];
            let schema = &content["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
        }
    }
}
