use std::collections::HashMap;

use rstest::rstest;
use safetensors::serialize;
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::domain::training::Scaling;
use crate::engine::testing::{Record, frame, noise, spec, uniform};
use crate::engine::{Trained, train};
use crate::frame::Values;

fn network_of(trained: &Trained) -> &NetworkSpec {
    trained.spec.network.as_ref().unwrap()
}

fn trained(target: Values, rows: usize) -> (Trained, Frame) {
    let frame = frame(&noise(rows, 3, 1), target);
    let mut spec = spec("y");
    spec.epochs = Some(2);
    spec.network = Some(NetworkSpec::Mlp(Default::default()));
    (train(&frame, &spec, None, &mut Record::default()).unwrap(), frame)
}

fn trained_with(network: Option<NetworkSpec>, rows: usize) -> (Trained, Frame) {
    let target = Values::Bool(uniform(rows, 2).into_iter().map(|u| Some(u < 0.4)).collect());
    let frame = frame(&noise(rows, 3, 1), target);
    let mut spec = spec("y");
    spec.epochs = Some(2);
    spec.network = network;
    spec.baselines = false;
    (train(&frame, &spec, None, &mut Record::default()).unwrap(), frame)
}

fn parameters_of(trained: &Trained) -> Vec<Parameters> {
    vec![weights::decode(&trained.weights).unwrap()]
}

fn binary(rows: usize) -> (Trained, Frame) {
    trained(Values::Bool(uniform(rows, 2).into_iter().map(|u| Some(u < 0.4)).collect()), rows)
}

fn load(trained: &Trained, weights: &[u8]) -> Result<LoadedModel> {
    LoadedModel::load(&trained.signature, &trained.spec, trained.features.clone(), weights)
}

#[test]
fn a_row_is_answered_alike_alone_and_among_others() {
    let classes =
        uniform(2500, 3).into_iter().map(|u| Some(["a", "b", "c"][(u * 3.0) as usize].to_owned()));
    let numbers = uniform(2500, 4).into_iter().map(|u| Some(100.0 * u)).collect();
    for (trained, frame) in [
        binary(2500),
        trained(Values::String(classes.collect()), 2500),
        trained(Values::Float64(numbers), 2500),
    ] {
        let model = load(&trained, &trained.weights).unwrap();
        let together = model.predict(&frame).unwrap();
        assert_eq!(together.values.len(), 2500 * together.width);
        for row in (0..2500).step_by(83) {
            let alone = model.predict(&frame.take(&[row]).unwrap()).unwrap().values;
            let among = &together.values[row * together.width..(row + 1) * together.width];
            for (a, b) in alone.iter().zip(among) {
                assert_eq!(a.to_bits(), b.to_bits(), "row {row}: {a} {b}");
            }
        }
        if together.width > 1 {
            for row in together.values.chunks(together.width) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn many_rows_are_read_one_part_after_the_other() {
    let (trained, frame) = binary(500);
    let mut model = load(&trained, &trained.weights).unwrap();
    let whole = model.predict(&frame).unwrap();
    assert_eq!(model.read_at_once, READ_NUMBERS / trained.features.width());
    for rows in [1, 7, 499, 500] {
        model.read_at_once = rows;
        let parts = model.predict(&frame).unwrap();
        assert_eq!((parts.width, parts.values.len()), (whole.width, whole.values.len()));
        for (a, b) in parts.values.iter().zip(&whole.values) {
            assert_eq!(a.to_bits(), b.to_bits(), "{rows}: {a} {b}");
        }
    }
}

#[test]
fn threads_share_a_model() {
    let (trained, frame) = binary(100);
    let model = load(&trained, &trained.weights).unwrap();
    let expected = model.predict(&frame).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(model.predict(&frame).unwrap(), expected));
        }
    });
}

#[test]
fn no_rows_are_no_answers() {
    let (trained, frame) = binary(100);
    let model = load(&trained, &trained.weights).unwrap();
    assert!(model.predict(&frame.take(&[]).unwrap()).unwrap().values.is_empty());
}

/// The trained weights with one tensor changed, or left out, or added.
fn altered(
    trained: &Trained,
    change: impl Fn(&str) -> Option<(Dtype, Vec<usize>, Vec<u8>)>,
    added: Option<&str>,
) -> Vec<u8> {
    let original = safetensors::SafeTensors::deserialize(&trained.weights).unwrap();
    let mut tensors = HashMap::new();
    for (name, view) in original.iter() {
        let same = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        match change(name) {
            Some((_, shape, _)) if shape.is_empty() => {}
            Some(changed) => drop(tensors.insert(name.to_owned(), changed)),
            None => drop(tensors.insert(name.to_owned(), same)),
        }
    }
    if let Some(name) = added {
        tensors.insert(name.to_owned(), (Dtype::F32, vec![1], vec![0; 4]));
    }
    let views: Vec<(&String, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        })
        .collect();
    serialize(views, None).unwrap()
}

fn refusal(trained: &Trained, weights: &[u8]) -> String {
    let error = load(trained, weights).unwrap_err();
    assert_eq!(error.code(), Code::InvalidData);
    error.to_string()
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let (trained, _) = binary(100);
    let bias = |dtype, shape: Vec<usize>, data: Vec<u8>| {
        altered(
            &trained,
            |name| (name == "output.bias").then(|| (dtype, shape.clone(), data.clone())),
            None,
        )
    };
    assert!(load(&trained, &bias(Dtype::F32, vec![1], 1f32.to_le_bytes().to_vec())).is_ok());
    let nan = refusal(&trained, &bias(Dtype::F32, vec![1], f32::NAN.to_le_bytes().to_vec()));
    assert!(nan.contains("not finite"), "{nan}");
    let infinite =
        refusal(&trained, &bias(Dtype::F32, vec![1], f32::INFINITY.to_le_bytes().to_vec()));
    assert!(infinite.contains("not finite"), "{infinite}");
    assert!(
        refusal(&trained, &bias(Dtype::F32, vec![2], vec![0; 8])).contains("output.bias as [2]")
    );
    assert!(refusal(&trained, &bias(Dtype::F32, vec![1, 1], vec![0; 4])).contains("[1, 1]"));
    assert!(refusal(&trained, &bias(Dtype::F64, vec![1], vec![0; 8])).contains("not as F32"));
    assert!(
        refusal(&trained, &bias(Dtype::F32, Vec::new(), Vec::new())).contains("lack output.bias")
    );
    let more = altered(&trained, |_| None, Some("backdoor"));
    assert!(refusal(&trained, &more).contains("backdoor"));
}

#[rstest]
#[case::empty(b"".to_vec(), "no header")]
#[case::short(vec![1, 2, 3], "no header")]
#[case::junk(vec![b'x'; 100], "header of")]
#[case::header_longer_than_the_file([&1000u64.to_le_bytes()[..], b"{}"].concat(), "no safetensors")]
#[case::huge_header([&(1u64 << 22).to_le_bytes()[..], &vec![b' '; 1 << 22]].concat(), "header of")]
#[case::largest_header_length([&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "header of")]
#[case::no_json([&4u64.to_le_bytes()[..], b"\xff\xff\xff\xff"].concat(), "no safetensors")]
#[case::overflowing_shape(
    header(
        r#"{"a":{"dtype":"F32","shape":[4194305,4194305,211106198978564],"data_offsets":[0,4]}}"#
    ),
    "no safetensors"
)]
#[case::offset_beyond_the_file(
    header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}}"#),
    "no safetensors"
)]
#[case::offsets_reversed(
    header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#),
    "no safetensors"
)]
#[case::unknown_type(
    header(r#"{"a":{"dtype":"Q99","shape":[1],"data_offsets":[0,4]}}"#),
    "no safetensors"
)]
fn hostile_safetensors_are_refused(#[case] bytes: Vec<u8>, #[case] reason: &str) {
    let error = weights::decode(&bytes).unwrap_err();
    assert_eq!(error.code(), Code::InvalidData);
    assert!(error.to_string().contains(reason), "{error}");
}

fn header(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &[0; 4]].concat()
}

#[test]
fn thousands_of_tensors_are_refused() {
    let names: Vec<String> = (0..5000).map(|i| format!("t{i}")).collect();
    let views = names.iter().map(|n| (n, TensorView::new(Dtype::F32, vec![0], &[]).unwrap()));
    let error = weights::decode(&serialize(views, None).unwrap()).unwrap_err();
    assert!(error.to_string().contains("5000 parameters; 4096"), "{error}");
}

#[test]
fn equal_parameters_are_equal_bytes() {
    let (trained, _) = binary(100);
    let parameters = weights::decode(&trained.weights).unwrap();
    assert_eq!(weights::encode(&parameters, weights::Form::Whole).unwrap(), trained.weights);
}

/// Not a test of speed, which a busy machine would fail, but of its order: the time is printed.
#[test]
fn a_single_row_takes_microseconds() {
    let columns = noise(400, 20, 5);
    let target = Values::Bool(uniform(400, 5).into_iter().map(|u| Some(u < 0.4)).collect());
    let frame = frame(&columns, target);
    let mut spec = spec("y");
    spec.epochs = Some(1);
    spec.network = Some(NetworkSpec::Mlp(crate::domain::network::MlpNetwork {
        hidden: Some(vec![64, 64]),
        dropout: None,
    }));
    let trained = train(&frame, &spec, None, &mut Record::default()).unwrap();
    let model = load(&trained, &trained.weights).unwrap();
    let row = model.features.transform(&frame.take(&[0]).unwrap()).unwrap();
    let one = frame.take(&[0]).unwrap();
    let best = |f: &dyn Fn()| {
        let timed = (0..200).map(|_| {
            let start = std::time::Instant::now();
            f();
            start.elapsed()
        });
        timed.min().unwrap()
    };
    let network = best(&|| drop(model.score(&row).unwrap()));
    let all = best(&|| drop(model.predict(&one).unwrap()));
    println!("one row of 20 columns, 64-64: network {network:?}, with features {all:?}");
    assert!(network < std::time::Duration::from_millis(1));
}

/// The way to a GPU, tried on the CPU.
#[test]
fn a_model_answers_alike_on_another_device() {
    let (trained, frame) = binary(200);
    let cpu = load(&trained, &trained.weights).unwrap();
    let expected = cpu.predict(&frame).unwrap();
    let device = DispatchDevice::from(FlexDevice);
    let moved = cpu.moved(network_of(&trained), &parameters_of(&trained), device.clone()).unwrap();
    assert!(!moved.is_on_cpu());
    let found = moved.predict(&frame).unwrap().values;
    assert!(found.iter().zip(&expected.values).all(|(a, b)| (a - b).abs() < 1e-6));
    // A device that computes something else may not answer.
    let (other, _) = binary(300);
    let cpu = load(&trained, &trained.weights).unwrap();
    let refused = cpu.moved(network_of(&trained), &parameters_of(&other), device).unwrap_err();
    assert_eq!(refused.code(), Code::DeviceUnavailable);
}

/// What is served is what was trained: each network agrees with the one that training validates.
#[rstest]
#[case(serde_json::json!({"kind": "mlp"}))]
#[case(serde_json::json!({"kind": "linear"}))]
#[case(serde_json::json!({"kind": "tabm", "members": 3, "kept_members": 2}))]
#[case(serde_json::json!({"kind": "transformer", "width": 16}))]
fn what_is_served_answers_as_the_network_does(#[case] network: serde_json::Value) {
    let (trained, frame) = trained_with(Some(serde_json::from_value(network).unwrap()), 300);
    let weights = weights::decode(&trained.weights).unwrap();
    let inputs = trained.features.transform(&frame).unwrap();
    let (spec, layout) = (network_of(&trained), trained.features.layout());
    let network = build::<Flex>(spec, &layout, 1, &weights, &FlexDevice).unwrap();
    let expected = forward(&network, &inputs.data, inputs.width, &FlexDevice).unwrap();
    let serving = Serving::new(spec, &layout, 1, &weights).unwrap();
    assert_eq!(serving.members(), network.members());
    for serving in
        [serving, Serving::new(spec, &layout, 1, &weights).unwrap().folded(&layout, &weights)]
    {
        let found = serving.logits(&inputs.data, inputs.width).unwrap();
        assert_eq!(found.len(), 300 * network.members());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
    }
}

/// Numbers of all kinds, some missing, one far out, and categories: a version answers with folded
/// embeddings as it does with what was trained, a row alike alone and among others.
#[rstest]
#[case(Scaling::Quantile)]
#[case(Scaling::Standard)]
fn a_folded_version_answers_as_the_unfolded_one(#[case] scaling: Scaling) {
    let (rows, columns) = (1500, noise(1500, 4, 1));
    let number = |at: usize, of: &dyn Fn(f64) -> Option<f64>| {
        Values::Float64(columns[at].iter().map(|value| of(*value)).collect())
    };
    // A missing number, one of three values, one that is 0 but for a few, one with a long tail.
    let x = vec![
        ("missing", number(0, &|x| (x < 0.7).then_some(x))),
        ("few", number(1, &|x| Some((x * 1.5).round()))),
        ("mostly_zero", number(2, &|x| Some((x - 0.95).max(0.0)))),
        ("long", number(3, &|x| Some((x * 9.0).exp()))),
        ("only_or_missing", number(0, &|x| (x < 0.5).then_some(4.0))),
    ];
    let kinds = ["a", "b", "c"].iter().cycle().take(rows).map(|kind| Some((*kind).to_owned()));
    let target = columns[0].iter().zip(&columns[1]).map(|(a, b)| Some(a * b + a > 0.1));
    let mut named: Vec<(String, Values)> =
        x.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
    named.push(("kind".to_owned(), Values::String(kinds.collect())));
    named.push(("y".to_owned(), Values::Bool(target.collect())));
    let table = Frame::new(rows, named.clone()).unwrap();
    let mut spec = spec("y");
    spec.epochs = Some(4);
    spec.baselines = false;
    spec.preprocessing.scaling = scaling;
    let network = serde_json::json!({"kind": "tabm", "members": 3, "width": 40, "embedding": 16});
    spec.network = Some(serde_json::from_value(network).unwrap());
    let trained = train(&table, &spec, None, &mut Record::default()).unwrap();
    let folded = load(&trained, &trained.weights).unwrap();
    let features = trained.features.clone();
    let unfolded =
        LoadedModel::load_unfolded(&trained.signature, &trained.spec, features, &trained.weights);
    let unfolded = unfolded.unwrap();
    assert!(folded.table_bytes() > 0 && unfolded.table_bytes() == 0);
    assert!(folded.work() < unfolded.work());
    // Values that no training row has, held where the training rows end or 100 deviations away.
    let far = [f64::MIN, -1e9, 0.013, 1e9, f64::MAX, f64::INFINITY, f64::NAN];
    for (name, values) in &mut named {
        if let Values::Float64(values) = values {
            let shift = name.len();
            values
                .iter_mut()
                .zip(far.iter().cycle().skip(shift))
                .for_each(|(v, far)| *v = Some(*far));
        }
    }
    let beyond = Frame::new(rows, named).unwrap();
    for frame in [table, beyond] {
        let inputs = folded.inputs(&frame).unwrap();
        let [found, expected] = [&folded, &unfolded].map(|model| model.logits_of(&inputs).unwrap());
        let largest = expected.iter().fold(1_f64, |largest, z| largest.max(z.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-6 * largest, "{found} {expected}");
        }
        let together = folded.predict(&frame).unwrap();
        for row in (0..rows).step_by(77) {
            let alone = folded.predict(&frame.take(&[row]).unwrap()).unwrap().values;
            assert_eq!(alone, together.values[row * together.width..][..together.width]);
        }
    }
}

/// Cross-fitted networks are kept under names of their own and averaged.
#[test]
fn several_networks_answer_as_one() {
    let frame = frame(
        &noise(200, 3, 1),
        Values::Float64(noise(200, 1, 2)[0].iter().map(|v| Some(*v)).collect()),
    );
    let mut spec = spec("y");
    spec.epochs = Some(2);
    spec.network =
        Some(serde_json::from_value(serde_json::json!({"kind": "mlp", "hidden": [4]})).unwrap());
    spec.ensemble =
        Some(serde_json::from_value(serde_json::json!({"folds": 2, "seeds": 2})).unwrap());
    let trained = train(&frame, &spec, None, &mut Record::default()).unwrap();
    let all = load(&trained, &trained.weights).unwrap().predict(&frame).unwrap().values;
    let parts = weights::parted(weights::decode(&trained.weights).unwrap(), 4).unwrap();
    let mut sums = vec![0.0; 200];
    for part in parts {
        let mut alone = trained.spec.clone();
        alone.ensemble = None;
        let bytes = weights::encode(&part, weights::Form::Whole).unwrap();
        let model = LoadedModel::load(&trained.signature, &alone, trained.features.clone(), &bytes);
        let values = model.unwrap().predict(&frame).unwrap().values;
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / 4.0);
    }
    assert!(all.iter().zip(&sums).all(|(a, b)| (a - b).abs() < 1e-6));
    let mut wrong = trained.spec.clone();
    wrong.ensemble = Some(serde_json::from_value(serde_json::json!({"folds": 3})).unwrap());
    let features = trained.features.clone();
    let refused = LoadedModel::load(&trained.signature, &wrong, features, &trained.weights);
    assert_eq!(refused.unwrap_err().code(), Code::InvalidData);
}
