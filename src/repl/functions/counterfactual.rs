//! The smallest changes of rows that lead to another answer.

use serde_json::json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Counterfactuals, Object, alloc};
use super::predicting::AskedRows;
use crate::domain::counterfactual::{
    CounterfactualGoal, CounterfactualRequest, MAX_ALTERNATIVES, MAX_CHANGES,
};
use crate::error::Result;

/// `counterfactual(model, rows, change, of=None, at_least=None, below=None, max_changes=3,
/// alternatives=3, version=None)`.
pub(super) fn counterfactual<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    // A list of names stands for columns that may change as far as training rows go.
    let change = match arguments.json("change")?.unwrap_or_default() {
        serde_json::Value::Array(names) => {
            let names = names.iter().filter_map(|name| name.as_str());
            names.map(|name| (name.to_owned(), json!({}))).collect()
        }
        change => change,
    };
    let bound = |name| -> Result<Option<f64>> {
        let bound = arguments.json(name)?;
        bound.map(|bound| arguments.typed(name, bound)).transpose()
    };
    let goal = CounterfactualGoal {
        class: arguments.text("of")?.map(str::to_owned),
        at_least: bound("at_least")?,
        below: bound("below")?,
    };
    let count = |name, most| -> Result<u32> {
        let count = arguments.number(name, 1..=u64::from(most))?;
        Ok(count.and_then(|count| u32::try_from(count).ok()).unwrap_or(3))
    };
    let change = arguments.typed("change", change)?;
    let max_changes = count("max_changes", MAX_CHANGES)?;
    let alternatives = count("alternatives", MAX_ALTERNATIVES)?;
    let asked = AskedRows::of(arguments, context)?;
    let request = CounterfactualRequest {
        version: asked.number(),
        rows: Some(asked.rows),
        change,
        goal,
        max_changes,
        alternatives,
    };
    let response = context.wait(context.client().counterfactuals(&asked.model, &request))?;
    let positive_class = asked.version.signature.positive_class;
    alloc(Object::Counterfactuals(Counterfactuals { response, positive_class }), eval)
}
