//! Versions made simpler.

use serde_json::{Value as Json, json};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::model_of;
use super::models::reference;
use super::training::trained;
use crate::domain::network::NetworkSpec;
use crate::domain::prediction::VersionRef;
use crate::domain::simplification::{SimplificationMethod, SimplificationSpec};
use crate::error::Result;

/// The parameters that belong to a method, and those of each.
const OPTIONS: &[(&str, &[&str])] = &[
    ("prune", &["sparsity", "epochs", "learning_rate"]),
    ("distil", &["network", "temperature", "share", "epochs"]),
    ("quantise", &[]),
];

/// `simplify(model, by, version=None, ...)`.
pub(super) fn simplify<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_of(arguments, "model")?;
    let version = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let method = method(arguments)?;
    let wait = arguments.flag("wait", true)?;
    let spec = SimplificationSpec { version, method };
    let job = context.change(context.client.simplify(&model, &spec))?;
    if !wait {
        return alloc(Object::Job(Box::new(job)), eval);
    }
    let ended = context.follow(&job)?;
    let trained = trained(context, ended)?;
    alloc(Object::Version(Box::new(trained)), eval)
}

fn method(arguments: &Arguments<'_>) -> Result<SimplificationMethod> {
    let by = arguments.text("by")?.unwrap_or_default();
    let kinds = OPTIONS.iter().map(|(kind, _)| *kind);
    let Some((_, known)) = OPTIONS.iter().find(|(kind, _)| *kind == by) else {
        let kinds: Vec<String> = kinds.map(|kind| format!("'{kind}'")).collect();
        return Err(arguments.wrong("by", &format!("must be one of {}", kinds.join(", "))));
    };
    let mut method = json!({ "kind": by });
    let options = OPTIONS.iter().flat_map(|(_, options)| options.iter());
    for name in options {
        let Some(value) = arguments.json(name)? else { continue };
        if !known.contains(name) {
            let knowing = OPTIONS.iter().filter(|(_, options)| options.contains(name));
            let kinds: Vec<String> = knowing.map(|(kind, _)| format!("'{kind}'")).collect();
            let problem = format!("belongs to by={}, not to '{by}'", kinds.join(" or "));
            return Err(arguments.wrong(name, &problem));
        }
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
    arguments.typed("by", method)
}
