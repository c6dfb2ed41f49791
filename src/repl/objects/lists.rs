//! Lists and dicts of values as tables.

use serde_json::{Map, Value as Json};
use starlark::values::Value;
use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;

use super::super::table::Table;
use super::cells::{cell_of, table_of_rows};
use super::{Object, dataset, job, object_of, version};

/// A dict of names as a table of its fields.
pub(super) fn pairs(value: Value<'_>) -> Option<Table> {
    let dict = DictRef::from_value(value)?;
    let row = |(key, value): (Value<'_>, Value<'_>)| {
        let cell = cell_of(&value.to_json_value().ok()?);
        Some(vec![key.unpack_str()?.to_owned(), cell])
    };
    let rows: Option<Vec<Vec<String>>> = dict.iter().map(row).collect();
    Some(Table::new(&[("field", false), ("value", false)], rows?))
}

/// A value as JSON, with the objects in its lists and dicts; None where it can't be told so.
pub(super) fn json(value: Value<'_>) -> Option<Json> {
    if let Some(object) = object_of(value) {
        return Some(object.json());
    }
    if let Some(dict) = DictRef::from_value(value) {
        let pair = |(key, value): (Value<'_>, Value<'_>)| {
            Some((key.unpack_str()?.to_owned(), json(value)?))
        };
        return dict.iter().map(pair).collect::<Option<Map<String, Json>>>().map(Json::Object);
    }
    let list = ListRef::from_value(value).map(|list| list.content());
    match list.or_else(|| TupleRef::from_value(value).map(|tuple| tuple.content())) {
        Some(items) => items.iter().map(|item| json(*item)).collect::<Option<_>>().map(Json::Array),
        None => value.to_json_value().ok(),
    }
}

/// A list of objects of one kind, or of dicts, as a table.
pub(super) fn listed(value: Value<'_>) -> Option<Table> {
    let items = ListRef::from_value(value)?.content();
    let first = items.first()?;
    match object_of(*first) {
        Some(_) => {
            let objects: Option<Vec<&Object>> = items.iter().map(|item| object_of(*item)).collect();
            table_of(&objects?)
        }
        None => {
            let rows: Option<Vec<Map<String, Json>>> = items
                .iter()
                .map(|item| {
                    DictRef::from_value(*item)?;
                    match item.to_json_value().ok()? {
                        Json::Object(row) => Some(row),
                        _ => None,
                    }
                })
                .collect();
            let rows = rows?;
            (!rows.iter().all(Map::is_empty)).then(|| table_of_rows(&rows))
        }
    }
}

fn table_of(objects: &[&Object]) -> Option<Table> {
    use std::borrow::Borrow;
    macro_rules! all {
        ($kind:ident, $table:path) => {{
            let found: Option<Vec<_>> = objects
                .iter()
                .map(|object| match object {
                    Object::$kind(value) => Some(value.borrow()),
                    _ => None,
                })
                .collect();
            Some($table(&found?))
        }};
    }
    match objects.first()? {
        Object::Dataset(_) => all!(Dataset, dataset::table),
        Object::Model(_) => all!(Model, version::model_table),
        Object::Version(_) => all!(Version, version::table),
        Object::Job(_) => all!(Job, job::table),
        Object::Activations(_)
        | Object::Advice(_)
        | Object::Analysis(_)
        | Object::Comparison(_)
        | Object::Counterfactuals(_)
        | Object::Explanations(_)
        | Object::Findings(_)
        | Object::Frame(_)
        | Object::Forecasts(_)
        | Object::Groups(_)
        | Object::Lending(_)
        | Object::Investment(_)
        | Object::Move(_)
        | Object::Plot(_)
        | Object::Predictions(_)
        | Object::Reasons(_)
        | Object::ReasonTable(_)
        | Object::Risk(_)
        | Object::RiskBacktest(_)
        | Object::CreditLosses(_)
        | Object::Binning(_)
        | Object::Scorecard(_) => None,
    }
}
