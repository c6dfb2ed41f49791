use proptest::prelude::*;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

use super::*;
use crate::domain::calibration::{CalibrationCandidate, CalibratorKind};

type Fit = fn(&[f64], &[bool]) -> Option<Calibrator>;

const FITS: [Fit; 3] = [fit_temperature, fit_platt, fit_isotonic];

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
}

fn temperature(logits: &[f64], truth: &[bool]) -> f64 {
    match fit_temperature(logits, truth) {
        Some(Calibrator::Temperature(TemperatureScaling { temperature })) => temperature,
        other => panic!("{other:?}"),
    }
}

fn platt(logits: &[f64], truth: &[bool]) -> (f64, f64) {
    match fit_platt(logits, truth) {
        Some(Calibrator::Platt(PlattScaling { slope, intercept })) => (slope, intercept),
        other => panic!("{other:?}"),
    }
}

/// Logits on a grid, and truths of which as many are true as sigmoid(f(logit)) says.
fn grid(f: impl Fn(f64) -> f64, copies: u32) -> (Vec<f64>, Vec<bool>) {
    let points = (-30..=30).map(|step| f64::from(step) / 10.0);
    let rows = points.flat_map(|z| {
        let events = (sigmoid(f(z)) * f64::from(copies)).round();
        (0..copies).map(move |copy| (z, f64::from(copy) < events)).collect::<Vec<_>>()
    });
    rows.unzip()
}

#[test]
fn a_temperature_undoes_what_made_the_logits_steeper() {
    let (logits, truth) = grid(|z| z, 10_000);
    for factor in [0.1, 1.0, 3.0, 12.0] {
        let steep: Vec<f64> = logits.iter().map(|z| z * factor).collect();
        close(temperature(&steep, &truth) / factor, 1.0, 1e-3);
    }
}

#[rstest]
#[case::separated(&[-1.0, -0.5, 0.5, 1.0], &[false, false, true, true], 0.05)]
#[case::reversed(&[-1.0, -0.5, 0.5, 1.0], &[true, true, false, false], 20.0)]
#[case::all_zero(&[0.0, 0.0, 0.0], &[true, false, false], 1.0)]
#[case::separated_beyond_all_digits(&[-1e308, 1e308], &[false, true], 1.0)]
#[case::reversed_beyond_all_digits(&[-1e308, 1e308], &[true, false], 20.0)]
#[case::tiny(&[-5e-324, 5e-324], &[false, true], 0.05)]
fn a_temperature_keeps_within_its_bounds(
    #[case] logits: &[f64],
    #[case] truth: &[bool],
    #[case] expected: f64,
) {
    assert_eq!(temperature(logits, truth), expected);
}

#[test]
fn two_classes_have_the_temperature_of_one_logit() {
    let logits = [0.3, -2.0, 1.5, 0.1, -0.7, 2.2, -1.1];
    let truth = [true, false, false, true, false, true, true];
    let both: Vec<f64> = logits.iter().flat_map(|z| [5.0 - z / 2.0, 5.0 + z / 2.0]).collect();
    let classes: Vec<usize> = truth.iter().map(|t| usize::from(*t)).collect();
    let calibrator = fit_temperature_multiclass(&both, 2, &classes).unwrap();
    let Calibrator::Temperature(TemperatureScaling { temperature: found }) = calibrator else {
        panic!("{calibrator:?}");
    };
    close(found, temperature(&logits, &truth), 1e-9);
    let rows = calibrator.apply_to_classes(&both[..2]).unwrap();
    close(rows[1], calibrator.apply(logits[0]).unwrap(), 1e-12);
    close(rows.iter().sum(), 1.0, 1e-12);
}

#[test]
fn several_classes_need_two_that_are_seen() {
    let fit = |logits: &[f64], classes, truth: &[usize]| {
        fit_temperature_multiclass(logits, classes, truth)
    };
    assert_eq!(fit(&[], 2, &[]), None);
    assert_eq!(fit(&[1.0, 2.0, 3.0, 4.0], 2, &[0, 0]), None);
    assert_eq!(fit(&[1.0, 2.0, 3.0], 2, &[0, 1]), None);
    assert_eq!(fit(&[1.0, 2.0, 3.0, 4.0], 2, &[0, 2]), None);
    assert_eq!(fit(&[1.0, f64::NAN, 3.0, 4.0], 2, &[0, 1]), None);
    assert_eq!(fit(&[1.0, 2.0], usize::MAX, &[0, 1]), None);
    let constant = fit(&[1.0, 1.0, 7.0, 7.0], 2, &[0, 1]);
    assert_eq!(constant, Some(Calibrator::Temperature(TemperatureScaling { temperature: 1.0 })));
    let huge = fit(&[f64::MAX, f64::MIN, f64::MIN, f64::MAX, 0.0, 0.0], 2, &[0, 1, 1]);
    assert_eq!(huge, Some(Calibrator::Temperature(TemperatureScaling { temperature: 1.0 })));
    let reversed = fit(&[f64::MAX, f64::MIN, f64::MIN, f64::MAX], 2, &[1, 0]);
    assert_eq!(reversed, Some(Calibrator::Temperature(TemperatureScaling { temperature: 20.0 })));
}

#[test]
fn platt_finds_the_line_that_the_truth_was_made_by() {
    let (logits, truth) = grid(|z| 0.6 * z - 1.2, 10_000);
    let (slope, intercept) = platt(&logits, &truth);
    close(slope, 0.6, 1e-3);
    close(intercept, -1.2, 1e-3);
    let line = calibration_line(&logits, &truth).unwrap();
    close(line.slope, slope, 1e-4);
    close(line.intercept, intercept, 1e-4);
    let (moved, truth) = grid(|z| z + 0.4, 10_000);
    close(calibration_line(&moved, &truth).unwrap().in_the_large, 0.4, 1e-3);
}

#[test]
fn platt_does_not_depend_on_the_unit_of_the_logits() {
    let (logits, truth) = grid(|z| 0.6 * z - 1.2, 20);
    let (slope, intercept) = platt(&logits, &truth);
    for unit in [1e-200, 1e-3, 1e6, 1e200] {
        let other: Vec<f64> = logits.iter().map(|z| z * unit).collect();
        let (found, same) = platt(&other, &truth);
        close(found * unit, slope, 1e-10);
        close(same, intercept, 1e-10);
    }
}

#[test]
fn platt_smooths_its_targets() {
    // Four fifths and a fifth for three rows each: what separated rows tend to.
    let (slope, intercept) =
        platt(&[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], &[false, false, false, true, true, true]);
    close(slope, 4.0_f64.ln(), 1e-10);
    close(intercept, 0.0, 1e-10);
}

/// Where logits point the wrong way, or nowhere, a calibrator that gives all rows one probability would
/// lose least, and the order of the rows with it.
#[test]
fn no_calibrator_forgets_the_order() {
    assert_eq!(fit_platt(&[2.0; 4], &[true, false, false, false]), None);
    assert_eq!(fit_platt(&[-1.0, 0.0, 1.0, 2.0], &[true, true, false, false]), None);
    assert_eq!(fit_isotonic(&[1.0, 2.0], &[true, false]), None);
    assert_eq!(fit_isotonic(&[1.0; 3], &[true, false, true]), None);
    let truth: Vec<bool> = (0..4000).map(|row| row % 7 < 3).collect();
    let wrong = |row: usize| if truth[row] { -0.5 } else { 0.5 } + (row % 11) as f64 / 10.0;
    let logits: Vec<f64> = (0..4000).map(wrong).collect();
    let (choice, calibrator) = choose_calibrator(&logits, &truth, 5, 1).unwrap();
    assert!(choice.candidates.iter().all(|c| c.kind < CalibratorKind::Platt), "{choice:?}");
    if let Some(calibrator) = calibrator {
        assert!(calibrator.apply(-0.5).unwrap() < calibrator.apply(0.5).unwrap());
    }
}

#[rstest]
#[case::separated(&[-1.0, 0.0, 1.0, 2.0], &[false, false, true, true])]
#[case::reversed(&[-1.0, 0.0, 1.0, 2.0], &[true, true, false, false])]
#[case::touching(&[-1.0, 0.0, 0.0, 1.0], &[false, false, true, true])]
#[case::constant(&[1.0, 1.0, 1.0], &[false, true, true])]
#[case::one_class(&[1.0, 2.0], &[true, true])]
#[case::empty(&[], &[])]
#[case::lengths(&[1.0], &[true, false])]
#[case::not_finite(&[1.0, f64::INFINITY, 0.0], &[true, false, true])]
fn there_is_no_line_without_a_maximum(#[case] logits: &[f64], #[case] truth: &[bool]) {
    assert_eq!(calibration_line(logits, truth), None);
}

#[test]
fn isotonic_pools_violators_and_draws_lines_between() {
    let logits = [2.0, 0.0, 1.0, 1.0, 3.0, 4.0];
    let truth = [false, false, true, false, true, true];
    let calibrator = fit_isotonic(&logits, &truth).unwrap();
    let (scores, values) =
        (vec![0.0, 1.0, 2.0, 3.0, 4.0], vec![0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0, 1.0]);
    assert_eq!(calibrator, Calibrator::Isotonic(IsotonicRegression { scores, values }));
    for (logit, expected) in
        [(-9.0, 0.0), (0.5, 1.0 / 6.0), (1.5, 1.0 / 3.0), (2.5, 2.0 / 3.0), (9.0, 1.0)]
    {
        close(calibrator.apply(logit).unwrap(), expected, 1e-15);
    }
    let huge = fit_isotonic(&[f64::MIN, f64::MAX], &[false, true]).unwrap();
    assert_eq!(huge.apply(0.0), Some(0.5));
}

#[test]
fn what_can_not_be_fitted_is_none() {
    for fit in FITS {
        assert_eq!(fit(&[], &[]), None);
        assert_eq!(fit(&[1.0], &[true]), None);
        assert_eq!(fit(&[1.0, 2.0], &[false, false]), None);
        assert_eq!(fit(&[1.0], &[true, false]), None);
        assert_eq!(fit(&[1.0, f64::NAN], &[true, false]), None);
        assert_eq!(fit(&[1.0, f64::NEG_INFINITY], &[true, false]), None);
        let fitted = fit(&[1.0, 2.0], &[false, true]).unwrap();
        assert_eq!((fitted.apply(f64::NAN), fitted.apply(f64::INFINITY)), (None, None));
    }
}

#[rstest]
#[case(r#"{"kind":"temperature","temperature":0.0}"#)]
#[case(r#"{"kind":"temperature","temperature":-1.0}"#)]
#[case(r#"{"kind":"platt","slope":-1.0,"intercept":0.0}"#)]
#[case(r#"{"kind":"isotonic","scores":[],"values":[]}"#)]
#[case(r#"{"kind":"isotonic","scores":[0.0],"values":[0.1,0.2]}"#)]
#[case(r#"{"kind":"isotonic","scores":[0.0,1.0],"values":[0.2,0.1]}"#)]
#[case(r#"{"kind":"isotonic","scores":[0.0,1.0],"values":[-1.0,2.0]}"#)]
fn a_calibrator_that_no_fit_returns_has_no_probability(#[case] text: &str) {
    let calibrator: Calibrator = serde_json::from_str(text).unwrap();
    assert_eq!(calibrator.apply(0.5), None);
    assert_eq!(calibrator.apply_to_classes(&[0.5, 0.2]), None);
}

#[test]
fn a_calibrator_is_read_as_it_was_written() {
    let (logits, truth) = grid(|z| z / 3.0, 7);
    for fit in FITS {
        let calibrator = fit(&logits, &truth).unwrap();
        let text = serde_json::to_string(&calibrator).unwrap();
        assert_eq!(serde_json::from_str::<Calibrator>(&text).unwrap(), calibrator);
    }
}

#[rstest]
#[case::as_they_are(|z| z, CalibratorKind::None)]
#[case::too_sure(|z| z / 3.0, CalibratorKind::Temperature)]
#[case::shifted(|z| z - 1.0, CalibratorKind::Platt)]
#[case::stepped(|z| if z > 1.0 { 2.0 } else { -2.0 }, CalibratorKind::Isotonic)]
fn the_simplest_that_is_good_enough_is_chosen(
    #[case] f: fn(f64) -> f64,
    #[case] expected: CalibratorKind,
) {
    let (logits, truth) = grid(f, 100);
    let (choice, calibrator) = choose_calibrator(&logits, &truth, 5, 1).unwrap();
    assert_eq!(choice.kind, expected, "{choice:?}");
    assert_eq!(calibrator.is_none(), expected == CalibratorKind::None);
    assert_eq!(choice.candidates.len(), 4);
    assert_eq!(choose_calibrator(&logits, &truth, 5, 1), Some((choice, calibrator)));
}

#[test]
fn isotonic_needs_a_thousand_rows_of_each_class() {
    let kinds = |events: usize| {
        let truth: Vec<bool> = (0..3000).map(|row| row < events).collect();
        let rises = |row: usize| if row < events { 3.0 } else { 0.0 };
        let logits: Vec<f64> =
            (0..3000).map(|row| (row * 7919 % 3001) as f64 / 1e3 + rises(row)).collect();
        choose_calibrator(&logits, &truth, 3, 0).unwrap().0.candidates.len()
    };
    assert_eq!([kinds(999), kinds(1000), kinds(2000), kinds(2001)], [3, 4, 4, 3]);
}

#[test]
fn two_rows_of_each_class_can_be_cross_fitted() {
    let (logits, truth) = ([0.1, 0.2, 0.3, 0.4], [true, false, false, true]);
    let chosen = |folds| choose_calibrator(&logits, &truth, folds, 0);
    assert!(chosen(2).is_some() && chosen(4).is_some() && chosen(100).is_some());
    assert_eq!((chosen(0), chosen(1)), (None, None));
    assert_eq!(choose_calibrator(&logits, &[true, false, false, false], 2, 0), None);
    assert_eq!(choose_calibrator(&[], &[], 5, 0), None);
}

/// Classes as a softmax of the logits says, and the logits times a factor: how far they are too sure.
fn of_classes(rows: usize, factor: f64) -> (Vec<f64>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut unit = || rng.next_u64() as f64 / u64::MAX as f64;
    let (mut logits, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let row: Vec<f64> = (0..3).map(|_| 6.0 * unit() - 3.0).collect();
        let weights: Vec<f64> = row.iter().map(|z| z.exp()).collect();
        let mut left = unit() * weights.iter().sum::<f64>();
        let class = weights.iter().position(|weight| {
            left -= weight;
            left <= 0.0
        });
        truth.push(class.unwrap_or(2));
        logits.extend(row.iter().map(|z| z * factor));
    }
    (logits, truth)
}

#[test]
fn several_classes_get_a_temperature_where_they_need_one() {
    for (factor, expected) in [(1.0, CalibratorKind::None), (3.0, CalibratorKind::Temperature)] {
        let (logits, truth) = of_classes(2000, factor);
        let found = choose_calibrator_multiclass(&logits, 3, &truth, 5, 1);
        let (choice, calibrator) = found.clone().unwrap();
        assert_eq!(choice.kind, expected, "{choice:?}");
        assert_eq!(choice.candidates.len(), 2);
        assert_eq!(found, choose_calibrator_multiclass(&logits, 3, &truth, 5, 1));
        match calibrator {
            None => assert_eq!(expected, CalibratorKind::None),
            Some(Calibrator::Temperature(of)) => {
                assert!((of.temperature / factor - 1.0).abs() < 0.15, "{of:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    let (logits, truth) = of_classes(30, 1.0);
    let chosen = |folds, truth: &[usize]| choose_calibrator_multiclass(&logits, 3, truth, folds, 0);
    assert!(chosen(2, &truth).is_some());
    assert_eq!(
        (chosen(1, &truth), chosen(5, &[0; 30]), chosen(5, &truth[1..])),
        (None, None, None)
    );
    // Where a fold is left out, one class is all that is seen: a temperature can't be held against others.
    let mut lonely = vec![0; 30];
    lonely[0] = 2;
    let (choice, calibrator) = chosen(5, &lonely).unwrap();
    assert_eq!((choice.kind, choice.candidates.len()), (CalibratorKind::None, 1));
    assert_eq!(calibrator, None);
    let kinds = [CalibratorKind::Platt, CalibratorKind::Isotonic];
    assert!(kinds.map(|kind| fit_calibrator_multiclass(kind, &logits, 3, &truth)) == [None, None]);
}

fn rows() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    let logit = prop_oneof![-4.0..4.0_f64, (-4..4_i32).prop_map(f64::from), -1e3..1e3_f64];
    prop::collection::vec((logit, any::<bool>()), 0..50).prop_map(|rows| rows.into_iter().unzip())
}

/// The greatest of the least means: what isotonic regression is at each distinct logit.
fn isotonic_by_definition(logits: &[f64], truth: &[bool], logit: f64) -> f64 {
    let mean = |low: f64, high: f64| {
        let inside: Vec<bool> = logits
            .iter()
            .zip(truth)
            .filter(|(z, _)| (low..=high).contains(*z))
            .map(|(_, t)| *t)
            .collect();
        inside.iter().filter(|t| **t).count() as f64 / inside.len() as f64
    };
    let least = |low: f64| {
        let above = logits.iter().filter(|z| **z >= logit);
        above.map(|high| mean(low, *high)).fold(f64::INFINITY, f64::min)
    };
    logits.iter().filter(|z| **z <= logit).map(|low| least(*low)).fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn probabilities_rise_within_their_bounds(
        (logits, truth) in rows(),
        mut at in prop::collection::vec(prop_oneof![-9.0..9.0_f64, -1e300..1e300_f64], 2..20),
    ) {
        at.sort_unstable_by(f64::total_cmp);
        for (number, fit) in FITS.into_iter().enumerate() {
            let Some(calibrator) = fit(&logits, &truth) else {
                // All but a temperature also fail where they would forget the order.
                let is_one_class = truth.iter().all(|t| *t) || truth.iter().all(|t| !t);
                prop_assert!(is_one_class || number > 0);
                continue;
            };
            let found: Vec<f64> = at.iter().map(|z| calibrator.apply(*z).unwrap()).collect();
            prop_assert!(found.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(found.windows(2).all(|pair| pair[0] <= pair[1] + 1e-15), "{:?}", found);
        }
    }

    #[test]
    fn isotonic_is_what_its_definition_says((logits, truth) in rows()) {
        if let Some(calibrator) = fit_isotonic(&logits, &truth) {
            for z in &logits {
                let expected = isotonic_by_definition(&logits, &truth, *z);
                prop_assert!((calibrator.apply(*z).unwrap() - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn no_numbers_lead_to_nan_or_a_panic(
        rows in prop::collection::vec((prop::num::f64::ANY, any::<bool>()), 0..12),
        logit in prop::num::f64::ANY,
        finite in any::<bool>(),
    ) {
        let keep = |row: &(f64, bool)| !finite || row.0.is_finite();
        let (logits, truth): (Vec<f64>, Vec<bool>) = rows.into_iter().filter(keep).unzip();
        for fit in FITS {
            if let Some(calibrator) = fit(&logits, &truth) {
                let found = calibrator.apply(logit);
                prop_assert_eq!(found.is_some(), logit.is_finite());
                prop_assert!(found.is_none_or(|p| (0.0..=1.0).contains(&p)));
            }
        }
        if let Some(line) = calibration_line(&logits, &truth) {
            let all = [line.slope, line.intercept, line.in_the_large];
            prop_assert!(all.iter().all(|x| x.is_finite()));
        }
        if let Some((choice, _)) = choose_calibrator(&logits, &truth, 3, 0) {
            let is_finite = |c: &CalibrationCandidate| c.log_loss.is_finite();
            prop_assert!(choice.candidates.iter().all(is_finite));
        }
        let classes: Vec<usize> = truth.iter().map(|t| usize::from(*t)).collect();
        let twice: Vec<f64> = logits.iter().flat_map(|z| [*z, -z]).collect();
        if let Some(calibrator) = fit_temperature_multiclass(&twice, 2, &classes) {
            let found = calibrator.apply_to_classes(&twice).unwrap();
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
