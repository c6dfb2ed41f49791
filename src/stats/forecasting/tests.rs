use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::stats::Ridge;

/// Written by `examples/oracles/forecasting.py`.
#[derive(Deserialize)]
struct Fixture {
    comparisons: Vec<Comparison>,
    errors: Errors,
    ensemble: Ensemble,
    ridge: RidgeCase,
}

#[derive(Deserialize)]
struct Comparison {
    differences: Vec<f64>,
    horizon: usize,
    statistic: f64,
    p_value: f64,
}

#[derive(Deserialize)]
struct Errors {
    history: Vec<f64>,
    season: usize,
    truth: Vec<f64>,
    forecast: Vec<f64>,
    scale: f64,
    mase: f64,
    smape: f64,
    pinball: std::collections::BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Ensemble {
    members: Vec<f64>,
    truth: f64,
    crps: f64,
}

#[derive(Deserialize)]
struct RidgeCase {
    x: Vec<f64>,
    y: Vec<f64>,
    penalty: f64,
    coefficients: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/fixtures/forecasting.json")).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    let allowed = 1e-9 * expected.abs().max(1.0);
    assert!((found - expected).abs() <= allowed, "found {found}, expected {expected}");
}

#[test]
fn comparisons_agree_with_dieboldmariano() {
    for case in fixture().comparisons {
        let found = diebold_mariano(&case.differences, case.horizon).unwrap();
        close(found.statistic, case.statistic);
        close(found.p_value, case.p_value);
        let swapped: Vec<f64> = case.differences.iter().map(|d| -d).collect();
        close(diebold_mariano(&swapped, case.horizon).unwrap().statistic, -case.statistic);
    }
}

#[test]
fn a_comparison_is_left_out_where_it_is_not_defined() {
    assert_eq!(diebold_mariano(&[], 1), None);
    assert_eq!(diebold_mariano(&[1.0], 1), None);
    assert_eq!(diebold_mariano(&[1.0, 1.0, 1.0], 1), None, "nothing varies");
    assert_eq!(diebold_mariano(&[1.0, 2.0], 2), None, "too few origins for the horizon");
    assert_eq!(diebold_mariano(&[f64::NAN, 2.0, 1.0], 1), None);
}

#[test]
fn a_negative_variance_is_made_positive_by_bartlett() {
    let alternating: Vec<f64> = (0..20).map(|i| f64::from(i % 2) + 0.1).collect();
    assert!(diebold_mariano(&alternating, 2).is_some());
}

#[test]
fn errors_agree_with_their_oracles() {
    let case = fixture().errors;
    close(seasonal_naive_error(&case.history, case.season).unwrap(), case.scale);
    close(mase(&case.forecast, &case.truth, case.scale).unwrap(), case.mase);
    close(smape(&case.forecast, &case.truth).unwrap(), case.smape);
    for (level, expected) in case.pinball {
        let level = level.parse().unwrap();
        close(mean_pinball(&case.forecast, &case.truth, level).unwrap(), expected);
    }
    let case = fixture().ensemble;
    close(crps_of_ensemble(&case.members, case.truth).unwrap(), case.crps);
}

#[test]
fn errors_are_left_out_where_they_are_not_defined() {
    assert_eq!(seasonal_naive_error(&[1.0, 2.0], 2), None);
    assert_eq!(seasonal_naive_error(&[1.0, 2.0, 1.0, 2.0], 2), None, "it repeats exactly");
    assert_eq!(seasonal_naive_error(&[1.0, 2.0], 0), None);
    assert_eq!(mase(&[], &[], 1.0), None);
    assert_eq!(mase(&[1.0], &[2.0], 0.0), None);
    assert_eq!(smape(&[0.0], &[0.0]), Some(0.0));
    assert_eq!(crps_of_ensemble(&[], 1.0), None);
}

#[test]
fn the_ridge_agrees_with_scikit_learn() {
    let case = fixture().ridge;
    let mut ridge = Ridge::new(4, 2);
    // In two pieces, as rows come.
    ridge.add(&case.x[..60], &case.y[..30]);
    ridge.add(&case.x[60..], &case.y[30..]);
    let found = ridge.solve(case.penalty).unwrap();
    assert_eq!(found.len(), case.coefficients.len());
    found.iter().zip(&case.coefficients).for_each(|(found, expected)| close(*found, *expected));
    assert_eq!(Ridge::new(2, 1).solve(0.0), None, "of no rows nothing follows");
}

proptest! {
    /// The median has the least pinball loss at 0.5, and no loss is negative.
    #[test]
    fn the_pinball_loss_is_a_loss(truth in -1e6..1e6_f64, forecast in -1e6..1e6_f64, level in 0.01..0.99_f64) {
        let loss = pinball(forecast, truth, level);
        prop_assert!(loss >= 0.0);
        prop_assert_eq!(pinball(truth, truth, level), 0.0);
        // An error to one side costs `level`, to the other the rest.
        let mirrored = pinball(2.0 * truth - forecast, truth, 1.0 - level);
        prop_assert!((loss - mirrored).abs() <= 1e-9 * loss.max(1.0));
    }

    #[test]
    fn the_crps_of_one_member_is_its_distance(member in -1e6..1e6_f64, truth in -1e6..1e6_f64) {
        let crps = crps_of_ensemble(&[member], truth).unwrap();
        prop_assert!((crps - (member - truth).abs()).abs() < 1e-6);
    }
}
