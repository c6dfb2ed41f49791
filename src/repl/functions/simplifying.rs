//! Versions made simpler.

use serde_json::{Value as Json, json};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::model_argument;
use super::models::reference;
use super::training::made;
use crate::domain::network::NetworkSpec;
use crate::domain::prediction::VersionRef;
use crate::domain::simplification::SimplificationSpec;
use crate::error::Result;

/// `prune(model, ...)`.
pub(super) fn prune<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    simplify(arguments, "prune", &["sparsity", "epochs", "learning_rate"], eval)
}

/// `distil(model, ...)`.
pub(super) fn distil<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    simplify(arguments, "distil", &["network", "temperature", "share", "epochs"], eval)
}

/// `quantise(model, ...)`.
pub(super) fn quantise<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    simplify(arguments, "quantise", &[], eval)
}

fn simplify<'v>(
    arguments: &Arguments<'v>,
    kind: &str,
    options: &[&str],
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let version = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let mut method = json!({ "kind": kind });
    for name in options {
        let Some(value) = arguments.json(name)? else { continue };
        let value = match value {
            Json::String(kind) if *name == "network" => json!({ "kind": kind }),
            value => value,
        };
        match *name {
            "network" => arguments.typed::<NetworkSpec>(name, value.clone()).map(|_| ())?,
            "epochs" => arguments.number(name, 0..=u64::from(u32::MAX)).map(|_| ())?,
            _ => arguments.typed::<f64>(name, value.clone()).map(|_| ())?,
        }
        method[*name] = value;
    }
    let spec = SimplificationSpec { version, method: arguments.typed("model", method)? };
    let job = context.change(context.client().simplify(&model, &spec))?;
    made(arguments, context, job, eval)
}
