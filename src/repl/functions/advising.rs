//! Advice on what to train.

use serde_json::json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::data::dataset_or_rows;
use crate::domain::advice::{AdviceRequest, Purpose};
use crate::domain::model::Task;
use crate::error::Result;

/// The parameters that the request has by the same name.
const FIELDS: &[&str] = &["purpose", "task", "time", "entity", "horizon", "exclude", "minutes"];

/// `advise(dataset, target=None, purpose=None, ...)`.
pub(super) fn advise<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let mut request = json!({ "target": arguments.text("target")? });
    for name in FIELDS {
        let Some(value) = arguments.json(name)? else { continue };
        let value = match (*name, value) {
            ("exclude", value @ serde_json::Value::String(_)) => json!([value]),
            (_, value) => value,
        };
        match *name {
            "purpose" => arguments.typed::<Purpose>(name, value.clone()).map(|_| ())?,
            "task" => arguments.typed::<Task>(name, value.clone()).map(|_| ())?,
            "exclude" => arguments.typed::<Vec<String>>(name, value.clone()).map(|_| ())?,
            "time" | "entity" => arguments.typed::<String>(name, value.clone()).map(|_| ())?,
            "horizon" => arguments.typed::<u32>(name, value.clone()).map(|_| ())?,
            _ => arguments.typed::<f64>(name, value.clone()).map(|_| ())?,
        }
        request[*name] = value;
    }
    // Last, since it may ask the server.
    // A frame is uploaded under the name of what is asked of it.
    let named = arguments.text("target")?.or(arguments.text("purpose")?).unwrap_or("advice");
    let dataset = dataset_or_rows(arguments, context, named)?;
    request["dataset"] = json!({ "name": dataset.dataset, "version": dataset.version });
    let request: AdviceRequest = arguments.typed("dataset", request)?;
    let advice = context.wait(context.client().advise(&request))?;
    alloc(Object::Advice(Box::new(advice)), eval)
}
