//! Figures against those of `examples/oracles/risk.py`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::{Fault, Result};

#[derive(Deserialize)]
struct Fixture {
    /// In percent.
    returns: Vec<f64>,
    leveraged: Vec<f64>,
    calm: Vec<f64>,
    garch: BTreeMap<String, Model>,
    garch_leveraged: BTreeMap<String, Model>,
    /// The first five variances and the next one.
    ewma: Vec<f64>,
    figures: Vec<Figures>,
    student: Vec<StudentCase>,
    coverage: Vec<CoverageCase>,
    kupiec: Vec<(usize, usize, f64, f64, f64)>,
    z2: ShortfallCase,
    contributions: Parts,
}

#[derive(Deserialize)]
struct Model {
    parameters: BTreeMap<String, f64>,
    log_likelihood: f64,
    next_variance: f64,
    variance_of_ten: f64,
}

#[derive(Deserialize)]
struct Figures {
    level: f64,
    historical: [f64; 2],
    gaussian: [f64; 2],
    cornish_fisher: [f64; 2],
}

#[derive(Deserialize)]
struct StudentCase {
    nu: f64,
    p: f64,
    quantile: f64,
    mean_below: f64,
}

#[derive(Deserialize)]
struct CoverageCase {
    hits: Vec<u8>,
    level: f64,
    kupiec: [f64; 2],
    independence: [f64; 2],
    conditional: [f64; 2],
}

#[derive(Deserialize)]
struct ShortfallCase {
    var: f64,
    shortfall: f64,
    level: f64,
    z2: f64,
}

#[derive(Deserialize)]
struct Parts {
    returns: Vec<f64>,
    weights: Vec<f64>,
    level: f64,
    parts: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/risk.json")).unwrap()
}

const SETTINGS: Settings = Settings { decay: 0.94, filter: Filter::Ewma, horizon: 1, seed: 0 };

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    let off = (found - expected).abs();
    assert!(off <= tolerance * expected.abs().max(1.0), "{found} is not {expected}");
}

#[test]
fn historical_gaussian_and_cornish_fisher_are_those_of_the_oracles() {
    let fixture = fixture();
    for Figures { level, historical, gaussian, cornish_fisher } in &fixture.figures {
        for (sample, method, [var, shortfall]) in [
            (&fixture.returns[..997], Method::Historical, historical),
            (&fixture.returns[..997], Method::Gaussian, gaussian),
            (&fixture.calm[..], Method::CornishFisher, cornish_fisher),
        ] {
            let figure = assess(sample, method, &[*level], &SETTINGS).unwrap().figures[0];
            close(figure.value_at_risk, *var, 1e-9);
            close(figure.expected_shortfall, *shortfall, 1e-9);
            let (low, high) = figure.precision.interval.unwrap();
            assert!(low < *var && *var < high && high < 2.0 * var, "{method:?} {level}");
        }
    }
}

#[test]
fn models_of_variance_are_those_of_arch() {
    let fixture = fixture();
    let sets = [(&fixture.returns, &fixture.garch), (&fixture.leveraged, &fixture.garch_leveraged)];
    for (returns, models) in sets {
        for (name, kind) in [
            ("normal", GarchKind::Normal),
            ("student", GarchKind::Student),
            ("leverage", GarchKind::Leverage),
        ] {
            let (model, found) = (&models[name], fit(returns, kind).unwrap());
            assert!(found.has_converged);
            // Never less likely than theirs, and as likely to a thousandth of a percent.
            assert!(found.log_likelihood > model.log_likelihood - 1e-3, "{name}");
            close(found.log_likelihood, model.log_likelihood, 1e-5);
            let GarchParameters { mu, omega, alpha, gamma, beta, nu } = found.parameters;
            for (name, value) in
                [("mu", mu), ("omega", omega), ("alpha", alpha), ("gamma", gamma), ("beta", beta)]
            {
                close(value, model.parameters.get(name).copied().unwrap_or(0.0), 1e-3);
            }
            // A likelihood is flat along the degrees of freedom.
            let expected = model.parameters.get("nu").copied();
            assert!(nu.zip(expected).is_none_or(|(nu, other)| (nu / other - 1.0).abs() < 5e-3));
            let next = *found.parameters.variances(returns, found.backcast).last().unwrap();
            close(next, model.next_variance, 2e-3);
            close(found.parameters.variance_over(next, 10), model.variance_of_ten, 2e-3);
            // At their parameters, theirs to the last digits.
            let at = |name: &str| model.parameters.get(name).copied();
            let theirs = GarchParameters {
                mu: at("mu").unwrap(),
                omega: at("omega").unwrap(),
                alpha: at("alpha").unwrap(),
                gamma: at("gamma").unwrap_or(0.0),
                beta: at("beta").unwrap(),
                nu: at("nu"),
            };
            let likelihood = theirs.log_likelihood(returns, found.backcast);
            close(likelihood, model.log_likelihood, 1e-9);
        }
    }
}

#[test]
fn a_model_does_not_depend_on_the_unit() {
    let returns = fixture().returns;
    let small: Vec<f64> = returns.iter().map(|value| value / 100.0).collect();
    let (one, other) =
        (fit(&returns, GarchKind::Student).unwrap(), fit(&small, GarchKind::Student).unwrap());
    close(other.parameters.alpha, one.parameters.alpha, 1e-6);
    close(other.parameters.omega * 1e4, one.parameters.omega, 1e-6);
    let shift = returns.len() as f64 * 100.0_f64.ln();
    close(other.log_likelihood - shift, one.log_likelihood, 1e-9);
}

#[test]
fn exponentially_weighted_variances_are_those_of_arch() {
    let Fixture { returns, ewma: expected, .. } = fixture();
    let found = ewma(&returns, 0.94, backcast(&returns));
    for (found, expected) in found[..5].iter().zip(&expected) {
        close(*found, *expected, 1e-9);
    }
    close(*found.last().unwrap(), expected[5], 1e-9);
    let figure = assess(&returns, Method::Ewma, &[0.99], &SETTINGS).unwrap().figures[0];
    close(figure.value_at_risk, expected[5].sqrt() * 2.326_347_874_040_841, 1e-9);
    // Ten days of the same variance.
    let ten = Settings { horizon: 10, ..SETTINGS };
    let longer = assess(&returns, Method::Ewma, &[0.99], &ten).unwrap().figures[0];
    close(longer.value_at_risk, figure.value_at_risk * 10.0_f64.sqrt(), 1e-12);
}

#[test]
fn students_tail_is_that_of_scipy() {
    for StudentCase { nu, p, quantile, mean_below } in fixture().student {
        let of = Predictive { place: 0.0, scale: 1.0, shape: Shape::Student(nu) };
        close(-of.value_at_risk(1.0 - p), quantile, 1e-9);
        close(-of.expected_shortfall(1.0 - p), mean_below, 1e-9);
    }
}

#[test]
fn tests_of_coverage_are_those_of_the_oracles() {
    let fixture = fixture();
    for (x, n, level, statistic, p_value) in fixture.kupiec {
        let found = kupiec(x, n, level);
        close(found.statistic, statistic, 1e-9);
        close(found.p_value, p_value, 1e-9);
    }
    for CoverageCase { hits, level, kupiec: uc, independence: ind, conditional } in fixture.coverage
    {
        let exceeded: Vec<bool> = hits.iter().map(|hit| *hit == 1).collect();
        let count = exceeded.iter().filter(|hit| **hit).count();
        let first = kupiec(count, exceeded.len(), level);
        let second = independence(&exceeded);
        let both = conditional_coverage(&first, &second.test);
        for (found, [statistic, p_value]) in [(first, uc), (second.test, ind), (both, conditional)]
        {
            close(found.statistic, statistic, 1e-9);
            close(found.p_value, p_value, 1e-9);
        }
        assert_eq!(second.transitions.iter().sum::<usize>(), exceeded.len() - 1);
    }
    let ShortfallCase { var, shortfall, level, z2: expected } = fixture.z2;
    let losses: Vec<f64> = fixture.returns.iter().map(|value| -value).collect();
    let (vars, shortfalls) = (vec![var; losses.len()], vec![shortfall; losses.len()]);
    close(z2(&losses, &vars, &shortfalls, level).unwrap(), expected, 1e-9);
}

#[test]
fn parts_of_the_gaussian_risk_are_those_of_the_formula() {
    let Parts { returns, weights, level, parts } = fixture().contributions;
    let found = gaussian_contributions(&returns, &weights, level, 1);
    for (found, expected) in found.iter().zip(parts) {
        close(found.value_at_risk, expected, 1e-12);
    }
}

#[test]
fn a_method_that_does_not_apply_says_so_with_its_numbers() {
    let returns = fixture().returns;
    // A day on which everything was lost.
    let mut crash = returns.clone();
    crash[700] = -20.0;
    let refused = assess(&crash, Method::CornishFisher, &[0.99], &SETTINGS).unwrap_err();
    assert!(
        refused.detail.contains("excess kurtosis of") && refused.detail.contains("not monotone")
    );
    assert!(monotone_domain(0.0, 7.9).is_ok() && monotone_domain(0.0, 8.1).is_err());
    assert!(monotone_domain(0.0, 0.0).is_ok() && monotone_domain(0.0, -0.1).is_err());
    assert!(monotone_domain(1.5, 1.0).is_err() && monotone_domain(-0.5, 2.0).is_ok());
    for method in [Method::Historical, Method::Gaussian, Method::Garch, Method::Ewma] {
        assert!(assess(&returns[..49], method, &[0.99], &SETTINGS).is_err(), "{method:?}");
        assert!(assess(&[0.0; 200], method, &[0.99], &SETTINGS).is_err(), "{method:?}");
    }
    let few = assess(&returns[..250], Method::Historical, &[0.99, 0.999], &SETTINGS).unwrap();
    assert_eq!(few.figures.len(), 1);
    assert!(few.figures[0].precision.interval.is_none());
    assert!(few.warnings.iter().any(|warning| warning.contains("1000 would be needed")));
}

/// Every method that there is.
const METHODS: [Method; 8] = [
    Method::Historical,
    Method::FilteredHistorical,
    Method::Gaussian,
    Method::CornishFisher,
    Method::Ewma,
    Method::Garch,
    Method::GarchStudent,
    Method::GjrGarch,
];

#[test]
fn no_forecast_of_a_day_reads_the_day_or_what_comes_after() {
    let Fixture { returns: days, .. } = fixture();
    let rolling = Rolling { window: 300, refit_every: 7, first: 320 };
    let poison = 350;
    let mut poisoned = days.clone();
    for (at, value) in poisoned.iter_mut().enumerate().skip(poison) {
        *value = -50.0 * (1.0 + (at % 3) as f64);
    }
    for method in METHODS {
        for filter in [Filter::Ewma, Filter::Garch] {
            let settings = Settings { filter, ..SETTINGS };
            let run = |returns: &[f64]| {
                backtest(returns, method, 0.95, &settings, &rolling, &mut || Ok(()))
            };
            let before = poison - rolling.first;
            let (clean, dirty) = (run(&days[..poison + 1]), run(&poisoned[..poison + 1]));
            let (clean, dirty) = (clean.unwrap(), dirty.unwrap());
            // The poisoned day's own forecast is made before it.
            for day in 0..=before {
                let bits = |of: &Backtest| {
                    (of.value_at_risk[day].to_bits(), of.expected_shortfall[day].to_bits())
                };
                assert_eq!(bits(&clean), bits(&dirty), "{method:?} {day}");
            }
            assert_eq!(clean.exceeded[..before], dirty.exceeded[..before]);
            assert!(dirty.exceeded[before] && !clean.exceeded[before], "{method:?}");
        }
    }
}

#[test]
fn each_forecast_is_what_the_method_says_of_the_days_before() {
    let returns = fixture().returns;
    let rolling = Rolling { window: 300, refit_every: 1, first: 400 };
    let part = &returns[..405];
    for method in [Method::Historical, Method::FilteredHistorical, Method::GarchStudent] {
        let made = backtest(part, method, 0.99, &SETTINGS, &rolling, &mut || Ok(())).unwrap();
        for (at, day) in (400..405).enumerate() {
            let said = assess(&part[day - 300..day], method, &[0.99], &SETTINGS).unwrap();
            assert_eq!(made.value_at_risk[at], said.figures[0].value_at_risk, "{method:?}");
        }
        assert_eq!(made.fits, if method == Method::GarchStudent { 5 } else { 0 });
    }
    let none = Rolling { first: 405, ..rolling };
    let refused = backtest(part, Method::Historical, 0.99, &SETTINGS, &none, &mut || Ok(()));
    assert_eq!(refused.unwrap_err().pointer, "/window");
    // What is read off observations needs one beyond the level; what a distribution tells does not.
    let run = |method| {
        backtest(part, method, 0.997, &SETTINGS, &Rolling { first: 404, ..rolling }, &mut || Ok(()))
    };
    for method in [Method::Historical, Method::FilteredHistorical] {
        let refused = run(method).unwrap_err();
        assert_eq!(refused.pointer, "/window");
        assert!(refused.detail.contains("334 would be needed"), "{}", refused.detail);
    }
    assert_eq!(run(Method::Gaussian).unwrap().exceeded.len(), 1);
    let left = || -> Result<()> { Err(Fault::new("", "left")) };
    let stopped = backtest(part, Method::Historical, 0.99, &SETTINGS, &rolling, &mut { left });
    assert_eq!(stopped.unwrap_err().detail, "left");
}

/// One-step forecasts by an exponentially weighted variance from the mean square of the first 250 days.
#[test]
fn a_right_model_is_not_refused_and_a_wrong_one_is() {
    let returns = fixture().returns;
    let rolling = Rolling { window: 400, refit_every: 25, first: 500 };
    let run = |method, returns: &[f64]| {
        backtest(returns, method, 0.95, &SETTINGS, &rolling, &mut || Ok(())).unwrap()
    };
    let right = run(Method::GarchStudent, &returns);
    let hits = right.exceeded.iter().filter(|hit| **hit).count();
    assert!(kupiec(hits, right.exceeded.len(), 0.95).p_value > 0.05, "{hits}");
    // Losses that double all at once.
    let doubled: Vec<f64> =
        returns.iter().enumerate().map(|(at, r)| if at < 500 { *r } else { 2.5 * r }).collect();
    let wrong = run(Method::Historical, &doubled[..800]);
    let hits = wrong.exceeded.iter().filter(|hit| **hit).count();
    assert!(kupiec(hits, wrong.exceeded.len(), 0.95).p_value < 1e-3, "{hits}");
}

proptest! {
    #[test]
    fn no_figure_is_less_than_nothing(values in proptest::collection::vec(-0.5f64..0.5, 60..300),
        level in 0.5f64..0.9999, horizon in 1usize..250) {
        let settings = Settings { horizon, ..SETTINGS };
        for method in METHODS {
            let Ok(assessed) = assess(&values, method, &[level], &settings) else { continue };
            for figure in assessed.figures {
                prop_assert!(figure.value_at_risk.is_finite(), "{method:?}");
                prop_assert!(figure.expected_shortfall >= figure.value_at_risk - 1e-12, "{method:?}");
            }
        }
    }
}
