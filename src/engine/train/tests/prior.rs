//! Class weights that are taken back from what a version answers.

use serde_json::{Value, json};

use super::simpler::{method, registered};
use super::*;
use crate::engine::train::prior::Prior;
use crate::engine::weights;

fn asked(more: &Value) -> TrainingSpec {
    let mut spec = json!({"dataset": {"name": "d"}, "target": "label", "baselines": false, "epochs": 1,
        "ensemble": {"folds": 1}, "seed": 4, "calibration": "none"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

/// Rows of which a rare class is told by two numbers.
fn rare(rows: usize, seed: u64) -> (Frame, Vec<bool>) {
    let x = noise(rows, 3, seed);
    let u = uniform(rows, seed);
    let is_rare = |r: usize| u[r] < 1.0 / (1.0 + (3.5 - 2.0 * x[0][r] - x[1][r]).exp());
    let truth: Vec<bool> = (0..rows).map(is_rare).collect();
    (frame(&x, bools(truth.iter().copied())), truth)
}

fn loaded(of: &Trained, weights: &[u8]) -> LoadedModel {
    LoadedModel::load(&of.signature, &of.spec, of.features.clone(), weights).unwrap()
}

/// The logits of a version, and those that its network learnt.
fn logits(of: &Trained, prior: &Prior, frame: &Frame) -> (Vec<f64>, Vec<f64>) {
    let mut learnt = weights::decode(&of.weights).unwrap();
    prior.give_to(&mut learnt).unwrap();
    let learnt = weights::encode(&learnt, weights::Form::Whole).unwrap();
    let [served, learnt] = [&of.weights, &learnt].map(|weights| {
        let model = loaded(of, weights);
        let inputs = match of.features.sequence() {
            Some(_) => of.features.newest(frame).unwrap().inputs,
            None => model.inputs(frame).unwrap(),
        };
        model.logits_of(&inputs).unwrap()
    });
    (served, learnt)
}

#[test]
fn every_network_gives_back_what_its_weights_added() {
    let (x, u) = (noise(240, 2, 3), uniform(240, 3));
    let number = |at: usize| Values::Float64(x[at].iter().copied().map(Some).collect());
    let labels = bools((0..240).map(|r| u[r] < 0.3));
    let times = Values::Timestamp((0..240).map(|hour| Some(hour * 3_600_000_000)).collect());
    let mut columns = vec![
        ("x0".to_owned(), number(0)),
        ("x1".to_owned(), number(1)),
        ("label".to_owned(), labels),
    ];
    let table = Frame::new(240, columns.clone()).unwrap();
    columns.push(("time".to_owned(), times));
    let series = Frame::new(240, columns).unwrap();
    let pictures = images::halves(60, 16);
    let news = texts::table(&texts::news(60));
    let window = json!({"time": "time", "look_back": 6});
    for (frame, network, window) in [
        (&table, json!({"kind": "linear"}), None),
        (&table, json!({"kind": "mlp", "hidden": [8]}), None),
        (&table, json!({"kind": "tabm", "width": 8}), None),
        (&table, json!({"kind": "monotone", "width": 8}), None),
        (&table, json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 1}), None),
        (&pictures, json!({"kind": "lenet"}), None),
        (&pictures, json!({"kind": "cnn"}), None),
        (&news, json!({"kind": "linear"}), None),
        (&news, json!({"kind": "text_cnn"}), None),
        (&news, json!({"kind": "text_attention"}), None),
        (&series, json!({"kind": "lstm", "hidden": 4}), Some(&window)),
        (&series, json!({"kind": "attention", "width": 8, "heads": 2, "layers": 1}), Some(&window)),
    ] {
        let heavy = match (frame.column("image"), frame.column("text")) {
            (Some(_), _) => "high",
            (_, Some(_)) => "up",
            _ => "true",
        };
        let mut spec = json!({"network": network,
            "class_weights": {"by": "given", "weights": {heavy: 8.0}}});
        if let Some(window) = window {
            spec["window"] = window.clone();
        }
        if network["kind"] == "monotone" {
            spec["monotone"] = json!({"x0": "increasing"});
        }
        let trained = run(frame, &asked(&spec));
        let names = &trained.signature.classes;
        let of = |name: &String| if name == heavy { 8.0 } else { 1.0 };
        let weights: Vec<f64> = names.iter().map(of).collect();
        assert!(weights.contains(&8.0) && weights.contains(&1.0), "{names:?}");
        let positive =
            names.iter().position(|name| Some(name) == trained.signature.positive_class.as_ref());
        let prior = Prior::of(trained.signature.task, positive, Some(&weights));
        let sign = if weights[positive.unwrap()] == 8.0 { 1.0 } else { -1.0 };
        let (served, learnt) = logits(&trained, &prior, frame);
        assert!(!served.is_empty());
        // Of members each gives back by itself, and the logit of their mean probability follows nearly.
        let has_members = ["tabm", "monotone"].iter().any(|kind| network["kind"] == **kind);
        let bound = if has_members { 0.02 } else { 1e-4 };
        for (served, learnt) in served.iter().zip(&learnt) {
            let added = learnt - served;
            assert!((added - sign * 8.0_f64.ln()).abs() < bound, "{network} {added}");
        }
    }
}

/// Learnt from balanced rows or from any, the probabilities are those of the data, and the order of rows is
/// that of the network.
#[test]
fn probabilities_are_those_of_the_data() {
    let (frame, _) = rare(6000, 1);
    let (held_out, truth) = rare(6000, 2);
    let rate = truth.iter().filter(|t| **t).count() as f64 / truth.len() as f64;
    let deviation = (rate * (1.0 - rate) / truth.len() as f64).sqrt();
    for (weights, calibration) in [
        (json!({"by": "balanced"}), "none"),
        (json!({"by": "balanced"}), "temperature"),
        (json!({"by": "balanced"}), "auto"),
        (json!({"by": "given", "weights": {"true": 9.0}}), "none"),
        (json!({"by": "none"}), "none"),
    ] {
        let spec = json!({"target": "y", "network": {"kind": "linear"}, "epochs": 40, "batch_size": 50,
            "optimiser": {"kind": "adam", "learning_rate": 0.01},
            "class_weights": weights, "calibration": calibration});
        let trained = run(&frame, &asked(&spec));
        let model =
            loaded(&trained, &trained.weights).calibrated(trained.signature.calibrator.clone());
        let answers = report::positive_scores(&model.predict(&held_out).unwrap().values, 1);
        let mean = answers.iter().sum::<f64>() / answers.len() as f64;
        // That of the training rows is as far from the truth again.
        assert!((mean - rate).abs() < 4.0 * deviation, "{weights} {calibration}: {mean} of {rate}");
        let prior = Prior::of(trained.signature.task, Some(1), Some(&[0.5, 4.5]));
        let (_, learnt) = logits(&trained, &prior, &held_out);
        let [ours, theirs] = [&answers, &learnt].map(|s| crate::stats::auc(s, &truth).unwrap());
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        assert!(ours > 0.75, "{ours}");
    }
}

#[test]
fn those_of_several_classes_are_too() {
    let rows = 6000;
    let (x, u) = (noise(rows, 2, 7), uniform(rows, 7));
    let class = |r: usize| match u[r] {
        u if u < 0.04 + 0.04 * x[0][r] => "a",
        u if u < 0.20 + 0.15 * x[1][r] => "b",
        _ => "c",
    };
    let labels: Vec<&str> = (0..rows).map(class).collect();
    let names = Values::String(labels.iter().map(|l| Some((*l).to_owned())).collect());
    let frame = frame(&x, names);
    for calibration in ["none", "temperature"] {
        let spec = json!({"target": "y", "network": {"kind": "mlp", "hidden": [8]}, "epochs": 20,
            "class_weights": {"by": "balanced"}, "calibration": calibration});
        let trained = run(&frame, &asked(&spec));
        let model =
            loaded(&trained, &trained.weights).calibrated(trained.signature.calibrator.clone());
        let answers = model.predict(&frame).unwrap().values;
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            let mean = answers.iter().skip(at).step_by(3).sum::<f64>() / rows as f64;
            let rate = labels.iter().filter(|l| **l == name).count() as f64 / rows as f64;
            assert!((mean - rate).abs() < 0.02, "{calibration} {name}: {mean} of {rate}");
        }
    }
}

/// What is pruned learns on from weighted rows, and a student from weighted answers.
#[test]
fn simpler_versions_keep_to_it() {
    let (frame, truth) = rare(3000, 1);
    let rate = truth.iter().filter(|t| **t).count() as f64 / truth.len() as f64;
    let spec = json!({"target": "y", "network": {"kind": "mlp", "hidden": [16]}, "epochs": 10,
        "class_weights": {"by": "balanced"}});
    let parent = registered(run(&frame, &asked(&spec)));
    for how in [
        json!({"kind": "prune", "sparsity": 0.3, "epochs": 4}),
        json!({"kind": "prune", "sparsity": 0.1, "epochs": 0}),
        json!({"kind": "distil", "network": {"kind": "mlp", "hidden": [8]}}),
        json!({"kind": "quantise"}),
    ] {
        let trained = simplify(&frame, &parent, &method(how.clone()), None, &mut Record::default());
        let trained = trained.unwrap();
        let answers = loaded(&trained, &trained.weights).predict(&frame).unwrap().values;
        let mean = report::positive_scores(&answers, 1).iter().sum::<f64>() / truth.len() as f64;
        assert!((mean - rate).abs() < 0.02, "{how}: {mean} of {rate}");
    }
}
