use super::pair;
use crate::domain::forecast::{ForecastMetrics, IntervalMethod};
use crate::domain::training::TrainingSpec;
use crate::domain::version::Metrics;
use crate::engine::testing::{Record, noise, series};
use crate::engine::train::{Trained, train};

fn spec(window: serde_json::Value) -> TrainingSpec {
    serde_json::from_value(serde_json::json!({
        "dataset": {"name": "d"}, "target": "y", "task": "forecast", "device": "cpu", "epochs": 1,
        "baselines": false, "window": window,
        "parts": {"by": "time", "column": "time", "validation": 0.3, "test": 0.3},
    }))
    .unwrap()
}

/// An autoregression whose every value keeps `0.7` of the one before, with noise of a spread that
/// `grows` from the first to the last row.
fn autoregression(length: usize, seed: u64, grows: f64) -> Vec<f64> {
    let mut at = 0.0;
    let steps = noise(length, 1, seed).remove(0);
    let spread = |row: usize| 1.0 + grows * row as f64 / length as f64;
    steps
        .into_iter()
        .enumerate()
        .map(|(row, step)| {
            at = 0.7 * at + spread(row) * step;
            50.0 + at
        })
        .collect()
}

fn trained(values: &[Vec<f64>], window: serde_json::Value) -> Trained {
    train(&series(values), &spec(window), None, &mut Record::default()).unwrap()
}

fn metrics(trained: &Trained) -> &ForecastMetrics {
    let Metrics::Forecast(metrics) = &trained.metrics else { panic!("no forecast") };
    metrics
}

#[test]
fn intervals_of_a_steady_series_cover_what_they_say() {
    let window = serde_json::json!({"time": "time", "look_back": 4, "horizon": 2, "gap": 1});
    let trained = trained(&[autoregression(20_000, 3, 0.0)], window);
    let found = metrics(&trained);
    assert_eq!(found.intervals.len(), 3);
    for measured in &found.intervals {
        let off = |covered: f64| (covered - measured.coverage).abs();
        assert!(off(measured.covered) < 0.015, "{measured:?}");
        assert!(off(measured.adaptive.covered) < 0.015, "{measured:?}");
        assert!(measured.by_step.iter().all(|covered| off(*covered) < 0.02), "{measured:?}");
        assert!(
            measured.interval.low < measured.covered && measured.covered < measured.interval.high
        );
        assert_eq!(measured.method, IntervalMethod::AbsoluteResidual);
        assert_eq!(measured.calibrated_on, trained.rows.validation);
        // Two rows are foretold: every second window is a trial of its own.
        assert_eq!(measured.trials, trained.rows.test.div_ceil(3));
    }
    let widths: Vec<f64> = found.intervals.iter().map(|measured| measured.mean_width).collect();
    assert!(widths.is_sorted_by(|a, b| a < b), "{widths:?}");
    assert!(trained.warnings.iter().all(|w| !w.contains("too narrow")), "{:?}", trained.warnings);
    // In the column's unit: the noise of one row lies within 1, and so does 90 % of it within 0.9.
    let of_target = &found.intervals[1].by_target[0];
    assert!((1.8..4.0).contains(&of_target.mean_width), "{of_target:?}");
}

#[test]
fn a_series_that_grows_restless_shows_and_adaptive_intervals_follow() {
    let window = serde_json::json!({"time": "time", "look_back": 4, "horizon": 1});
    let trained = trained(&[autoregression(20_000, 5, 4.0)], window);
    let measured = &metrics(&trained).intervals[1];
    assert!(measured.covered < 0.87, "{measured:?}");
    let warned =
        |trained: &Trained| trained.warnings.iter().any(|w| w.contains("too narrow: 80 %"));
    assert!(warned(&trained), "{:?}", trained.warnings);
    assert!((measured.adaptive.covered - 0.9).abs() < 0.015, "{measured:?}");
}

#[test]
fn quantiles_are_moved_until_they_cover() {
    let window = serde_json::json!({
        "time": "time", "look_back": 4, "horizon": 1, "quantiles": [0.3, 0.5, 0.7]});
    let trained = trained(&[autoregression(20_000, 7, 0.0)], window);
    for measured in &metrics(&trained).intervals {
        assert_eq!(measured.method, IntervalMethod::Quantile);
        assert!((measured.covered - measured.coverage).abs() < 0.015, "{measured:?}");
    }
    assert_eq!(pair(&[0.05, 0.1, 0.5, 0.9, 0.95], 0.8), Some((1, 3)));
    assert_eq!(pair(&[0.05, 0.1, 0.5, 0.9, 0.95], 0.95), Some((0, 4)));
    // 0.2 has no counterpart above the median.
    assert_eq!(pair(&[0.1, 0.2, 0.5, 0.9], 0.6), Some((0, 3)));
    assert_eq!(pair(&[0.5], 0.9), None);
}

#[test]
fn what_is_measured_is_what_is_answered() {
    let window = serde_json::json!({
        "time": "time", "entity": "entity", "look_back": 6, "horizon": 2});
    let values = [autoregression(900, 1, 0.0), autoregression(900, 2, 0.0)];
    let trained = trained(&values, window);
    let model = trained.model().unwrap();
    let fitted = trained.features.intervals().unwrap();
    assert_eq!(model.calibrated_on(), Some(fitted.windows));
    let forecasts = model.forecast(&series(&values)).unwrap();
    assert_eq!(forecasts.len(), 2);
    for forecast in &forecasts {
        let intervals = model.intervals(forecast, 0.9).unwrap();
        assert_eq!(intervals.len(), 2);
        let mut widths = 0.0;
        for ((low, high), value) in intervals.iter().zip(&forecast.values) {
            assert!(low < value && value < high);
            assert!(((value - low) - (high - value)).abs() < 1e-9);
            widths += high - low;
        }
        let measured = &metrics(&trained).intervals[1].by_target[0];
        assert!((widths / 2.0 - measured.mean_width).abs() < 1e-9);
        assert_eq!(model.intervals(forecast, 0.85), None);
    }
}

#[test]
fn too_few_windows_give_no_interval() {
    let window = serde_json::json!({"time": "time", "look_back": 4, "horizon": 1});
    let trained = trained(&[autoregression(50, 1, 0.0)], window);
    // 15 validation windows are enough for 80 and 90 %, not for 95 %.
    assert_eq!(trained.rows.validation, 15);
    let coverages: Vec<f64> = metrics(&trained).intervals.iter().map(|m| m.coverage).collect();
    assert_eq!(coverages, [0.8, 0.9]);
}
