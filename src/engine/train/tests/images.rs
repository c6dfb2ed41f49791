//! Training on images.

use serde_json::{Value, json};

use super::*;
use crate::domain::model::InputKind;
use crate::domain::network::NetworkSpec;
use crate::frame::{Values, grey_png};

/// Dark pictures with a bright upper or lower half, as `high` and `low`, and noise.
pub(super) fn halves(rows: usize, side: usize) -> Frame {
    let noise = noise(rows, side * side, 5);
    let picture = |row: usize| {
        let pixels: Vec<u8> = (0..side * side)
            .map(|at| {
                let bright = (at / side < side / 2) == row.is_multiple_of(3);
                (if bright { 150.0 } else { 60.0 } + 50.0 * noise[at][row]) as u8
            })
            .collect();
        Some(grey_png(side as u32, side as u32, &pixels))
    };
    let labels =
        (0..rows).map(|row| Some(if row.is_multiple_of(3) { "high" } else { "low" }.to_owned()));
    let files = (0..rows).map(|row| Some(format!("{row}.png")));
    let columns = vec![
        ("file".to_owned(), Values::String(files.collect())),
        ("image".to_owned(), Values::Image((0..rows).map(picture).collect())),
        ("label".to_owned(), Values::String(labels.collect())),
    ];
    Frame::new(rows, columns).unwrap()
}

fn asked(more: Value) -> TrainingSpec {
    let mut spec = json!({ "dataset": { "name": "d" }, "target": "label" });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn accuracy(trained: &Trained) -> f64 {
    let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
    metrics.auc.unwrap()
}

#[test]
fn every_network_tells_halves_apart() {
    let frame = halves(240, 16);
    for more in [
        json!({ "epochs": 4 }),
        json!({ "epochs": 3, "network": { "kind": "lenet" }, "optimiser": { "kind": "adamw" } }),
        json!({ "epochs": 4, "network": { "kind": "mlp" } }),
        json!({ "epochs": 4, "class_weights": { "by": "balanced" },
            "augmentation": { "shift": 1, "rotate": 5, "scale": 0.1, "noise": 0.1, "mixup": 0.2 } }),
        json!({ "epochs": 4, "preprocessing": { "image": { "height": 12, "channels": 3 } } }),
    ] {
        let trained = run(&frame, &asked(more.clone()));
        assert!(accuracy(&trained) > 0.95, "{more} {}", accuracy(&trained));
        let inputs = &trained.signature.inputs;
        assert_eq!((inputs.len(), inputs[0].name.as_str()), (1, "image"));
        assert!(!inputs[0].nullable);
        assert_eq!(trained.features.input_kind(), InputKind::Image);
    }
}

#[test]
fn what_is_absent_is_filled_in() {
    let frame = halves(60, 16);
    let trained = run(&frame, &asked(json!({ "epochs": 1 })));
    let image = json!({ "height": 16, "width": 16, "channels": 1 });
    assert_eq!(json!(trained.spec.preprocessing.image), image);
    let network = json!({ "kind": "cnn", "channels": [32], "hidden": 128, "dropout": 0.5 });
    assert_eq!(json!(trained.spec.network), network);
    let spec = asked(json!({ "network": { "kind": "lenet" }, "epochs": 1 }));
    let trained = run(&frame, &spec);
    let sgd = json!({ "kind": "sgd", "learning_rate": 0.001, "momentum": 0.9, "nesterov": false,
        "weight_decay": 0.0 });
    assert_eq!((json!(trained.spec.optimiser), trained.spec.batch_size), (sgd, Some(32)));
    assert!(matches!(trained.spec.network, Some(NetworkSpec::Lenet(_))));
}

#[test]
fn an_interrupted_training_with_augmentation_ends_in_the_same_bits() {
    let frame = halves(120, 12);
    let spec = asked(json!({ "epochs": 3,
        "augmentation": { "shift": 2, "rotate": 10, "scale": 0.2, "noise": 0.2, "mixup": 0.3 } }));
    let mut record = Record { every_batch: true, ..Record::default() };
    let whole = train(&frame, &spec, None, &mut record).unwrap();
    assert!(record.checkpoints.len() > 3);
    for checkpoint in &record.checkpoints {
        let resumed = train(&frame, &spec, Some(checkpoint), &mut Record::default()).unwrap();
        assert!(resumed.weights == whole.weights);
    }
}

/// On a GPU a convolution is put together from burn's operations; tried on the CPU.
#[test]
fn dispatch_trains_as_the_cpu_itself_does() {
    let frame = halves(90, 12);
    let prepared = prepare(&frame, &asked(json!({ "epochs": 2 })), None).unwrap();
    let problem = Problem { data: &prepared.data, recipe: &prepared.recipe };
    let cpu =
        fit::fit::<Autodiff<Flex>>(&FlexDevice, &problem, None, &mut Record::default()).unwrap();
    let device = DispatchDevice::autodiff(FlexDevice);
    let other = fit::fit::<Dispatch>(&device, &problem, None, &mut Record::default()).unwrap();
    for (a, b) in cpu.curve.iter().zip(&other.curve) {
        assert!((a.validation_loss - b.validation_loss).abs() < 1e-3, "{a:?} {b:?}");
    }
}

#[test]
fn what_does_not_suit_images_is_named() {
    let small = halves(60, 8);
    let named = |frame: &Frame, more: Value| {
        let error = refused(frame, &asked(more));
        assert_eq!(error.code(), Code::InvalidSpec);
        (pointers(&error).join(" "), error.to_string())
    };
    let (place, detail) = named(&small, json!({ "network": { "kind": "lenet" } }));
    assert!(place == "/network" && detail.contains("16 pixels a side"), "{detail}");
    let both = json!({ "features": ["image", "file"] });
    assert_eq!(named(&small, both).0, "/features");
    let bad = json!({ "augmentation": { "shift": 65, "rotate": -1.0, "mixup": 11.0, "scale": 1.0 },
        "preprocessing": { "image": { "height": 2, "channels": 2 } } });
    let wanted = "/preprocessing/image/height /preprocessing/image/channels /augmentation/shift \
                  /augmentation/rotate /augmentation/scale /augmentation/mixup";
    assert_eq!(named(&small, bad).0, wanted);
    let (table, _) = logistic(100);
    let mut spec = spec("y");
    spec.network = Some(NetworkSpec::Lenet(Default::default()));
    spec.augmentation = Some(Default::default());
    spec.preprocessing.image = Some(Default::default());
    let error = refused(&table, &spec);
    assert_eq!(pointers(&error), ["/network", "/preprocessing/image", "/augmentation"]);
    let target = asked(json!({ "target": "image" }));
    assert!(refused(&small, &target).to_string().contains("holds images"));
}
