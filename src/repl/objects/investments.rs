//! Portfolios, walk-forward backtests and frontiers: tables and plots.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::figure;
use crate::domain::investment::{
    BacktestResponse, BacktestedStrategy, Estimate, FrontierResponse, PortfolioResponse, Standing,
    StartingPoint,
};
use crate::domain::name::did_you_mean;
use crate::error::Result;
use crate::frame::parse_timestamp;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// What was answered about investing.
pub(in crate::repl) enum Investment {
    Portfolio(Box<PortfolioResponse>),
    WalkForward(Box<BacktestResponse>),
    Frontier(Box<FrontierResponse>),
}

impl Investment {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Portfolio(_) => "portfolio",
            Self::WalkForward(_) => "walk_forward",
            Self::Frontier(_) => "frontier",
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Portfolio(answer) => portfolio_text(answer),
            Self::WalkForward(answer) => walk_text(answer),
            Self::Frontier(answer) => frontier_text(answer),
        }
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        match self {
            Self::Portfolio(answer) => portfolio_fields(answer),
            Self::WalkForward(answer) => super::object(answer.as_ref()),
            Self::Frontier(answer) => super::object(answer.as_ref()),
        }
    }

    pub(super) fn described(&self) -> Result<Vec<Map<String, Json>>> {
        match self {
            Self::Portfolio(answer) => Ok(portfolio_described(answer)),
            Self::WalkForward(answer) => walk_described(answer),
            Self::Frontier(answer) => Ok(frontier_described(answer)),
        }
    }

    pub(super) fn table(&self, shown: usize) -> Table {
        match self {
            Self::Portfolio(answer) => portfolio_table(answer, shown),
            Self::WalkForward(answer) => walk_table(answer),
            Self::Frontier(answer) => frontier_table(answer, shown),
        }
    }

    /// # Errors
    /// For a `what` that is not drawn, in words.
    pub(in crate::repl) fn plot(&self, what: Option<&str>) -> Result<Plot, String> {
        match self {
            Self::Portfolio(answer) => portfolio_plot(answer, what),
            Self::WalkForward(answer) => walk_plot(answer, what),
            Self::Frontier(answer) => frontier_plot(answer, what),
        }
    }
}

/// Most assets with a line of their own.
const LINES: usize = 11;

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn ranged(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            format!("{} ({} to {})", percent(estimate.value), percent(low), percent(high))
        }
        _ => percent(estimate.value),
    }
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// What it is, what holds it back, and what it is not.
fn portfolio_text(answer: &PortfolioResponse) -> String {
    let held = answer.holdings.iter().filter(|one| one.weight.value.abs() > 1e-6).count();
    let mut text = format!(
        "{}: {held} of {} assets   return {} a year   volatility {}   equal weight {} with {}",
        answer.goal.objective.as_str(),
        answer.universe.assets,
        ranged(&answer.portfolio.expected_return),
        ranged(&answer.portfolio.volatility),
        percent(answer.equal_weight.expected_return.value),
        percent(answer.equal_weight.volatility.value),
    );
    for binding in answer.binding.iter().take(3) {
        text.push_str(&format!("\n! {}", binding.says));
    }
    if answer.portfolio.cost > 0.0 {
        text.push_str(&format!(
            "\nto trade {} of wealth, from {}, costs {:.2} % of it",
            percent(answer.portfolio.turnover),
            match answer.starts_from {
                StartingPoint::Cash => "cash",
                StartingPoint::Current => "what is held",
            },
            100.0 * answer.portfolio.cost
        ));
    }
    let outcomes = &answer.outcomes;
    text.push_str(&format!(
        "\nafter {} periods {} to {} in nine of ten paths, a loss in {}\n{}",
        outcomes.horizon,
        percent(outcomes.low),
        percent(outcomes.high),
        percent(outcomes.loss_share),
        answer.notice
    ));
    text
}

fn portfolio_fields(answer: &PortfolioResponse) -> Result<Map<String, Json>> {
    let mut fields = super::object(answer)?;
    let weights = answer.holdings.iter().map(|one| (one.asset.clone(), one.weight.value.into()));
    fields.insert("weights".to_owned(), Json::Object(weights.collect()));
    Ok(fields)
}

/// A row for each asset, with its reason.
fn portfolio_described(answer: &PortfolioResponse) -> Vec<Map<String, Json>> {
    let row = |one: &crate::domain::investment::Holding| {
        Map::from_iter([
            ("asset".to_owned(), one.asset.clone().into()),
            ("weight".to_owned(), one.weight.value.into()),
            ("low".to_owned(), one.weight.low.into()),
            ("high".to_owned(), one.weight.high.into()),
            ("risk share".to_owned(), one.risk_share.into()),
            ("reason".to_owned(), one.reason.clone().into()),
        ])
    };
    answer.holdings.iter().map(row).collect()
}

fn portfolio_table(answer: &PortfolioResponse, shown: usize) -> Table {
    let columns = [
        ("asset", false),
        ("weight", true),
        ("low", true),
        ("high", true),
        ("of the risk", true),
        ("standing", false),
    ];
    let rows = answer.holdings.iter().take(shown).map(|one| {
        let end = |end: Option<f64>| end.map_or_else(|| "-".to_owned(), percent);
        let standing = match one.standing {
            Standing::Free => "",
            Standing::AtMax => "at its greatest",
            Standing::AtMin => "at its least",
            Standing::NotHeld => "not held",
            Standing::Excluded => "excluded",
        };
        vec![
            one.asset.clone(),
            percent(one.weight.value),
            end(one.weight.low),
            end(one.weight.high),
            percent(one.risk_share),
            standing.to_owned(),
        ]
    });
    let mut table = Table::new(&columns, rows.collect());
    table.total = answer.holdings.len() as u64;
    table
}

/// Weights with the range in which they lie, or shares of the risk.
///
/// # Errors
/// For another `what`, in words.
fn portfolio_plot(answer: &PortfolioResponse, what: Option<&str>) -> Result<Plot, String> {
    let held: Vec<_> = answer
        .holdings
        .iter()
        .filter(|one| {
            one.weight.value.abs() > 1e-6 || one.weight.high.is_some_and(|high| high > 1e-3)
        })
        .take(40)
        .collect();
    let bars =
        |values: Vec<f64>| values.into_iter().enumerate().map(|(at, v)| (at as f64, v)).collect();
    let weights = bars(held.iter().map(|one| one.weight.value).collect());
    let second = match what {
        None | Some("weights") => {
            let low = held.iter().map(|one| one.weight.low.unwrap_or(one.weight.value));
            let high = held.iter().map(|one| one.weight.high.unwrap_or(one.weight.value));
            let mark = Mark::Spans { width: 0.3, from: low.collect(), is_range: true };
            Layer { name: "nine of ten histories".to_owned(), mark, points: bars(high.collect()) }
        }
        Some("risk") => {
            let points = bars(held.iter().map(|one| one.risk_share).collect());
            Layer { name: "share of the risk".to_owned(), mark: Mark::Bars { width: 0.4 }, points }
        }
        Some(_) => return Err("is 'weights' or 'risk'".to_owned()),
    };
    let names = held.iter().map(|one| one.asset.clone()).collect();
    Ok(Plot {
        title: answer.goal.objective.as_str().to_owned(),
        x: Axis { label: "asset".to_owned(), scale: Scale::Category(names) },
        y: Axis { label: "weight".to_owned(), scale: Scale::Number },
        layers: vec![
            Layer { name: "weight".to_owned(), mark: Mark::Bars { width: 0.8 }, points: weights },
            second,
        ],
    })
}

/// The best by Sharpe ratio, and whether that is more than luck.
fn walk_text(answer: &BacktestResponse) -> String {
    let sharpe = |one: &&BacktestedStrategy| one.performance.sharpe.unwrap_or(f64::NEG_INFINITY);
    // Whoever lost everything has no ratio, and is the best of nothing.
    let with_ratio = answer.strategies.iter().filter(|one| one.performance.sharpe.is_some());
    let best = with_ratio.max_by(|a, b| sharpe(a).total_cmp(&sharpe(b)));
    let ends = (answer.dates.first(), answer.dates.last());
    let span = match ends {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => "no dates".to_owned(),
    };
    let best = best.map_or_else(String::new, |one| {
        let luck = match one.performance.deflated_sharpe {
            Some(p) if p >= 0.95 => {
                format!(", more than the best of {} has by luck ({p:.2})", answer.trials)
            }
            Some(p) => {
                format!(", no more than luck may give the best of {} ({p:.2})", answer.trials)
            }
            None => String::new(),
        };
        let equal = answer.strategies.iter().find(|one| one.name == "equal_weight");
        let equal = equal.map_or_else(String::new, |equal| {
            format!(" (equal weight {})", maybe(equal.performance.sharpe))
        });
        format!("   best Sharpe {}: {}{luck}{equal}", maybe(one.performance.sharpe), one.name)
    });
    let ruined = answer.strategies.iter().filter_map(|one| {
        let when = one.ruined.as_ref()?;
        let text = "its figures are of the time until then";
        Some(format!("\n! {} lost everything by {when}; {text}", one.name))
    });
    let ruined: String = ruined.collect();
    let mut trades = answer.strategies.iter().flat_map(|one| &one.rebalancings);
    let early = match trades.any(|trade| trade.traded == trade.decided) {
        true => {
            "\n! trades are at the very close that was looked at, which nobody can do: lag=1 is what can be done"
        }
        false => "",
    };
    let count = answer.strategies.len();
    format!("{count} strategies from {span}{best}{ruined}{early}\n{}", answer.notice)
}

fn walk_described(answer: &BacktestResponse) -> Result<Vec<Map<String, Json>>> {
    let row = |one: &BacktestedStrategy| {
        let mut row = Map::from_iter([("strategy".to_owned(), Json::from(one.name.clone()))]);
        row.extend(super::object(&one.performance)?);
        Ok(row)
    };
    answer.strategies.iter().map(row).collect()
}

fn walk_table(answer: &BacktestResponse) -> Table {
    let columns = [
        ("strategy", false),
        ("return", true),
        ("volatility", true),
        ("Sharpe", true),
        ("deflated", true),
        ("drawdown", true),
        ("Calmar", true),
        ("turnover", true),
        ("cost", true),
    ];
    let rows = answer.strategies.iter().map(|one| {
        let p = &one.performance;
        vec![
            one.name.clone(),
            percent(p.annual_return),
            p.annual_volatility.map_or_else(|| maybe(None), percent),
            maybe(p.sharpe),
            maybe(p.deflated_sharpe),
            percent(p.max_drawdown),
            maybe(p.calmar),
            format!("{:.2}", p.annual_turnover),
            format!("{:.2} %", p.annual_cost * 100.0),
        ]
    });
    Table::new(&columns, rows.collect())
}

/// Wealth or drawdowns of all strategies, or the weights of one over time.
///
/// # Errors
/// For another `what`, in words.
fn walk_plot(answer: &BacktestResponse, what: Option<&str>) -> Result<Plot, String> {
    let (scale, times) = times(&answer.dates);
    let over_time = |title: &str, y: &str, layers| Plot {
        title: title.to_owned(),
        x: Axis { label: "date".to_owned(), scale: scale.clone() },
        y: Axis { label: y.to_owned(), scale: Scale::Number },
        layers,
    };
    let lines = |values: &dyn Fn(&BacktestedStrategy) -> Vec<f64>| -> Vec<Layer> {
        let layer = |one: &BacktestedStrategy| Layer {
            name: one.name.clone(),
            mark: Mark::Line,
            points: times.iter().copied().zip(values(one)).collect(),
        };
        answer.strategies.iter().map(layer).collect()
    };
    match what {
        None | Some("wealth") => {
            Ok(over_time("wealth", "of 1 invested", lines(&|one| one.wealth.clone())))
        }
        Some("drawdown") => {
            Ok(over_time("drawdown", "below the high", lines(&|one| falls(&one.wealth))))
        }
        Some(name) => {
            let name = name.strip_prefix("weights").map_or(name, str::trim);
            let found = match name {
                "" => answer.strategies.first(),
                name => answer.strategies.iter().find(|one| one.name == name),
            };
            let names = || answer.strategies.iter().map(|one| one.name.as_str());
            let found = found.ok_or_else(|| {
                format!(
                    "is 'wealth', 'drawdown' or 'weights NAME' of a strategy{}",
                    did_you_mean(name, names())
                )
            })?;
            Ok(over_time(&format!("weights of {}", found.name), "weight", weights(answer, found)))
        }
    }
}

/// How far wealth is below its high, as a share of it, negative.
fn falls(wealth: &[f64]) -> Vec<f64> {
    let mut high = 1.0_f64;
    let fall = |value: &f64| {
        high = high.max(*value);
        value / high - 1.0
    };
    wealth.iter().map(fall).collect()
}

/// Weights after each trade: a line for each of the heaviest, one for all others.
fn weights(answer: &BacktestResponse, strategy: &BacktestedStrategy) -> Vec<Layer> {
    let dates: Vec<String> = strategy.rebalancings.iter().map(|one| one.traded.clone()).collect();
    let rows: Vec<Vec<f64>> = strategy.rebalancings.iter().map(|one| one.weights.clone()).collect();
    heaviest(&answer.assets, &times(&dates).1, &rows)
}

/// Weights at places of an axis: a line for each of the heaviest assets, one for all others.
fn heaviest(assets: &[String], places: &[f64], rows: &[Vec<f64>]) -> Vec<Layer> {
    let series = |asset: usize| rows.iter().map(move |weights| weights[asset]);
    let mut order: Vec<usize> = (0..assets.len()).collect();
    let total = |asset: usize| series(asset).map(f64::abs).sum::<f64>();
    order.sort_by(|a, b| total(*b).total_cmp(&total(*a)));
    order.retain(|asset| total(*asset) > 1e-9);
    // A line of its own says more than one of all others that is of a single asset.
    let own = if order.len() == LINES + 1 { LINES + 1 } else { order.len().min(LINES) };
    let (own, others) = order.split_at(own);
    let line = |name: &str, values: Vec<f64>| Layer {
        name: name.to_owned(),
        mark: Mark::Line,
        points: places.iter().copied().zip(values).collect(),
    };
    let mut layers: Vec<Layer> =
        own.iter().map(|at| line(&assets[*at], series(*at).collect())).collect();
    if !others.is_empty() {
        let sum = |weights: &Vec<f64>| others.iter().map(|at| weights[*at]).sum();
        let name = format!("{} others", others.len());
        layers.push(line(&name, rows.iter().map(sum).collect()));
    }
    layers
}

/// Dates as places on an axis.
fn times(dates: &[String]) -> (Scale, Vec<f64>) {
    let moments: Option<Vec<f64>> =
        dates.iter().map(|date| Some(parse_timestamp(date.as_bytes())? as f64 / 1e6)).collect();
    match moments {
        Some(moments) => (Scale::Time, moments),
        None => {
            let number = |(at, date): (usize, &String)| date.parse().unwrap_or(at as f64);
            (Scale::Number, dates.iter().enumerate().map(number).collect())
        }
    }
}

fn frontier_text(answer: &FrontierResponse) -> String {
    let end = |at: usize| {
        answer.points.get(at).map_or_else(String::new, |point| {
            format!("{} with {}", percent(point.expected_return), percent(point.volatility))
        })
    };
    let best = answer.best_sharpe.and_then(|at| answer.points.get(at as usize));
    let best = best.map_or_else(String::new, |point| {
        format!("   best Sharpe {} at {}", maybe(point.sharpe), percent(point.volatility))
    });
    format!(
        "{} portfolios of {} assets: {} volatility a year to {}{best}\n{}",
        answer.points.len(),
        answer.universe.assets,
        end(0),
        end(answer.points.len().saturating_sub(1)),
        answer.notice
    )
}

fn frontier_described(answer: &FrontierResponse) -> Vec<Map<String, Json>> {
    let row = |point: &crate::domain::investment::FrontierPoint| {
        let mut row = Map::from_iter([
            ("return".to_owned(), Json::from(point.expected_return)),
            ("volatility".to_owned(), point.volatility.into()),
            ("sharpe".to_owned(), point.sharpe.into()),
        ]);
        row.extend(point.weights.iter().map(|(asset, weight)| (asset.clone(), (*weight).into())));
        row
    };
    answer.points.iter().map(row).collect()
}

fn frontier_table(answer: &FrontierResponse, shown: usize) -> Table {
    let columns = [("return", true), ("volatility", true), ("Sharpe", true), ("heaviest", false)];
    let rows = answer.points.iter().take(shown).map(|point| {
        let mut held: Vec<(&String, &f64)> = point.weights.iter().collect();
        held.sort_by(|a, b| b.1.total_cmp(a.1));
        let held =
            held.iter().take(3).map(|(asset, weight)| format!("{asset} {}", figure(**weight)));
        vec![
            percent(point.expected_return),
            percent(point.volatility),
            maybe(point.sharpe),
            held.collect::<Vec<_>>().join(", "),
        ]
    });
    let mut table = Table::new(&columns, rows.collect());
    table.total = answer.points.len() as u64;
    table
}

/// The frontier, its best Sharpe ratio, and each asset by itself; or what its portfolios hold.
///
/// # Errors
/// For another `what`, in words.
fn frontier_plot(answer: &FrontierResponse, what: Option<&str>) -> Result<Plot, String> {
    let x = Axis { label: "volatility a year".to_owned(), scale: Scale::Number };
    match what {
        None | Some("frontier") => {}
        Some("weights") => {
            let names: Vec<String> = answer.assets.iter().map(|one| one.asset.clone()).collect();
            let places: Vec<f64> = answer.points.iter().map(|point| point.volatility).collect();
            let row = |point: &crate::domain::investment::FrontierPoint| {
                names.iter().map(|name| point.weights.get(name).copied().unwrap_or(0.0)).collect()
            };
            let rows: Vec<Vec<f64>> = answer.points.iter().map(row).collect();
            return Ok(Plot {
                title: "weights along the frontier".to_owned(),
                x,
                y: Axis { label: "weight".to_owned(), scale: Scale::Number },
                layers: heaviest(&names, &places, &rows),
            });
        }
        Some(_) => return Err("is 'frontier' or 'weights'".to_owned()),
    }
    let point = |point: &crate::domain::investment::FrontierPoint| {
        (point.volatility, point.expected_return)
    };
    let assets = answer.assets.iter().map(|asset| (asset.volatility, asset.expected_return));
    let layer = |name: &str, mark, points| Layer { name: name.to_owned(), mark, points };
    let mut layers = vec![
        layer("frontier", Mark::Line, answer.points.iter().map(point).collect()),
        layer("single assets", Mark::Points, assets.collect()),
    ];
    if let Some(best) = answer.best_sharpe.and_then(|at| answer.points.get(at as usize)) {
        layers.push(layer("best Sharpe ratio", Mark::Points, vec![point(best)]));
    }
    Ok(Plot {
        title: "efficient frontier".to_owned(),
        x,
        y: Axis { label: "expected return a year".to_owned(), scale: Scale::Number },
        layers,
    })
}
