//! Views: given ones, and those that a model's forecasts are.

use std::collections::{BTreeMap, HashMap};

use actuary_finance::investments::{Doubt, View};

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
            let name = (caller.project.clone(), model.clone());
            let loaded = self.loaded(&name, answer.version).await?;
            forecast(&mut believed, &answer, &loaded.version, prices, universe, rules)?;
        }
        Ok(Known { views: Some(believed) })
    }
}

/// What is wrong with a model, told where it is named.
fn of_model(error: Error) -> Error {
    match error {
        Error::Problem { code: Code::TooManyRequests, .. } | Error::Internal { .. } => error,
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
    Ok(Believed { market, aversion, tau, views, pointers, used, without })
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
    if metrics.by_series.is_empty() {
        return Err(refuse(
            "its version does not know the errors of single series: train one anew, of at most 1,000 series".to_owned(),
        ));
    }
    let errors = Errors::of(metrics, universe.last.is_some());
    for (at, asset) in universe.assets.iter().enumerate() {
        let found = answer.forecasts.iter().find(|forecast| fits.is_of(forecast, asset));
        let Some((found, last)) = found.and_then(|one| Some((one, one.steps.last()?))) else {
            believed.without.push(asset.clone());
            continue;
        };
        let Some(error) = errors.of_series(found) else {
            return Err(refuse(format!(
                "its errors of {asset} are no share of a price, since prices that it was tested on are not above 0: \
                 train one on returns"
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

/// How many windows of a series stand by themselves, and its error where it has one.
type Own = (f64, Option<f64>);

/// Squared errors of a version's forecasts: of the last price as a share of the last known one, or of returns.
struct Errors<'a> {
    /// By entity and column.
    of: HashMap<(Option<&'a str>, &'a str), Own>,
    /// Of all series together.
    all: Option<f64>,
}

impl<'a> Errors<'a> {
    fn of(metrics: &'a ForecastMetrics, is_of_prices: bool) -> Self {
        let horizon = metrics.mse_by_step.len().max(1) as f64;
        let error =
            |one: &SeriesMetrics| if is_of_prices { one.relative_mse } else { Some(one.mse) };
        let known = || metrics.by_series.iter().filter_map(|one| Some((one.n as f64, error(one)?)));
        let windows: f64 = known().map(|(n, _)| n).sum();
        let all =
            (windows > 0.0).then(|| known().map(|(n, error)| n * error).sum::<f64>() / windows);
        let of = metrics.by_series.iter().map(|one| {
            // Windows that begin at each row overlap: so many of them stand by themselves.
            let apart = (one.n as f64 / horizon).max(1.0);
            ((one.entity.as_deref(), one.target.as_str()), (apart, error(one)))
        });
        Self { of: of.collect(), all }
    }

    /// The error of a series' own windows, the more of that of all the fewer of its own there are: few windows may
    /// all have gone well by luck, and a series that was not tested has none.
    fn of_series(&self, forecast: &Forecast) -> Option<f64> {
        let own = self.of.get(&(forecast.entity.as_deref(), forecast.target.as_str()));
        match own {
            None => self.all,
            Some((apart, own)) => {
                own.zip(self.all).map(|(own, all)| (apart * own + ENOUGH * all) / (apart + ENOUGH))
            }
        }
    }
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
