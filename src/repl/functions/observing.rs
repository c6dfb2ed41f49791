//! What layers make of rows.

use serde_json::Value as Json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::model_argument;
use super::models::{reference, resolve};
use super::predicting::rows;
use crate::domain::activation::ActivationRequest;
use crate::domain::prediction::VersionRef;
use crate::error::Result;

/// `activations(model, rows, layers=None, attention=True, version=None)`.
pub(super) fn activations<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let wanted = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let layers = layers(arguments)?;
    let attention = arguments.flag("attention", true)?;
    let rows = rows(arguments, context)?;
    let version = context.wait(resolve(&context.client(), &model, wanted.as_ref()))?;
    let request = ActivationRequest {
        rows: Some(rows.read_by(context, &version)?),
        version: Some(VersionRef::Number(version.version)),
        layers,
        attention,
    };
    let response = context.wait(context.client().observe(&model, &request))?;
    alloc(Object::Activations(response), eval)
}

fn layers(arguments: &Arguments<'_>) -> Result<Vec<String>> {
    match arguments.json("layers")? {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(name)) => Ok(vec![name]),
        Some(names) => arguments.typed("layers", names),
    }
}
