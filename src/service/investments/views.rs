//! Views: given ones, and those that a model's forecasts are.

use std::collections::{BTreeMap, HashMap};

use actuary_finance::investments::{Doubt, History, View};

use super::estimates::{Believed, Known};
use super::profile::{MAX_FAULTS, Rules, escaped, places, refuse_all, too_many};
use super::{Service, Universe};
use crate::domain::forecast::{
    Forecast, ForecastMetrics, ForecastRequest, ForecastResponse, SeriesMetrics,
};
use crate::domain::investment::{GivenView, UsedView, UsedViews, ViewsSpec};
use crate::domain::key::Caller;
use crate::domain::name::did_you_mean;
use crate::domain::prices::PricesRequest;
use crate::domain::version::{Metrics, Version};
use crate::error::{Code, Error, FieldError, Result};
use crate::service::cache::Named;

/// Most views of one request.
const MAX_VIEWS: usize = 1_000;

impl Service {
    /// What is known beside the history.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every bad field of the views, and a model that does not forecast this universe.
    pub(super) async fn known(
        &self,
        caller: &Caller,
        asked: &Option<ViewsSpec>,
        prices: &PricesRequest,
        universe: &Universe,
        rules: &Rules,
    ) -> Result<Known> {
        let Some(spec) = asked else { return Ok(Known { views: None }) };
        let mut believed = given(spec, universe, rules)?;
        if let Some(model) = &spec.model {
            if prices.to.is_some() {
                let detail = "a model forecasts from the newest rows of its dataset: leave to out, or the views would \
                              know what came after it";
                return Err(Error::field(Code::InvalidRequest, "/prices/to", detail));
            }
            let request = ForecastRequest {
                dataset: Some(prices.dataset.clone()),
                version: spec.version.clone(),
                ..ForecastRequest::default()
            };
            let answer = self.forecast(caller, model, request).await.map_err(of_model)?;
            let name = Named { project: &caller.project, model };
            let loaded = self.loaded(name, answer.version).await?;
            forecast(&mut believed, &answer, &loaded.version, prices, universe, rules)?;
        }
        Ok(Known { views: Some(believed) })
    }
}

/// What is wrong with a model, told where it is named.
fn of_model(error: Error) -> Error {
    match error {
        Error::Problem { code: Code::TooManyRequests | Code::Unavailable, .. }
        | Error::Internal { .. } => error,
        Error::Problem { detail, .. } => Error::field(
            Code::InvalidRequest,
            "/views/model",
            format!("it can't forecast here: {detail}"),
        ),
    }
}

fn given(spec: &ViewsSpec, universe: &Universe, rules: &Rules) -> Result<Believed> {
    refuse_all(oversized(spec))?;
    let mut errors = Vec::new();
    let mut add = |below: String, detail: String| {
        if errors.len() <= MAX_FAULTS {
            errors.push(FieldError::new(format!("/views{below}"), detail));
        }
    };
    if spec.given.is_empty() && spec.model.is_none() {
        add(String::new(), "needs views in given, a model, or both".to_owned());
    }
    if spec.version.is_some() && spec.model.is_none() {
        add("/version".to_owned(), "is of no model: name it in model".to_owned());
    }
    if !(spec.tau > 0.0 && spec.tau <= 1.0) {
        add("/tau".to_owned(), format!("{} is not above 0 and at most 1; 0.05 is usual", spec.tau));
    }
    if !(spec.risk_aversion > 0.0 && spec.risk_aversion <= 1e6) {
        add(
            "/risk_aversion".to_owned(),
            format!("{} is not above 0; 2.5 is usual", spec.risk_aversion),
        );
    }
    let mut names =
        Names { assets: &universe.assets, places: places(&universe.assets), unknown: 0 };
    let mut weights =
        |named: &BTreeMap<String, f64>, below: &str, add: &mut dyn FnMut(String, String)| {
            names.weights(named, below, add)
        };
    let mut market = weights(&spec.market, "/market", &mut add);
    let sum: f64 = market.iter().sum();
    if spec.market.is_empty() {
        market = vec![1.0 / universe.assets.len() as f64; universe.assets.len()];
    } else if market.iter().any(|weight| *weight < 0.0) || sum <= 0.0 {
        add("/market".to_owned(), "the market's weights are from 0, and not all are 0".to_owned());
    } else {
        market.iter_mut().for_each(|weight| *weight /= sum);
    }
    let (mut views, mut used, mut pointers) = (Vec::new(), Vec::new(), Vec::new());
    for (at, view) in spec.given.iter().enumerate() {
        let below = format!("/given/{at}");
        let weights = weights(&view.assets, &format!("{below}/assets"), &mut add);
        if weights.iter().all(|weight| *weight == 0.0) {
            add(format!("{below}/assets"), "the view is about no asset".to_owned());
        }
        check_numbers(view, &below, &mut add);
        let doubt = Doubt::Confidence(view.confidence);
        views.push(View { weights, value: view.value / rules.year, doubt });
        used.push(UsedView { assets: view.assets.clone(), value: view.value, error: f64::NAN });
        pointers.push(format!("/views{below}"));
    }
    refuse_all(errors)?;
    let used = UsedViews {
        prior: BTreeMap::new(),
        views: used,
        model: None,
        version: None,
        beats_random_walk: None,
        horizon: None,
    };
    let (aversion, tau, without) = (spec.risk_aversion, spec.tau, Vec::new());
    Ok(Believed { market, aversion, tau, views, pointers, used, without, pooled: false })
}

/// The lists and maps of views that are too long to be looked at.
fn oversized(spec: &ViewsSpec) -> Vec<FieldError> {
    let count = spec.given.len();
    let views = (count > MAX_VIEWS).then(|| {
        FieldError::new("/views/given", format!("{count} views are more than {MAX_VIEWS}"))
    });
    let market = too_many("/views/market".to_owned(), spec.market.len());
    let each =
        spec.given.iter().enumerate().take(MAX_VIEWS).filter_map(|(at, view)| {
            too_many(format!("/views/given/{at}/assets"), view.assets.len())
        });
    views.into_iter().chain(market).chain(each).collect()
}

/// The assets by their names.
struct Names<'a> {
    assets: &'a [String],
    places: HashMap<&'a str, usize>,
    /// How many names were none of an asset.
    unknown: usize,
}

impl Names<'_> {
    /// Weights of the assets by their names.
    fn weights(
        &mut self,
        named: &BTreeMap<String, f64>,
        below: &str,
        add: &mut dyn FnMut(String, String),
    ) -> Vec<f64> {
        let mut weights = vec![0.0; self.assets.len()];
        for (name, weight) in named {
            match self.places.get(name.as_str()) {
                Some(at) if weight.abs() <= 1e6 => weights[*at] = *weight,
                Some(_) => {
                    add(format!("{below}/{}", escaped(name)), format!("{weight} is out of range"));
                }
                None => {
                    self.unknown += 1;
                    // The search for a similar name takes long, and nobody reads so many of them.
                    let near = match self.unknown <= MAX_FAULTS {
                        true => did_you_mean(name, self.assets.iter().map(String::as_str)),
                        false => String::new(),
                    };
                    let detail = format!("{name} is no asset of the universe{near}");
                    add(format!("{below}/{}", escaped(name)), detail);
                }
            }
        }
        weights
    }
}

fn check_numbers(view: &GivenView, below: &str, add: &mut dyn FnMut(String, String)) {
    if !(view.confidence > 0.0 && view.confidence <= 1.0) {
        add(
            format!("{below}/confidence"),
            format!("{} is not above 0 and at most 1", view.confidence),
        );
    }
    if view.value.abs() > 100.0 {
        add(
            format!("{below}/return"),
            format!("{} is not a year's return such as 0.05", view.value),
        );
    }
}

/// Adds a view for each asset that a model forecasts: the mean return a period over the steps that it forecasts, as
/// uncertain as its squared error of that very asset on rows that it had not seen.
fn forecast(
    believed: &mut Believed,
    answer: &ForecastResponse,
    version: &Version,
    prices: &PricesRequest,
    universe: &Universe,
    rules: &Rules,
) -> Result<()> {
    let refuse = |detail: String| Error::field(Code::InvalidRequest, "/views/model", detail);
    let Metrics::Forecast(metrics) = &version.metrics else {
        return Err(refuse("its version has no metrics of a forecast".to_owned()));
    };
    let fits = fitting(version, prices).map_err(refuse)?;
    let is_of_prices = universe.last.is_some();
    let own = variances(&universe.history);
    let errors = Errors::of(metrics, &fits, &universe.assets, own, is_of_prices);
    believed.pooled = errors.pooled;
    for (at, asset) in universe.assets.iter().enumerate() {
        let found = answer.forecasts.iter().find(|forecast| fits.is_of(forecast, asset));
        let Some((found, last)) = found.and_then(|one| Some((one, one.steps.last()?))) else {
            believed.without.push(asset.clone());
            continue;
        };
        let Some(error) = errors.of_asset(at) else {
            return Err(refuse(format!(
                "its version does not know its errors of {asset} as shares of a price, since it is of an earlier \
                 program, or prices that it was tested on are not above 0: train one anew, or one on returns"
            )));
        };
        let (value, variance) = match &universe.last {
            Some(prices) => {
                let (price, periods) = (prices[at], f64::from(last.step));
                ((last.value / price - 1.0) / periods, error / (periods * periods))
            }
            // The error of a mean is at most that of a step.
            None => {
                let sum: f64 = found.steps.iter().map(|step| step.value).sum();
                (sum / found.steps.len() as f64, error)
            }
        };
        if !(value.is_finite() && variance.is_finite()) {
            return Err(refuse(format!("its forecast of {asset} is not a number")));
        }
        let mut weights = vec![0.0; universe.assets.len()];
        weights[at] = 1.0;
        believed.views.push(View { weights, value, doubt: Doubt::Variance(variance) });
        believed.pointers.push("/views/model".to_owned());
        believed.used.views.push(UsedView {
            assets: BTreeMap::from([(asset.clone(), 1.0)]),
            value: value * rules.year,
            error: variance.sqrt() * rules.year,
        });
        believed.used.horizon = Some(last.step);
    }
    if believed.without.len() == universe.assets.len() {
        let forecasts = answer.forecasts.iter().take(5);
        let known: Vec<&str> =
            forecasts.map(|one| one.entity.as_deref().unwrap_or(&one.target)).collect();
        return Err(refuse(format!(
            "it forecasts none of the assets of the universe, but {}",
            known.join(", ")
        )));
    }
    believed.used.model = Some(answer.model.clone());
    believed.used.version = Some(answer.version);
    believed.used.beats_random_walk = Some(answer.beats_random_walk);
    Ok(())
}

/// Windows that do not overlap which an asset's own error needs to count as much as that of all assets together.
const ENOUGH: f64 = 10.0;

/// How many windows of an asset stand by themselves, and its error where it has one.
type Own = (f64, Option<f64>);

/// Squared errors of a version's forecasts, of the last price as a share of the last known one or of returns, each as a
/// multiple of its asset's variance: so what is calm and what is wild can be pooled.
struct Errors {
    /// By the place of an asset.
    of: HashMap<usize, Own>,
    /// Of all assets of the universe together.
    all: Option<f64>,
    variances: Vec<f64>,
    /// Whether the version knows only its errors of a column in all series together.
    pooled: bool,
}

impl Errors {
    /// Those of the assets, which have these variances a period. Other columns, which may be of another unit, and
    /// other series have no part in them.
    fn of(
        metrics: &ForecastMetrics,
        fits: &Fits<'_>,
        assets: &[String],
        variances: Vec<f64>,
        is_of_prices: bool,
    ) -> Self {
        let places = places(assets);
        let place = |entity: Option<&str>, target: &str| match fits {
            Fits::Series(price) if target == *price => places.get(entity?).copied(),
            Fits::Series(_) => None,
            Fits::Columns => places.get(target).copied(),
        };
        let error =
            |mse: f64, relative: Option<f64>| if is_of_prices { relative } else { Some(mse) };
        let mut known: Vec<(usize, u64, Option<f64>)> = metrics
            .by_series
            .iter()
            .filter_map(|one: &SeriesMetrics| {
                let at = place(one.entity.as_deref(), &one.target)?;
                Some((at, one.n, error(one.mse, one.relative_mse)))
            })
            .collect();
        if known.is_empty() && matches!(fits, Fits::Columns) {
            // Of a table whose columns are the series, the error of a column is that of the series.
            let columns = metrics.by_target.iter().filter_map(|one| {
                let at = place(None, &one.target)?;
                Some((at, metrics.n, Some(error(one.mse, one.relative_mse)?)))
            });
            known = columns.collect();
        }
        let pooled = known.is_empty();
        let all = match fits {
            Fits::Series(price) if pooled => {
                let column = metrics.by_target.iter().find(|one| one.target == *price);
                let mean = variances.iter().sum::<f64>() / variances.len() as f64;
                column.and_then(|one| error(one.mse, one.relative_mse)).map(|error| error / mean)
            }
            _ => {
                let each =
                    || known.iter().filter_map(|(at, n, error)| Some((at, *n as f64, (*error)?)));
                let windows: f64 = each().map(|(_, n, _)| n).sum();
                let sum: f64 = each().map(|(at, n, error)| n * error / variances[*at]).sum();
                (windows > 0.0).then(|| sum / windows)
            }
        };
        let horizon = metrics.mse_by_step.len().max(1) as f64;
        let of = known.into_iter().map(|(at, n, error)| {
            // Windows that begin at each row overlap: so many of them stand by themselves.
            let apart = (n as f64 / horizon).max(1.0);
            (at, (apart, error.map(|error| error / variances[at])))
        });
        Self { of: of.collect(), all, variances, pooled }
    }

    /// The error of an asset's own windows, the more of that of all the fewer of its own there are: few windows may
    /// all have gone well by luck, and an asset that was not tested has none.
    fn of_asset(&self, at: usize) -> Option<f64> {
        let error = match self.of.get(&at) {
            None => self.all,
            Some((apart, own)) => {
                own.zip(self.all).map(|(own, all)| (apart * own + ENOUGH * all) / (apart + ENOUGH))
            }
        };
        error.map(|error| error * self.variances[at])
    }
}

/// The variance of each asset's returns.
fn variances(history: &History) -> Vec<f64> {
    let count = history.periods() as f64;
    let of = |asset: usize| {
        let each = || (0..history.periods()).map(|period| history.get(period, asset));
        let mean = each().sum::<f64>() / count;
        each().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    };
    (0..history.assets()).map(of).collect()
}

/// How a version's forecasts belong to assets.
enum Fits<'a> {
    /// The series is the asset, this column is forecast.
    Series(&'a str),
    /// Each column is an asset.
    Columns,
}

impl Fits<'_> {
    fn is_of(&self, forecast: &Forecast, asset: &str) -> bool {
        match self {
            Self::Series(price) => {
                forecast.entity.as_deref() == Some(asset) && forecast.target == *price
            }
            Self::Columns => forecast.target == asset,
        }
    }
}

/// Whether the columns of a version are those of the prices, or why not.
fn fitting<'a>(version: &Version, prices: &'a PricesRequest) -> Result<Fits<'a>, String> {
    let signature = &version.signature;
    let entity = signature.window.as_ref().and_then(|window| window.entity.as_deref());
    let columns = signature.forecast_columns();
    match (&prices.asset, &prices.price) {
        (Some(asset), Some(price)) => {
            if entity != Some(asset.as_str()) {
                return Err(format!(
                    "its series are {}, and the assets stand in column {asset}: train one with \
                     window.entity {asset}",
                    entity.map_or("not told apart".to_owned(), |entity| format!(
                        "those of column {entity}"
                    ))
                ));
            }
            match columns.contains(&price.as_str()) {
                true => Ok(Fits::Series(price)),
                false => Err(format!(
                    "it forecasts {}, and the prices stand in {price}",
                    columns.join(", ")
                )),
            }
        }
        _ if entity.is_some() => {
            Err("it forecasts the series of a long table, and here each asset is a column"
                .to_owned())
        }
        _ => Ok(Fits::Columns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_passes_is_no_fault_of_the_model() {
        for code in [Code::Unavailable, Code::TooManyRequests] {
            assert_eq!(of_model(Error::new(code, "try again")).code(), code);
        }
        let wrong = of_model(Error::new(Code::NotFound, "there is no model m"));
        let Error::Problem { code: Code::InvalidRequest, errors, .. } = wrong else {
            panic!("{wrong}")
        };
        assert_eq!(errors[0].pointer, "/views/model");
    }

    /// Errors of assets `a`, `b` and `c`, whose variances are 1, 4 and 9.
    fn errors(by_series: Value, by_target: Value, fits: &Fits<'_>) -> Errors {
        let metrics: ForecastMetrics = serde_json::from_value(json!({
            "n": 40, "mse": 1.0, "mae": 1.0, "mase": null, "mse_by_step": [1.0, 1.0], "by_target": by_target,
            "by_series": by_series, "quantiles": null, "baselines": [], "beats_random_walk": true
        }))
        .unwrap();
        let assets = ["a", "b", "c"].map(str::to_owned);
        Errors::of(&metrics, fits, &assets, vec![1.0, 4.0, 9.0], true)
    }

    fn series(entity: &str, target: &str, relative: f64) -> Value {
        json!({"entity": entity, "target": target, "n": 20, "mse": 1e9, "relative_mse": relative})
    }

    #[test]
    fn errors_are_of_the_assets_alone_and_for_their_variances() {
        let of_assets = [series("a", "close", 2.0), series("b", "close", 16.0)];
        let fits = Fits::Series("close");
        let plain = errors(json!(of_assets), json!([]), &fits);
        // Twice and four times the variances, three times in all; ten windows stand by themselves.
        assert_eq!(plain.of_asset(0), Some(2.5));
        assert_eq!(plain.of_asset(1), Some(14.0));
        assert_eq!((plain.of_asset(2), plain.pooled), (Some(27.0), false));
        // Neither another column of another unit nor a series that is no asset changes them.
        let [a, b] = of_assets;
        let more = json!([a, b, series("a", "volume", 1e6), series("elsewhere", "close", 1e6)]);
        let more = errors(more, json!([]), &fits);
        for at in 0..3 {
            assert_eq!(more.of_asset(at), plain.of_asset(at));
        }
    }

    #[test]
    fn where_single_series_are_not_known_the_error_of_all_is_shared_out() {
        let target = |name: &str, relative: Value| {
            json!({"target": name, "mse": 1.0, "mae": 1.0, "smape": 1.0, "mase": null,
                   "relative_mse": relative})
        };
        let by_target = json!([target("volume", json!(1e6)), target("close", json!(14.0))]);
        let found = errors(json!([]), by_target, &Fits::Series("close"));
        // The mean variance is 14 / 3.
        let each: Vec<f64> = (0..3).map(|at| found.of_asset(at).unwrap()).collect();
        assert!(
            found.pooled
                && std::iter::zip(&each, [3.0, 12.0, 27.0]).all(|(a, b)| (a - b).abs() < 1e-9)
        );
        // A column that is an asset has an error of its own.
        let by_target = json!([target("a", json!(2.0)), target("rain", json!(1e6))]);
        let found = errors(json!([]), by_target, &Fits::Columns);
        assert_eq!((found.of_asset(0), found.pooled), (Some(2.0), false));
        // Those of before the figure was kept know nothing.
        let by_target = json!([target("close", Value::Null)]);
        assert_eq!(errors(json!([]), by_target, &Fits::Series("close")).of_asset(0), None);
    }
}
