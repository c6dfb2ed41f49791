//! Scorecards as tables of points.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Lending, Object, alloc, object_of};
use super::model_argument;
use super::models::{reference, resolve};
use crate::domain::policy::PointsScale;
use crate::domain::prediction::VersionRef;
use crate::domain::scorecard::ScorecardQuery;
use crate::error::Result;

/// `scorecard(model, points=600, points_to_double=20, odds=50, rounded=True, adverse=None, version=None)`.
pub(super) fn scorecard<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let policy = arguments.get("model").and_then(object_of).and_then(|object| match object {
        Object::Lending(lending) => match lending.as_ref() {
            Lending::Policy(policy) => Some(&policy.terms),
            _ => None,
        },
        _ => None,
    });
    // A policy has a scale and an adverse class of its own.
    let (model, number, plain) = match policy {
        Some(terms) => {
            let PointsScale { points, points_to_double, odds } = terms.scale;
            let plain = ScorecardQuery {
                points,
                points_to_double,
                odds,
                adverse: terms.adverse.clone(),
                ..ScorecardQuery::default()
            };
            (terms.model.clone(), terms.version.clone(), plain)
        }
        None => {
            let (model, number) = model_argument(arguments, "model")?;
            (model, number.map(VersionRef::Number), ScorecardQuery::default())
        }
    };
    let wanted = reference(arguments, "version")?.or(number);
    let number = |name: &str| -> Result<Option<f64>> {
        arguments.json(name)?.map(|value| arguments.typed(name, value)).transpose()
    };
    let rounded = arguments.json("rounded")?;
    let rounded = rounded.map(|value| arguments.typed("rounded", value)).transpose()?;
    let query = ScorecardQuery {
        points: number("points")?.unwrap_or(plain.points),
        points_to_double: number("points_to_double")?.unwrap_or(plain.points_to_double),
        odds: number("odds")?.unwrap_or(plain.odds),
        rounded: rounded.unwrap_or(plain.rounded),
        adverse: arguments.text("adverse")?.map(str::to_owned).or(plain.adverse),
    };
    let version = context.wait(resolve(&context.client(), &model, wanted.as_ref()))?;
    let client = context.client();
    let card = context.wait(client.get_scorecard(&model, version.version, &query))?;
    alloc(Object::Scorecard(Box::new(card)), eval)
}
