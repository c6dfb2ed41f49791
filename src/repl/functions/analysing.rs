//! How a version answers over many rows.

use serde_json::{Value as Json, json};
use starlark::eval::Evaluator;
use starlark::values::Value;
use uuid::Uuid;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc, object_of};
use super::data::{page, rows_in};
use super::model_argument;
use super::models::reference;
use crate::client::outcome;
use crate::domain::analysis::{AnalysisKind, AnalysisRequest, AnalysisSpec, MAX_ANALYSED};
use crate::domain::dataset::DatasetRef;
use crate::domain::job::JobResult;
use crate::domain::name::did_you_mean;
use crate::domain::prediction::VersionRef;
use crate::domain::whole::MAX_SEED;
use crate::error::{Error, Result};

/// `importance(model, data=None, metric=None, repeats=10, groups=None, ...)`.
pub(super) fn importance<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    analyse(arguments, AnalysisKind::Importance, &["metric", "repeats", "groups"], eval)
}

/// `dependence(model, columns=None, data=None, pairs=None, of=None, points=20, ...)`.
pub(super) fn dependence<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let options = ["columns", "pairs", "of", "points", "lines", "centred"];
    analyse(arguments, AnalysisKind::Dependence, &options, eval)
}

/// `surrogate(model, data=None, of=None, depth=4, leaf=50, penalty=1.0, ...)`.
pub(super) fn surrogate<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    analyse(arguments, AnalysisKind::Surrogate, &["of", "depth", "leaf", "penalty"], eval)
}

/// `units(model, data=None, layers=None, strongest=10, ...)`.
pub(super) fn units<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    analyse(arguments, AnalysisKind::Activations, &["layers", "strongest"], eval)
}

/// `fairness(model, column, data=None, bins=None, reference=None, favourable=None, threshold=None,
/// least_rows=30, ...)`.
pub(super) fn fairness<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let options = ["column", "bins", "reference", "favourable", "threshold", "least_rows"];
    analyse(arguments, AnalysisKind::Fairness, &options, eval)
}

/// `rolling_origin(model, data=None, origins=12, step=None, training="expanding", ...)`.
pub(super) fn rolling_origin<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let options = ["origins", "step", "training", "training_rows", "refit_every", "validation"];
    analyse(arguments, AnalysisKind::RollingOrigin, &options, eval)
}

/// Asks for an analysis with these of its fields, and waits for what it finds.
fn analyse<'v>(
    arguments: &Arguments<'v>,
    kind: AnalysisKind,
    options: &[&str],
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let version = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let mut analysis = json!({ "kind": kind.as_str() });
    for name in options {
        let Some(value) = arguments.json(name)? else { continue };
        let (field, value) = match (*name, value) {
            ("columns", Json::String(column)) => ("columns", json!([column])),
            ("layers", Json::String(layer)) => ("layers", json!([layer])),
            // A class is a text, also where it looks like a number.
            ("of", value @ (Json::Number(_) | Json::Bool(_))) => {
                ("class", value.to_string().into())
            }
            ("of", value) => ("class", value),
            (name @ ("reference" | "favourable"), value @ (Json::Number(_) | Json::Bool(_))) => {
                (name, value.to_string().into())
            }
            (name, value) => (name, value),
        };
        let mut alone = match kind {
            AnalysisKind::Dependence => json!({ "kind": kind.as_str(), "columns": [] }),
            AnalysisKind::Fairness => json!({ "kind": kind.as_str(), "column": "" }),
            _ => json!({ "kind": kind.as_str() }),
        };
        alone[field] = value.clone();
        // So that an error names the argument.
        arguments.typed::<AnalysisSpec>(name, alone)?;
        analysis[field] = value;
    }
    // Origins roll over all rows.
    let rows = match kind {
        AnalysisKind::RollingOrigin => None,
        _ => arguments.number("rows", 2..=MAX_ANALYSED.into())?,
    };
    let mut request = json!({ "analysis": analysis });
    if let Some(rows) = rows {
        request["rows"] = rows.into();
    }
    if let Some(seed) = arguments.number("seed", 0..=MAX_SEED)? {
        request["seed"] = seed.into();
    }
    let mut request: AnalysisRequest = arguments.typed("model", request)?;
    request.version = version;
    // Last, since it may ask the server.
    if arguments.get("data").is_some() {
        let dataset = rows_in(arguments, context, ("data", &model))?;
        let version = Some(dataset.version);
        request.dataset = Some(DatasetRef { name: dataset.dataset, version });
    }
    let job = context.change(context.client().analyse(&model, &request))?;
    if arguments.flag("detach", false)? {
        return alloc(Object::Job(Box::new(job)), eval);
    }
    match outcome(context.follow(&job)?)? {
        JobResult::Analysis(made) => {
            let found = context.wait(context.client().get_analysis(&made.model, made.id))?;
            alloc(Object::Analysis(Box::new(found)), eval)
        }
        _ => Err(Error::internal("analysing", "the job made something else")),
    }
}

/// `analyses(model, kind=None, limit=20)`.
pub(super) fn analyses<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, _) = model_argument(arguments, "model")?;
    let kind = match arguments.text("kind")? {
        None => None,
        Some(text) => Some(AnalysisKind::parse(text).ok_or_else(|| {
            let known = || AnalysisKind::ALL.iter().map(|kind| kind.as_str());
            let near = did_you_mean(text, known());
            let known: Vec<&str> = known().collect();
            arguments.wrong("kind", &format!("must be one of {}{near}", known.join(", ")))
        })?),
    };
    let query = page(arguments, 20)?;
    let found = context.wait(context.client().list_analyses(&model, kind, &query))?.items;
    let rows = found.iter().map(|found| {
        json!({
            "kind": found.kind,
            "version": found.version,
            "dataset": format!("{} {}", found.dataset, found.dataset_version),
            "rows": found.rows,
            "created": found.created_at.format("%Y-%m-%d %H:%M").to_string(),
            "id": found.id,
        })
    });
    Ok(eval.heap().alloc(Json::Array(rows.collect())))
}

/// `analysis(model, id)`.
pub(super) fn analysis<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, _) = model_argument(arguments, "model")?;
    let value = arguments.needed("id")?;
    let id: Option<Uuid> = match object_of(value) {
        Some(Object::Analysis(analysis)) => Some(analysis.id),
        _ => value.unpack_str().and_then(|text| text.parse().ok()),
    };
    let id = id.ok_or_else(|| arguments.unlike("id", "the id of an analysis", value))?;
    let found = context.wait(context.client().get_analysis(&model, id))?;
    alloc(Object::Analysis(Box::new(found)), eval)
}
