//! Forecasts of datasets, rows and local files.

use serde_json::Value as Json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc, object_of};
use super::data::{file_of, find};
use super::models::{reference, resolve};
use super::predicting::rows;
use super::{model_argument, name_and_number};
use crate::domain::dataset::DatasetRef;
use crate::domain::forecast::ForecastRequest;
use crate::domain::prediction::VersionRef;
use crate::domain::version::{Metrics, Version};
use crate::error::Result;

/// Coverage of the intervals that are shown where none is named.
const USUAL: f64 = 0.9;

/// `forecast(model, rows, horizon=None, quantiles=None, coverage=None, version=None)`.
pub(super) fn forecast<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let wanted = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let horizon = arguments.number("horizon", 1..=u64::from(u32::MAX))?;
    let quantiles = arguments.json("quantiles")?;
    let quantiles = quantiles.map(|levels| arguments.typed("quantiles", levels)).transpose()?;
    // A dataset of the server stays there.
    let value = arguments.needed("rows")?;
    let dataset = match (object_of(value), value.unpack_str()) {
        (Some(Object::Dataset(dataset)), _) => {
            Some(DatasetRef { name: dataset.dataset.clone(), version: Some(dataset.version) })
        }
        (_, Some(text)) if file_of(text)?.is_none() => {
            let (name, number) = name_and_number(text);
            let dataset = context.wait(find(&context.client(), name, number))?;
            Some(DatasetRef { name: dataset.dataset, version: Some(dataset.version) })
        }
        _ => None,
    };
    let sent = match &dataset {
        Some(_) => None,
        None => Some(rows(arguments, context)?),
    };
    let version = context.wait(resolve(&context.client(), &model, wanted.as_ref()))?;
    let intervals = match arguments.json("coverage")? {
        Some(one @ Json::Number(_)) => Some(arguments.typed("coverage", Json::Array(vec![one]))?),
        Some(several) => Some(arguments.typed("coverage", several)?),
        None => usual(&version),
    };
    let request = ForecastRequest {
        rows: sent.map(|rows| rows.read_by(context, &version)).transpose()?,
        dataset,
        horizon: horizon.and_then(|horizon| u32::try_from(horizon).ok()),
        quantiles,
        coverage: None,
        intervals,
        version: Some(VersionRef::Number(version.version)),
    };
    let response = context.wait(context.client().forecast(&model, &request))?;
    alloc(Object::Forecasts(response), eval)
}

/// The intervals that are shown where none are named, of a version that has them.
fn usual(version: &Version) -> Option<Vec<f64>> {
    let Metrics::Forecast(metrics) = &version.metrics else { return None };
    let is_kept = metrics.intervals.iter().any(|measured| measured.coverage == USUAL);
    is_kept.then(|| vec![USUAL])
}
