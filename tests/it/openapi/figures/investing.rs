//! Portfolios, backtests and frontiers.

use std::collections::BTreeMap;

use actuary::domain::investment::{
    BacktestRequest, BacktestResponse, BacktestedStrategy, FrontierRequest, FrontierResponse,
    Outlook, PortfolioRequest, PortfolioResponse,
};
use actuary_finance::investments::{
    Performance, block_length, deflated_sharpe, performance, turnover,
};

use super::{answered, asked, both_close, close};

#[test]
fn a_portfolio_is_the_sum_of_its_holdings() {
    let asked: PortfolioRequest = asked("create_investment_portfolio");
    let told: PortfolioResponse = answered("create_investment_portfolio");
    let held = &told.holdings;
    let sum = |of: &dyn Fn(usize) -> f64| (0..held.len()).map(of).sum::<f64>();
    close("weights", sum(&|at| held[at].weight.value), 1.0, 1e-9);
    close("risk_share", sum(&|at| held[at].risk_share), 1.0, 1e-9);
    close("current", sum(&|at| held[at].current), 1.0, 1e-9);
    assert!(held.windows(2).all(|two| two[0].weight.value >= two[1].weight.value));
    let even = 1.0 / held.len() as f64;
    let current: Vec<f64> = held.iter().map(|one| one.current).collect();
    let check = |what: &str, outlook: &Outlook, weights: Vec<f64>| {
        let earned = sum(&|at| weights[at] * held[at].expected_return);
        close(what, outlook.expected_return.value, earned, 5e-4);
        let ratio = (outlook.expected_return.value - asked.profile.risk_free_rate)
            / outlook.volatility.value;
        both_close(what, outlook.sharpe, Some(ratio), 5e-4);
        close(what, outlook.turnover, turnover(&current, &weights), 5e-5);
        close(what, outlook.cost, outlook.turnover * asked.profile.cost, 5e-8);
    };
    check("portfolio", &told.portfolio, held.iter().map(|one| one.weight.value).collect());
    check("equal_weight", &told.equal_weight, vec![even; held.len()]);
    check("current", told.current.as_ref().unwrap(), current.clone());
    for one in held {
        let (low, high) = (one.weight.low.unwrap(), one.weight.high.unwrap());
        assert!(low <= one.weight.value && one.weight.value <= high, "{one:?}");
        // What the words say are the figures, with a correlation that explains the share of the risk.
        let words = [
            format!("{:.1} % of the risk for", 100.0 * one.risk_share),
            format!("{:.1} % of the wealth", 100.0 * one.weight.value),
            format!("volatility {:.1} % a year", 100.0 * one.volatility),
        ];
        words.iter().for_each(|words| assert!(one.reason.contains(words), "{}", one.reason));
        let correlation: f64 = one.reason.rsplit(' ').next().unwrap().parse().unwrap();
        let share =
            one.weight.value * one.volatility * correlation / told.portfolio.volatility.value;
        close(&one.reason, one.risk_share, share, 0.005);
    }
    let group = &asked.profile.groups["staples"];
    let [binding] = told.binding.as_slice() else { panic!("{:?}", told.binding) };
    assert_eq!(binding.pointer, "/profile/groups/staples/max");
    let staples = held.iter().filter(|one| group.assets.contains(&one.asset));
    close("staples", staples.map(|one| one.weight.value).sum(), group.max.unwrap(), 1e-9);
    assert_eq!(told.resampling.block as usize, block_length(told.universe.returns as usize));
}

/// Returns of what stands at the end of each period.
fn returns(wealth: &[f64]) -> Vec<f64> {
    let before = std::iter::once(1.0).chain(wealth.iter().copied());
    before.zip(wealth).map(|(from, to)| to / from - 1.0).collect()
}

fn check_strategy(
    told: &BacktestedStrategy,
    found: &Performance,
    asked: &BacktestRequest,
    years: f64,
) {
    let figures = &told.performance;
    let name = &told.name;
    close(name, figures.annual_return, found.annual_return, 5e-5);
    both_close(name, figures.annual_volatility, found.annual_volatility, 5e-5);
    both_close(name, figures.sharpe, found.sharpe, 5e-4);
    both_close(name, figures.sortino, found.sortino, 5e-4);
    close(name, figures.max_drawdown, found.max_drawdown, 5e-6);
    both_close(name, figures.calmar, found.calmar, 5e-3);
    close(name, figures.cvar, found.tail_loss, 5e-6);
    both_close(name, figures.probabilistic_sharpe, found.probabilistic_sharpe, 5e-4);
    let sum = |of: fn(&actuary::domain::investment::Rebalancing) -> f64| {
        told.rebalancings.iter().map(of).sum::<f64>()
    };
    close(name, figures.annual_turnover, sum(|trade| trade.turnover) / years, 5e-4);
    close(name, figures.annual_cost, sum(|trade| trade.cost) / years, 5e-7);
    for trade in &told.rebalancings {
        close(name, trade.weights.iter().sum(), 1.0, 5e-6);
        close(name, trade.cost, trade.turnover * asked.profile.cost, 5e-9);
    }
}

#[test]
fn a_backtest_did_as_its_wealth_says() {
    let asked: BacktestRequest = asked("create_investment_backtest");
    let told: BacktestResponse = answered("create_investment_backtest");
    let names: Vec<&str> = told.strategies.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names[asked.strategies.len()..], ["equal_weight", "buy_and_hold", "cash"]);
    let first = (asked.window + asked.lag) as usize;
    assert_eq!(told.dates.len(), told.universe.returns as usize - first);
    let (free, year) = (asked.profile.risk_free_rate, asked.profile.periods_per_year);
    let (free, years) = (free / year, told.dates.len() as f64 / year);
    let found = |one: &BacktestedStrategy| performance(&returns(&one.wealth), free, year).unwrap();
    // Of those that were asked for, per period.
    let ratio = |one: &BacktestedStrategy| found(one).sharpe.unwrap() / year.sqrt();
    let ratios: Vec<f64> = told.strategies[..asked.strategies.len()].iter().map(ratio).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let variance = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>()
        / (ratios.len() as f64 - 1.0);
    for (at, one) in told.strategies.iter().enumerate() {
        assert_eq!(one.wealth.len(), told.dates.len());
        check_strategy(one, &found(one), &asked, years);
        let excess: Vec<f64> = returns(&one.wealth).iter().map(|value| value - free).collect();
        let is_asked = at < asked.strategies.len();
        let deflated = is_asked.then(|| deflated_sharpe(&excess, variance, told.trials as usize));
        both_close(&one.name, one.performance.deflated_sharpe, deflated.flatten(), 5e-4);
    }
}

#[test]
fn points_of_a_frontier_are_mixtures_of_its_assets() {
    let asked: FrontierRequest = asked("create_investment_frontier");
    let told: FrontierResponse = answered("create_investment_frontier");
    let assets = told.assets.iter().map(|one| (one.asset.as_str(), one.expected_return));
    let expected: BTreeMap<&str, f64> = assets.collect();
    for point in &told.points {
        close("weights", point.weights.values().sum(), 1.0, 1e-9);
        assert!(point.weights.values().all(|weight| *weight <= asked.profile.max_weight));
        let earned = point.weights.iter().map(|(name, weight)| weight * expected[name.as_str()]);
        close("expected_return", point.expected_return, earned.sum(), 5e-4);
        let excess = point.expected_return - asked.profile.risk_free_rate;
        both_close("sharpe", point.sharpe, Some(excess / point.volatility), 5e-4);
    }
    let sharpe = |at: usize| told.points[at].sharpe.unwrap();
    let best = told.best_sharpe.unwrap() as usize;
    assert!((0..told.points.len()).all(|at| sharpe(at) <= sharpe(best)));
}
