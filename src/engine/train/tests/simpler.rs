//! Versions made simpler.

use serde_json::json;

use super::*;
use crate::domain::simplification::{Simplification, SimplificationMethod};
use crate::domain::version::Version;
use crate::engine::networks::parameters::{Parameters, can_be_pruned};
use crate::engine::testing::{series, version_of};
use crate::engine::weights;

/// A version as the registry keeps it.
pub(super) fn registered(trained: Trained) -> Parent {
    Parent { version: version_of(&trained), features: trained.features, weights: trained.weights }
}

pub(super) fn method(json: serde_json::Value) -> SimplificationMethod {
    serde_json::from_value(json).unwrap()
}

fn simpler(frame: &Frame, parent: &Parent, json: serde_json::Value) -> Trained {
    simplify(frame, parent, &method(json), None, &mut Record::default()).unwrap()
}

fn of(trained: &Trained) -> &Simplification {
    trained.simplification.as_ref().unwrap()
}

/// Share of the prunable numbers that are 0.
fn zeros(weights: &Parameters) -> f64 {
    let prunable = || {
        let of = weights.iter().filter(|(name, p)| can_be_pruned(name, &p.shape));
        of.flat_map(|(_, p)| &p.values)
    };
    prunable().filter(|w| **w == 0.0).count() as f64 / prunable().count() as f64
}

/// Of tabm, whose members are served in part.
fn members() -> (Frame, Parent) {
    let (frame, _) = logistic(1500);
    let mut spec = spec("y");
    spec.baselines = false;
    spec.epochs = Some(6);
    (frame.clone(), registered(run(&frame, &spec)))
}

#[test]
fn what_is_pruned_stays_pruned_while_the_rest_learns() {
    let (frame, parent) = members();
    let asked = json!({ "kind": "prune", "sparsity": 0.7, "epochs": 4 });
    let trained = simpler(&frame, &parent, asked.clone());
    let weights = weights::decode(&trained.weights).unwrap();
    assert!((zeros(&weights) - 0.7).abs() < 1e-3, "{}", zeros(&weights));
    let found = of(&trained);
    assert!(found.after.bytes * 10 < found.before.bytes * 6, "{found:?}");
    assert_eq!(found.after.parameters, found.before.parameters);
    assert!(found.after.nonzero * 2 < found.before.nonzero, "{found:?}");
    assert!(found.difference.unwrap() > -0.02, "{found:?}");
    assert_eq!(found.before.value, parent.version.metrics.main().1);
    assert_eq!(found.version, 7);
    assert!(found.after.row_microseconds > 0.0 && found.before.rows_per_second > 0.0);
    assert_eq!(trained.signature, parent.version.signature, "the threshold stays");
    assert_eq!(trained.spec, parent.version.provenance.spec);
    assert_eq!((trained.curve.len(), trained.best_epoch), (4, 4));

    // Without fine-tuning the other weights are the parent's.
    let bare = simpler(&frame, &parent, json!({ "kind": "prune", "sparsity": 0.7, "epochs": 0 }));
    let (bare, of_parent) =
        (weights::decode(&bare.weights).unwrap(), weights::decode(&parent.weights).unwrap());
    for (name, parameter) in &bare {
        let pairs = parameter.values.iter().zip(&of_parent[name].values);
        assert!(pairs.into_iter().all(|(pruned, whole)| pruned == whole || *pruned == 0.0));
        let is_same_place = |(a, b): (&f32, &f32)| (*a == 0.0) == (*b == 0.0);
        if can_be_pruned(name, &parameter.shape) {
            assert!(parameter.values.iter().zip(&weights[name].values).all(is_same_place));
        }
    }
    assert_ne!(bare, weights, "the rest was trained on");
}

#[test]
fn a_pruning_that_was_interrupted_ends_in_the_same_bits() {
    let (frame, parent) = members();
    let asked = method(json!({ "kind": "prune", "epochs": 3 }));
    let mut record = Record { every_batch: true, ..Record::default() };
    let whole = simplify(&frame, &parent, &asked, None, &mut record).unwrap();
    assert!(record.checkpoints.len() > 6);
    let late = record.checkpoints.len() - 3;
    for checkpoint in [&record.checkpoints[2], &record.checkpoints[late]] {
        let mut hooks = Record::default();
        let resumed = simplify(&frame, &parent, &asked, Some(checkpoint), &mut hooks).unwrap();
        assert!(hooks.reports.len() <= record.reports.len());
        assert_eq!(resumed.weights, whole.weights);
    }
    // A checkpoint of another method is none of this one.
    let other = method(json!({ "kind": "prune", "epochs": 3, "sparsity": 0.6 }));
    let checkpoint = record.checkpoints.last().unwrap();
    let mut hooks = Record::default();
    let again = simplify(&frame, &parent, &other, Some(checkpoint), &mut hooks).unwrap();
    assert_eq!(hooks.reports.len(), 3);
    assert!((zeros(&weights::decode(&again.weights).unwrap()) - 0.6).abs() < 1e-2);
}

#[test]
fn eight_bits_answer_nearly_alike() {
    let (frame, parent) = members();
    let trained = simpler(&frame, &parent, json!({ "kind": "quantise" }));
    let found = of(&trained);
    assert!(found.after.bytes * 10 < found.before.bytes * 4, "{found:?}");
    assert!(found.max_difference > 0.0 && found.max_difference < 0.02, "{found:?}");
    assert!(found.difference.unwrap().abs() < 0.002, "{found:?}");
    assert!(found.same_labels.unwrap() > 0.98, "{found:?}");
    assert_eq!(trained.signature, parent.version.signature);
    assert_eq!(trained.curve, parent.version.curve);
    // It may be made simpler again.
    let parent = registered(trained);
    let again = simpler(&frame, &parent, json!({ "kind": "prune", "sparsity": 0.3 }));
    assert!(of(&again).difference.unwrap() > -0.02, "{:?}", of(&again));
}

#[test]
fn a_student_answers_like_its_teacher() {
    // Noise that a network of its own would learn: the teacher's answers are smoother.
    let (frame, parent) = members();
    let network = json!({ "kind": "mlp", "hidden": [16] });
    let asked = json!({ "kind": "distil", "network": network, "share": 1.0, "epochs": 30 });
    let taught = simpler(&frame, &parent, asked);
    let found = of(&taught);
    assert!(found.difference.unwrap() > -0.01, "{found:?}");
    assert!(found.after.parameters * 10 < found.before.parameters, "{found:?}");
    assert_eq!(taught.spec.network_kind(), "mlp");
    let SimplificationMethod::Distil(carried_out) = &found.method else { panic!("{found:?}") };
    assert_eq!(carried_out.network, taught.spec.network);
    assert_eq!(carried_out.epochs, Some(30));

    let mut alone = parent.version.provenance.spec.clone();
    (alone.network, alone.optimiser) = (taught.spec.network.clone(), None);
    (alone.epochs, alone.batch_size, alone.schedule) = (Some(30), taught.spec.batch_size, None);
    let alone = run(&frame, &alone);
    let answers = |trained: &Trained| trained.model().unwrap().predict(&frame).unwrap().values;
    let features = parent.features.clone();
    let Version { signature, provenance, .. } = &parent.version;
    let teacher = LoadedModel::load(signature, &provenance.spec, features, &parent.weights);
    let teacher = teacher.unwrap().predict(&frame).unwrap().values;
    let apart = |answers: &[f64]| {
        answers.iter().zip(&teacher).map(|(a, b)| (a - b).abs()).sum::<f64>() / teacher.len() as f64
    };
    let (taught, alone) = (apart(&answers(&taught)), apart(&answers(&alone)));
    assert!(taught < 0.7 * alone, "{taught} {alone}");
}

#[test]
fn several_networks_stay_several_or_teach_one() {
    let (frame, _) = logistic(600);
    let mut spec = short(OptimiserSpec::default());
    spec.ensemble = Some(EnsembleSpec { folds: 2, seeds: 2 });
    let parent = registered(run(&frame, &spec));
    let pruned = simpler(&frame, &parent, json!({ "kind": "prune", "epochs": 1 }));
    let names =
        |weights: &[u8]| -> Vec<String> { weights::decode(weights).unwrap().into_keys().collect() };
    assert_eq!(names(&pruned.weights), names(&parent.weights));
    let quantised = simpler(&frame, &parent, json!({ "kind": "quantise" }));
    assert!(of(&quantised).max_difference < 0.02);
    let student = simpler(&frame, &parent, json!({ "kind": "distil" }));
    assert_eq!(student.spec.network, parent.version.provenance.spec.network);
    assert_eq!(of(&student).after.parameters * 4, of(&student).before.parameters);
}

#[test]
fn classes_and_numbers_are_taught_too() {
    let x = noise(900, 3, 4);
    let label = |r: usize| ["a", "b", "c"][((x[0][r] + 1.0) * 1.5) as usize].to_owned();
    let classes = Values::String((0..900).map(|r| Some(label(r))).collect());
    let numbers = Values::Float64((0..900).map(|r| Some(100.0 * x[1][r] + 7.0)).collect());
    for target in [classes, numbers] {
        let frame = frame(&x, target);
        let parent = registered(run(&frame, &TrainingSpec { baselines: false, ..spec("y") }));
        let student = simpler(&frame, &parent, json!({ "kind": "distil" }));
        assert_eq!(student.spec.network_kind(), "mlp");
        let found = of(&student);
        assert!(found.difference.unwrap() > -0.05, "{found:?}");
        let quantised = simpler(&frame, &parent, json!({ "kind": "quantise" }));
        assert!(of(&quantised).difference.unwrap().abs() < 0.02, "{:?}", of(&quantised));
    }
}

#[test]
fn forecasts_are_made_simpler_as_they_are_served() {
    let wave = |length: usize| -> Vec<f64> {
        let noise = noise(length, 1, 5).remove(0);
        let turn = std::f64::consts::TAU / 24.0;
        noise.iter().enumerate().map(|(t, e)| 50.0 + 10.0 * (t as f64 * turn).sin() + e).collect()
    };
    let frame = series(&[wave(700)]);
    let spec: TrainingSpec = serde_json::from_value(json!({
        "dataset": {"name": "d"}, "target": "y", "device": "cpu", "epochs": 3,
        "window": {"time": "time", "look_back": 48, "horizon": 6},
    }))
    .unwrap();
    // Its layer is joined with a ridge, once.
    let parent = registered(run(&frame, &spec));
    let quantised = simpler(&frame, &parent, json!({ "kind": "quantise" }));
    let found = of(&quantised);
    let lost = found.after.value.unwrap() - found.before.value.unwrap();
    assert!(lost.abs() < 0.05 * found.before.value.unwrap(), "{found:?}");
    assert_eq!(found.difference, Some(-lost));
    let pruned = simpler(&frame, &parent, json!({ "kind": "prune", "sparsity": 0.3 }));
    assert!(of(&pruned).after.value.unwrap() < 0.3, "{:?}", of(&pruned));
    let student = json!({ "kind": "distil", "network": { "kind": "dlinear" }, "epochs": 2 });
    assert_eq!(simpler(&frame, &parent, student).spec.network_kind(), "dlinear");
}

#[test]
fn what_can_not_hold_is_named() {
    let (frame, _) = logistic(300);
    let parent = registered(run(
        &frame,
        &TrainingSpec { network: Some(linear()), ..short(OptimiserSpec::default()) },
    ));
    for (asked, pointer) in [
        (json!({ "kind": "prune", "sparsity": 1.0 }), "/method/sparsity"),
        (json!({ "kind": "prune", "epochs": 1001 }), "/method/epochs"),
        (json!({ "kind": "prune", "learning_rate": 0 }), "/method/learning_rate"),
        (json!({ "kind": "distil" }), "/method/network"),
        (json!({ "kind": "distil", "network": { "kind": "lstm" } }), "/method/network"),
        (
            json!({ "kind": "distil", "temperature": 0.5, "network": { "kind": "mlp" } }),
            "/method/temperature",
        ),
        (json!({ "kind": "distil", "share": 0, "network": { "kind": "mlp" } }), "/method/share"),
        (
            json!({ "kind": "distil", "network": { "kind": "mlp", "hidden": [0] } }),
            "/method/network/hidden/0",
        ),
        (json!({ "kind": "distil", "epochs": 0, "network": { "kind": "mlp" } }), "/method/epochs"),
    ] {
        let error = check_simplification(&parent.version, &method(asked.clone())).unwrap_err();
        assert_eq!(pointers(&error), [pointer], "{asked}");
    }
    // What only the rows tell.
    let images = method(json!({ "kind": "distil", "network": { "kind": "lenet" } }));
    let error = simplify(&frame, &parent, &images, None, &mut Record::default()).unwrap_err();
    assert_eq!(pointers(&error), ["/method/network"], "{error}");
}

#[test]
fn what_was_searched_for_is_made_simpler_without_a_search() {
    let (frame, _) = logistic(300);
    let search = serde_json::from_value(json!({ "trials": 9 })).unwrap();
    let asked = TrainingSpec { search: Some(search), ..short(OptimiserSpec::default()) };
    let parent = registered(run(&frame, &asked));
    assert!(parent.version.search.is_some());
    for asked in [
        json!({ "kind": "prune", "epochs": 1 }),
        json!({ "kind": "quantise" }),
        json!({ "kind": "distil", "network": { "kind": "linear" }, "epochs": 1 }),
    ] {
        check_simplification(&parent.version, &method(asked.clone())).unwrap();
        let trained = simpler(&frame, &parent, asked);
        assert_eq!((trained.search, trained.spec.search), (None, None));
    }
}
