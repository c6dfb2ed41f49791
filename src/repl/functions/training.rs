//! Training: every field of the specification by its own name, with short forms for the usual.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{Object, Trained, alloc, object_of};
use super::data::{dataset_or_rows, valid_name};
use super::models::with_champion;
use crate::client::outcome;
use crate::domain::calibration::CalibrationSpec;
use crate::domain::job::{Job, JobResult};
use crate::domain::model::Task;
use crate::domain::monotone::Direction;
use crate::domain::name::check_name;
use crate::domain::network::NetworkSpec;
use crate::domain::optimiser::{OptimiserSpec, ScheduleSpec};
use crate::domain::search::SearchSpec;
use crate::domain::start::StartSpec;
use crate::domain::threshold::ThresholdSpec;
use crate::domain::training::{
    AugmentationSpec, ClassWeights, DivergenceRule, EnsembleSpec, LossSpec, Monitor, PartsSpec,
    Precision, PreprocessingSpec, TrainingSpec,
};
use crate::domain::whole::MAX_SEED;
use crate::domain::window::WindowSpec;
use crate::error::{Context as _, Error, Result};

/// `train(dataset, target, ...)`.
pub(super) fn train<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    fit(arguments, base(arguments)?, eval)
}

/// `search(dataset, target, minutes=None, ...)`.
pub(super) fn search<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let mut base = base(arguments)?;
    let mut asked = json!({});
    for name in ["minutes", "trials", "space"] {
        if let Some(value) = arguments.json(name)? {
            asked[name] = value;
        }
    }
    arguments.typed::<SearchSpec>("space", asked.clone())?;
    base["search"] = asked;
    fit(arguments, base, eval)
}

/// Trains what the arguments ask for, each of which changes the specification `base`.
fn fit<'v>(
    arguments: &Arguments<'v>,
    base: Json,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let of_base = base.get("target").and_then(Json::as_str);
    let target = arguments.text("target")?.or(of_base).ok_or_else(|| {
        arguments.wrong("target", "is missing: the column to predict, as spec names none")
    })?;
    let model = match arguments.text("model")? {
        Some(model) => model.to_owned(),
        None => valid_name(target),
    };
    check_name("model", &model)?;
    let spec = specification(arguments, context, base.clone(), (target, &model))?;
    let job = context.change(context.client().train(&model, &spec))?;
    made(arguments, context, job, eval)
}

/// What a job makes, once it has made it, or the job where it is detached.
pub(super) fn made<'v>(
    arguments: &Arguments<'v>,
    context: &Context,
    job: Job,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    if arguments.flag("detach", false)? {
        return alloc(Object::Job(Box::new(job)), eval);
    }
    let ended = context.follow(&job)?;
    let trained = trained(context, ended)?;
    alloc(Object::Version(Box::new(trained)), eval)
}

/// The version that a training job made, beside the champion.
///
/// # Errors
/// Why it failed.
pub(super) fn trained(context: &Context, job: Job) -> Result<Trained> {
    match outcome(job)? {
        JobResult::ModelVersion(made) => context.wait(async {
            let version = context.client().get_version(&made.model, made.version).await?;
            with_champion(&context.client(), version).await
        }),
        _ => Err(Error::internal("training", "the job made something else")),
    }
}

fn specification(
    arguments: &Arguments<'_>,
    context: &Context,
    base: Json,
    (target, model): (&str, &str),
) -> Result<TrainingSpec> {
    let mut spec = base;
    spec["target"] = target.into();
    for name in FIELDS {
        if let Some(value) = arguments.json(name)? {
            let value = long_form(name, value);
            if value.is_null() {
                spec.as_object_mut().map(|fields| fields.shift_remove(*name));
                continue;
            }
            check(arguments, name, &value)?;
            spec[*name] = value;
        }
    }
    let says = spec.get("device").and_then(Json::as_str).is_some_and(|device| device != "auto");
    if let Some(device) = &*context.device.borrow()
        && !says
        && arguments.get("device").is_none()
    {
        spec["device"] = device.clone().into();
    }
    // Last, since it may ask the server.
    let dataset = dataset_or_rows(arguments, context, model)?;
    spec["dataset"] = json!({ "name": dataset.dataset, "version": dataset.version });
    arguments.typed("dataset", spec)
}

/// The specification that the others change: that of an advice, or a dict.
fn base(arguments: &Arguments<'_>) -> Result<Json> {
    let Some(value) = arguments.get("spec") else { return Ok(json!({})) };
    let spec = match object_of(value) {
        Some(Object::Advice(advice)) => {
            serde_json::to_value(&advice.spec).context("reading a specification")?
        }
        Some(_) => return Err(arguments.unlike("spec", "an advice or a dict", value)),
        None => arguments.json("spec")?.unwrap_or_default(),
    };
    if !spec.is_object() {
        return Err(arguments.unlike("spec", "an advice or a dict", value));
    }
    arguments.typed::<TrainingSpec>("spec", spec.clone())?;
    Ok(spec)
}

/// The fields of the specification that stand for themselves.
const FIELDS: &[&str] = &[
    "features",
    "exclude",
    "task",
    "positive_class",
    "monotone",
    "network",
    "optimiser",
    "schedule",
    "gradient_clip",
    "average",
    "loss",
    "monitor",
    "divergence",
    "ensemble",
    "baselines",
    "refit",
    "accumulation",
    "epochs",
    "batch_size",
    "seed",
    "device",
    "precision",
    "parts",
    "window",
    "patience",
    "class_weights",
    "preprocessing",
    "augmentation",
    "calibration",
    "threshold",
    "search",
    "start",
];

/// What a short form stands for; null for what is to be left out.
fn long_form(name: &str, value: Json) -> Json {
    match (name, value) {
        ("network" | "optimiser" | "schedule", Json::String(kind)) => json!({ "kind": kind }),
        ("parts" | "class_weights" | "threshold", Json::String(by)) => json!({ "by": by }),
        ("class_weights", Json::Object(weights)) if !weights.contains_key("by") => {
            json!({ "by": "given", "weights": weights })
        }
        ("loss", value @ Json::Number(_)) => json!({ "label_smoothing": value }),
        ("ensemble", value @ Json::Number(_)) => json!({ "folds": value }),
        ("window", Json::String(time)) => json!({ "time": time }),
        ("threshold", value @ Json::Number(_)) => json!({ "by": "value", "value": value }),
        ("search", Json::Bool(true)) => json!({}),
        // As of a version that was searched for, whose specification is taken.
        ("search", Json::Bool(false)) => Json::Null,
        ("search", value @ Json::Number(_)) => json!({ "minutes": value }),
        ("start", Json::String(job)) => json!({ "job": job }),
        ("preprocessing", Json::String(scaling)) => json!({ "scaling": scaling }),
        ("features" | "exclude", value @ Json::String(_)) => json!([value]),
        // A class is a text, also where it looks like a number.
        ("positive_class", value @ (Json::Number(_) | Json::Bool(_))) => value.to_string().into(),
        (_, value) => value,
    }
}

/// Whether a field has the type of its name, so that an error can say which one has not.
fn check(arguments: &Arguments<'_>, name: &str, value: &Json) -> Result<()> {
    macro_rules! is {
        ($type:ty) => {
            arguments.typed::<$type>(name, value.clone()).map(|_| ())
        };
    }
    match name {
        "features" | "exclude" => is!(Vec<String>),
        "task" => is!(Task),
        "positive_class" | "device" => is!(String),
        "monotone" => is!(BTreeMap<String, Direction>),
        "network" => is!(NetworkSpec),
        "optimiser" => is!(OptimiserSpec),
        "schedule" => is!(ScheduleSpec),
        "gradient_clip" | "average" => is!(f64),
        "loss" => is!(LossSpec),
        "monitor" => is!(Monitor),
        "divergence" => is!(DivergenceRule),
        "ensemble" => is!(EnsembleSpec),
        "baselines" | "refit" => is!(bool),
        "epochs" | "batch_size" | "patience" | "accumulation" => {
            arguments.number(name, 0..=u64::from(u32::MAX)).map(|_| ())
        }
        "seed" => arguments.number(name, 0..=MAX_SEED).map(|_| ()),
        "precision" => is!(Precision),
        "parts" => is!(PartsSpec),
        "window" => is!(WindowSpec),
        "class_weights" => is!(ClassWeights),
        "preprocessing" => is!(PreprocessingSpec),
        "augmentation" => is!(AugmentationSpec),
        "calibration" => is!(CalibrationSpec),
        "threshold" => is!(ThresholdSpec),
        "search" => is!(SearchSpec),
        "start" => is!(StartSpec),
        other => Err(Error::internal("checking an argument", format!("{other} is unknown"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::catalogue;

    #[test]
    fn every_field_of_the_specification_is_an_argument() {
        let spec: TrainingSpec = serde_json::from_value(json!({
            "dataset": {"name": "d"}, "target": "t", "features": ["a"], "exclude": ["b"],
            "task": "binary", "positive_class": "1", "monotone": {"a": "decreasing"}, "epochs": 1, "batch_size": 1, "patience": 1,
            "augmentation": {}, "refit": true, "search": {},
            "start": {"job": "0190f5a2-4b7c-7def-8a12-3c4d5e6f7081"},
            "network": {"kind": "mlp"}, "optimiser": {"kind": "adamw"}, "average": 0.9,
            "schedule": {"kind": "constant"}, "gradient_clip": 1.0, "ensemble": {"folds": 2},
            "window": {"time": "t"}, "parts": {"by": "random"},
        }))
        .unwrap();
        let written = serde_json::to_value(&spec).unwrap();
        let train = catalogue::find("train").unwrap();
        for field in written.as_object().unwrap().keys() {
            let is_named = ["dataset", "target"].contains(&field.as_str());
            assert!(is_named || FIELDS.contains(&field.as_str()), "{field}");
            assert!(train.parameters.iter().any(|p| p.name == field), "{field}");
        }
        assert_eq!(written.as_object().unwrap().len(), FIELDS.len() + 2);
    }

    #[test]
    fn a_short_form_is_a_specification() {
        let long = |name, value| long_form(name, value);
        assert_eq!(long("network", json!("linear")), json!({"kind": "linear"}));
        assert_eq!(
            long("class_weights", json!({"1": 5.0})),
            json!({"by": "given", "weights": {"1": 5.0}})
        );
        assert_eq!(long("network", json!("text_cnn")), json!({"kind": "text_cnn"}));
        assert_eq!(long("threshold", json!(0.2)), json!({"by": "value", "value": 0.2}));
        assert_eq!(long("threshold", json!("f1")), json!({"by": "f1"}));
        assert_eq!(long("features", json!("age")), json!(["age"]));
        assert_eq!(long("positive_class", json!(1)), json!("1"));
        assert_eq!(long("epochs", json!(3)), json!(3));
        assert_eq!(long("search", json!(5)), json!({"minutes": 5}));
        assert_eq!(long("search", json!(true)), json!({}));
        assert_eq!(long("search", json!(false)), Json::Null);
        let given = json!({"trials": 9});
        assert_eq!(long("search", given.clone()), given);
    }
}
