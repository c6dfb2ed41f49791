//! What layers make of rows.

use serde_json::Value as Json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::predicting::AskedRows;
use crate::domain::activation::ActivationRequest;
use crate::error::Result;

/// `activations(model, rows, layers=None, attention=True, version=None)`.
pub(super) fn activations<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let layers = layers(arguments)?;
    let attention = arguments.flag("attention", true)?;
    let asked = AskedRows::of(arguments, context)?;
    let request =
        ActivationRequest { version: asked.number(), rows: Some(asked.rows), layers, attention };
    let response = context.wait(context.client().observe(&asked.model, &request))?;
    alloc(Object::Activations(response), eval)
}

fn layers(arguments: &Arguments<'_>) -> Result<Vec<String>> {
    match arguments.json("layers")? {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(name)) => Ok(vec![name]),
        Some(names) => arguments.typed("layers", names),
    }
}
