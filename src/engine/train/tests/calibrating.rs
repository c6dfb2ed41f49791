//! Probabilities that come true, on rows that nothing was fitted on.

use serde_json::{Value, json};

use super::*;
use crate::domain::calibration::{CalibrationMetrics, Calibrator, CalibratorKind};
use crate::domain::threshold::{ThresholdPrecision, ThresholdRate};

fn asked(more: Value) -> TrainingSpec {
    let mut spec = json!({"dataset": {"name": "d"}, "target": "y", "baselines": false, "epochs": 12,
        "batch_size": 50, "network": {"kind": "linear"}, "seed": 2});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn calibration(trained: &Trained) -> CalibrationMetrics {
    let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
    metrics.calibration.clone().unwrap()
}

/// Weighed alike, a rare class is learnt to be far too frequent, and is not answered so; the threshold of
/// costs is held against its true probabilities.
#[test]
fn weights_of_classes_are_made_up_for() {
    let x = noise(4000, 3, 1);
    let u = uniform(4000, 1);
    let y = (0..4000).map(|r| u[r] < 1.0 / (1.0 + (3.0 - 3.0 * x[0][r] - x[1][r]).exp()));
    let frame = frame(&x, bools(y));
    let costs = json!({"by": "cost", "false_positive": 1.0, "false_negative": 4.0});
    let mut all = Vec::new();
    for way in ["none", "temperature", "auto"] {
        let spec = json!({"class_weights": {"by": "balanced"}, "calibration": way, "threshold": costs, "epochs": 60});
        let trained = run(&frame, &asked(spec));
        let after = calibration(&trained);
        assert!(after.reliability.expected_error < 0.04, "{way} {after:?}");
        assert!(after.line.unwrap().in_the_large.abs() < 0.5, "{way} {after:?}");
        assert!((trained.signature.threshold.unwrap() - 0.2).abs() < 1e-12);
        let sum = after.brier.reliability - after.brier.resolution
            + after.brier.uncertainty
            + after.brier.within_variance
            - after.brier.within_covariance;
        assert!((sum - after.brier.score).abs() < 1e-12);
        all.push(trained);
    }
    let [plain, temperature, _] = all.as_slice() else { panic!() };
    assert_eq!(plain.calibration.as_ref().unwrap().kind, CalibratorKind::None);
    assert!(plain.signature.calibrator.is_none());
    assert!(temperature.signature.calibrator.is_some());
    for other in &all[1..] {
        assert!((auc(plain) - auc(other)).abs() < 1e-9);
        assert_eq!(plain.weights, other.weights);
    }
}

#[test]
fn each_way_is_served_as_it_was_fitted() {
    let (frame, _) = logistic(900);
    for (way, expected) in [
        ("temperature", CalibratorKind::Temperature),
        ("platt", CalibratorKind::Platt),
        ("isotonic", CalibratorKind::Isotonic),
    ] {
        for positive in [true, false] {
            let class = positive.to_string();
            let spec = asked(json!({"calibration": way, "positive_class": class}));
            let trained = run(&frame, &spec);
            assert_eq!(trained.calibration.as_ref().unwrap().kind, expected);
            let calibrator = trained.signature.calibrator.clone().unwrap();
            let model = trained.model().unwrap();
            let inputs = model.inputs(&frame).unwrap();
            let logits = model.logits_of(&inputs).unwrap();
            let answers = model.predict(&frame).unwrap().values;
            for (logit, answer) in logits.iter().zip(answers.chunks_exact(2)) {
                let yes = calibrator.apply(*logit).unwrap();
                assert_eq!(answer[usize::from(positive)], yes);
                assert!((answer[0] + answer[1] - 1.0).abs() < 1e-12);
            }
            let text = serde_json::to_string(&calibrator).unwrap();
            assert_eq!(serde_json::from_str::<Calibrator>(&text).unwrap(), calibrator);
        }
    }
}

#[test]
fn a_share_and_a_weight_of_recall_set_the_threshold() {
    let (frame, _) = logistic(900);
    let labelled = |threshold: Value| {
        let trained = run(&frame, &asked(json!({"threshold": threshold})));
        let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
        let positive = metrics.confusion.iter().map(|row| row[1]).sum::<u64>();
        positive as f64 / metrics.n as f64
    };
    let few = labelled(json!({"by": "rate", "rate": 0.1}));
    assert!((0.02..0.2).contains(&few), "{few}");
    let (precise, thorough) = (
        labelled(json!({"by": "f_beta", "beta": 0.2})),
        labelled(json!({"by": "f_beta", "beta": 5.0})),
    );
    assert!(precise < thorough, "{precise} {thorough}");
}

/// Rows of one probability are not parted: where too many have the highest nobody is above the
/// threshold, and that is said.
#[test]
fn nobody_is_labelled_rather_than_too_many() {
    let scores: Vec<f64> = (0..100).map(|row| if row < 10 { 1.0 } else { 0.2 }).collect();
    let truth: Vec<bool> = (0..100).map(|row| row < 10).collect();
    let rate = |rate: f64| ThresholdSpec::Rate(ThresholdRate { rate });
    let (threshold, warning) = report::threshold(&rate(0.05), &scores, &truth);
    assert!(scores.iter().all(|score| *score < threshold), "{threshold}");
    assert!(warning.unwrap().contains("more than 0.05"));
    let (threshold, warning) = report::threshold(&rate(0.1), &scores, &truth);
    assert_eq!((scores.iter().filter(|s| **s >= threshold).count(), warning), (10, None));
}

#[test]
fn isotonic_regression_is_never_certain() {
    let logits: Vec<f64> = (0..200).map(|row| f64::from(row) / 20.0 - 5.0).collect();
    let truth: Vec<bool> = (0..200).map(|row| row >= 100).collect();
    let found = report::calibrated(CalibrationSpec::Isotonic, &logits, &truth, 1);
    assert_eq!(found.choice.kind, CalibratorKind::Isotonic);
    assert!(found.scores.iter().all(|p| (0.009..0.991).contains(p)), "{:?}", found.scores);
}

/// Three classes, of which chance picks one.
fn classes(rows: usize) -> Frame {
    let x = noise(rows, 3, 5);
    let u = uniform(rows, 6);
    let class = (0..rows).map(|r| {
        let weights = [0, 1, 2].map(|column: usize| (4.0 * x[column][r]).exp());
        let mut left = u[r] * weights.iter().sum::<f64>();
        let found = weights.iter().position(|weight| {
            left -= weight;
            left <= 0.0
        });
        Some(["a", "b", "c"][found.unwrap_or(2)].to_owned())
    });
    frame(&x, Values::String(class.collect()))
}

fn several(trained: &Trained) -> crate::domain::version::MulticlassMetrics {
    let Metrics::Multiclass(metrics) = &trained.metrics else { panic!("not of several classes") };
    metrics.clone()
}

/// A network that has learnt its rows by heart is too sure; a temperature makes up for it, changes no
/// label, and is served.
#[test]
fn several_classes_are_calibrated_by_a_temperature() {
    let frame = classes(1200);
    let network = json!({"kind": "mlp", "hidden": [128, 128], "dropout": 0.0});
    let with = |calibration: &str| {
        // As many epochs as it takes to be too sure.
        let spec = asked(json!({"network": network, "epochs": 40, "patience": 0,
                                "calibration": calibration}));
        run(&frame, &spec)
    };
    let plain = with("none");
    assert_eq!(plain.calibration.as_ref().unwrap().kind, CalibratorKind::None);
    assert!(plain.signature.calibrator.is_none());
    let calibrated = with("temperature");
    let choice = calibrated.calibration.as_ref().unwrap();
    let kinds: Vec<CalibratorKind> = choice.candidates.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [CalibratorKind::None, CalibratorKind::Temperature]);
    let calibrator = calibrated.signature.calibrator.clone().unwrap();
    let (before, after) = (several(&plain), several(&calibrated));
    assert_eq!(before.confusion, after.confusion);
    let of = after.calibration.as_ref().unwrap();
    let found = of.before.unwrap();
    let plain_error = before.calibration.as_ref().unwrap().reliability.expected_error;
    assert_eq!((found.log_loss, found.brier), (before.log_loss, before.brier));
    assert_eq!(found.expected_error, plain_error);
    assert!(before.calibration.unwrap().before.is_none());
    let rows: u64 = of.reliability.bins.iter().map(|bin| bin.n).sum();
    assert_eq!(rows, after.n);
    let load = |of: &Trained| of.model().unwrap();
    let model = load(&calibrated);
    let logits = model.logits_of(&model.inputs(&frame).unwrap()).unwrap();
    let answers = model.predict(&frame).unwrap().values;
    for (logits, answer) in logits.chunks_exact(3).zip(answers.chunks_exact(3)) {
        assert_eq!(calibrator.apply_to_classes(logits).unwrap(), answer);
    }
}

/// By the same rule as for two classes: where the logits are far too small, since they were smoothed, a
/// temperature is taken, and the log loss falls.
#[test]
fn a_temperature_is_chosen_for_several_classes_where_it_helps() {
    let frame = classes(3000);
    let smoothed = |calibration: &str| {
        run(&frame, &asked(json!({"loss": {"label_smoothing": 0.3}, "calibration": calibration})))
    };
    let (plain, chosen) = (smoothed("none"), smoothed("auto"));
    let choice = chosen.calibration.as_ref().unwrap();
    assert_eq!(choice.kind, CalibratorKind::Temperature, "{choice:?}");
    let Some(Calibrator::Temperature(of)) = &chosen.signature.calibrator else { panic!() };
    assert!(of.temperature < 0.7, "{of:?}");
    let (before, after) = (several(&plain), several(&chosen));
    assert!(after.log_loss < before.log_loss, "{} {}", after.log_loss, before.log_loss);
    assert!(after.brier < before.brier, "{} {}", after.brier, before.brier);
    let error = |of: &crate::domain::version::MulticlassMetrics| {
        of.calibration.as_ref().unwrap().reliability.expected_error
    };
    assert!(error(&after) < error(&before), "{} {}", error(&after), error(&before));
}

#[test]
fn what_has_no_such_calibration_is_refused() {
    for way in ["platt", "isotonic"] {
        let error = refused(&classes(300), &asked(json!({"calibration": way})));
        assert_eq!(pointers(&error), ["/calibration"], "{error}");
        let spec = asked(json!({"task": "multiclass", "calibration": way}));
        assert_eq!(pointers(&check_spec(&spec).unwrap_err()), ["/calibration"]);
    }
    let x = noise(300, 2, 1);
    let numbers = frame(&x, Values::Float64(x[0].iter().copied().map(Some).collect()));
    let error = refused(&numbers, &asked(json!({"calibration": "temperature"})));
    assert_eq!(pointers(&error), ["/calibration"], "{error}");
}

#[test]
fn costs_and_floors_set_the_threshold() {
    let scores: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
    let truth: Vec<bool> = (0..100).map(|row| row >= 50 || row % 10 == 0).collect();
    let found = |spec: Value| {
        let spec: ThresholdSpec = serde_json::from_value(spec).unwrap();
        report::threshold(&spec, &scores, &truth)
    };
    let (at, _) = found(json!({"by": "cost", "false_positive": 1, "false_negative": 4}));
    assert!((at - 0.2).abs() < 1e-12);
    // What is gained by right labels counts as what wrong ones cost.
    let gains = json!({"by": "cost", "false_positive": 3, "false_negative": 2, "true_positive": -4,
                       "true_negative": -1});
    assert!((found(gains).0 - 0.4).abs() < 1e-12);
    let huge = json!({"by": "cost", "false_positive": 1e308, "false_negative": 1e308});
    assert_eq!(found(huge), (0.5, None));
    let share = |threshold: f64, of: bool| {
        let labelled = scores.iter().zip(&truth).filter(|(score, _)| **score >= threshold);
        let right = labelled.clone().filter(|(_, truth)| **truth).count() as f64;
        let whole = if of { truth.iter().filter(|t| **t).count() } else { labelled.count() };
        right / whole as f64
    };
    let (recall, warning) = found(json!({"by": "recall", "at_least": 0.95}));
    assert!(share(recall, true) >= 0.95 && warning.is_none());
    let (precision, warning) = found(json!({"by": "precision", "at_least": 0.8}));
    assert!(share(precision, false) >= 0.8 && warning.is_none());
    assert!(precision < 0.5, "more can be found than those that are certain");
    let wanted = ThresholdSpec::Precision(ThresholdPrecision { at_least: 0.99 });
    let never: Vec<bool> = (0..100).map(|row| row % 2 == 0).collect();
    let (threshold, warning) = report::threshold(&wanted, &scores, &never);
    assert!(threshold == 0.5 && warning.unwrap().contains("ask for less"));
}

#[test]
fn costs_that_say_nothing_are_refused() {
    for (threshold, pointer) in [
        (
            json!({"by": "cost", "false_positive": 0, "false_negative": 1}),
            "/threshold/false_positive",
        ),
        (
            json!({"by": "cost", "false_positive": 1, "false_negative": 1, "true_positive": 1}),
            "/threshold/true_positive",
        ),
        (
            json!({"by": "cost", "false_positive": 1, "false_negative": 1, "true_negative": 2}),
            "/threshold/true_negative",
        ),
        (json!({"by": "recall", "at_least": 1.5}), "/threshold/at_least"),
        (json!({"by": "precision", "at_least": -0.5}), "/threshold/at_least"),
    ] {
        let error = check_spec(&asked(json!({"threshold": threshold}))).unwrap_err();
        assert_eq!(pointers(&error), [pointer], "{error}");
    }
}
