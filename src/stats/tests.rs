use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::domain::version::{ClassMetrics, Interval};

/// Figures of scikit-learn, SciPy and NumPy, written by `examples/oracles/stats.py`.
#[derive(Deserialize)]
struct Fixture {
    binary: Vec<Binary>,
    multiclass: Multiclass,
    regression: Regression,
    describe: Describe,
    normal: Normal,
}

#[derive(Deserialize)]
struct Binary {
    scores: Vec<f64>,
    truth: Vec<bool>,
    threshold: f64,
    auc: f64,
    auc_interval: [f64; 2],
    pr_auc: f64,
    log_loss: f64,
    brier: f64,
    ks: f64,
    accuracy: f64,
    confusion: Vec<Vec<u64>>,
    per_class: Vec<Class>,
    best_f1: f64,
}

#[derive(Deserialize)]
struct Multiclass {
    probabilities: Vec<f64>,
    truth: Vec<usize>,
    auc: f64,
    log_loss: f64,
    brier: f64,
    accuracy: f64,
    accuracy_interval: [f64; 2],
    macro_f1: f64,
    confusion: Vec<Vec<u64>>,
    per_class: Vec<Class>,
}

#[derive(Deserialize)]
struct Regression {
    predictions: Vec<f64>,
    truth: Vec<f64>,
    r2: f64,
    rmse: f64,
    rmse_interval: [f64; 2],
    mae: f64,
}

#[derive(Deserialize)]
struct Describe {
    values: Vec<f64>,
    mean: f64,
    variance: f64,
    points: Vec<f64>,
    quantiles: Vec<f64>,
}

#[derive(Deserialize)]
struct Normal {
    x: Vec<f64>,
    cdf: Vec<f64>,
    p: Vec<f64>,
    inverse: Vec<f64>,
}

#[derive(Deserialize)]
struct Class {
    precision: f64,
    recall: f64,
    f1: f64,
    support: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/fixtures/stats.json")).unwrap()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn binary(scores: &[f64], truth: &[bool], threshold: f64) -> crate::domain::version::BinaryMetrics {
    let classes = ["paid".to_owned(), "defaulted".to_owned()];
    binary_metrics(scores, truth, threshold, &classes, 1).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    let allowed = tolerance * expected.abs().max(1.0);
    assert!((found - expected).abs() <= allowed, "found {found}, expected {expected}");
}

#[track_caller]
fn close_interval(found: Interval, expected: [f64; 2]) {
    close(found.low, expected[0], 1e-9);
    close(found.high, expected[1], 1e-9);
}

#[track_caller]
fn close_classes(found: &[ClassMetrics], expected: &[Class]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        close(found.precision, expected.precision, 1e-12);
        close(found.recall, expected.recall, 1e-12);
        close(found.f1, expected.f1, 1e-12);
        assert_eq!(found.support as f64, expected.support);
    }
}

#[test]
fn binary_metrics_agree_with_scikit_learn() {
    for case in fixture().binary {
        let found = binary(&case.scores, &case.truth, case.threshold);
        close(found.auc.unwrap(), case.auc, 1e-12);
        close_interval(found.auc_interval.unwrap(), case.auc_interval);
        close(found.gini.unwrap(), 2.0 * case.auc - 1.0, 1e-12);
        close(found.pr_auc.unwrap(), case.pr_auc, 1e-9);
        close(found.log_loss, case.log_loss, 1e-9);
        close(found.brier, case.brier, 1e-9);
        close(found.ks.unwrap(), case.ks, 1e-9);
        close(found.accuracy, case.accuracy, 1e-12);
        assert_eq!(found.confusion, case.confusion);
        close_classes(&found.per_class, &case.per_class);
        assert_eq!(found.n, case.truth.len() as u64);
        assert_eq!(found.positives, case.truth.iter().filter(|t| **t).count() as u64);
    }
}

#[test]
fn multiclass_metrics_agree_with_scikit_learn() {
    let case = fixture().multiclass;
    let found = multiclass_metrics(&case.probabilities, &names(4), &case.truth).unwrap();
    close(found.auc.unwrap(), case.auc, 1e-12);
    close(found.log_loss, case.log_loss, 1e-9);
    close(found.brier, case.brier, 1e-9);
    close(found.accuracy, case.accuracy, 1e-12);
    close_interval(found.accuracy_interval, case.accuracy_interval);
    close(found.macro_f1, case.macro_f1, 1e-9);
    assert_eq!(found.confusion, case.confusion);
    close_classes(&found.per_class, &case.per_class);
}

#[test]
fn regression_metrics_agree_with_scikit_learn() {
    let case = fixture().regression;
    let found = regression_metrics(&case.predictions, &case.truth).unwrap();
    close(found.r2.unwrap(), case.r2, 1e-9);
    close(found.rmse, case.rmse, 1e-9);
    close_interval(found.rmse_interval.unwrap(), case.rmse_interval);
    close(found.mae, case.mae, 1e-9);
}

#[test]
fn moments_and_quantiles_agree_with_numpy() {
    let case = fixture().describe;
    close(mean(&case.values).unwrap(), case.mean, 1e-12);
    close(variance(&case.values).unwrap(), case.variance, 1e-12);
    close(standard_deviation(&case.values).unwrap(), case.variance.sqrt(), 1e-12);
    let found = quantiles(&case.values, &case.points).unwrap();
    for (found, expected) in found.into_iter().zip(case.quantiles) {
        close(found, expected, 1e-12);
    }
}

#[test]
fn the_normal_distribution_agrees_with_scipy() {
    let case = fixture().normal;
    for (x, expected) in case.x.into_iter().zip(case.cdf) {
        assert!((normal_cdf(x) - expected).abs() <= 1e-10 * expected, "P(Z <= {x})");
    }
    for (p, expected) in case.p.into_iter().zip(case.inverse) {
        close(normal_inverse_cdf(p).unwrap(), expected, 1e-12);
    }
    close(normal_inverse_cdf(0.975).unwrap(), Z_95, 1e-15);
    assert_eq!(normal_inverse_cdf(0.0), Some(f64::NEG_INFINITY));
    assert_eq!(normal_inverse_cdf(1.0), Some(f64::INFINITY));
    assert_eq!(normal_inverse_cdf(1.5), None);
    assert_eq!(normal_inverse_cdf(f64::NAN), None);
}

#[test]
fn many_normal_quantiles_have_the_bits_of_one() {
    let odd = [0.0, 1.0, 0.075, 0.925, 5e-324, 1.0 - 1e-16, -0.1, 1.1, f64::NAN];
    let levels: Vec<f64> = (0..=1000).map(|i| f64::from(i) / 1000.0).chain(odd).collect();
    let mut all = levels.clone();
    normal_inverse_cdfs(&mut all);
    for (p, x) in levels.iter().zip(&all) {
        match normal_inverse_cdf(*p) {
            Some(expected) => assert_eq!(x.to_bits(), expected.to_bits(), "{p}"),
            None => assert!(x.is_nan(), "{p}"),
        }
    }
}

#[test]
fn the_f1_threshold_reaches_the_best_f1_of_all_scores() {
    for case in fixture().binary {
        let threshold = threshold_f1(&case.scores, &case.truth).unwrap();
        let found = binary(&case.scores, &case.truth, threshold);
        close(found.per_class[1].f1, case.best_f1, 1e-12);
        assert!(!case.scores.contains(&threshold), "a threshold on a score turns with rounding");
    }
}

#[test]
fn one_class_leaves_out_what_needs_two() {
    let found = binary(&[0.2, 0.7], &[true, true], 0.5);
    assert_eq!((found.auc, found.auc_interval, found.gini), (None, None, None));
    assert_eq!((found.pr_auc, found.ks), (None, None));
    assert_eq!(found.confusion, [[0, 0], [1, 1]]);
    assert_eq!(found.per_class[0].f1, 0.0);
    assert_eq!(threshold_f1(&[0.2, 0.7], &[true, true]), None);
}

#[test]
fn perfect_and_constant_scores_have_no_interval() {
    let truth = [false, false, true, true];
    assert_eq!(auc(&[0.1, 0.2, 0.8, 0.9], &truth), Some(1.0));
    assert_eq!(auc_interval(&[0.1, 0.2, 0.8, 0.9], &truth), None);
    assert_eq!(auc(&[0.5; 4], &truth), Some(0.5));
    assert_eq!(auc_interval(&[0.5; 4], &truth), None);
    assert_eq!(threshold_f1(&[0.5; 4], &truth), Some(0.5));
}

#[test]
fn the_first_class_may_be_the_positive_one() {
    let classes = ["bad".to_owned(), "good".to_owned()];
    let found = binary_metrics(&[0.9, 0.6, 0.1], &[true, false, false], 0.5, &classes, 0).unwrap();
    assert_eq!(found.confusion, [[1, 0], [1, 1]]);
    assert_eq!((found.per_class[0].class.as_str(), found.per_class[0].recall), ("bad", 1.0));
    assert_eq!(found.positives, 1);
}

#[test]
fn bad_input_is_named() {
    let classes = ["0".to_owned(), "1".to_owned()];
    let message = |scores: &[f64], truth: &[bool], positive| {
        binary_metrics(scores, truth, 0.5, &classes, positive).unwrap_err().to_string()
    };
    assert!(message(&[], &[], 1).contains("no rows"));
    assert!(message(&[0.5, f64::NAN], &[true, false], 1).contains("probability 1 "));
    assert!(message(&[1.5], &[true], 1).contains("is 1.5"));
    assert!(message(&[0.5], &[true, false], 1).contains("1 predictions for 2"));
    assert!(message(&[0.5], &[true], 2).contains("positive class 2"));

    assert!(multiclass_metrics(&[], &[], &[0]).is_err());
    assert!(multiclass_metrics(&[0.5, 0.5], &names(2), &[2]).is_err());
    assert!(multiclass_metrics(&[0.5, 0.5, 0.0], &names(2), &[0]).is_err());

    assert!(regression_metrics(&[], &[]).is_err());
    assert!(regression_metrics(&[f64::INFINITY], &[1.0]).is_err());
    assert!(regression_metrics(&[1e200], &[-1e200]).is_err());
    assert_eq!(auc(&[f64::NAN, 0.5], &[true, false]), None);
    assert_eq!(auc(&[0.5], &[true, false]), None);
}

#[test]
fn regression_leaves_out_what_is_not_defined() {
    let constant = regression_metrics(&[1.0, 2.0], &[0.1, 0.1]).unwrap();
    assert_eq!(constant.r2, None);
    let single = regression_metrics(&[1.0], &[3.0]).unwrap();
    assert_eq!((single.rmse, single.mae, single.rmse_interval), (2.0, 2.0, None));
    let perfect = regression_metrics(&[1.0, 3.0], &[1.0, 3.0]).unwrap();
    assert_eq!((perfect.r2, perfect.rmse, perfect.rmse_interval), (Some(1.0), 0.0, None));
}

#[test]
fn description_of_too_few_values_is_none() {
    assert_eq!((mean(&[]), variance(&[1.0]), standard_deviation(&[])), (None, None, None));
    assert_eq!((quantile(&[], 0.5), quantile(&[1.0], 1.1)), (None, None));
    assert_eq!(quantile(&[1.0, f64::NAN], 0.5), None);
    assert_eq!(quantile(&[f64::MIN, f64::MAX], 0.5), Some(0.0));
    assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
}

#[test]
fn wilson_stays_within_its_bounds() {
    assert_eq!(wilson_interval(0, 0), None);
    assert_eq!(wilson_interval(3, 2), None);
    let none = wilson_interval(0, 10).unwrap();
    close(none.low, 0.0, 1e-15);
    close(none.high, 0.277_532_799_862_889_2, 1e-12);
    let all = wilson_interval(10, 10).unwrap();
    close(all.low, 1.0 - none.high, 1e-12);
    assert!(all.high <= 1.0);
}

/// Few distinct scores, so that ties are frequent.
fn tied_rows() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    prop::collection::vec((-8..8_i32, any::<bool>()), 0..40)
        .prop_map(|rows| rows.into_iter().map(|(score, truth)| (f64::from(score), truth)).unzip())
}

/// The share of pairs in the right order, pair by pair.
fn auc_by_pairs(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let (mut pairs, mut wins) = (0.0, 0.0);
    for (positive, _) in scores.iter().zip(truth).filter(|row| *row.1) {
        for (negative, _) in scores.iter().zip(truth).filter(|row| !*row.1) {
            pairs += 1.0;
            wins += match positive.total_cmp(negative) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    (pairs > 0.0).then(|| wins / pairs)
}

fn f1_at(scores: &[f64], truth: &[bool], threshold: f64) -> f64 {
    let count = |label: bool, class: bool| {
        let rows = scores.iter().zip(truth);
        rows.filter(|(s, t)| (**s >= threshold) == label && **t == class).count() as f64
    };
    let (hits, false_alarms, misses) = (count(true, true), count(true, false), count(false, true));
    2.0 * hits / (2.0 * hits + false_alarms + misses)
}

proptest! {
    #[test]
    fn auc_equals_the_count_of_pairs((scores, truth) in tied_rows()) {
        prop_assert_eq!(auc(&scores, &truth), auc_by_pairs(&scores, &truth));
    }

    #[test]
    fn auc_turns_round_with_the_classes((scores, truth) in tied_rows()) {
        let other: Vec<bool> = truth.iter().map(|t| !t).collect();
        let mirrored: Vec<f64> = scores.iter().map(|s| -s).collect();
        let Some(area) = auc(&scores, &truth) else {
            return Ok(());
        };
        prop_assert!((auc(&scores, &other).unwrap() - (1.0 - area)).abs() < 1e-12);
        prop_assert_eq!(auc(&mirrored, &other), Some(area));
    }

    #[test]
    fn only_the_order_of_the_scores_counts((scores, truth) in tied_rows()) {
        let moved: Vec<f64> = scores.iter().map(|s| (s * 0.3).exp() + 5.0).collect();
        prop_assert_eq!(auc(&scores, &truth), auc(&moved, &truth));
        prop_assert_eq!(auc_interval(&scores, &truth), auc_interval(&moved, &truth));
        prop_assert_eq!(average_precision(&scores, &truth), average_precision(&moved, &truth));
        prop_assert_eq!(kolmogorov_smirnov(&scores, &truth), kolmogorov_smirnov(&moved, &truth));
    }

    #[test]
    fn the_interval_holds_the_area((scores, truth) in tied_rows()) {
        if let Some(interval) = auc_interval(&scores, &truth) {
            let area = auc(&scores, &truth).unwrap();
            prop_assert!(0.0 < interval.low && interval.low < area);
            prop_assert!(area < interval.high && interval.high < 1.0);
        }
    }

    #[test]
    fn no_threshold_beats_the_f1_threshold((scores, truth) in tied_rows()) {
        let Some(best) = threshold_f1(&scores, &truth) else {
            return Ok(());
        };
        let reached = f1_at(&scores, &truth, best);
        for &score in &scores {
            prop_assert!(f1_at(&scores, &truth, score) <= reached);
        }
    }

    #[test]
    fn quantiles_rise_within_the_range(
        values in prop::collection::vec(-1e300..1e300_f64, 1..30),
        low in 0.0..=1.0_f64,
        high in 0.0..=1.0_f64,
    ) {
        let (low, high) = (low.min(high), low.max(high));
        let found = quantiles(&values, &[0.0, low, high, 1.0]).unwrap();
        let tolerance = 1e-12 * found[3].abs().max(found[0].abs());
        prop_assert!(found.windows(2).all(|pair| pair[0] <= pair[1] + tolerance));
        prop_assert!(values.contains(&found[0]) && values.contains(&found[3]));
    }
}

#[test]
fn the_auc_of_each_class_is_that_against_all_others() {
    let scores = [0.3, 0.1, 0.3, 0.9, 0.5, 0.5, 0.5, 0.2, -1.0];
    let classes = [0, 1, 2, 0, 1, 0, 2, 2, 0];
    let each = auc_of_each(&scores, &classes, 4).unwrap();
    for (class, of_class) in each.iter().take(3).enumerate() {
        let truth: Vec<bool> = classes.iter().map(|c| *c == class).collect();
        assert_eq!(*of_class, auc(&scores, &truth));
    }
    assert_eq!(each[3], None, "no row is of it");
    assert_eq!(auc_of_each(&[1.0, 2.0], &[0, 0], 1), Some(vec![None]));
    assert_eq!(auc_of_each(&[1.0, f64::NAN], &[0, 1], 2), None);
    assert_eq!(auc_of_each(&[1.0], &[0, 1], 2), None);
    assert_eq!(auc_of_each(&[1.0, 2.0], &[0, 2], 2), None);
}

#[test]
fn cumulative_gain_takes_the_greatest_scores_first() {
    let gain = cumulative_gain(&[0.1, 0.9, 0.5, 0.5], &[false, true, true, false]).unwrap();
    assert_eq!(gain, [(0.0, 0.0), (0.25, 0.5), (0.75, 1.0), (1.0, 1.0)]);
    assert_eq!(cumulative_gain(&[0.1], &[false]), None, "there is nothing to gain");
    assert_eq!(cumulative_gain(&[f64::NAN], &[true]), None);
    assert_eq!(cumulative_gain(&[0.1, 0.2], &[true]), None);
}
