//! Explanations of answers to rows.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::model_argument;
use super::models::{reference, resolve};
use super::predicting::rows;
use crate::domain::explanation::{ExplainedStep, ExplanationRequest};
use crate::domain::prediction::VersionRef;
use crate::error::Result;

/// `explain(model, rows, method="expected_gradients", groups=None, of=None, step=None, target=None,
/// quantile=None, version=None)`.
pub(super) fn explain<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, number) = model_argument(arguments, "model")?;
    let wanted = reference(arguments, "version")?.or(number.map(VersionRef::Number));
    let method = arguments.json("method")?;
    let method = method.map(|method| arguments.typed("method", method)).transpose()?;
    let groups = arguments.json("groups")?;
    let groups = groups.map(|groups| arguments.typed("groups", groups)).transpose()?;
    let step = arguments.number("step", 1..=u64::from(u32::MAX))?;
    let quantile = arguments.json("quantile")?;
    let quantile = quantile.map(|level| arguments.typed("quantile", level)).transpose()?;
    let forecast = ExplainedStep {
        target: arguments.text("target")?.map(str::to_owned),
        step: step.and_then(|step| u32::try_from(step).ok()),
        quantile,
    };
    let rows = rows(arguments, context)?;
    let version = context.wait(resolve(&context.client(), &model, wanted.as_ref()))?;
    let request = ExplanationRequest {
        rows: Some(rows.read_by(context, &version)?),
        version: Some(VersionRef::Number(version.version)),
        method: method.unwrap_or_default(),
        class: arguments.text("of")?.map(str::to_owned),
        groups: groups.unwrap_or_default(),
        forecast: (forecast != ExplainedStep::default()).then_some(forecast),
    };
    let response = context.wait(context.client().explain(&model, &request))?;
    alloc(Object::Explanations(response), eval)
}
