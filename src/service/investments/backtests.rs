//! Walk-forward backtests of strategies, against equal weights, buying and holding, and cash.

use std::collections::HashSet;

use actuary_finance::investments::{
    Constraints, Held, History, Market, Objective, Trading, Unmet, Walk, Walked, deflated_sharpe,
    optimise, performance, risked, walk,
};
use actuary_finance::{Fault, Result as Calculated};

use super::advice::{check_estimates, of_universe};
use super::estimates::{market, objective};
use super::profile::{Rules, check_goal, refuse_all};
use super::wording::missed;
use super::{Universe, asset_of, problem, stopped, unmet, work};
use crate::domain::investment::{
    BacktestRequest, BacktestResponse, BacktestedStrategy, MAX_STRATEGIES, MAX_WEIGHTS, NOTICE,
    Rebalancing, StrategyPerformance, StrategySpec,
};
use crate::error::{FieldError, Result};

/// Names of what stands beside the strategies.
const EQUAL_WEIGHT: &str = "equal_weight";
const BUY_AND_HOLD: &str = "buy_and_hold";
const CASH: &str = "cash";

/// # Errors
/// [`crate::error::Code::InvalidRequest`] naming every bad field, and a request that would take too long or whose
/// answer would be too large.
pub(super) fn check(request: &BacktestRequest, universe: &Universe, rules: &Rules) -> Result<()> {
    let mut errors = Vec::new();
    let mut add = |pointer: String, detail: String| errors.push(FieldError::new(pointer, detail));
    let count = request.strategies.len();
    if !(1..=MAX_STRATEGIES).contains(&count) {
        add("/strategies".to_owned(), format!("{count} strategies are not 1 to {MAX_STRATEGIES}"));
    }
    let mut seen = HashSet::from([EQUAL_WEIGHT, BUY_AND_HOLD, CASH]);
    for (at, strategy) in request.strategies.iter().enumerate().take(MAX_STRATEGIES) {
        let name = name(strategy);
        if name.chars().count() > 100 {
            add(format!("/strategies/{at}/name"), "a name has at most 100 characters".to_owned());
        } else if !seen.insert(name) {
            let detail = format!("{name} is the name of another one: give each its own");
            add(format!("/strategies/{at}/name"), detail);
        }
    }
    if rules.current.is_some() {
        let detail = "a backtest begins with cash: leave it out";
        add("/profile/current".to_owned(), detail.to_owned());
    }
    if request.trials.is_some_and(|trials| (trials as usize) < count || trials > 1_000_000) {
        let detail =
            format!("at least the {count} strategies here were tried, and at most 1,000,000");
        add("/trials".to_owned(), detail);
    }
    for (at, strategy) in request.strategies.iter().enumerate().take(MAX_STRATEGIES) {
        check_goal(&strategy.goal, &format!("/strategies/{at}/goal"), &mut errors);
    }
    check_estimates(&request.estimates, false, &mut errors);
    let decisions = walked(request, rules).decisions(universe.times.len());
    if let Err(fault) = &decisions {
        let pointer = if fault.pointer == "/cost" { "/profile/cost" } else { &fault.pointer };
        errors.push(FieldError::new(pointer, fault.detail.clone()));
    }
    refuse_all(errors)?;
    let decisions = decisions.map_err(|fault| problem(fault, &universe.assets))?.len();
    let weights = decisions * universe.assets.len() * (count + 1);
    if weights > MAX_WEIGHTS {
        let detail = format!(
            "{decisions} decisions of {} strategies over {} assets are {weights} weights, and at most {MAX_WEIGHTS} are \
             answered: decide less often",
            count + 1,
            universe.assets.len()
        );
        return refuse_all(vec![FieldError::new("/every", detail)]);
    }
    let looked = if request.expanding { universe.times.len() } else { request.window as usize };
    // Costs make every decision one of trades.
    let trades = rules.cost > 0.0 || request.profile.max_turnover.is_some();
    let each = |strategy: &StrategySpec| {
        work::seconds((universe.assets.len(), looked), &strategy.goal, rules, trades)
    };
    let seconds = request.strategies.iter().map(each).sum::<f64>() * decisions as f64;
    let way_out = "decide less often, or send fewer strategies, assets or dates";
    work::check(seconds, universe, "/every", way_out)
}

/// Refuses bounds that no weights keep to, whatever the prices are: each decision would come to nothing.
fn possible(universe: &Universe, rules: &Rules) -> Result<()> {
    let market =
        Market::unknown(universe.assets.len()).map_err(|fault| problem(fault, &universe.assets))?;
    let fixed = Constraints {
        trading: None,
        volatility: None,
        tail: None,
        drawdown: None,
        ..rules.constraints.clone()
    };
    optimise(&market, &fixed, Objective::EqualWeight)
        .map_err(|why| unmet(why, rules, &market, &universe.assets))?;
    Ok(())
}

fn name(strategy: &StrategySpec) -> &str {
    strategy.name.as_deref().unwrap_or_else(|| match strategy.goal.objective.as_str() {
        // Among the strategies it keeps to the constraints; the one beside them does not.
        EQUAL_WEIGHT => "equal_weight_within",
        other => other,
    })
}

fn walked(request: &BacktestRequest, rules: &Rules) -> Walk {
    Walk {
        window: request.window as usize,
        expanding: request.expanding,
        every: request.every as usize,
        lag: request.lag as usize,
        cost: rules.cost,
        most: request.profile.max_turnover,
    }
}

/// Walks the strategies of a request.
///
/// # Errors
/// As [`super::advice::advise`].
pub(super) fn backtest(
    request: &BacktestRequest,
    universe: &Universe,
    rules: &Rules,
    stop: &mut dyn FnMut() -> bool,
) -> Result<BacktestResponse> {
    possible(universe, rules)?;
    let settings = walked(request, rules);
    let assets = &universe.assets;
    let history = &universe.history;
    let mut found: Vec<(String, Walked)> = Vec::new();
    for strategy in &request.strategies {
        let mut is_stopped = false;
        let mut decide = |known: &History, held: &[f64]| {
            is_stopped = stop();
            if is_stopped {
                return Err(Fault::new("", "stopped"));
            }
            decided(request, strategy, rules, assets, known, held)
        };
        let outcome = walk(history, &settings, &mut decide);
        if is_stopped {
            return Err(stopped());
        }
        let walked = outcome.map_err(|fault| problem(fault, assets))?;
        found.push((name(strategy).to_owned(), walked));
    }
    let equal = rules.equal();
    let mut even = |_: &History, _: &[f64]| Ok(Held::Weights(equal.clone()));
    // What stands beside the strategies keeps to no constraint.
    let free = Walk { most: None, ..settings };
    let beside = walk(history, &free, &mut even).map_err(|fault| problem(fault, assets))?;
    found.push((EQUAL_WEIGHT.to_owned(), beside));
    let once = Walk { every: usize::MAX, ..free };
    let beside = walk(history, &once, &mut even).map_err(|fault| problem(fault, assets))?;
    found.push((BUY_AND_HOLD.to_owned(), beside));
    let first = found[0].1.first;
    let returns = vec![rules.free; history.periods() - first];
    found.push((CASH.to_owned(), Walked { first, returns, trades: Vec::new(), ruined: None }));

    let trials = request.trials.map_or(request.strategies.len(), |trials| trials as usize);
    let mut variance = sharpe_variance(&found[..request.strategies.len()], rules);
    // The trials that are not seen differ at least as much as chance lets them, even where those seen hardly do.
    if trials > request.strategies.len() {
        variance = variance.max(by_chance(history.periods() - first));
    }
    let trades = found.iter().flat_map(|(_, walked)| &walked.trades);
    let cut = trades.filter(|trade| trade.wanted.is_some()).count();
    let strategies = found.into_iter().map(|(name, walked)| {
        let asked = request.strategies.iter().any(|strategy| self::name(strategy) == name);
        let luck = asked.then_some((variance, trials));
        told(name, &walked, luck, universe, rules, request.lag as usize)
    });
    let strategies = strategies.collect::<Calculated<Vec<_>>>();
    Ok(BacktestResponse {
        notice: NOTICE.to_owned(),
        strategies: strategies.map_err(|fault| problem(fault, assets))?,
        dates: universe.times[first..].to_vec(),
        assets: assets.clone(),
        trials: trials as u32,
        unknown: unknown(request, universe, rules, first, cut),
        universe: universe.about.clone(),
    })
}

/// What a strategy decides; where nothing meets the constraints, what is held goes on.
fn decided(
    request: &BacktestRequest,
    strategy: &StrategySpec,
    rules: &Rules,
    assets: &[String],
    known: &History,
    held: &[f64],
) -> Calculated<Held> {
    let named = |fault: Fault| match asset_of(&fault, assets) {
        Some(asset) => format!("{asset} {}", fault.detail),
        None => fault.detail,
    };
    let market = match market(known, &request.estimates, rules.free, None) {
        Ok((market, _)) => market,
        Err(fault) => return Ok(Held::Kept(named(fault))),
    };
    let constraints = kept_to(rules, held);
    let kept = match optimise(&market, &constraints, objective(&strategy.goal, rules)) {
        Ok(portfolio) => return Ok(Held::Weights(portfolio.weights)),
        Err(Unmet::Fault(fault)) => named(fault),
        Err(Unmet::Limits(limits)) => {
            let missed = missed(&limits, rules, held, &market);
            missed.into_iter().map(|one| one.detail).next().unwrap_or_default()
        }
    };
    Ok(Held::Kept(kept))
}

/// The constraints of a decision: what is held then is where trades begin, and all of it may be bought at first.
fn kept_to(rules: &Rules, held: &[f64]) -> Constraints {
    let begins = held.iter().all(|weight| *weight == 0.0);
    let most = rules.constraints.trading.as_ref().and_then(|trading| trading.most);
    let most = most.filter(|_| !begins);
    let trading = (most.is_some() || rules.cost > 0.0).then(|| Trading {
        current: held.to_vec(),
        most,
        cost: vec![rules.cost / f64::from(rules.horizon); held.len()],
    });
    Constraints { trading, ..rules.constraints.clone() }
}

/// How much Sharpe ratios per period differ among strategies that were not ruined; of a single one how much they would
/// by chance alone.
fn sharpe_variance(found: &[(String, Walked)], rules: &Rules) -> f64 {
    let ratio = |walked: &Walked| {
        let count = walked.returns.len() as f64;
        let mean = walked.returns.iter().sum::<f64>() / count;
        let square = walked.returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (mean - rules.free) / (square / (count - 1.0)).sqrt()
    };
    let standing = found.iter().filter(|(_, walked)| walked.ruined.is_none());
    let ratios: Vec<f64> =
        standing.map(|(_, walked)| ratio(walked)).filter(|ratio| ratio.is_finite()).collect();
    if ratios.len() < 2 {
        return by_chance(found.first().map_or(2, |(_, walked)| walked.returns.len()));
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / (ratios.len() as f64 - 1.0)
}

/// The variance of a Sharpe ratio per period that is 0 in truth.
fn by_chance(periods: usize) -> f64 {
    1.0 / (periods as f64 - 1.0).max(1.0)
}

fn told(
    name: String,
    walked: &Walked,
    luck: Option<(f64, usize)>,
    universe: &Universe,
    rules: &Rules,
    lag: usize,
) -> Calculated<BacktestedStrategy> {
    let found = performance(&walked.returns, rules.free, rules.year)?;
    let excess: Vec<f64> = walked.returns.iter().map(|value| value - rules.free).collect();
    // After everything was lost nothing is traded.
    let years = risked(&walked.returns).len() as f64 / rules.year;
    // Who has no Sharpe ratio, as whoever lost everything, has none to deflate.
    let luck = luck.filter(|_| found.sharpe.is_some());
    let mut wealth = 1.0;
    let path = walked.returns.iter().map(|value| {
        wealth *= 1.0 + value;
        wealth
    });
    let rebalancing = |trade: &actuary_finance::investments::Trade| Rebalancing {
        decided: universe.times[trade.decided].clone(),
        traded: universe.times[trade.decided + lag].clone(),
        weights: trade.weights.clone(),
        turnover: trade.turnover,
        wanted_turnover: trade.wanted,
        cost: trade.cost,
        kept: trade.kept.clone(),
    };
    Ok(BacktestedStrategy {
        name,
        wealth: path.collect(),
        ruined: walked.ruined.map(|at| universe.times[at].clone()),
        performance: StrategyPerformance {
            annual_return: found.annual_return,
            annual_volatility: found.annual_volatility,
            sharpe: found.sharpe,
            sortino: found.sortino,
            max_drawdown: found.max_drawdown,
            calmar: found.calmar,
            cvar: found.tail_loss,
            probabilistic_sharpe: found.probabilistic_sharpe,
            deflated_sharpe: luck
                .and_then(|(variance, trials)| deflated_sharpe(&excess, variance, trials)),
            // An empty sum would be -0.
            annual_turnover: walked.trades.iter().fold(0.0, |sum, one| sum + one.turnover) / years,
            annual_cost: walked.trades.iter().fold(0.0, |sum, one| sum + one.cost) / years,
        },
        rebalancings: walked.trades.iter().map(rebalancing).collect(),
    })
}

fn unknown(
    request: &BacktestRequest,
    universe: &Universe,
    rules: &Rules,
    first: usize,
    cut: usize,
) -> Vec<String> {
    let years = (universe.times.len() - first) as f64 / rules.year;
    let mut told = vec![format!(
        "whether {years:.1} years, one path of many, are typical: a Sharpe ratio of that length has a standard error of \
         {:.2}",
        1.0 / years.sqrt()
    )];
    if request.lag == 0 {
        told.push(
            "how trades at the very close that was looked at could be done: set lag to 1 for what can".to_owned(),
        );
    }
    if cut > 0 {
        told.push(format!(
            "what the strategies would earn if max_turnover had not cut {cut} of their trades short, since what is \
             held drifts between a decision and its trade: wanted_turnover is what these would have taken"
        ));
    }
    if request.trials.is_none() {
        told.push("how many other strategies were tried before these: say it in trials".to_owned());
    }
    if rules.cost == 0.0 {
        told.push("what trading costs: say it in profile.cost".to_owned());
    }
    told.extend(of_universe(universe));
    told
}
