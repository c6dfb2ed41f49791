//! Limits that can't be met, and what those that are met cost.

use super::*;

fn missed(constraints: &Constraints, objective: Objective) -> Vec<(Limit, f64)> {
    let (_, market) = market();
    match optimise(&market, constraints, objective) {
        Err(Unmet::Limits(missed)) => missed,
        other => panic!("{other:?}"),
    }
}

fn one(missed: &[(Limit, f64)]) -> (Limit, f64) {
    assert_eq!(missed.len(), 1, "{missed:?}");
    missed[0]
}

#[test]
fn a_limit_that_cannot_be_met_is_named_with_what_it_misses() {
    let (_, market) = market();
    let plain = Constraints::long_only(5);
    let linear = |factors: [f64; 5], least, most| Linear { factors: factors.to_vec(), least, most };
    // A score that none has: the best is 8.
    let score = linear([8.0, 4.0, 5.0, 6.0, 1.0], Some(8.5), None);
    let scored = Constraints { linear: vec![score], ..plain.clone() };
    for objective in [
        Objective::MinVariance,
        Objective::MaxSharpe,
        Objective::RiskParity,
        Objective::Hierarchical,
    ] {
        let (limit, by) = one(&missed(&scored, objective));
        assert!(limit == Limit::LeastOf(0) && (by - 0.5).abs() < 1e-5, "{objective:?} {by}");
    }
    // A group that its members' caps can't fill: it is the group that gives way.
    let group = linear([1.0, 1.0, 0.0, 0.0, 0.0], Some(0.7), None);
    let upper = vec![0.3, 0.3, 1.0, 1.0, 1.0];
    let grouped = Constraints { linear: vec![group], upper, ..plain.clone() };
    let (limit, by) = one(&missed(&grouped, Objective::MinVariance));
    assert!(limit == Limit::LeastOf(0) && (by - 0.1).abs() < 1e-5, "{limit:?} {by}");
    // Caps that leave a quarter without a place.
    let few = Constraints { upper: vec![0.15; 5], ..plain.clone() };
    let all = missed(&few, Objective::MinVariance);
    assert!(all.iter().all(|(limit, _)| matches!(limit, Limit::MostWeight(_))), "{all:?}");
    assert!((all.iter().map(|(_, by)| by).sum::<f64>() - 0.25).abs() < 1e-5);
    // A risk below the least: the least variance says by how much.
    let least = optimise(&market, &plain, Objective::MinVariance).unwrap();
    let least = market.volatility(&least.weights);
    let calm = Constraints { volatility: Some(least - 0.002), ..plain.clone() };
    let (limit, by) = one(&missed(&calm, Objective::MaxReturn));
    assert!(limit == Limit::Volatility && (by - 0.002).abs() < 1e-6, "{by}");
    let (limit, by) = one(&missed(&calm, Objective::MaxSharpe));
    assert!(limit == Limit::Volatility && (by - 0.002).abs() < 1e-6, "{by}");
    // Neither selling short nor raising the caps of assets is the way out of a limit that nobody could meet.
    let hopeless = Constraints { volatility: Some(1e-5), upper: vec![0.3; 5], ..plain.clone() };
    assert_eq!(one(&missed(&hopeless, Objective::MinVariance)).0, Limit::Volatility);
    let tail = Constraints { tail: Some(Tail { level: 0.95, most: 0.02 }), ..plain.clone() };
    let (limit, by) = one(&missed(&tail, Objective::MaxReturn));
    let best = optimise(&market, &plain, Objective::MinTail { level: 0.95 }).unwrap();
    let best = tail_loss(&market.history.earned(&best.weights), 0.95).unwrap();
    assert!(limit == Limit::Tail && (by - (best - 0.02)).abs() < 1e-6, "{by}");
    let fall = Constraints { drawdown: Some(0.1), ..plain.clone() };
    let (limit, by) = one(&missed(&fall, Objective::MinVariance));
    let reached = Constraints { drawdown: Some(0.1 + by + 1e-5), ..plain.clone() };
    assert_eq!(limit, Limit::Drawdown);
    assert!(optimise(&market, &reached, Objective::MinVariance).is_ok());
    // A return that none is expected to have, and trades that don't reach a bound.
    let greatest = market.mean.iter().copied().fold(0.0, f64::max);
    let (limit, by) = one(&missed(&plain, Objective::TargetReturn { least: greatest + 0.001 }));
    assert!(limit == Limit::Return && (by - 0.001).abs() < 1e-7, "{by}");
    let current = vec![1.0, 0.0, 0.0, 0.0, 0.0];
    let trading = Some(Trading { current, most: Some(0.5), cost: vec![0.0; 5] });
    let stuck = Constraints { trading, upper: vec![0.5, 1.0, 1.0, 1.0, 1.0], ..plain };
    let found = missed(&stuck, Objective::MinVariance);
    // Half must be sold and bought, which is 1 in all; selling a quarter less needs half of it.
    assert_eq!(one(&found).0, Limit::MostWeight(0), "{found:?}");
    assert!((found[0].1 - 0.25).abs() < 1e-5);
}

#[test]
fn nothing_above_the_risk_free_rate_is_no_matter_of_limits() {
    let (_, mut market) = market();
    market.free = 1.0;
    let found = optimise(&market, &Constraints::long_only(5), Objective::MaxSharpe).unwrap_err();
    let Unmet::Fault(fault) = found else { panic!("{found:?}") };
    assert_eq!(fault.pointer, "/objective");
    assert!(fault.detail.contains("risk-free"), "{fault}");
}

type Figure<'a> = &'a dyn Fn(&[f64]) -> f64;

/// The price of a limit is what a little more room gains.
#[test]
fn prices_are_slopes() {
    let (_, market) = market();
    let trading = Some(Trading { current: vec![0.2; 5], most: Some(0.5), cost: vec![0.0; 5] });
    let with = |room: f64, which: Limit| {
        let of = |limit: Limit| if limit == which { room } else { 0.0 };
        Constraints {
            upper: vec![0.4, 0.4, 0.4, 0.4 + of(Limit::MostWeight(3)), 0.4],
            lower: vec![0.0, 0.05 - of(Limit::LeastWeight(1)), 0.0, 0.0, 0.0],
            linear: vec![Linear {
                factors: vec![8.0, 4.0, 5.0, 6.0, 1.0],
                least: Some(5.5 - of(Limit::LeastOf(0))),
                most: None,
            }],
            trading: trading.clone(),
            volatility: Some(0.0131 + of(Limit::Volatility)),
            ..Constraints::long_only(5)
        }
    };
    let sharpe = |w: &[f64]| (market.expected(w) - market.free) / market.volatility(w);
    let utility = |w: &[f64]| market.expected(w) - 2.0 * market.volatility(w).powi(2);
    let tail = |w: &[f64]| -tail_loss(&market.history.earned(w), 0.95).unwrap();
    let calm = |w: &[f64]| -market.volatility(w);
    let earned = |w: &[f64]| market.expected(w);
    let cases: [(Objective, Figure<'_>); 5] = [
        (Objective::MinVariance, &calm),
        (Objective::MaxSharpe, &sharpe),
        (Objective::MaxUtility { aversion: 4.0 }, &utility),
        (Objective::MinTail { level: 0.95 }, &tail),
        (Objective::MaxReturn, &earned),
    ];
    for (objective, figure) in cases {
        let found = optimise(&market, &with(0.0, Limit::Turnover), objective)
            .unwrap_or_else(|unmet| panic!("{objective:?} {unmet:?}"));
        assert!(!found.prices.is_empty(), "{objective:?}");
        let limits =
            [Limit::MostWeight(3), Limit::LeastWeight(1), Limit::LeastOf(0), Limit::Volatility];
        for limit in limits {
            let told =
                found.prices.iter().find(|(known, _)| *known == limit).map_or(0.0, |one| one.1);
            // Piecewise linear tails have a price on each side, the true one between them.
            let step = if matches!(limit, Limit::Volatility) { 1e-6 } else { 1e-4 };
            let at = |room| {
                let weights = optimise(&market, &with(room, limit), objective)
                    .unwrap_or_else(|unmet| panic!("{objective:?} {limit:?} {room} {unmet:?}"))
                    .weights;
                figure(&weights)
            };
            let (more, here, less) = (at(step), at(0.0), at(-step));
            let (right, left) = ((more - here) / step, (here - less) / step);
            let slack = 0.02 * right.abs().max(left.abs()) + 2e-5;
            assert!(
                told > right.min(left) - slack && told < right.max(left) + slack,
                "{objective:?} {limit:?}: told {told}, slopes {left} and {right}"
            );
        }
    }
}

#[test]
fn weights_by_a_rule_are_moved_to_the_nearest_that_meet_the_limits() {
    let (_, market) = market();
    let plain = Constraints::long_only(5);
    let equal = optimise(&market, &plain, Objective::EqualWeight).unwrap();
    assert!(!equal.moved && far(&equal.weights, &[0.2; 5]) < 1e-15);
    let excluded = Constraints { upper: vec![1.0, 0.0, 1.0, 1.0, 1.0], ..plain.clone() };
    for objective in [Objective::EqualWeight, Objective::RiskParity, Objective::Hierarchical] {
        let found = optimise(&market, &excluded, objective).unwrap();
        assert!(!found.moved && found.weights[1] == 0.0, "{objective:?} {found:?}");
    }
    let little = Constraints { upper: vec![0.1, 1.0, 1.0, 1.0, 1.0], ..plain.clone() };
    let found = optimise(&market, &little, Objective::EqualWeight).unwrap();
    assert!(found.moved && far(&found.weights, &[0.1, 0.225, 0.225, 0.225, 0.225]) < 1e-7);
    let nobody = Constraints { upper: vec![0.0; 5], ..plain };
    assert!(matches!(optimise(&market, &nobody, Objective::Hierarchical), Err(Unmet::Fault(_))));
}

#[test]
fn what_makes_no_sense_is_a_fault() {
    let (_, market) = market();
    let plain = Constraints::long_only(5);
    let pointer =
        |constraints: &Constraints, objective| match optimise(&market, constraints, objective) {
            Err(Unmet::Fault(fault)) => fault.pointer,
            other => panic!("{other:?}"),
        };
    let best = Objective::MinVariance;
    assert_eq!(pointer(&plain, Objective::MaxUtility { aversion: 0.0 }), "/aversion");
    assert_eq!(pointer(&plain, Objective::MinTail { level: 1.0 }), "/level");
    assert_eq!(
        pointer(&Constraints { volatility: Some(0.0), ..plain.clone() }, best),
        "/volatility"
    );
    assert_eq!(pointer(&Constraints { upper: vec![1.0; 4], ..plain.clone() }, best), "");
    assert_eq!(pointer(&Constraints { upper: vec![f64::NAN; 5], ..plain }, best), "");
}

#[test]
fn fewer_dates_than_assets_are_no_obstacle() {
    let rows: Vec<f64> =
        (0..120).map(|at| f64::from((at * 7919 % 101) as u8) / 2000.0 - 0.02).collect();
    let history = History::new(20, &rows).unwrap();
    let covariance = covariance(&history, CovarianceMethod::Sample).unwrap().matrix;
    let mean = means(&history, &covariance, MeanMethod::Sample);
    let market = Market { mean, covariance, history, free: 0.0 };
    let constraints =
        Constraints { upper: vec![0.2; 20], volatility: Some(0.02), ..Constraints::long_only(20) };
    for objective in
        [Objective::MinVariance, Objective::MaxReturn, Objective::MinTail { level: 0.5 }]
    {
        let found = optimise(&market, &constraints, objective).unwrap();
        let excesses = excesses(&market, &constraints, &found.weights).unwrap();
        assert!(excesses.is_empty(), "{objective:?} {excesses:?}");
    }
}
