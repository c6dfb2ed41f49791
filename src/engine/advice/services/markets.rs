//! Series, and among them prices: of what is held, of what could be held.

use std::collections::HashMap;

use super::{TRAIN, is_positive, lacks, speaks_of, step, taken};
use crate::domain::advice::{AdviceRequest, Finding, FindingCode, Purpose, ServiceAdvice};
use crate::domain::dataset::DatasetVersion;
use crate::domain::model::Task;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::engine::advice::Findings;
use crate::engine::advice::order::Order;
use crate::engine::advice::question::Question;
use crate::error::{Code, Error, Result};

/// Words of columns that hold prices.
const OF_PRICES: &[&str] =
    &["close", "price*", "adj", "adjusted", "nav", "index", "open", "high", "low", "px", "quote*"];
/// Words of columns that hold no price of an asset, though they are numbers above 0.
const NO_PRICE: &[&str] = &["volume", "vol", "id", "count", "shares", "split*"];
/// What a price column is called where a table has several of one asset.
const CLOSING: &[&str] = &["adj", "adjusted", "close", "price*", "nav"];
/// Assets from which on it is a universe to choose from.
const UNIVERSE: usize = 5;
/// Dates that a 99 % value at risk needs by history, and its backtest.
const VAR_DATES: usize = 250;
const BACKTEST_DATES: usize = 500;
/// Assets that are forecast together at most.
const FORECAST_TOGETHER: usize = 50;
/// Names that a sentence lists.
const LISTED: usize = 5;

/// Fills in time, entity and target of a request whose purpose needs series.
///
/// # Errors
/// [`Code::InvalidSpec`] at `/time` or `/target` where no column suits.
pub(super) fn complete(
    dataset: &DatasetVersion,
    request: &mut AdviceRequest,
    findings: &mut Findings,
) -> Result<()> {
    let is_open = |c: &&ColumnSummary| !request.exclude.contains(&c.name);
    let columns: Vec<&ColumnSummary> = dataset.columns.iter().filter(is_open).collect();
    if request.time.is_none() {
        let times: Vec<&str> = columns
            .iter()
            .filter(|c| c.kind == ColumnType::Timestamp && c.nulls == 0)
            .map(|c| c.name.as_str())
            .collect();
        let [time] = times.as_slice() else {
            let detail = match times.as_slice() {
                [] => {
                    "when each row is of is missing: no column holds times in all rows; name the \
                       column that orders the rows, or add one"
                        .to_owned()
                }
                several => {
                    format!("{} are times: name the one that orders the rows", several.join(", "))
                }
            };
            return Err(Error::field(Code::InvalidSpec, "/time", detail));
        };
        taken(time, "the time", findings);
        request.time = Some((*time).to_owned());
    }
    let time = columns.iter().find(|c| Some(&c.name) == request.time.as_ref());
    let repeats = time.is_some_and(|c| !c.distinct_is_lower_bound && c.distinct < dataset.rows);
    if request.entity.is_none() && repeats {
        let is_name = |c: &&&ColumnSummary| {
            c.kind == ColumnType::String
                && c.nulls == 0
                && c.distinct > 1
                && c.distinct < dataset.rows
        };
        let names: Vec<&str> = columns.iter().filter(is_name).map(|c| c.name.as_str()).collect();
        if let [entity] = names.as_slice() {
            taken(entity, "the name of each series", findings);
            request.entity = Some((*entity).to_owned());
        }
    }
    if request.target.is_none() {
        let keys = [request.time.as_ref(), request.entity.as_ref()];
        let open = || columns.iter().filter(|c| !keys.contains(&Some(&c.name)) && is_price(c));
        let found = open().find(|c| speaks_of(&c.name, CLOSING)).or_else(|| open().next());
        let found = found.ok_or_else(|| {
            let detail = "prices are missing: no column holds numbers above 0 alone; name the column \
                          that is to be forecast";
            Error::field(Code::InvalidSpec, "/target", detail)
        })?;
        taken(&found.name, "what is forecast", findings);
        request.target = Some(found.name.clone());
    }
    if request.task.is_none() {
        request.task = Some(Task::Forecast);
    }
    Ok(())
}

/// Whether a column can be the prices of an asset.
fn is_price(column: &ColumnSummary) -> bool {
    is_positive(column) && !speaks_of(&column.name, NO_PRICE)
}

/// Whether a wide table has several columns of the one asset: its open, high and low.
fn is_of_one_asset(question: &Question<'_>) -> bool {
    speaks_of(question.target(), OF_PRICES)
}

/// Prices that are forecast beside the target, where a table has an asset in each column.
pub(in crate::engine::advice) fn further_prices(
    question: &Question<'_>,
    time: &str,
) -> Vec<String> {
    let is_asked = matches!(question.request.purpose, Some(Purpose::Risk | Purpose::Investing));
    if !is_asked || question.request.entity.is_some() {
        return Vec::new();
    }
    let assets = assets_beside(question, time).into_iter();
    assets.take(FORECAST_TOGETHER - 1).map(|c| c.name.clone()).collect()
}

/// The columns of other assets.
fn assets_beside<'q>(question: &'q Question<'_>, time: &str) -> Vec<&'q ColumnSummary> {
    match is_of_one_asset(question) {
        true => Vec::new(),
        false => question.candidates().filter(|c| c.name != time && is_price(c)).collect(),
    }
}

/// Whether a column is named as an exchange names an asset: `BRK.B`.
fn is_ticker(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    (1..=6).contains(&name.len()) && name.chars().all(is_part)
}

/// What is known of series as prices.
pub(super) struct Prices {
    /// Names of the assets, with how many of the dates each lacks.
    assets: Vec<(String, usize)>,
    dates: usize,
    /// Whether all that is forecast is above 0.
    positive: bool,
    /// Whether they are asked for as prices, or named like prices.
    named: bool,
}

impl Prices {
    pub(super) fn read(question: &Question<'_>, order: &Order) -> Result<Self> {
        let time = order.time.as_deref().unwrap_or_default();
        let mut dates: Vec<u64> =
            question.keys.numbers(time)?.iter().map(|time| time.to_bits()).collect();
        dates.sort_unstable();
        dates.dedup();
        let dates = dates.len();
        let target = question.column(question.target());
        let positive = target.is_some_and(is_positive);
        let assets = match (&question.request.entity, &order.series) {
            (Some(_), Some(series)) => {
                let known = question.keys.numbers(question.target())?;
                let mut assets: Vec<(String, usize)> = Vec::new();
                let mut places: HashMap<String, usize> = HashMap::new();
                for one in &series.all.series {
                    let rows = one.rows.iter().filter(|row| known[**row].is_finite()).count();
                    let name = one.entity.clone().unwrap_or_default();
                    let place = *places.entry(name.clone()).or_insert(assets.len());
                    match assets.get_mut(place) {
                        Some((_, lacking)) => *lacking = lacking.saturating_sub(rows),
                        None => assets.push((name, dates.saturating_sub(rows))),
                    }
                }
                assets
            }
            _ => target
                .into_iter()
                .chain(assets_beside(question, time))
                .map(|c| (c.name.clone(), c.nulls as usize))
                .collect(),
        };
        let is_asked = matches!(question.request.purpose, Some(Purpose::Risk | Purpose::Investing));
        let named = is_asked
            || speaks_of(question.target(), OF_PRICES)
            || (question.request.entity.is_none()
                && assets.len() > 1
                && assets.iter().all(|(name, _)| is_ticker(name)));
        Ok(Self { assets, dates, positive, named })
    }

    /// What series that nobody has said anything of are most probably for.
    pub(super) fn purpose(&self) -> Purpose {
        match self.positive && self.named {
            true if self.assets.len() >= UNIVERSE => Purpose::Investing,
            true => Purpose::Risk,
            false => Purpose::Forecasting,
        }
    }

    fn text(&self) -> String {
        let several = if self.assets.len() == 1 { "" } else { "s" };
        format!("prices of {} asset{several} at {} times", self.assets.len(), self.dates)
    }

    fn not_positive(&self, target: &str) -> Option<Finding> {
        (!self.positive).then(|| {
            let text = format!(
                "{target} is not above 0 in all rows, so that it has no returns: give prices, not \
                 returns or differences"
            );
            lacks(FindingCode::NotPositive, text, &[target], &[])
        })
    }

    fn gaps(&self) -> Option<Finding> {
        let with: Vec<&(String, usize)> =
            self.assets.iter().filter(|(_, gaps)| *gaps > 0).collect();
        let worst = with.iter().map(|(_, gaps)| *gaps).max()?;
        let names: Vec<&str> = with.iter().take(LISTED).map(|(name, _)| name.as_str()).collect();
        let more = with.len().saturating_sub(LISTED);
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "{}{and} lack prices, at up to {worst} of {} times: leave these assets out, or the times \
             at which one lacks",
            names.join(", "),
            self.dates
        );
        let figures = [("assets", with.len() as f64), ("most", worst as f64)];
        Some(lacks(FindingCode::Gaps, text, &names, &figures))
    }

    /// Fewer dates than are needed for something.
    fn few(&self, needed: usize, what: &str) -> Option<Finding> {
        (self.dates < needed).then(|| {
            let text = format!("{what} needs {needed} times, and there are {}", self.dates);
            let figures = [("dates", self.dates as f64), ("needed", needed as f64)];
            lacks(FindingCode::FewDates, text, &[], &figures)
        })
    }
}

/// The service that is wanted first, then others that the same series suit.
pub(super) fn services(
    question: &Question<'_>,
    prices: &Prices,
    main: Purpose,
) -> Vec<ServiceAdvice> {
    let mut purposes = vec![main];
    let are_prices = prices.positive && prices.named;
    let suits = [
        (Purpose::Risk, are_prices),
        (Purpose::Investing, are_prices && prices.assets.len() > 1),
        (Purpose::Forecasting, true),
    ];
    let further = suits.into_iter().filter(|(purpose, suits)| *suits && *purpose != main);
    purposes.extend(further.map(|(purpose, _)| purpose));
    let of = |purpose: Purpose| match purpose {
        Purpose::Risk => Some(risk(question, prices)),
        Purpose::Investing => Some(investing(question, prices)),
        Purpose::Forecasting => Some(forecasting(question, prices)),
        Purpose::Lending => None,
    };
    purposes.into_iter().filter_map(of).collect()
}

fn risk(question: &Question<'_>, prices: &Prices) -> ServiceAdvice {
    let missing = [
        prices.not_positive(question.target()),
        prices.few(VAR_DATES, "a value at risk of 99 % by history"),
        prices.few(BACKTEST_DATES, "a backtest of it, half of which is only read,"),
        prices.gaps(),
    ];
    ServiceAdvice {
        purpose: Purpose::Risk,
        path: "/api/v1/risk/assessments".to_owned(),
        text: format!(
            "{}: value at risk and expected shortfall of what is held, by history, GARCH and others, \
             with contributions and stress; none of these needs a network",
            prices.text()
        ),
        steps: vec![
            step("POST /api/v1/risk/assessments", "say what is held, the level and the horizon"),
            step("POST /api/v1/risk/backtests", "see how often losses were larger than was said"),
            step(TRAIN, "only for quantiles by a network: train the spec with window.quantiles"),
        ],
        needs_training: false,
        missing: missing.into_iter().flatten().collect(),
    }
}

fn investing(question: &Question<'_>, prices: &Prices) -> ServiceAdvice {
    let (assets, dates) = (prices.assets.len(), prices.dates);
    let one = (assets < 2).then(|| {
        let text = "one asset leaves nothing to choose: give the prices of several, in a column each or \
                    with a column that names them (entity)";
        lacks(FindingCode::OneAsset, text.to_owned(), &[], &[("assets", assets as f64)])
    });
    let more = (assets >= dates).then(|| {
        let text = format!(
            "{assets} assets have more covariances than {dates} times can tell: shrinkage \
             (Ledoit-Wolf) or risk parity at most; choose fewer assets, or give a longer history"
        );
        let figures = [("assets", assets as f64), ("dates", dates as f64)];
        lacks(FindingCode::MoreAssetsThanDates, text, &[], &figures)
    });
    let missing = [
        prices.not_positive(question.target()),
        one,
        more,
        prices.few(VAR_DATES, "a portfolio that is more than the luck of its year"),
        prices.gaps(),
    ];
    ServiceAdvice {
        purpose: Purpose::Investing,
        path: "/api/v1/investments/portfolios".to_owned(),
        text: format!(
            "{}: a portfolio within an investor's limits, with its reasons; no network is needed, but \
             forecasts of one can be views. General information, not personal advice",
            prices.text()
        ),
        steps: vec![
            step("POST /api/v1/investments/portfolios", "say limits, exclusions and what counts"),
            step(
                "POST /api/v1/investments/backtests",
                "walk forward with costs before believing it",
            ),
            step(TRAIN, "only for views by a forecast: train the spec"),
        ],
        needs_training: false,
        missing: missing.into_iter().flatten().collect(),
    }
}

fn forecasting(question: &Question<'_>, prices: &Prices) -> ServiceAdvice {
    // 16 % of the times validate, and intervals that cover 95 % need 19 windows of them.
    let horizon = question.request.horizon as usize;
    let needed = ((19 + horizon) as f64 / 0.16).ceil() as usize;
    let several = match prices.assets.len() {
        1 => question.target().to_owned(),
        count => format!("{count} series"),
    };
    ServiceAdvice {
        purpose: Purpose::Forecasting,
        path: "/api/v1/models/{model}/forecasts".to_owned(),
        text: format!(
            "{several} at {} times: the next {horizon}, with intervals whose coverage is measured, and \
             whether the random walk is beaten",
            prices.dates
        ),
        steps: vec![
            step(TRAIN, "train the recommended network; estimate tells what that takes"),
            step(
                "POST /api/v1/models/{model}/analyses",
                "kind rolling_origin: how it would have done, trained anew as time went on",
            ),
            step(
                "POST /api/v1/models/{model}/forecasts",
                "ask for values and intervals (coverage)",
            ),
        ],
        needs_training: true,
        missing: prices
            .few(needed, "an interval that covers 95 % with few series")
            .filter(|_| prices.assets.len() < UNIVERSE || question.request.entity.is_none())
            .into_iter()
            .collect(),
    }
}
