//! Market risk and losses of books of loans.

use actuary::domain::risk::backtest::{BacktestResult, RiskBacktest, RiskTest};
use actuary::domain::risk::credit::{CreditLossAnswer, CreditLossRequest};
use actuary::domain::risk::{RiskAssessment, RiskFigure, RiskRequest};
use actuary_finance::risk::{
    Book, CreditSettings, Exposure, LikelihoodRatio, Predictive, Shape, Z2_CRITICAL_5_PERCENT,
    Z2_CRITICAL_HUNDREDTH_PERCENT, conditional_coverage, independence, kupiec, simulate,
    traffic_light,
};

use super::{answered, asked, both_close, close};

/// Days with these transitions, the calm ones first.
fn days_of([n00, n01, n10, n11]: [u64; 4]) -> Vec<bool> {
    let mut days = vec![false; n00 as usize + 1];
    for run in 0..n01 {
        days.push(true);
        if run == 0 {
            days.extend(vec![true; n11 as usize]);
        }
        if run < n10 {
            days.push(false);
        }
    }
    days
}

#[test]
fn a_backtest_is_tested_by_its_own_counts() {
    let told: RiskBacktest = answered("create_risk_backtest");
    close("expected", told.expected, (1.0 - told.level) * told.days as f64, 1e-9);
    close("weights", told.weights.values().sum(), 1.0, 1e-9);
    let results = told.methods.iter().filter_map(|method| method.result.as_ref());
    let results: Vec<&BacktestResult> = results.collect();
    assert_eq!(results.len(), 2);
    for result in &results {
        let days = days_of(result.transitions);
        let found = independence(&days);
        assert_eq!(found.transitions.map(|count| count as u64), result.transitions);
        assert_eq!(days.len() as u64, told.days, "each day but the first follows another");
        let exceedances = days.iter().filter(|day| **day).count();
        assert_eq!(exceedances as u64, result.exceedances);
        let ratio = |what: &str, test: RiskTest, expected: LikelihoodRatio| {
            close(what, test.statistic, expected.statistic, 5e-5);
            close(what, test.p_value, expected.p_value, 5e-5);
        };
        let often = kupiec(exceedances, days.len(), told.level);
        ratio("kupiec", result.kupiec, often);
        ratio("independence", result.independence, found.test);
        let both = conditional_coverage(&often, &found.test);
        ratio("conditional_coverage", result.conditional_coverage, both);
        // All exceedances of the example are among the newest 250 days, as they are here.
        let light = result.traffic_light.unwrap();
        let expected = traffic_light(&days).unwrap();
        assert_eq!(light.exceptions, expected.exceptions as u64);
        assert_eq!(light.zone.as_str(), format!("{:?}", expected.zone).to_lowercase());
        close("multiplier", light.multiplier, expected.multiplier, 1e-9);
        days_beyond(&told, result);
    }
    // Whatever a method said, the returns were the same.
    let mean = |result: &BacktestResult| {
        let beyond: f64 = result.exceeded.iter().map(|day| day.loss - day.value_at_risk).sum();
        (result.pinball - beyond / told.days as f64) / (1.0 - told.level)
            - result.mean_value_at_risk
    };
    close("the mean return behind pinball", mean(results[0]), mean(results[1]), 2e-4);
}

/// The list of exceedances, and what of the shortfall it allows.
fn days_beyond(told: &RiskBacktest, result: &BacktestResult) {
    assert_eq!(result.exceeded.len() as u64, result.exceedances.min(100));
    assert!(result.exceeded.iter().all(|day| day.loss > day.value_at_risk));
    assert!(result.exceeded.iter().all(|day| told.from <= day.time && day.time <= told.to));
    assert!(result.exceeded.windows(2).all(|two| two[0].time < two[1].time));
    if let Some(shortfall) = result.shortfall {
        close("z2", shortfall.critical_5_percent, Z2_CRITICAL_5_PERCENT, 1e-9);
        let least = Z2_CRITICAL_HUNDREDTH_PERCENT;
        close("z2", shortfall.critical_hundredth_percent, least, 1e-9);
        // An expected shortfall is no less than the value at risk.
        let beyond: f64 = result.exceeded.iter().map(|day| day.loss / day.value_at_risk).sum();
        assert!((1.0 - beyond / told.expected..1.0).contains(&shortfall.z2), "{}", shortfall.z2);
    }
}

#[test]
fn a_risk_is_the_sum_of_its_parts() {
    let told: RiskAssessment = answered("create_risk_assessment");
    let value = told.value.unwrap();
    close("weights", told.weights.values().sum(), 1.0, 1e-9);
    let figures = |figure: &RiskFigure| {
        let [low, high] = figure.interval.unwrap();
        let var = figure.value_at_risk;
        assert!(low < var && var < high && var < figure.expected_shortfall.unwrap(), "{figure:?}");
        both_close("amount", figure.amount, Some(var * value), 0.01);
        if let Some(error) = figure.standard_error {
            close("the interval of an error", high - var, 1.959_964 * error, 1e-6);
            close("the interval of an error", var - low, 1.959_964 * error, 1e-6);
        }
    };
    for method in &told.methods {
        method.figures.iter().for_each(figures);
    }
    // A method's parameters are its figures.
    let garch = told.methods.iter().find(|method| method.parameters.contains_key("nu")).unwrap();
    let parameter = |name: &str| garch.parameters[name];
    assert!(parameter("alpha") + parameter("beta") < 1.0);
    let shape = Shape::Student(parameter("nu"));
    let next = Predictive { place: parameter("mu"), scale: parameter("volatility"), shape };
    for figure in &garch.figures {
        close("value_at_risk", figure.value_at_risk, next.value_at_risk(figure.level), 5e-7);
        let shortfall = Some(next.expected_shortfall(figure.level));
        both_close("expected_shortfall", figure.expected_shortfall, shortfall, 5e-7);
    }
    for parts in &told.contributions {
        let whole = told.methods.iter().find(|method| method.method == parts.method).unwrap();
        let whole = whole.figures.iter().find(|figure| figure.level == parts.level).unwrap();
        let sum = |part: fn(&actuary::domain::risk::AssetContribution) -> f64| {
            parts.assets.iter().map(part).sum::<f64>()
        };
        close("value_at_risk", sum(|asset| asset.value_at_risk), whole.value_at_risk, 1e-9);
        let shortfall = Some(sum(|asset| asset.expected_shortfall));
        both_close("expected_shortfall", whole.expected_shortfall, shortfall, 1e-9);
        for asset in &parts.assets {
            close("weight", asset.weight, told.weights[&asset.asset], 1e-9);
            close("marginal", asset.marginal, asset.value_at_risk / asset.weight, 5e-6);
        }
    }
}

#[test]
fn a_stress_is_what_its_shocks_do_to_the_weights() {
    let asked: RiskRequest = asked("create_risk_assessment");
    let told: RiskAssessment = answered("create_risk_assessment");
    assert_eq!(told.stress.len(), asked.stress.windows.len() + asked.stress.scenarios.len());
    for stress in &told.stress {
        let sum: f64 = stress.assets.iter().map(|asset| asset.loss).sum();
        close(&stress.name, stress.loss, sum, 1e-9);
        both_close(&stress.name, stress.amount, told.value.map(|value| value * sum), 0.01);
        assert!(stress.assets.windows(2).all(|two| two[0].loss >= two[1].loss));
        let scenario = asked.stress.scenarios.iter().find(|one| one.name == stress.name);
        for asset in &stress.assets {
            let loss = -asset.shock * told.weights[&asset.asset];
            close(&stress.name, asset.loss, loss, 5e-5);
            let Some(scenario) = scenario else { continue };
            let group = asked.stress.groups.get(&asset.asset);
            let shock = group.and_then(|group| scenario.groups.get(group));
            close(&stress.name, asset.shock, *shock.unwrap_or(&scenario.others), 1e-9);
        }
    }
}

#[test]
fn losses_of_a_book_are_those_that_its_loans_simulate() {
    let asked: CreditLossRequest = asked("create_credit_losses");
    let told: CreditLossAnswer = answered("create_credit_losses");
    let loans = asked.exposures.unwrap();
    let one = |loan: &actuary::domain::risk::credit::CreditExposure| Exposure {
        default_probability: loan.default_probability,
        loss_given_default: loan.loss_given_default.or(asked.loss_given_default).unwrap(),
        exposure: loan.exposure,
        correlation: loan.correlation.unwrap_or(asked.correlation),
    };
    let book = Book::new(loans.iter().map(one).collect()).unwrap();
    let settings = CreditSettings { simulations: asked.simulations as usize, seed: asked.seed };
    let made = simulate(&book, &asked.levels, &settings, &mut || Ok(())).unwrap();
    assert_eq!((told.loans, told.simulations), (loans.len() as u64, u64::from(asked.simulations)));
    close("exposure", told.exposure, book.exposure(), 1e-9);
    close("expected_loss", told.expected_loss, made.expected_loss, 1e-9);
    close("simulated_loss", told.simulated_loss, made.simulated_loss, 0.005);
    close("simulated_error", told.simulated_error, made.simulated_error, 0.005);
    close("deviation", told.deviation, made.deviation, 0.005);
    both_close("concentration", told.concentration, book.concentration(), 5e-5);
    assert_eq!(told.figures.len(), made.figures.len());
    for (told, made_) in told.figures.iter().zip(&made.figures) {
        close("value_at_risk", told.value_at_risk, made_.value_at_risk, 1e-6);
        close("expected_shortfall", told.expected_shortfall, made_.expected_shortfall, 0.005);
        close("shortfall_error", told.shortfall_error, made_.shortfall_error, 0.005);
        let beyond = told.value_at_risk - made.expected_loss;
        close("unexpected_loss", told.unexpected_loss, beyond, 1e-6);
        close("large_pool", told.large_pool, made_.large_pool, 0.005);
        assert_eq!(told.interval.map(|[low, high]| (low, high)), made_.precision.interval);
    }
    for percentile in &told.percentiles {
        let place = (percentile.probability * made.losses.len() as f64).ceil() as usize;
        close("percentiles", percentile.loss, made.losses[place.max(1) - 1], 1e-6);
    }
    let parts = book.parts_of_large_pool(asked.levels.iter().copied().fold(0.5, f64::max));
    assert!(told.largest.windows(2).all(|two| two[0].loss >= two[1].loss));
    for largest in &told.largest {
        let at = loans.iter().position(|loan| loan.name.as_ref() == Some(&largest.name)).unwrap();
        assert_eq!(largest.exposure, loans[at].exposure);
        assert_eq!(largest.default_probability, loans[at].default_probability);
        close("largest", largest.loss, parts[at], 0.005);
    }
}
