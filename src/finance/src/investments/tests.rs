//! Figures of other libraries (`examples/oracles/investments.py`), and properties that need none.

use nalgebra::DMatrix;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::*;

mod limits;

#[derive(Deserialize)]
struct Fixture {
    prices: Vec<Vec<f64>>,
    ledoit_wolf: Shrunk,
    sample: Vec<Vec<f64>>,
    ewma: Vec<Vec<f64>>,
    shrunk: Vec<f64>,
    portfolios: BTreeMap<String, Expected>,
    tail_loss: f64,
    hierarchical: Vec<f64>,
    hierarchical_20: Tree,
    black_litterman: Believed,
    relative_views: Believed,
    performance: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Shrunk {
    covariance: Vec<Vec<f64>>,
    shrinkage: f64,
}

#[derive(Deserialize)]
struct Expected {
    weights: Vec<f64>,
    variance: f64,
    #[serde(rename = "return")]
    earned: f64,
}

#[derive(Deserialize)]
struct Tree {
    covariance: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Believed {
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../../tests/fixtures/investments.json")).unwrap()
}

fn history(fixture: &Fixture) -> History {
    let prices = &fixture.prices;
    let returns = prices.windows(2).flat_map(|pair| {
        pair[1].iter().zip(&pair[0]).map(|(later, earlier)| later / earlier - 1.0)
    });
    History::new(prices[0].len(), &returns.collect::<Vec<_>>()).unwrap()
}

fn matrix(rows: &[Vec<f64>]) -> DMatrix<f64> {
    DMatrix::from_fn(rows.len(), rows.len(), |row, column| rows[row][column])
}

fn market() -> (Fixture, Market) {
    let fixture = fixture();
    let history = history(&fixture);
    let covariance = covariance(&history, CovarianceMethod::Sample).unwrap().matrix;
    let mean = means(&history, &covariance, MeanMethod::Sample);
    (fixture, Market { mean, covariance, history, free: 0.0001 })
}

fn far(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn covariances_and_means_are_those_of_the_peers() {
    let fixture = fixture();
    let history = history(&fixture);
    let of = |method| covariance(&history, method).unwrap();
    let ledoit = of(CovarianceMethod::LedoitWolf);
    assert!((ledoit.matrix - matrix(&fixture.ledoit_wolf.covariance)).amax() < 1e-15);
    assert!((ledoit.shrinkage.unwrap() - fixture.ledoit_wolf.shrinkage).abs() < 1e-12);
    let sample = of(CovarianceMethod::Sample).matrix;
    assert!((&sample - matrix(&fixture.sample)).amax() < 1e-16);
    let ewma = of(CovarianceMethod::Ewma { decay: 0.94 }).matrix;
    assert!((ewma - matrix(&fixture.ewma)).amax() < 1e-15);
    let towards = means(&history, &sample, MeanMethod::Shrunk);
    assert!(far(&towards, &fixture.shrunk) < 1e-15);
    assert_eq!(means(&history, &sample, MeanMethod::Zero), [0.0; 5]);
    assert_eq!(
        covariance(&history, CovarianceMethod::Ewma { decay: 1.0 }).unwrap_err().pointer,
        "/decay"
    );
    let still = History::new(2, &[0.1, 0.0, 0.2, 0.0]).unwrap();
    assert_eq!(covariance(&still, CovarianceMethod::Sample).unwrap_err().pointer, "/1");
}

/// Weights to 1e-4 and the objective to 1e-8 (of a variance, relative to it).
#[test]
fn portfolios_are_those_of_the_peers() {
    let (fixture, market) = market();
    let plain = Constraints::long_only(5);
    let capped = |most: f64| Constraints { upper: vec![most; 5], ..plain.clone() };
    let linear = |factors: [f64; 5], least, most| Linear { factors: factors.to_vec(), least, most };
    let trading =
        |most, cost: f64| Some(Trading { current: vec![0.2; 5], most, cost: vec![cost; 5] });
    let grouped = vec![
        linear([0.0, 0.0, 1.0, 1.0, 0.0], None, Some(0.5)),
        linear([1.0, 0.0, 0.0, 0.0, 0.0], Some(0.2), None),
    ];
    let scored = vec![linear([8.0, 4.0, 5.0, 6.0, 1.0], Some(6.0), None)];
    let with = |change: &dyn Fn(&mut Constraints)| {
        let mut constraints = plain.clone();
        change(&mut constraints);
        constraints
    };
    let tail = Some(Tail { level: 0.95, most: 0.03 });
    let utility = Objective::MaxUtility { aversion: 5.0 };
    let cases = [
        ("min_variance", Objective::MinVariance, plain.clone()),
        ("capped", Objective::MinVariance, capped(0.3)),
        ("grouped", Objective::MinVariance, with(&|c| c.linear = grouped.clone())),
        ("scored", Objective::MinVariance, with(&|c| c.linear = scored.clone())),
        ("max_sharpe", Objective::MaxSharpe, plain.clone()),
        ("max_sharpe_capped", Objective::MaxSharpe, capped(0.35)),
        ("utility", utility, plain.clone()),
        ("target", Objective::TargetReturn { least: 0.0007 }, plain.clone()),
        ("turnover", Objective::MinVariance, with(&|c| c.trading = trading(Some(0.3), 0.0))),
        ("costs", utility, with(&|c| c.trading = trading(None, 0.0001))),
        ("min_tail", Objective::MinTail { level: 0.95 }, plain.clone()),
        ("volatility_limit", Objective::MaxReturn, with(&|c| c.volatility = Some(0.0125))),
        ("tail_limit", Objective::MaxReturn, with(&|c| c.tail = tail)),
        ("drawdown_limit", Objective::MaxReturn, with(&|c| c.drawdown = Some(0.28))),
        ("parity", Objective::RiskParity, plain.clone()),
        ("parity_capped", Objective::RiskParity, capped(0.22)),
    ];
    assert_eq!(cases.len(), fixture.portfolios.len());
    for (name, objective, constraints) in cases {
        let expected = &fixture.portfolios[name];
        let found = optimise(&market, &constraints, objective).unwrap();
        let distance = far(&found.weights, &expected.weights);
        assert!(distance < 1e-4, "{name} is {distance:e} away: {:?}", found.weights);
        let variance = market.volatility(&found.weights).powi(2);
        let worse = match objective {
            Objective::MinVariance | Objective::TargetReturn { .. } => {
                variance / expected.variance - 1.0
            }
            Objective::MaxReturn => expected.earned - market.expected(&found.weights),
            Objective::MaxSharpe => {
                let sharpe = |earned: f64, variance: f64| (earned - 0.0001) / variance.sqrt();
                sharpe(expected.earned, expected.variance)
                    - sharpe(market.expected(&found.weights), variance)
            }
            _ => 0.0,
        };
        assert!(worse < 1e-8, "{name} is worse by {worse:e}");
        let excesses = excesses(&market, &constraints, &found.weights).unwrap();
        assert!(excesses.is_empty(), "{name} {excesses:?}");
        assert!((found.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{name}");
        assert_eq!(found.moved, name == "parity_capped");
    }
    let least = &fixture.portfolios["min_tail"].weights;
    let loss = tail_loss(&market.history.earned(least), 0.95).unwrap();
    assert!((loss - fixture.tail_loss).abs() < 1e-12);
    let found = optimise(&market, &plain, Objective::MinTail { level: 0.95 }).unwrap();
    assert!(
        tail_loss(&market.history.earned(&found.weights), 0.95).unwrap() < fixture.tail_loss + 1e-8
    );
}

#[test]
fn risk_contributions_are_equal_and_trees_those_of_the_peers() {
    let (fixture, market) = market();
    let weights = risk_parity(&market.covariance, &[0.2; 5]).unwrap();
    assert!(far(&market.contributions(&weights), &[0.2; 5]) < 1e-8);
    assert!(far(&hierarchical(&market.covariance), &fixture.hierarchical) < 1e-12);
    let tree = &fixture.hierarchical_20;
    assert_eq!(tree.weights.len(), 20);
    assert!(far(&hierarchical(&matrix(&tree.covariance)), &tree.weights) < 1e-12);
    let found = optimise(&market, &Constraints::long_only(5), Objective::Hierarchical).unwrap();
    assert!(!found.moved && far(&found.weights, &fixture.hierarchical) < 1e-12);
}

#[test]
fn posteriors_are_those_of_the_peers() {
    let (fixture, market) = market();
    let yearly = &market.covariance * 252.0;
    let pick = |at: usize| (0..5).map(|asset| f64::from(u8::from(asset == at))).collect();
    let absolute = |at, value| View { weights: pick(at), value, doubt: Doubt::Confidence(0.5) };
    let found =
        posterior(&[0.06; 5], &yearly, 0.05, &[absolute(0, 0.10), absolute(4, 0.02)]).unwrap();
    assert!(far(&found.mean, &fixture.black_litterman.mean) < 1e-12);
    assert!((found.covariance - matrix(&fixture.black_litterman.covariance)).amax() < 1e-12);
    let views = [
        View {
            weights: vec![1.0, -1.0, 0.0, 0.0, 0.0],
            value: 0.05,
            doubt: Doubt::Variance(0.004),
        },
        View {
            weights: vec![0.0, 0.0, 0.5, 0.5, 0.0],
            value: 0.03,
            doubt: Doubt::Variance(0.0009),
        },
    ];
    let found = posterior(&[0.09, 0.07, 0.04, 0.05, 0.06], &yearly, 0.02, &views).unwrap();
    assert!(far(&found.mean, &fixture.relative_views.mean) < 1e-12);
    assert!((found.covariance - matrix(&fixture.relative_views.covariance)).amax() < 1e-12);
    // A certain view holds; one that knows next to nothing changes next to nothing.
    let sure = View { doubt: Doubt::Confidence(1.0), ..absolute(0, 0.2) };
    assert!(
        (posterior(&[0.06; 5], &yearly, 0.05, std::slice::from_ref(&sure)).unwrap().mean[0] - 0.2)
            .abs()
            < 1e-12
    );
    let vague = View { doubt: Doubt::Confidence(1e-9), ..absolute(0, 0.2) };
    assert!(far(&posterior(&[0.06; 5], &yearly, 0.05, &[vague]).unwrap().mean, &[0.06; 5]) < 1e-9);
    // Implied returns are those by which the weights are best.
    let implied = implied_returns(&market.covariance, &[0.2; 5], 3.0, 0.0);
    let believing = Market { mean: implied, ..market.clone() };
    let best =
        optimise(&believing, &Constraints::long_only(5), Objective::MaxUtility { aversion: 3.0 });
    assert!(far(&best.unwrap().weights, &[0.2; 5]) < 1e-6);
    let refused = |views: &[View]| posterior(&[0.06; 5], &yearly, 0.05, views).unwrap_err().pointer;
    let nothing = View { weights: vec![0.0; 5], ..sure.clone() };
    assert_eq!(refused(&[sure.clone(), nothing]), "/views/1");
    assert_eq!(refused(&[View { doubt: Doubt::Confidence(0.0), ..sure.clone() }]), "/views/0");
    assert_eq!(refused(&[sure.clone(), View { value: 0.3, ..sure }]), "/views");
}

#[test]
fn a_vague_view_leaves_the_market_best_above_the_free_rate() {
    let (_, market) = market();
    let (held, free) = ([0.3, 0.1, 0.2, 0.25, 0.15], 0.0002);
    let prior = implied_returns(&market.covariance, &held, 2.5, free);
    let excess: f64 = market.covariance.row(1).iter().zip(&held).map(|(s, w)| s * w).sum();
    assert!((prior[1] - (free + 2.5 * excess)).abs() < 1e-15);
    let weights = vec![0.0, 1.0, 0.0, 0.0, 0.0];
    let vague = View { weights, value: 0.01, doubt: Doubt::Confidence(1e-9) };
    let found = posterior(&prior, &market.covariance, 0.05, &[vague]).unwrap();
    let believing = Market { mean: found.mean, covariance: found.covariance, free, ..market };
    let best = optimise(&believing, &Constraints::long_only(5), Objective::MaxSharpe).unwrap();
    assert!(far(&best.weights, &held) < 1e-5, "{:?}", best.weights);
}

#[test]
fn nothing_has_a_part_in_no_risk() {
    let (_, market) = market();
    assert_eq!(market.contributions(&[0.0; 5]), [0.0; 5]);
}

#[test]
fn performance_is_that_of_the_peers() {
    let (fixture, market) = market();
    let equal = market.history.earned(&[0.2; 5]);
    let found = performance(&equal, 0.00008, 252.0).unwrap();
    let figures = [
        ("annual_return", found.annual_return),
        ("annual_volatility", found.annual_volatility.unwrap()),
        ("sharpe", found.sharpe.unwrap()),
        ("sortino", found.sortino.unwrap()),
        ("max_drawdown", found.max_drawdown),
        ("calmar", found.calmar.unwrap()),
        ("tail_loss", found.tail_loss),
        ("probabilistic_sharpe", found.probabilistic_sharpe.unwrap()),
        ("summed_drawdown", summed_drawdown(&equal)),
    ];
    for (name, figure) in figures {
        assert!((figure - fixture.performance[name]).abs() < 1e-9, "{name} {figure}");
    }
    assert_eq!(figures.len(), fixture.performance.len());
}

#[test]
fn the_frontier_rises_and_bends() {
    let (_, market) = market();
    let constraints = Constraints { upper: vec![0.5; 5], ..Constraints::long_only(5) };
    let found = frontier(&market, &constraints, 12, &mut || false).unwrap();
    let at: Vec<(f64, f64)> = found
        .iter()
        .map(|one| (market.volatility(&one.weights), market.expected(&one.weights)))
        .collect();
    assert_eq!(at.len(), 12);
    assert!(at.windows(2).all(|pair| pair[1].0 > pair[0].0 && pair[1].1 > pair[0].1), "{at:?}");
    let slope = |a: (f64, f64), b: (f64, f64)| (b.1 - a.1) / (b.0 - a.0);
    assert!(
        at.windows(3).all(|three| slope(three[1], three[2]) < slope(three[0], three[1]) + 1e-9)
    );
    // Best of all is half in each of the two that earn the most.
    let mut means = market.mean.clone();
    means.sort_by(f64::total_cmp);
    assert!((at[11].1 - (means[4] + means[3]) / 2.0).abs() < 1e-9);
    assert_eq!(frontier(&market, &constraints, 12, &mut || true).unwrap().len(), 1);
}

/// Whatever comes after a decision, its weights are the same to the last bit.
#[test]
fn a_poisoned_future_changes_no_weight_that_was_decided_before() {
    let (_, market) = market();
    let history = market.history.between(0, 400);
    let poisoned_from = 250;
    let mut rows: Vec<f64> = (0..400)
        .flat_map(|t| (0..5).map(move |a| (t, a)))
        .map(|(t, a)| history.get(t, a))
        .collect();
    rows[5 * poisoned_from..].iter_mut().for_each(|value| *value = -*value * 7.0 + 0.01);
    rows[5 * poisoned_from..].iter_mut().for_each(|value| *value = value.clamp(-0.9, 5.0));
    let poisoned = History::new(5, &rows).unwrap();
    let settings =
        Walk { window: 120, expanding: false, every: 21, lag: 1, cost: 0.001, most: None };
    for objective in [
        Objective::MinVariance,
        Objective::MaxUtility { aversion: 4.0 },
        Objective::RiskParity,
        Objective::Hierarchical,
        Objective::MinTail { level: 0.9 },
    ] {
        let mut decide = |known: &History, held: &[f64]| {
            let covariance = covariance(known, CovarianceMethod::LedoitWolf)?.matrix;
            let mean = means(known, &covariance, MeanMethod::Shrunk);
            let market = Market { mean, covariance, history: known.clone(), free: 0.0 };
            let trading =
                Trading { current: held.to_vec(), most: None, cost: vec![0.001 / 21.0; 5] };
            let constraints = Constraints {
                upper: vec![0.6; 5],
                trading: Some(trading),
                ..Constraints::long_only(5)
            };
            Ok(Held::Weights(optimise(&market, &constraints, objective).unwrap().weights))
        };
        let before = walk(&history, &settings, &mut decide).unwrap();
        let after = walk(&poisoned, &settings, &mut decide).unwrap();
        let (mut same, mut other) = (0, 0);
        for (a, b) in before.trades.iter().zip(&after.trades) {
            match a.decided < poisoned_from {
                true => {
                    let bits = |trade: &Trade| {
                        trade.weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>()
                    };
                    assert_eq!(bits(a), bits(b), "{objective:?} at {}", a.decided);
                    same += 1;
                }
                false => other += usize::from(a.weights != b.weights),
            }
        }
        assert_eq!((same, other), (7, 7), "{objective:?}");
        let known = poisoned_from - before.first;
        assert_eq!(before.returns[..known], after.returns[..known]);
        assert_ne!(before.returns[known], after.returns[known]);
    }
}
