//! What versions answer, and how they were measured.

use actuary::domain::activation::ActivationResponse;
use actuary::domain::analysis::{Analysis, AnalysisResult};
use actuary::domain::counterfactual::CounterfactualResponse;
use actuary::domain::explanation::ExplanationResponse;
use actuary::domain::forecast::ForecastResponse;
use actuary::domain::version::{Metrics, Version};
use actuary::stats::{interval_of_share, normal_cdf, wilson_interval};

use super::{answered, both_close, close};

#[test]
fn metrics_are_those_of_the_confusion_and_the_bins() {
    let told: Version = answered("get_model_version");
    let Metrics::Binary(metrics) = &told.metrics else { panic!("{:?}", told.metrics) };
    let count = |truth: usize, said: usize| metrics.confusion[truth][said] as f64;
    let all: f64 = (0..4).map(|at| count(at / 2, at % 2)).sum();
    assert_eq!((all, count(1, 0) + count(1, 1)), (metrics.n as f64, metrics.positives as f64));
    close("accuracy", metrics.accuracy, (count(0, 0) + count(1, 1)) / all, 5e-4);
    for (at, class) in metrics.per_class.iter().enumerate() {
        let right = count(at, at);
        assert_eq!(class.support as f64, count(at, 0) + count(at, 1));
        let (precision, recall) =
            (right / (count(0, at) + count(1, at)), right / class.support as f64);
        close("precision", class.precision, precision, 5e-4);
        close("recall", class.recall, recall, 5e-4);
        close("f1", class.f1, 2.0 * precision * recall / (precision + recall), 5e-4);
    }
    let f1 = metrics.per_class.iter().map(|class| class.f1).sum::<f64>() / 2.0;
    both_close("macro_f1", metrics.macro_f1, Some(f1), 5e-4);
    both_close("gini", metrics.gini, metrics.auc.map(|auc| 2.0 * auc - 1.0), 5e-4);

    let calibration = metrics.calibration.as_ref().unwrap();
    let share = metrics.positives as f64 / metrics.n as f64;
    let (mut error, mut greatest, mut reliability, mut resolution) = (0.0, 0.0_f64, 0.0, 0.0);
    for bin in &calibration.reliability.bins {
        let weight = bin.n as f64 / metrics.n as f64;
        let off = (bin.mean_predicted - bin.observed).abs();
        error += weight * off;
        greatest = greatest.max(off);
        reliability += weight * off * off;
        resolution += weight * (bin.observed - share).powi(2);
        let of = wilson_interval((bin.observed * bin.n as f64).round() as u64, bin.n).unwrap();
        close("interval", bin.interval.low, of.low, 5e-5);
        close("interval", bin.interval.high, of.high, 5e-5);
    }
    close("expected_error", calibration.reliability.expected_error, error, 5e-5);
    close("maximum_error", calibration.reliability.maximum_error, greatest, 5e-5);
    let brier = calibration.brier;
    close("reliability", brier.reliability, reliability, 5e-5);
    close("resolution", brier.resolution, resolution, 5e-5);
    close("uncertainty", brier.uncertainty, share * (1.0 - share), 5e-5);
    let parts = brier.reliability - brier.resolution + brier.uncertainty + brier.within_variance
        - brier.within_covariance;
    close("brier", brier.score, parts, 2.5e-4);
    close("brier", brier.score, metrics.brier, 1e-9);
}

#[test]
fn an_explanation_adds_up() {
    let told: ExplanationResponse = answered("create_explanation");
    for one in &told.explanations {
        let parts: f64 = one.attributions.iter().map(|part| part.attribution).sum();
        close("value", one.value, one.base + parts, one.gap.max(1e-9) + 0.005);
        both_close("probability", one.probability, Some(1.0 / (1.0 + (-one.value).exp())), 1e-9);
    }
}

#[test]
fn a_counterfactual_meets_its_goal() {
    let told: CounterfactualResponse = answered("create_counterfactual");
    for one in &told.counterfactuals {
        for alternative in &one.alternatives {
            close("cost", alternative.cost, alternative.changes.iter().map(|c| c.cost).sum(), 1e-9);
            assert_eq!(alternative.prediction.label, one.goal.class);
        }
        assert_ne!(one.prediction.label, one.goal.class);
    }
}

#[test]
fn activations_are_summed_up_as_they_are() {
    let told: ActivationResponse = answered("create_activations");
    for layer in told.activations.iter().flat_map(|row| &row.layers) {
        let values: Vec<f64> = layer.values.iter().flatten().map(|v| f64::from(*v)).collect();
        assert_eq!(values.len() as u32, layer.shape.iter().product::<u32>());
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let summary = &layer.summary;
        close("mean", summary.mean, mean, 1e-9);
        close("standard_deviation", summary.standard_deviation, variance.sqrt(), 5e-5);
        assert_eq!(summary.least, values.iter().copied().fold(f64::INFINITY, f64::min));
        assert_eq!(summary.greatest, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        let zeros = values.iter().filter(|value| **value == 0.0).count() as f64;
        close("zeros", summary.zeros, zeros / count, 1e-9);
        for strongest in &summary.strongest {
            assert_eq!(f64::from(strongest.value), values[strongest.at[0] as usize]);
        }
    }
}

#[test]
fn coverage_is_as_certain_as_its_trials() {
    let told: ForecastResponse = answered("create_forecast");
    for one in &told.intervals {
        let of = interval_of_share(one.covered, one.trials).unwrap();
        close("interval", one.interval.low, of.low, 5e-4);
        close("interval", one.interval.high, of.high, 5e-4);
    }
    let walk = &told.against_random_walk;
    let p = walk.statistic.map(|statistic| 2.0 * normal_cdf(-statistic.abs()));
    both_close("p_value", walk.p_value, p, 5e-4);
}

#[test]
fn an_importance_is_as_certain_as_its_repeats() {
    let told: Analysis = answered("get_analysis");
    let AnalysisResult::Importance(found) = &told.result else { panic!("{:?}", told.result) };
    for column in &found.columns {
        let error = column.standard_deviation / f64::from(found.repeats).sqrt();
        close("standard_error", column.standard_error, error, 5e-5);
    }
}
