//! Explanations of answers to rows.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc};
use super::predicting::AskedRows;
use crate::domain::explanation::{ExplainedStep, ExplanationRequest};
use crate::error::Result;

/// `explain(model, rows, method="expected_gradients", groups=None, of=None, step=None, target=None,
/// quantile=None, version=None)`.
pub(super) fn explain<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
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
    let class = arguments.text("of")?.map(str::to_owned);
    let asked = AskedRows::of(arguments, context)?;
    let request = ExplanationRequest {
        version: asked.number(),
        rows: Some(asked.rows),
        method: method.unwrap_or_default(),
        class,
        groups: groups.unwrap_or_default(),
        forecast: (forecast != ExplainedStep::default()).then_some(forecast),
    };
    let response = context.wait(context.client().explain(&asked.model, &request))?;
    alloc(Object::Explanations(response), eval)
}
