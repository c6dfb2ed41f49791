//! Training with matrix products in bf16: on the CPU, by the way to a GPU.

use serde_json::{Value, json};

use super::images::halves;
use super::texts::{news, table};
use super::*;
use crate::domain::training::Precision;
use crate::engine::testing::series;
use crate::engine::train::by_time::is_open;
use crate::engine::train::fit::{Fit, fit};

pub(super) fn asked(target: &str, more: Value) -> TrainingSpec {
    let mut spec = json!({ "dataset": { "name": "d" }, "target": target });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn dispatched(prepared: &Prepared, resume: Option<&[u8]>, record: &mut Record) -> Fit {
    let device = DispatchDevice::autodiff(FlexDevice);
    let problem = Problem { data: &prepared.data, recipe: &prepared.recipe };
    fit::<Dispatch>(&device, &problem, resume, record).unwrap()
}

fn in_precision(frame: &Frame, spec: &TrainingSpec, precision: Precision) -> Prepared {
    let prepared = prepare(frame, &TrainingSpec { precision, ..spec.clone() }, None).unwrap();
    assert_eq!(prepared.recipe.precision, precision);
    prepared
}

pub(super) fn wave() -> Frame {
    let turn = std::f64::consts::TAU / 12.0;
    let noise = noise(400, 1, 3).remove(0);
    series(&[noise.iter().enumerate().map(|(t, e)| (t as f64 * turn).sin() + 0.3 * e).collect()])
}

pub(super) fn window(network: &str) -> TrainingSpec {
    let network: Value = serde_json::from_str(network).unwrap();
    let window = json!({ "time": "time", "look_back": 24, "horizon": 4 });
    asked("y", json!({ "window": window, "epochs": 3, "network": network }))
}

pub(super) fn of_table(network: Value) -> (Frame, TrainingSpec) {
    (logistic(400).0, asked("y", json!({ "network": network, "epochs": 4 })))
}

pub(super) fn of_images() -> (Frame, TrainingSpec) {
    let network = json!({ "kind": "cnn", "channels": [8], "hidden": 16 });
    (halves(120, 12), asked("label", json!({ "network": network, "epochs": 2 })))
}

pub(super) fn of_texts(network: Value) -> (Frame, TrainingSpec) {
    let more = json!({ "network": network, "epochs": 4, "ensemble": { "folds": 1 },
        "preprocessing": { "text": { "buckets": 1024 } } });
    (table(&news(160)), asked("label", more))
}

#[rstest]
#[case(of_table(json!({ "kind": "mlp", "hidden": [32, 16] })))]
#[case(of_table(json!({ "kind": "tabm", "members": 4, "width": 32, "bins": 8 })))]
#[case(of_table(json!({ "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16 })))]
#[case((wave(), window(r#"{"kind":"attention","width":16,"heads":2,"feed_forward":32,"layers":1}"#)))]
#[case((wave(), window(r#"{"kind":"lstm","hidden":8}"#)))]
#[case(of_images())]
#[case(of_texts(json!({ "kind": "text_cnn", "embedding": 8, "channels": 8 })))]
#[case(of_texts(json!({ "kind": "text_attention", "embedding": 8, "hidden": 8 })))]
fn a_network_learns_in_bf16_as_in_f32(#[case] of: (Frame, TrainingSpec)) {
    let (frame, spec) = of;
    let whole = in_precision(&frame, &spec, Precision::F32);
    let whole = dispatched(&whole, None, &mut Record::default());
    let half = in_precision(&frame, &spec, Precision::Bf16);
    let mut record = Record { every_batch: true, ..Record::default() };
    let fitted = dispatched(&half, None, &mut record);
    // They are read as f32, or not at all.
    let finite =
        |p: &crate::engine::networks::parameters::Parameter| p.values.iter().all(|v| v.is_finite());
    assert!(fitted.weights.values().all(finite));
    assert_ne!(fitted.weights, whole.weights, "no product was taken in bf16");
    let (loss, expected) = (fitted.validation_loss(), whole.validation_loss());
    println!("{:?}: {loss} in bf16, {expected} in f32", half.recipe.network);
    assert!((loss - expected).abs() < 0.03 * expected + 0.002, "{loss} {expected}");

    let middle = record.checkpoints.len() / 2;
    assert!(middle > 0);
    let resume = record.checkpoints.get(middle).map(Vec::as_slice);
    let resumed = dispatched(&half, resume, &mut Record::default());
    assert_eq!(resumed.weights, fitted.weights);
    assert_eq!(resumed.validation_loss(), fitted.validation_loss());
}

/// Of all tests' machines none has to have a GPU: little work is the CPU's on every one.
#[test]
fn bf16_is_refused_on_a_cpu_with_the_way_out() {
    let (frame, spec) = of_table(json!({ "kind": "mlp", "hidden": [8] }));
    let mut spec = TrainingSpec { precision: Precision::Bf16, ..spec };
    let error = refused(&frame, &spec);
    assert_eq!((error.code(), pointers(&error)), (Code::InvalidSpec, vec!["/precision"]));
    let text = error.to_string();
    assert!(text.contains("auto has found the CPU") && text.contains("cuda:N"), "{text}");

    spec.device = "cpu".to_owned();
    let error = refused(&frame, &spec);
    assert_eq!((error.code(), pointers(&error)), (Code::InvalidSpec, vec!["/precision"]));
    assert!(error.to_string().contains("leave precision out"), "{error}");

    spec.device = "cuda:99".to_owned();
    assert_eq!(refused(&frame, &spec).code(), Code::DeviceUnavailable);
}

#[test]
fn bf16_is_refused_where_it_means_nothing() {
    let precision = Precision::Bf16;
    for network in ["nlinear", "dlinear"] {
        let spec = window(&format!(r#"{{"kind":"{network}"}}"#));
        let error = refused(&wave(), &TrainingSpec { precision, ..spec });
        assert_eq!(pointers(&error), ["/precision"]);
        assert!(error.to_string().contains(network), "{error}");
    }
    let window = json!({ "time": "time", "look_back": 24, "horizon": 4 });
    let spec = asked("y", json!({ "window": window, "precision": "bf16" }));
    assert!(refused(&wave(), &spec).to_string().contains("nlinear has nothing large to multiply"));
    let (frame, spec) = of_texts(json!({ "kind": "linear" }));
    let error = refused(&frame, &TrainingSpec { precision, ..spec });
    assert_eq!(pointers(&error), ["/precision"]);
    assert!(error.to_string().contains("linear has nothing large to multiply"), "{error}");
}

#[test]
fn baselines_and_what_is_left_open_learn_in_f32() {
    let (frame, spec) = of_table(json!({ "kind": "mlp", "hidden": [8] }));
    let prepared = in_precision(&frame, &spec, Precision::Bf16);
    let layout = &prepared.data.layout;
    let beside = Recipe::of_baseline(&prepared.spec, linear(), layout, 100);
    assert_eq!(beside.precision, Precision::F32);
    assert_eq!(prepared.recipe.again(3).precision, Precision::Bf16);
    assert_eq!(prepared.spec.precision, Precision::Bf16);
    let time = PartsSpec::Time(TimeParts { column: "x0".into(), validation: 0.2, test: 0.2 });
    let open = TrainingSpec { network: None, epochs: None, parts: Some(time), ..spec };
    assert!(is_open(&open, layout));
    let half = TrainingSpec { precision: Precision::Bf16, ..open };
    assert!(!is_open(&half, layout), "what is asked for in bf16 is served");
}
