//! What layers make of rows, and how decisions fall on groups.

use serde_json::{Value as Json, json};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{Object, alloc, object_of};
use super::models::{reference, resolve};
use super::predicting::rows;
use super::{model_argument, name_and_number};
use crate::client::outcome;
use crate::domain::activation::ActivationRequest;
use crate::domain::analysis::{
    ActivationsSpec, Analysis, AnalysisRequest, AnalysisResult, AnalysisSpec, FairnessSpec,
};
use crate::domain::dataset::DatasetRef;
use crate::domain::job::{Job, JobResult};
use crate::domain::prediction::VersionRef;
use crate::error::{Error, Result};

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

/// `units(model, data=None, layers=None, strongest=10, rows=10000, seed=0, version=None,
/// detach=False)`.
pub(super) fn units<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let strongest = arguments.number("strongest", 0..=100)?.unwrap_or(10);
    let spec = ActivationsSpec {
        layers: layers(arguments)?,
        strongest: u32::try_from(strongest).unwrap_or(10),
    };
    analysed(arguments, AnalysisSpec::Activations(spec), eval)
}

/// `fairness(model, column, data=None, bins=None, reference=None, favourable=None, threshold=None,
/// least_rows=30, rows=10000, seed=0, version=None, detach=False)`.
pub(super) fn fairness<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let column = arguments.text("column")?;
    let column = column.ok_or_else(|| arguments.wrong("column", "is missing"))?;
    let mut spec = json!({ "column": column });
    for name in ["bins", "reference", "favourable", "threshold", "least_rows"] {
        let Some(value) = arguments.json(name)?.filter(|value| !value.is_null()) else { continue };
        // Each by itself, so that what is wrong has its name.
        let mut alone = json!({ "column": column });
        alone[name] = value.clone();
        arguments.typed::<FairnessSpec>(name, alone)?;
        spec[name] = value;
    }
    let spec = arguments.typed("column", spec)?;
    analysed(arguments, AnalysisSpec::Fairness(spec), eval)
}

fn layers(arguments: &Arguments<'_>) -> Result<Vec<String>> {
    match arguments.json("layers")? {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(name)) => Ok(vec![name]),
        Some(names) => arguments.typed("layers", names),
    }
}

/// Carries an analysis out, and waits for it unless it is detached.
fn analysed<'v>(
    arguments: &Arguments<'v>,
    analysis: AnalysisSpec,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    const MOST: u64 = crate::domain::analysis::MAX_ANALYSED as u64;
    const LARGEST: u64 = (1 << 53) - 1;
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let rows = arguments.number("rows", 2..=MOST)?;
    let request = AnalysisRequest {
        version: reference(arguments, "version")?.or(number.map(VersionRef::Number)),
        dataset: dataset(arguments)?,
        rows: rows.and_then(|rows| u32::try_from(rows).ok()).unwrap_or(10_000),
        seed: arguments.number("seed", 0..=LARGEST)?.unwrap_or(0),
        analysis,
    };
    let job = context.change(context.client().analyse(&model, &request))?;
    if arguments.flag("detach", false)? {
        return alloc(Object::Job(Box::new(job)), eval);
    }
    let ended = context.follow(&job)?;
    alloc(result_of(context, ended)?, eval)
}

/// What a job that analysed has found.
///
/// # Errors
/// Why it failed.
pub(super) fn result_of(context: &Context, ended: Job) -> Result<Object> {
    match outcome(ended.clone())? {
        JobResult::Analysis(made) => {
            let analysis: Analysis =
                context.wait(context.client().get_analysis(&made.model, made.id))?;
            Ok(match analysis.result {
                AnalysisResult::Fairness(_) => Object::Fairness(Box::new(analysis)),
                AnalysisResult::Activations(_) => Object::Units(Box::new(analysis)),
                AnalysisResult::Importance(_) => Object::Job(Box::new(ended)),
            })
        }
        _ => Err(Error::internal("analysing", "the job made something else")),
    }
}

/// The dataset whose rows are looked at; None for the version's own test rows.
fn dataset(arguments: &Arguments<'_>) -> Result<Option<DatasetRef>> {
    let Some(value) = arguments.get("data") else { return Ok(None) };
    match (object_of(value), value.unpack_str()) {
        (Some(Object::Dataset(dataset)), _) => {
            let (name, version) = (dataset.dataset.clone(), Some(dataset.version));
            Ok(Some(DatasetRef { name, version }))
        }
        (_, Some(text)) => {
            let (name, version) = name_and_number(text);
            Ok(Some(DatasetRef { name: name.to_owned(), version }))
        }
        _ => Err(arguments.unlike("data", "a dataset or its name", value)),
    }
}
