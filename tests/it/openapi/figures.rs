//! No example contradicts itself: figures that follow from others are made of them anew.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{described, operations};

mod investing;
mod lending;
mod models;
mod risk;

fn operation(id: &str) -> Value {
    let operations = operations(&described());
    let found = operations.into_iter().find(|(_, _, operation)| operation["operationId"] == id);
    found.unwrap_or_else(|| panic!("there is no operation {id}")).2
}

/// The example of what an operation is asked.
fn asked<T: DeserializeOwned>(id: &str) -> T {
    let example = &operation(id)["requestBody"]["content"]["application/json"]["example"];
    serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{id}: {e}"))
}

/// The example of what it answers.
fn answered<T: DeserializeOwned>(id: &str) -> T {
    let operation = operation(id);
    let mut responses = operation["responses"].as_object().unwrap().iter();
    let (_, success) = responses.find(|(status, _)| status.starts_with('2')).unwrap();
    let example = &success["content"]["application/json"]["example"];
    serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{id}: {e}"))
}

/// What is told is what is expected, but for its rounding.
#[track_caller]
fn close(what: &str, told: f64, expected: f64, within: f64) {
    let is_close = (told - expected).abs() <= within;
    assert!(is_close, "{what}: {told} is told, and {expected} follows from the other figures");
}

/// The same, of what may be absent.
#[track_caller]
fn both_close(what: &str, told: Option<f64>, expected: Option<f64>, within: f64) {
    match (told, expected) {
        (Some(told), Some(expected)) => close(what, told, expected, within),
        (told, expected) => assert_eq!(told, expected, "{what}"),
    }
}
