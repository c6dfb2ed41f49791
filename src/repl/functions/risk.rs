//! What portfolios and books of loans may lose.

use serde_json::{Map, Value as Json, json};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{Object, alloc, object_of};
use super::data::rows_in;
use super::model_of;
use crate::domain::dataset::DatasetVersion;
use crate::domain::risk::backtest::RiskBacktestRequest;
use crate::domain::risk::credit::CreditLossRequest;
use crate::domain::risk::{RiskNetwork, RiskRequest};
use crate::domain::whole::MAX_SEED;
use crate::error::Result;

/// Arguments of where prices stand, and the fields that they are.
const OF_PRICES: &[(&str, &str)] = &[
    ("time", "time"),
    ("asset", "asset"),
    ("price", "price"),
    ("assets", "assets"),
    ("start", "from"),
    ("end", "to"),
    ("missing", "missing"),
    ("values", "values"),
];
const OF_SETTINGS: &[&str] = &["decay", "filter", "seed"];

/// `risk(prices, weights=None, levels=None, horizon=1, methods=None, ...)`.
pub(super) fn risk<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let mut request = portfolio(arguments)?;
    let holdings = some(arguments, &["weights", "positions", "value"])?;
    let stress = some(arguments, &["windows", "worst", "scenarios", "groups"])?;
    for (name, value) in [("holdings", holdings), ("stress", stress)] {
        if !value.is_empty() {
            request.insert(name.to_owned(), value.into());
        }
    }
    put(arguments, &mut request, &["levels", "horizon", "window"])?;
    put_network(arguments, &mut request)?;
    let request: RiskRequest = whole(arguments, context, request)?;
    let answer = context.wait(context.client().assess_risk(&request))?;
    alloc(Object::Risk(Box::new(answer)), eval)
}

/// `backtest_risk(prices, weights=None, level=0.99, methods=None, window=500, network=None, ...)`.
pub(super) fn backtest_risk<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let mut request = portfolio(arguments)?;
    put(arguments, &mut request, &["weights", "level", "window", "refit_every"])?;
    if let Some(first) = arguments.json("first")? {
        request.insert("start".to_owned(), first);
    }
    put_network(arguments, &mut request)?;
    request.insert("series".to_owned(), true.into());
    let request: RiskBacktestRequest = whole(arguments, context, request)?;
    let answer = context.wait(context.client().backtest_risk(&request))?;
    alloc(Object::RiskBacktest(Box::new(answer)), eval)
}

/// `credit_losses(loans, correlation, exposure=None, default_probability=None, model=None, ...)`.
pub(super) fn credit_losses<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let mut request = Map::new();
    arguments.number("seed", 0..=MAX_SEED)?;
    let names = ["correlation", "loss_given_default", "levels", "simulations", "seed"];
    put(arguments, &mut request, &names)?;
    let columns = ["exposure", "default_probability", "name"];
    let mut book = some(arguments, &columns)?;
    // A text names the column, a number is the same for all loans.
    for name in ["correlation", "loss_given_default"] {
        if request.get(name).is_some_and(Json::is_string)
            && let Some(column) = request.remove(name)
        {
            book.insert(name.to_owned(), column);
            if name == "correlation" {
                request.insert(name.to_owned(), json!(0.0));
            }
        }
    }
    if let Some(model) = arguments.get("model") {
        let (name, number) = model_of(arguments, "model", model)?;
        let version = arguments.json("version")?.or(number.map(Json::from));
        let mut model = Map::from_iter([("name".to_owned(), name.into())]);
        model.extend(version.map(|version| ("version".to_owned(), version)));
        model.extend(arguments.json("of")?.map(|class| ("class".to_owned(), class)));
        book.insert("model".to_owned(), model.into());
    }
    let loans = arguments.needed("loans")?;
    let is_list = object_of(loans).is_none() && loans.unpack_str().is_none();
    if is_list {
        if !book.is_empty() {
            let problem = "each loan of a list says itself what columns and a model would";
            return Err(arguments.wrong("loans", problem));
        }
        put_as(arguments, &mut request, "loans", "exposures")?;
    } else {
        let dataset = rows_in(arguments, context, ("loans", "loans"))?;
        book.insert("dataset".to_owned(), reference(&dataset));
        request.insert("book".to_owned(), book.into());
    }
    let request: CreditLossRequest = arguments.typed("loans", request.into())?;
    let answer = context.wait(context.client().credit_losses(&request))?;
    alloc(Object::CreditLosses(Box::new(answer)), eval)
}

/// The model that is asked beside the methods.
fn put_network(arguments: &Arguments<'_>, request: &mut Map<String, Json>) -> Result<()> {
    let Some(network) = arguments.json("network")? else { return Ok(()) };
    arguments.typed::<RiskNetwork>("network", network.clone())?;
    request.insert("network".to_owned(), network);
    Ok(())
}

/// What requests of portfolios have in common, but the dataset.
fn portfolio(arguments: &Arguments<'_>) -> Result<Map<String, Json>> {
    let mut prices = Map::new();
    for (argument, field) in OF_PRICES {
        put_as(arguments, &mut prices, argument, field)?;
    }
    let mut request = Map::from_iter([("prices".to_owned(), prices.into())]);
    put(arguments, &mut request, &["methods"])?;
    arguments.number("seed", 0..=MAX_SEED)?;
    let settings = some(arguments, OF_SETTINGS)?;
    if !settings.is_empty() {
        request.insert("settings".to_owned(), settings.into());
    }
    Ok(request)
}

/// The request with its dataset, which is asked for last, since that may ask the server.
fn whole<T: serde::de::DeserializeOwned>(
    arguments: &Arguments<'_>,
    context: &Context,
    mut request: Map<String, Json>,
) -> Result<T> {
    let dataset = rows_in(arguments, context, ("prices", "prices"))?;
    request["prices"]["dataset"] = reference(&dataset);
    arguments.typed("prices", request.into())
}

fn reference(dataset: &DatasetVersion) -> Json {
    json!({ "name": dataset.dataset, "version": dataset.version })
}

/// Arguments that were given, by their names.
fn some(arguments: &Arguments<'_>, names: &[&str]) -> Result<Map<String, Json>> {
    let mut fields = Map::new();
    put(arguments, &mut fields, names)?;
    Ok(fields)
}

fn put(arguments: &Arguments<'_>, fields: &mut Map<String, Json>, names: &[&str]) -> Result<()> {
    names.iter().try_for_each(|name| put_as(arguments, fields, name, name))
}

/// One text or number stands for a list of one where a list is meant.
fn put_as(
    arguments: &Arguments<'_>,
    fields: &mut Map<String, Json>,
    argument: &str,
    field: &str,
) -> Result<()> {
    let Some(value) = arguments.json(argument)? else { return Ok(()) };
    let value = match (argument, value) {
        ("levels" | "methods" | "assets", value @ (Json::String(_) | Json::Number(_))) => {
            json!([value])
        }
        (_, value) => value,
    };
    fields.insert(field.to_owned(), value);
    Ok(())
}
