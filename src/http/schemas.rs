//! The components' schemas, put into the form that validators and generators of clients need.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};

use crate::error::Code;

const PREFIX: &str = "#/components/schemas/";

/// Schemas by name.
pub(super) fn shape(declared: Vec<(String, RefOr<Schema>)>) -> BTreeMap<String, Value> {
    let mut schemas: BTreeMap<String, Value> = declared
        .into_iter()
        .filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)))
        .collect();
    for name in schemas.keys().cloned().collect::<Vec<_>>() {
        discriminate(&mut schemas, &name);
    }
    // utoipa names a row by its Rust type, and says of a cell "one of integer, number, ...": 5 would
    // be two of them.
    if let (Some(mut row), Some(cell)) = (schemas.remove("BTreeMap"), schemas.get_mut("Cell")) {
        *cell = json!({
            "description": cell["description"],
            "type": ["number", "string", "boolean", "null"],
        });
        row["description"] = json!("A row: its values by column name.");
        row["additionalProperties"] = json!({"$ref": format!("{PREFIX}Cell")});
        schemas.insert("Row".to_owned(), row);
    }
    // utoipa does not see the names that a macro gives to variants.
    if let Some(code) = schemas.get_mut("Code") {
        code["enum"] = Code::ALL.iter().map(|code| code.as_str()).collect();
    }
    schemas.values_mut().for_each(correct);
    schemas
}

/// Follows the new name of rows, and lets a cell be null once.
fn correct(schema: &mut Value) {
    if schema["$ref"] == format!("{PREFIX}BTreeMap") {
        schema["$ref"] = json!(format!("{PREFIX}Row"));
    }
    if let Some([held, null]) = schema["oneOf"].as_array().map(Vec::as_slice)
        && held["$ref"] == format!("{PREFIX}Cell")
        && null["type"] == "null"
    {
        *schema = held.clone();
    }
    match schema {
        Value::Array(items) => items.iter_mut().for_each(correct),
        Value::Object(fields) => fields.values_mut().for_each(correct),
        _ => {}
    }
}

/// Gives an enum that serde tags its discriminator. utoipa describes a variant as "all of" its
/// struct and an object with the tag, which a struct that allows no further properties can't
/// satisfy: the tag moves into the struct, and a variant without one gets a schema of its own.
fn discriminate(schemas: &mut BTreeMap<String, Value>, name: &str) {
    let Some(variants) = schemas.get(name).and_then(|s| s["oneOf"].as_array()) else { return };
    let Some(variants) = variants.iter().map(Variant::read).collect::<Option<Vec<_>>>() else {
        return;
    };
    let Some(tag) = variants.first().map(|v| v.tag.clone()) else { return };
    let mut mapping = serde_json::Map::new();
    for variant in variants {
        let target = variant.target.unwrap_or_else(|| format!("{name}{}", pascal(&variant.value)));
        let schema = schemas.entry(target.clone()).or_insert_with(|| {
            json!({"type": "object", "description": variant.description,
                "additionalProperties": false})
        });
        schema["properties"][&variant.tag] = json!({"type": "string", "enum": [variant.value]});
        match schema["required"].as_array_mut() {
            Some(required) => required.push(json!(variant.tag)),
            None => schema["required"] = json!([variant.tag]),
        }
        mapping.insert(variant.value, json!(format!("{PREFIX}{target}")));
    }
    if let Some(schema) = schemas.get_mut(name) {
        schema["oneOf"] = mapping.values().map(|target| json!({"$ref": target})).collect();
        schema["discriminator"] = json!({"propertyName": tag, "mapping": mapping});
    }
}

/// A variant as utoipa describes it.
struct Variant {
    tag: String,
    value: String,
    description: String,
    /// Name of the struct that it holds.
    target: Option<String>,
}

impl Variant {
    fn read(schema: &Value) -> Option<Self> {
        let (target, tagged) = match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([held, tagged]) => (Some(held["$ref"].as_str()?.strip_prefix(PREFIX)?), tagged),
            _ => (None, schema),
        };
        let properties = tagged["properties"].as_object().filter(|p| p.len() == 1)?;
        let (tag, of) = properties.iter().next()?;
        let value = of["enum"].as_array()?.first()?.as_str()?;
        Some(Self {
            tag: tag.clone(),
            value: value.to_owned(),
            description: schema["description"].as_str().unwrap_or("No settings.").to_owned(),
            target: target.map(str::to_owned),
        })
    }
}

fn pascal(snake: &str) -> String {
    let words = snake.split('_').filter_map(|word| word.split_at_checked(1));
    words.map(|(first, rest)| format!("{}{rest}", first.to_ascii_uppercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::document;

    fn documented() -> Value {
        serde_json::from_str(&document()).unwrap()
    }

    fn count(value: &Value, target: &str) -> usize {
        match value {
            Value::String(text) => usize::from(text == target),
            Value::Array(items) => items.iter().map(|v| count(v, target)).sum(),
            Value::Object(fields) => fields.values().map(|v| count(v, target)).sum(),
            _ => 0,
        }
    }

    #[test]
    fn a_variant_carries_its_tag_and_is_used_as_nothing_else() {
        let document = documented();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut seen = 0;
        for (name, schema) in schemas {
            let Some(mapping) = schema["discriminator"]["mapping"].as_object() else { continue };
            let tag = schema["discriminator"]["propertyName"].as_str().unwrap();
            for (value, target) in mapping {
                let target = target.as_str().unwrap();
                let variant = &schemas[target.strip_prefix(PREFIX).unwrap()];
                assert_eq!(variant["properties"][tag]["enum"], json!([value]), "{name}");
                assert_eq!(count(&document, target), 2, "{target} stands elsewhere too");
                seen += 1;
            }
        }
        assert!(seen >= 20, "only {seen} variants");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, root: &Value) {
            match value {
                Value::Array(items) => items.iter().for_each(|v| check(v, root)),
                Value::Object(fields) => {
                    if let Some(Value::String(target)) = fields.get("$ref") {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(root.pointer(pointer).is_some(), "{target}");
                    }
                    fields.values().for_each(|v| check(v, root));
                }
                _ => {}
            }
        }
        let document = documented();
        check(&document, &document);
    }
}
