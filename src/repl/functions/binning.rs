//! Columns by what they tell of an outcome.

use serde_json::{Map, json};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::data::rows_in;
use crate::domain::binning::BinningRequest;
use crate::error::{Code, Error, Result};

/// `bin(data, columns=None, target=None, adverse=None, bins=6, least_share=0.05, trend="auto", ...)`.
pub(super) fn bin<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    if arguments.get("target").is_none() {
        let detail = "name the outcome: bin(data, target=\"default\")";
        return Err(Error::new(Code::InvalidRequest, detail));
    }
    let mut request = Map::new();
    for name in ["target", "columns", "adverse", "bins", "least_share", "trend", "trends", "edges"]
    {
        let Some(value) = arguments.json(name)? else { continue };
        // One column stands for a list of one.
        let value = if name == "columns" && value.is_string() { json!([value]) } else { value };
        // So that an error names the argument.
        let mut alone = json!({ "dataset": { "name": "" }, "target": "" });
        alone[name] = value.clone();
        arguments.typed::<BinningRequest>(name, alone)?;
        request.insert(name.to_owned(), value);
    }
    let dataset = rows_in(arguments, context, ("data", "binned"))?;
    let of = json!({ "name": dataset.dataset, "version": dataset.version });
    request.insert("dataset".to_owned(), of);
    let request: BinningRequest = arguments.typed("data", request.into())?;
    let answer = context.wait(context.client().bin_columns(&request))?;
    alloc(Object::Binning(Box::new(answer)), eval)
}
