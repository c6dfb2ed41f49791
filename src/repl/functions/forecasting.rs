//! Forecasts of datasets, rows and local files.

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
use crate::error::Result;

/// `forecast(model, rows, horizon=None, quantiles=None, version=None)`.
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
    let request = ForecastRequest {
        rows: sent.map(|rows| rows.read_by(context, &version)).transpose()?,
        dataset,
        horizon: horizon.and_then(|horizon| u32::try_from(horizon).ok()),
        quantiles,
        version: Some(VersionRef::Number(version.version)),
    };
    let response = context.wait(context.client().forecast(&model, &request))?;
    alloc(Object::Forecasts(response), eval)
}
