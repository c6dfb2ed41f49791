//! Training and scoring on a GPU beside the same on the CPU. Where there is no GPU they say so and end.

use serde_json::json;

use super::precision::{asked, of_images, of_table, of_texts, wave, window};
use super::{monotone, *};
use crate::domain::monotone::Direction;
use crate::domain::training::Precision;
use crate::engine::device::keep_kernels;
use crate::engine::infer::probes;
use crate::engine::train::fit::{first_steps, fit};

/// The first GPU, or a line that says that a test was not carried out.
fn gpu(test: &str) -> Option<Device> {
    // Which takes minutes to make; before devices are looked for, which settles where they are kept.
    keep_kernels(&std::env::temp_dir().join("actuary-test-kernels"));
    let found = Device::resolve("cuda").ok();
    if found.is_none() {
        println!("skipped: {test} wants a CUDA device, and this machine has none");
    }
    found
}

/// Columns of every kind, some with missing values, rows that weigh differently, and an order where one is
/// asked for.
fn of_loans(network: serde_json::Value, is_ordered: bool) -> (Frame, TrainingSpec) {
    let fields = json!({ "network": network, "epochs": 3, "class_weights": { "by": "balanced" } });
    let mut spec = monotone::asked(fields);
    if !is_ordered {
        spec.monotone.clear();
    }
    (monotone::Table::new(400, 1).frame(), spec)
}

/// So many numbers of four and so many flags of three: where a network reads one column of a kind alone, burn
/// makes other kernels. Such a column is not the first, which any wrong place would give.
fn of_few(numbers: usize, flags: usize, network: serde_json::Value) -> (Frame, TrainingSpec) {
    let (frame, _) = logistic(400);
    let of = |name: &str| frame.numbers(name).unwrap();
    let flag = |at: usize| bools(of(&format!("x{at}")).into_iter().map(|x| x > 0.2));
    let named: Vec<String> = ["f", "g", "h"].iter().take(flags).map(|f| (*f).to_owned()).collect();
    let further = named.iter().enumerate().map(|(at, name)| (name.clone(), flag(at)));
    let frame = frame.with_columns(further.collect()).unwrap();
    let numbers = (0..numbers).map(|at| format!("x{at}"));
    let spec = asked("y", json!({ "network": network, "epochs": 3 }));
    let features = match (numbers.len(), flags) {
        (1, 2..) => named.into_iter().chain(numbers).collect(),
        _ => numbers.chain(named).collect(),
    };
    (frame, TrainingSpec { features: Some(features), ..spec })
}

fn on(device: &str, frame: &Frame, spec: &TrainingSpec) -> Trained {
    run(frame, &TrainingSpec { device: device.to_owned(), ..spec.clone() })
}

/// What a job or a server may leave to the CPU is read by eye; of the plainest networks it would mean that no GPU
/// is of use, and over WebGPU nothing rounds that could excuse it.
fn excused(trained: &Trained, what: &str) {
    let network = serde_json::to_value(&trained.spec.network).unwrap();
    println!("{network}: {what}");
    let is_plain = ["linear", "mlp"].iter().any(|kind| network["kind"] == *kind);
    assert!(!is_plain && !cfg!(feature = "webgpu"), "{network}: {what}");
}

/// That a version answers on a GPU as on the CPU, to other inputs than those by which the GPU was tried, or
/// that it is refused there: nothing else may be served.
fn answers_alike_or_not_at_all(trained: &Trained, gpu: Device) {
    let loaded = |device| {
        let features = trained.features.clone();
        LoadedModel::load_on(device, &trained.signature, &trained.spec, features, &trained.weights)
    };
    let there = match loaded(gpu) {
        Ok(there) => there,
        Err(error) => {
            assert_eq!(error.code(), Code::DeviceUnavailable, "{error}");
            excused(trained, &format!("REFUSED: served by the CPU: {error}"));
            return;
        }
    };
    let here = loaded(Device::Cpu).unwrap();
    for rows in [1, 3, 64, 700] {
        let inputs = probes(&trained.features.layout(), rows, 1);
        let (wanted, found) = (here.logits_of(&inputs).unwrap(), there.logits_of(&inputs).unwrap());
        let pairs = wanted.iter().zip(&found);
        let furthest = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f64::max);
        println!("{:?}: answers to {rows} rows are {furthest:e} apart", trained.spec.network);
        assert!(furthest <= 1e-5, "{furthest:e}");
    }
}

/// Whether a job told that a GPU does not learn as the CPU does.
fn is_told(trained: &Trained) -> bool {
    trained.warnings.iter().any(|warning| warning.contains("first steps"))
}

/// A GPU is reached by the same code over `Dispatch`, and operations of our own are put together there
/// from burn's: on the CPU both ways have to learn the same, wherever no random numbers are drawn.
#[rstest]
#[case::linear(of_table(json!({ "kind": "linear" })))]
#[case::mlp(of_table(json!({ "kind": "mlp", "hidden": [32, 16], "dropout": 0.0 })))]
#[case::tabm(of_table(json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::transformer(of_table(json!({
    "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "dropout": 0.0,
    "attention_dropout": 0.0
})))]
#[case::nlinear((wave(), window(r#"{"kind":"nlinear"}"#)))]
#[case::dlinear((wave(), window(r#"{"kind":"dlinear"}"#)))]
#[case::lstm((wave(), window(r#"{"kind":"lstm","hidden":8}"#)))]
#[case::attention((wave(), window(
    r#"{"kind":"attention","width":16,"heads":2,"feed_forward":32,"layers":1,"dropout":0.0}"#
)))]
#[case::lenet({
    let (frame, spec) = of_images();
    (frame, TrainingSpec { network: Some(serde_json::from_value(
        json!({ "kind": "cnn", "channels": [8], "hidden": 16, "dropout": 0.0 })).unwrap()), ..spec })
})]
#[case::text_cnn(of_texts(json!({ "kind": "text_cnn", "embedding": 8, "channels": 8, "dropout": 0.0 })))]
#[case::text_attention(of_texts(
    json!({ "kind": "text_attention", "embedding": 8, "hidden": 8, "dropout": 0.0 })
))]
#[case::loans_mlp(of_loans(json!({ "kind": "mlp", "hidden": [32, 16], "dropout": 0.0 }), false))]
#[case::loans_tabm(of_loans(
    json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 }), false
))]
#[case::loans_transformer(of_loans(json!({
    "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "dropout": 0.0,
    "attention_dropout": 0.0
}), false))]
#[case::one_flag_tabm(of_few(4, 1, json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::one_number_tabm(of_few(1, 3, json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::one_of_each_tabm(of_few(1, 1, json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::one_number_transformer(of_few(1, 3, json!({
    "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "dropout": 0.0,
    "attention_dropout": 0.0
})))]
#[case::one_flag_in_order({
    let (frame, spec) = of_few(4, 1, monotone::small());
    (frame, TrainingSpec { monotone: [("x0".to_owned(), Direction::Increasing)].into(), ..spec })
})]
#[case::one_flag_alone_in_order({
    let (frame, spec) = of_few(1, 1, monotone::small());
    (frame, TrainingSpec { monotone: [("x0".to_owned(), Direction::Increasing)].into(), ..spec })
})]
#[case::loans_in_order(of_loans(monotone::small(), true))]
#[case::loans_linear_in_order(of_loans(json!({ "kind": "linear" }), true))]
fn what_a_gpu_carries_out_learns_as_the_kernels_of_the_cpu(#[case] of: (Frame, TrainingSpec)) {
    let (frame, spec) = of;
    let prepared = prepare(&frame, &spec, None).unwrap();
    let problem = Problem { data: &prepared.data, recipe: &prepared.recipe };
    let wanted =
        fit::<Autodiff<Flex>>(&FlexDevice, &problem, None, &mut Record::default()).unwrap();
    let device = DispatchDevice::autodiff(FlexDevice);
    let found = fit::<Dispatch>(&device, &problem, None, &mut Record::default()).unwrap();
    let (wanted, found) = (wanted.validation_loss(), found.validation_loss());
    assert!((found - wanted).abs() < 1e-3 * wanted, "{found} {wanted}");
    // So do its first steps, by which a GPU is tried.
    let mut go_on = || false;
    let wanted = first_steps::<Autodiff<Flex>>(&FlexDevice, &problem, &mut go_on).unwrap();
    let found = first_steps::<Dispatch>(&device, &problem, &mut go_on).unwrap();
    assert!(wanted.apart(&found) < 1e-3, "{}", wanted.apart(&found));
}

/// Of a GPU is asked what is promised: it learns as the CPU does, in the same run, but for the rounding of its
/// units, or the job says that it does not; and its answers are the CPU's, or the CPU's are given.
#[rstest]
#[case::linear(of_table(json!({ "kind": "linear" })))]
#[case::mlp(of_table(json!({ "kind": "mlp", "hidden": [32, 16], "dropout": 0.0 })))]
#[case::tabm(of_table(json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::transformer(of_table(
    json!({ "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "dropout": 0.0 })
))]
#[case::nlinear((wave(), window(r#"{"kind":"nlinear"}"#)))]
#[case::dlinear((wave(), window(r#"{"kind":"dlinear"}"#)))]
#[case::lstm((wave(), window(r#"{"kind":"lstm","hidden":8}"#)))]
#[case::attention((wave(), window(
    r#"{"kind":"attention","width":16,"heads":2,"feed_forward":32,"layers":1,"dropout":0.0}"#
)))]
#[case::cnn(of_images())]
#[case::text_cnn(of_texts(json!({ "kind": "text_cnn", "embedding": 8, "channels": 8 })))]
#[case::text_attention(of_texts(json!({ "kind": "text_attention", "embedding": 8, "hidden": 8 })))]
#[case::loans_mlp(of_loans(json!({ "kind": "mlp", "hidden": [32, 16], "dropout": 0.0 }), false))]
#[case::loans_tabm(of_loans(
    json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 }), false
))]
#[case::loans_transformer(of_loans(json!({
    "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "dropout": 0.0,
    "attention_dropout": 0.0
}), false))]
#[case::one_flag_tabm(of_few(4, 1, json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::one_number_tabm(of_few(1, 3, json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::one_of_each_tabm(of_few(1, 1, json!({ "kind": "tabm", "members": 4, "width": 32, "dropout": 0.0 })))]
#[case::one_number_transformer(of_few(1, 3, json!({
    "kind": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "dropout": 0.0,
    "attention_dropout": 0.0
})))]
#[case::one_flag_in_order({
    let (frame, spec) = of_few(4, 1, monotone::small());
    (frame, TrainingSpec { monotone: [("x0".to_owned(), Direction::Increasing)].into(), ..spec })
})]
#[case::one_flag_alone_in_order({
    let (frame, spec) = of_few(1, 1, monotone::small());
    (frame, TrainingSpec { monotone: [("x0".to_owned(), Direction::Increasing)].into(), ..spec })
})]
#[case::loans_in_order(of_loans(monotone::small(), true))]
#[case::loans_linear_in_order(of_loans(json!({ "kind": "linear" }), true))]
fn a_network_learns_and_answers_on_a_gpu_as_on_the_cpu(#[case] of: (Frame, TrainingSpec)) {
    let Some(device) = gpu("a network on a GPU") else { return };
    let (frame, spec) = of;
    let spec = TrainingSpec { baselines: false, patience: Some(0), ..spec };
    let (here, there) = (on("cpu", &frame, &spec), on("cuda", &frame, &spec));
    assert!(there.device.starts_with("cuda"), "{}", there.device);
    let last = |trained: &Trained| trained.curve.last().unwrap().validation_loss;
    let (wanted, found) = (last(&here), last(&there));
    println!("{:?}: {wanted} on the CPU, {found} on the GPU", there.spec.network);
    if is_told(&there) {
        excused(&there, &format!("TOLD: {:?}", there.warnings));
    } else {
        assert!((found - wanted).abs() < 0.05 * wanted + 0.002, "{found} {wanted}");
    }
    answers_alike_or_not_at_all(&there, device);
}

#[rstest]
#[case::mlp(of_table(json!({ "kind": "mlp", "hidden": [32, 16] })))]
#[case::attention((wave(), window(
    r#"{"kind":"attention","width":16,"heads":2,"feed_forward":32,"layers":1}"#
)))]
#[case::cnn(of_images())]
fn a_gpu_learns_in_bf16_as_in_f32(#[case] of: (Frame, TrainingSpec)) {
    let Some(device) = gpu("bf16 on a GPU") else { return };
    if !device.has_bf16() {
        println!("skipped: {} knows no bf16", device.name());
        return;
    }
    let (frame, spec) = of;
    let spec = TrainingSpec { baselines: false, patience: Some(0), ..spec };
    let half = TrainingSpec { precision: Precision::Bf16, ..spec.clone() };
    let (whole, half) = (on("cuda", &frame, &spec), on("cuda", &frame, &half));
    assert_ne!(whole.weights, half.weights, "no product was taken in bf16");
    let last = |trained: &Trained| trained.curve.last().unwrap().validation_loss;
    let (wanted, found) = (last(&whole), last(&half));
    println!("{:?}: {found} in bf16, {wanted} in f32", half.spec.network);
    if is_told(&half) || is_told(&whole) {
        println!("TOLD: {:?}: {:?} {:?}", half.spec.network, half.warnings, whole.warnings);
    } else {
        assert!((found - wanted).abs() < 0.05 * wanted + 0.005, "{found} {wanted}");
    }
}

/// A job that goes on in another process, as every one on a GPU does after some networks, ends as well
/// as one that did not part.
#[test]
fn a_job_on_a_gpu_goes_on_from_its_checkpoint() {
    if gpu("a job that is gone on with").is_none() {
        return;
    }
    let (frame, _) = logistic(400);
    let spec = asked(
        "y",
        json!({
            "network": { "kind": "mlp", "hidden": [8] }, "epochs": 3, "baselines": false,
            "ensemble": { "folds": 2, "seeds": 2 }, "device": "cuda"
        }),
    );
    let whole = train(&frame, &spec, None, &mut Record::default()).unwrap();
    let trainings_per_process = NonZeroUsize::new(2);
    let mut record = Record { trainings_per_process, ..Record::default() };
    let Err(Error::Internal { source, .. }) = train(&frame, &spec, None, &mut record) else {
        panic!("it did not part")
    };
    assert!(source.is::<Relieved>(), "{source}");
    let kept = record.checkpoints.last().map(Vec::as_slice);
    let parted = train(&frame, &spec, kept, &mut Record::default()).unwrap();
    let (wanted, found) = (auc(&whole), auc(&parted));
    println!("AUC {found} after it parted, {wanted} in one process");
    assert!((found - wanted).abs() < 0.02, "{found} {wanted}");
}
