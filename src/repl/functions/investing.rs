//! Portfolios, backtests and frontiers of prices.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{Investment, Object, alloc, object_of};
use super::data::find;
use super::name_and_number;
use crate::domain::dataset::DatasetRef;
use crate::domain::investment::{
    BacktestRequest, Estimates, FrontierRequest, InvestorProfile, PortfolioGoal, PortfolioRequest,
    StrategySpec, ViewsSpec,
};
use crate::domain::prices::{MissingPrices, PriceValues, PricesRequest, ReturnKind};
use crate::domain::whole::MAX_SEED;
use crate::error::Result;

/// `invest(prices, objective="min_variance", profile=None, ...)`.
pub(super) fn invest<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let resamples = arguments.number("resamples", 0..=1_000)?.map_or(100, |count| count as u32);
    let block = arguments.number("block", 1..=10_000)?.map(|block| block as u32);
    let request = PortfolioRequest {
        prices: prices(arguments, context)?,
        profile: profile(arguments)?,
        goal: goal(arguments)?,
        estimates: estimates(arguments)?,
        views: views(arguments)?,
        resamples,
        block,
        seed: arguments.number("seed", 0..=MAX_SEED)?.unwrap_or(0),
    };
    let answer = context.wait(context.client().advise_portfolio(&request))?;
    alloc(Object::Investment(Investment::Portfolio(Box::new(answer))), eval)
}

/// `walk_forward(prices, strategies, profile=None, ...)`.
pub(super) fn walk_forward<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let count = |name: &str, least: u64, otherwise: u32| -> Result<u32> {
        Ok(arguments.number(name, least..=10_000)?.map_or(otherwise, |count| count as u32))
    };
    let request = BacktestRequest {
        prices: prices(arguments, context)?,
        profile: profile(arguments)?,
        strategies: strategies(arguments)?,
        estimates: estimates(arguments)?,
        window: count("window", 2, 252)?,
        expanding: arguments.flag("expanding", false)?,
        every: count("every", 1, 21)?,
        lag: count("lag", 0, 1)?,
        trials: arguments.number("trials", 1..=1_000_000)?.map(|trials| trials as u32),
    };
    let answer = context.wait(context.client().backtest_portfolios(&request))?;
    alloc(Object::Investment(Investment::WalkForward(Box::new(answer))), eval)
}

/// `frontier(prices, profile=None, points=20, ...)`.
pub(super) fn frontier<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let request = FrontierRequest {
        prices: prices(arguments, context)?,
        profile: profile(arguments)?,
        estimates: estimates(arguments)?,
        views: views(arguments)?,
        points: arguments.number("points", 2..=100)?.map_or(20, |points| points as u32),
    };
    let answer = context.wait(context.client().trace_frontier(&request))?;
    alloc(Object::Investment(Investment::Frontier(Box::new(answer))), eval)
}

/// Which columns of which dataset are prices.
fn prices(arguments: &Arguments<'_>, context: &Context) -> Result<PricesRequest> {
    let value = arguments.needed("prices")?;
    let dataset = match (object_of(value), value.unpack_str()) {
        (Some(Object::Dataset(dataset)), _) => dataset.clone(),
        (_, Some(text)) => {
            let (name, number) = name_and_number(text);
            context.wait(find(&context.client(), name, number))?
        }
        _ => {
            let wanted = "a dataset or its name; load() makes one of a file or a frame";
            return Err(arguments.unlike("prices", wanted, value));
        }
    };
    let text = |name: &str| Ok(arguments.text(name)?.map(str::to_owned));
    let assets = arguments.json("assets")?;
    let missing = arguments.json("missing")?;
    let missing = missing.map(|missing| arguments.typed::<MissingPrices>("missing", missing));
    let values = arguments.json("values")?;
    let values = values.map(|values| arguments.typed::<PriceValues>("values", values));
    Ok(PricesRequest {
        dataset: DatasetRef { name: dataset.dataset, version: Some(dataset.version) },
        time: text("time")?,
        asset: text("asset")?,
        price: text("price")?,
        assets: assets.map(|assets| arguments.typed("assets", assets)).transpose()?,
        from: text("since")?,
        to: text("until")?,
        returns: ReturnKind::Simple,
        values: values.transpose()?.unwrap_or_default(),
        missing: missing.transpose()?.unwrap_or_default(),
    })
}

fn profile(arguments: &Arguments<'_>) -> Result<InvestorProfile> {
    let profile = arguments.json("profile")?;
    Ok(profile.map(|json| arguments.typed("profile", json)).transpose()?.unwrap_or_default())
}

fn views(arguments: &Arguments<'_>) -> Result<Option<ViewsSpec>> {
    let views = arguments.json("views")?;
    views.map(|json| arguments.typed("views", json)).transpose()
}

/// An argument that is a word of a list or a number, as JSON of one field.
fn given(
    arguments: &Arguments<'_>,
    names: &[&str],
) -> Result<serde_json::Map<String, serde_json::Value>> {
    let mut fields = serde_json::Map::new();
    for name in names {
        if let Some(value) = arguments.json(name)? {
            fields.insert((*name).to_owned(), value);
        }
    }
    Ok(fields)
}

fn goal(arguments: &Arguments<'_>) -> Result<PortfolioGoal> {
    let fields = given(arguments, &["objective", "risk_aversion", "target_return", "level"])?;
    arguments.typed("objective", fields.into())
}

fn estimates(arguments: &Arguments<'_>) -> Result<Estimates> {
    let fields = given(arguments, &["covariance", "decay", "mean"])?;
    arguments.typed("covariance", fields.into())
}

/// Names of objectives, or dicts with `name`, `objective` and what that needs.
fn strategies(arguments: &Arguments<'_>) -> Result<Vec<StrategySpec>> {
    use serde_json::Value as Json;
    let wanted = match arguments.json("strategies")? {
        Some(Json::Array(list)) => list,
        Some(one) => vec![one],
        None => return Err(arguments.wrong("strategies", "must not be None")),
    };
    let strategy = |json: Json| {
        let mut goal = match json {
            Json::Object(fields) => fields,
            word => serde_json::Map::from_iter([("objective".to_owned(), word)]),
        };
        let name = goal.remove("name");
        let mut spec = serde_json::Map::from_iter([("goal".to_owned(), goal.into())]);
        spec.extend(name.map(|name| ("name".to_owned(), name)));
        arguments.typed("strategies", spec.into())
    };
    wanted.into_iter().map(strategy).collect()
}
