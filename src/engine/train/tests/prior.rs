//! Class weights that are taken back from what a version answers.

use serde_json::{Value, json};

use super::simpler::{method, registered};
use super::*;
use crate::domain::version::Version;
use crate::engine::train::prior::Prior;
use crate::engine::weights;
use crate::frame::grey_png;

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

/// Rows, pictures, texts and steps of a series, about a quarter of which are `yes`, which nothing tells.
struct Untold {
    table: Frame,
    pictures: Frame,
    news: Frame,
    series: Frame,
}

impl Untold {
    const ROWS: usize = 400;

    fn new(seed: u64) -> Self {
        let (x, u) = (noise(Self::ROWS, 2, seed), uniform(Self::ROWS, seed));
        let labels = || {
            let words = u.iter().map(|u| Some(if *u < 0.3 { "yes" } else { "no" }.to_owned()));
            ("label".to_owned(), Values::String(words.collect()))
        };
        let with = |name: &str, values| {
            Frame::new(Self::ROWS, vec![(name.to_owned(), values), labels()]).unwrap()
        };
        let number = |at: usize| Values::Float64(x[at].iter().copied().map(Some).collect());
        let columns = || vec![("x0".to_owned(), number(0)), ("x1".to_owned(), number(1)), labels()];
        let hours = (0..Self::ROWS as i64).map(|hour| Some(hour * 3_600_000_000));
        let mut steps = columns();
        steps.push(("time".to_owned(), Values::Timestamp(hours.collect())));
        let side = 16;
        let noise = noise(Self::ROWS, side * side, seed + 100);
        let picture = |row: usize| {
            let pixels = noise.iter().map(|pixel| (128.0 + 40.0 * pixel[row]) as u8);
            Some(grey_png(side as u32, side as u32, &pixels.collect::<Vec<u8>>()))
        };
        let texts = texts::news(Self::ROWS).into_iter().map(|(text, _)| Some(text));
        Self {
            table: Frame::new(Self::ROWS, columns()).unwrap(),
            pictures: with("image", Values::Image((0..Self::ROWS).map(picture).collect())),
            news: with("text", Values::String(texts.collect())),
            series: Frame::new(Self::ROWS, steps).unwrap(),
        }
    }
}

/// The mean probability of `yes` that a version answers to rows, or to windows that end at different times.
fn mean_yes(of: &Trained, frame: &Frame) -> f64 {
    let model = loaded(of, &of.weights);
    let inputs = match of.features.sequence() {
        Some(_) => (0..frame.rows() - 6)
            .map(|start| of.features.newest(&frame.part(start, 6).unwrap()).unwrap().inputs)
            .collect(),
        None => vec![model.inputs(frame).unwrap()],
    };
    let logits: Vec<f64> = inputs.iter().flat_map(|i| model.logits_of(i).unwrap()).collect();
    let sum: f64 = logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).sum();
    sum / logits.len() as f64
}

/// A `yes` weighs eight rows, and is learnt as seven in ten would be. What is answered to rows that no network
/// has seen is how many they are.
#[test]
fn every_network_gives_back_what_its_weights_added() {
    let (seen, unseen) = (Untold::new(3), Untold::new(4));
    let window = Some(json!({"time": "time", "look_back": 6}));
    let labels = seen.table.labels("label").unwrap();
    let rate =
        labels.iter().filter(|l| l.as_deref() == Some("yes")).count() as f64 / labels.len() as f64;
    let (tables, pictures) = ((&seen.table, &unseen.table), (&seen.pictures, &unseen.pictures));
    let (news, series) = ((&seen.news, &unseen.news), (&seen.series, &unseen.series));
    for ((seen, unseen), network, window) in [
        (tables, json!({"kind": "linear"}), None),
        (tables, json!({"kind": "scorecard"}), None),
        (tables, json!({"kind": "mlp", "hidden": [8]}), None),
        (tables, json!({"kind": "tabm", "width": 8}), None),
        (tables, json!({"kind": "monotone", "width": 8}), None),
        (tables, json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 1}), None),
        (pictures, json!({"kind": "linear"}), None),
        (pictures, json!({"kind": "lenet"}), None),
        (pictures, json!({"kind": "cnn"}), None),
        (news, json!({"kind": "linear"}), None),
        (news, json!({"kind": "text_cnn"}), None),
        (news, json!({"kind": "text_attention"}), None),
        (series, json!({"kind": "linear"}), window.clone()),
        (series, json!({"kind": "lstm", "hidden": 4}), window.clone()),
        (series, json!({"kind": "attention", "width": 8, "heads": 2, "layers": 1}), window),
    ] {
        let mut spec = json!({"network": network, "positive_class": "yes",
            "class_weights": {"by": "given", "weights": {"yes": 8.0}}});
        if let Some(window) = window {
            spec["window"] = window;
        }
        match network["kind"].as_str() {
            Some("monotone") => spec["monotone"] = json!({"x0": "increasing"}),
            Some("scorecard") => spec["epochs"] = Value::Null,
            _ => {
                spec["epochs"] = json!(12);
                spec["batch_size"] = json!(20);
                spec["optimiser"] = json!({"kind": "adam", "learning_rate": 0.03});
            }
        }
        let trained = run(seen, &asked(&spec));
        let mean = mean_yes(&trained, unseen);
        assert!((mean - rate).abs() < 0.12, "{network}: {mean} of {rate}");
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

/// A version of an earlier program answers with what its weights added: that is neither taken from it nor from
/// what keeps its threshold, and a student, which has its own, learns from it as from any.
#[test]
fn versions_of_earlier_programs_are_not_given_back_twice() {
    let (frame, truth) = rare(3000, 1);
    let rate = truth.iter().filter(|t| **t).count() as f64 / truth.len() as f64;
    let spec = json!({"target": "y", "network": {"kind": "mlp", "hidden": [16]}, "epochs": 10,
        "class_weights": {"by": "given", "weights": {"true": 9.0}}});
    let trained = run(&frame, &asked(&spec));
    assert!(trained.class_weights_taken_back);
    let mean = |of: &Trained, weights: &[u8]| {
        let answers = loaded(of, weights).predict(&frame).unwrap().values;
        report::positive_scores(&answers, 1).iter().sum::<f64>() / truth.len() as f64
    };
    let prior = Prior::of(trained.signature.task, Some(1), Some(&[1.0, 9.0]));
    let mut learnt = weights::decode(&trained.weights).unwrap();
    prior.give_to(&mut learnt).unwrap();
    let learnt = weights::encode(&learnt, weights::Form::Whole).unwrap();
    let before = mean(&trained, &learnt);
    assert!(before > rate + 0.2, "{before} {rate}");
    let mut parent = registered(trained);
    parent.weights = learnt;
    let mut provenance = serde_json::to_value(&parent.version.provenance).unwrap();
    provenance.as_object_mut().unwrap().remove("class_weights_taken_back").unwrap();
    parent.version.provenance = serde_json::from_value(provenance).unwrap();
    // Where all rows weighed the same there is nothing that an earlier program would have taken back.
    let mut older = serde_json::to_value(&parent.version).unwrap();
    older["provenance"].as_object_mut().unwrap().remove("class_weights_taken_back").unwrap();
    for (weights, wanted) in [
        (json!({"by": "none"}), true),
        (json!({"by": "given", "weights": {"true": 1.0}}), true),
        (json!({"by": "given", "weights": {"true": 9.0}}), false),
        (json!({"by": "balanced"}), false),
    ] {
        older["provenance"]["spec"]["class_weights"] = weights;
        let read: Version = serde_json::from_value(older.clone()).unwrap();
        assert_eq!(read.provenance.class_weights_taken_back, wanted);
    }
    for (how, is_taken, wanted) in [
        (json!({"kind": "prune", "sparsity": 0.3, "epochs": 4}), false, before),
        (json!({"kind": "prune", "sparsity": 0.1, "epochs": 0}), false, before),
        (json!({"kind": "quantise"}), false, before),
        (json!({"kind": "distil", "network": {"kind": "mlp", "hidden": [8]}}), true, rate),
    ] {
        let simple = simplify(&frame, &parent, &method(how.clone()), None, &mut Record::default());
        let simple = simple.unwrap();
        let mean = mean(&simple, &simple.weights);
        assert_eq!(simple.class_weights_taken_back, is_taken, "{how}");
        assert!((mean - wanted).abs() < 0.03, "{how}: {mean} of {wanted}");
    }
}
