//! Probabilities that come true, on rows that nothing was fitted on.

use serde_json::{Value, json};

use super::*;
use crate::domain::calibration::{CalibrationMetrics, Calibrator, CalibratorKind};
use crate::domain::training::ThresholdRate;

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

/// Weighed alike, a rare class is predicted far too often; calibrated it is not, and the AUC stays.
#[test]
fn weights_of_classes_are_made_up_for() {
    let x = noise(4000, 3, 1);
    let u = uniform(4000, 1);
    let y = (0..4000).map(|r| u[r] < 1.0 / (1.0 + (3.0 - 3.0 * x[0][r] - x[1][r]).exp()));
    let frame = frame(&x, bools(y));
    let weighed = json!({"class_weights": {"by": "balanced"}, "calibration": "none"});
    let plain = run(&frame, &asked(weighed));
    assert_eq!(plain.calibration.as_ref().unwrap().kind, CalibratorKind::None);
    assert!(plain.signature.calibrator.is_none());
    let calibrated = run(&frame, &asked(json!({"class_weights": {"by": "balanced"}})));
    let choice = calibrated.calibration.as_ref().unwrap();
    assert_eq!(choice.kind, CalibratorKind::Platt, "{choice:?}");
    let (before, after) = (calibration(&plain), calibration(&calibrated));
    assert!(before.reliability.expected_error > 0.2, "{before:?}");
    assert!(after.reliability.expected_error < 0.04, "{after:?}");
    assert!(after.line.unwrap().in_the_large.abs() < 0.5, "{after:?}");
    assert!((auc(&plain) - auc(&calibrated)).abs() < 1e-9);
    assert_eq!(plain.weights, calibrated.weights);
    let sum = after.brier.reliability - after.brier.resolution
        + after.brier.uncertainty
        + after.brier.within_variance
        - after.brier.within_covariance;
    assert!((sum - after.brier.score).abs() < 1e-12);
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
            let model = LoadedModel::load(
                &trained.signature,
                &trained.spec,
                trained.features.clone(),
                &trained.weights,
            )
            .unwrap();
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
