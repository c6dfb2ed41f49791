use super::super::train;
use super::*;
use crate::domain::forecast::{BaselineKind, ForecastMetrics};
use crate::domain::training::EnsembleSpec;
use crate::domain::version::Metrics;
use crate::engine::LoadedModel;
use crate::engine::testing::{Record, noise, random_walk, series, uniform};
use crate::engine::train::Trained;
use crate::engine::weights;
use crate::frame::Values;

fn spec(fields: serde_json::Value) -> TrainingSpec {
    let mut spec = serde_json::json!({
        "dataset": {"name": "d"}, "target": "y", "device": "cpu", "window": {"time": "time"},
    });
    for (name, value) in fields.as_object().unwrap() {
        if name == "window" {
            for (name, value) in value.as_object().unwrap() {
                spec["window"][name] = value.clone();
            }
        } else {
            spec[name] = value.clone();
        }
    }
    serde_json::from_value(spec).unwrap()
}

fn run(frame: &Frame, spec: &TrainingSpec) -> Trained {
    train(frame, spec, None, &mut Record::default()).unwrap()
}

fn refused(frame: &Frame, spec: &TrainingSpec) -> (Vec<String>, String) {
    match train(frame, spec, None, &mut Record::default()) {
        Err(Error::Problem { detail, errors, .. }) => {
            (errors.into_iter().map(|e| e.pointer).collect(), detail)
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("trained"),
    }
}

fn metrics(trained: &Trained) -> &ForecastMetrics {
    let Metrics::Forecast(metrics) = &trained.metrics else { panic!("no forecast") };
    metrics
}

/// A daily wave with noise.
fn wave(length: usize, seed: u64) -> Vec<f64> {
    let noise = noise(length, 1, seed).remove(0);
    let turn = std::f64::consts::TAU / 24.0;
    noise.iter().enumerate().map(|(t, e)| 50.0 + 10.0 * (t as f64 * turn).sin() + e).collect()
}

fn of(metrics: &ForecastMetrics, kind: BaselineKind) -> f64 {
    metrics.baselines.iter().find(|b| b.kind == kind).unwrap().mse
}

#[test]
fn a_wave_is_forecast_and_the_random_walk_beaten() {
    let frame = series(&[wave(900, 1)]);
    let trained =
        run(&frame, &spec(serde_json::json!({"window": {"horizon": 12, "look_back": 48}})));
    let found = metrics(&trained);
    assert!(found.beats_random_walk, "{found:?}");
    assert!(found.mse < 0.05 * of(found, BaselineKind::RandomWalk), "{found:?}");
    assert!(found.mse < of(found, BaselineKind::SeasonalNaive), "{found:?}");
    assert!(found.mase.unwrap() < 1.0 && found.mse_by_step.len() == 12);
    assert!(trained.warnings.iter().all(|w| !w.contains("random walk")), "{:?}", trained.warnings);
    assert_eq!(trained.signature.window.as_ref().unwrap().season, Some(24));
    assert_eq!(trained.spec.network_kind(), "nlinear");
}

#[test]
fn a_random_walk_is_not_beaten_and_that_is_said() {
    for (network, seed) in [("nlinear", 2), ("lstm", 3)] {
        let frame = series(&[random_walk(700, seed)]);
        let spec = spec(serde_json::json!({
            "network": {"kind": network}, "epochs": 3,
            "window": {"horizon": 1, "look_back": 20},
        }));
        let trained = run(&frame, &spec);
        assert!(!metrics(&trained).beats_random_walk, "{:?}", trained.metrics);
        let says = |w: &String| w.contains("does not beat the random walk");
        assert!(trained.warnings.iter().any(says), "{:?}", trained.warnings);
    }
}

#[test]
fn the_parts_are_those_of_time_and_their_windows_all_there_are() {
    let frame = series(&[wave(1000, 1), wave(500, 2)]);
    let trained = run(
        &frame,
        &spec(serde_json::json!({
            "epochs": 1, "network": {"kind": "dlinear"},
            "window": {"entity": "entity", "horizon": 4, "look_back": 10, "stride": 3},
            "parts": {"by": "time", "column": "time", "validation": 0.2, "test": 0.2},
        })),
    );
    // 60 % of 1,500 rows lie before hour 450: the second series ends at 500 already.
    assert_eq!(trained.rows.train, 2 * (450 - 13_u64).div_ceil(3));
    assert_eq!(trained.rows.test, 300 - 3);
    assert!(trained.rows.validation > 200);
    let shuffled = run(
        &frame.take(&(0..1500).map(|r| r * 7 % 1500).collect::<Vec<_>>()).unwrap(),
        &trained.spec,
    );
    assert_eq!(shuffled.rows, trained.rows, "the order of the rows does not matter");
}

#[test]
fn whole_series_fall_into_parts_by_chance() {
    let frame = series(&(0..10).map(|e| wave(60, e)).collect::<Vec<_>>());
    let random = |fields| {
        let mut spec = spec(serde_json::json!({
            "epochs": 1, "network": {"kind": "dlinear"}, "parts": {"by": "random"},
            "window": {"horizon": 4, "look_back": 10},
        }));
        spec.window.as_mut().unwrap().entity = fields;
        spec
    };
    let trained = run(&frame, &random(Some("entity".into())));
    assert_eq!((trained.rows.train, trained.rows.test), (6 * 47, 2 * 47));
    let (pointers, detail) = refused(&series(&[wave(60, 1)]), &random(None));
    assert_eq!(pointers, ["/parts"]);
    assert!(detail.contains("part them by time"), "{detail}");
}

#[test]
fn quantiles_cover_what_they_say() {
    let frame = series(&[wave(1500, 4)]);
    let trained = run(
        &frame,
        &spec(serde_json::json!({
            "window": {"horizon": 2, "look_back": 48, "quantiles": [0.1, 0.5, 0.9]}, "epochs": 20,
        })),
    );
    let quantiles = metrics(&trained).quantiles.as_ref().unwrap();
    for level in &quantiles.levels {
        assert!((level.below - level.level).abs() < 0.12, "{quantiles:?}");
    }
    assert!((quantiles.crps - 2.0 * quantiles.pinball).abs() < 1e-12);
}

#[test]
fn a_trained_version_forecasts_each_series_in_its_unit() {
    let frame = series(&[wave(400, 1), wave(400, 2).iter().map(|v| v + 500.0).collect()]);
    let trained = run(
        &frame,
        &spec(serde_json::json!({
            "window": {"entity": "entity", "horizon": 6, "look_back": 48},
        })),
    );
    let stored = serde_json::to_string(&trained.features).unwrap();
    let features = serde_json::from_str(&stored).unwrap();
    let model =
        LoadedModel::load(&trained.signature, &trained.spec, features, &trained.weights).unwrap();
    let newest: Vec<usize> = (340..400).chain(740..800).collect();
    let forecasts = model.forecast(&frame.take(&newest).unwrap()).unwrap();
    assert_eq!(forecasts.len(), 2);
    assert_eq!(forecasts[1].entity.as_deref(), Some("s1"));
    assert_eq!(forecasts[1].values.len(), 6);
    assert!(forecasts[0].values.iter().all(|v| (30.0..70.0).contains(v)), "{forecasts:?}");
    assert!(forecasts[1].values.iter().all(|v| (530.0..570.0).contains(v)), "{forecasts:?}");
    let names: Vec<&str> = trained.signature.inputs.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["time", "entity", "y"]);
    let few = model.forecast(&frame.take(&(0..10).collect::<Vec<_>>()).unwrap()).unwrap_err();
    assert_eq!(few.code(), Code::InvalidRows);
    assert!(few.to_string().contains("10 rows of s0 are too few"), "{few}");
}

#[test]
fn several_networks_forecast_their_mean() {
    let frame = series(&[wave(400, 1)]);
    let trained = run(
        &frame,
        &spec(serde_json::json!({
            "window": {"horizon": 6, "look_back": 48}, "epochs": 2, "ensemble": {"seeds": 2},
        })),
    );
    assert!(trained.baselines.is_empty(), "a forecast has baselines of its own");
    let load = |weights: &[u8], seeds| {
        let mut spec = trained.spec.clone();
        spec.ensemble = Some(EnsembleSpec { folds: 1, seeds });
        LoadedModel::load(&trained.signature, &spec, trained.features.clone(), weights).unwrap()
    };
    let decoded = weights::decode(&trained.weights).unwrap();
    let each = weights::parted(decoded, 2).unwrap().into_iter().map(|one| {
        let one = weights::encode(&one, weights::Form::Whole).unwrap();
        load(&one, 1).forecast(&frame).unwrap().remove(0).values
    });
    let [first, second]: [Vec<f64>; 2] = each.collect::<Vec<_>>().try_into().unwrap();
    let both = load(&trained.weights, 2).forecast(&frame).unwrap().remove(0).values;
    for (at, found) in both.iter().enumerate() {
        assert!((found - (first[at] + second[at]) / 2.0).abs() < 1e-9);
    }
    assert_ne!(first, second);
}

#[test]
fn missing_values_are_left_out_of_targets_and_read_as_the_last_ones() {
    let mut values: Vec<Option<f64>> = wave(300, 1).into_iter().map(Some).collect();
    (100..110).for_each(|t| values[t] = None);
    let frame = series(&[wave(300, 1)]);
    let columns = vec![
        ("time".to_owned(), Values::Timestamp(frame.timestamps("time").unwrap())),
        ("y".to_owned(), Values::Float64(values)),
    ];
    let frame = Frame::new(300, columns).unwrap();
    let fields = serde_json::json!({
        "epochs": 1, "network": {"kind": "dlinear"}, "window": {"horizon": 4, "look_back": 10},
    });
    let trained = run(&frame, &spec(fields));
    let warning = "13 windows are left out: a value that they are held against is missing";
    assert!(trained.warnings.iter().any(|w| w == warning), "{:?}", trained.warnings);
}

/// The sign of the next change follows the last one.
fn classes(rows: usize) -> Frame {
    let drawn = uniform(rows, 9);
    let mut up = true;
    let mut ups = Vec::new();
    for u in drawn {
        up = if u < 0.9 { up } else { !up };
        ups.push(up);
    }
    let times = (0..rows as i64).map(Some).collect();
    let moves = ups.iter().map(|up| Some(if *up { 1.0 } else { -1.0 })).collect();
    let columns = vec![
        ("time".to_owned(), Values::Int64(times)),
        ("move".to_owned(), Values::Float64(moves)),
        ("y".to_owned(), Values::Bool(ups.into_iter().map(Some).collect())),
    ];
    Frame::new(rows, columns).unwrap()
}

#[test]
fn windows_are_classified_by_every_network_that_may() {
    let frame = classes(800);
    for network in ["lstm", "attention", "mlp", "linear"] {
        let trained = run(
            &frame,
            &spec(serde_json::json!({
                "network": {"kind": network}, "epochs": 20, "features": ["move"],
                "optimiser": {"kind": "adam", "learning_rate": 0.01},
                "window": {"look_back": 8},
            })),
        );
        let Metrics::Binary(found) = &trained.metrics else { panic!("{:?}", trained.metrics) };
        assert!(found.accuracy > 0.8, "{network} {found:?}");
        let beside: Vec<&str> = trained.baselines.iter().map(|b| b.network.as_str()).collect();
        assert_eq!(beside, if network == "linear" { &[][..] } else { &["linear"] });
        let model = trained.model().unwrap();
        let rows: Vec<usize> = (0..8).collect();
        assert_eq!(model.predict(&frame.take(&rows).unwrap()).unwrap().values.len(), 2);
    }
}

#[test]
fn a_resumed_training_of_windows_ends_in_the_same_bits() {
    let frame = series(&[wave(300, 1)]);
    let spec = spec(serde_json::json!({
        "network": {"kind": "lstm", "hidden": 8, "dropout": 0.2}, "epochs": 3,
        "window": {"horizon": 2, "look_back": 12},
    }));
    let mut record = Record::default();
    let whole = train(&frame, &spec, None, &mut record).unwrap();
    for checkpoint in &record.checkpoints {
        let resumed = train(&frame, &spec, Some(checkpoint), &mut Record::default()).unwrap();
        assert_eq!(resumed.weights, whole.weights);
    }
    assert_eq!(record.checkpoints.len(), 2);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let frame = series(&[wave(200, 1)]);
    for (fields, pointer, says) in [
        (serde_json::json!({"window": {"horizon": 0}}), "/window/horizon", "1 or more"),
        (serde_json::json!({"window": {"horizon": 300}}), "/window", "has no window"),
        (serde_json::json!({"window": {"time": "tim"}}), "/window/time", "did you mean time?"),
        (serde_json::json!({"window": {"targets": ["z"]}}), "/window/targets/0", "no column z"),
        (serde_json::json!({"window": {"targets": ["y"]}}), "/window/targets/0", "already"),
        (serde_json::json!({"window": {"quantiles": [0.1]}}), "/window/quantiles", "0.5"),
        (serde_json::json!({"window": {"entity": "time"}}), "/window/entity", "another role"),
        (serde_json::json!({"network": {"kind": "mlp"}}), "/network/kind", "does not forecast"),
        (serde_json::json!({"network": {"kind": "tabm"}}), "/network/kind", "does not forecast"),
        (
            serde_json::json!({"task": "regression", "network": {"kind": "transformer"}}),
            "/network/kind",
            "columns of a row",
        ),
        (serde_json::json!({"network": {"kind": "cnn"}}), "/network", "reads images"),
        (serde_json::json!({"ensemble": {"folds": 3}}), "/ensemble/folds", "overlap"),
        (serde_json::json!({"loss": {"focal_gamma": 2.0}}), "/loss/focal_gamma", "no classes"),
        (serde_json::json!({"monitor": "r2"}), "/monitor", "take loss"),
        (serde_json::json!({"features": ["time"]}), "/features/0", "already"),
        (
            serde_json::json!({"task": "regression", "network": {"kind": "nlinear"}}),
            "/network/kind",
            "forecast",
        ),
        (
            serde_json::json!({"task": "regression", "window": {"quantiles": [0.5]}}),
            "/window/quantiles",
            "forecast only",
        ),
        (
            serde_json::json!({"network": {"kind": "attention", "width": 6}}),
            "/network/heads",
            "divide",
        ),
        (
            serde_json::json!({"network": {"kind": "dlinear", "kernel": 4}}),
            "/network/kernel",
            "odd",
        ),
    ] {
        let (pointers, detail) = refused(&frame, &spec(fields.clone()));
        assert!(pointers.iter().any(|p| p == pointer), "{fields} {pointers:?} {detail}");
        let all = format!("{detail} {pointers:?}");
        assert!(all.contains(says) || pointers.len() > 1, "{fields} {detail}");
    }
    let mut without = spec(serde_json::json!({"network": {"kind": "lstm"}}));
    without.window = None;
    assert_eq!(refused(&frame, &without).0, ["/window"]);
}
