use burn::backend::Flex;
use burn::tensor::TensorData;
use serde_json::{Value, json};

use super::*;
use crate::domain::model::Task;
use crate::domain::training::LossSpec;
use crate::engine::networks::Network;
use crate::engine::networks::fixture::{
    Fixture, Tracked, assert_near, gradients, loaded, transposed, values,
};
use crate::engine::networks::parameters::{Builder, Parameter, Parameters, parameters};
use crate::engine::networks::serving::Serving;
use crate::engine::train::{Loss, batch_loss};

const WIDTH: usize = 12;

fn layout() -> Layout {
    Layout::Text { width: WIDTH, words: 5, buckets: 12 }
}

/// Texts as lists of words, which are lists of rows, as inputs.
fn coded(texts: &Value) -> Vec<f32> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let mut inputs = Vec::new();
    for text in list(texts) {
        let mut row: Vec<f32> = Vec::new();
        for word in list(&text) {
            for (at, part) in list(&word).iter().enumerate() {
                let code = (part.as_u64().unwrap() + 1) as f32;
                row.push(if at == 0 { -code } else { code });
            }
        }
        row.resize(WIDTH, 0.0);
        inputs.extend(row);
    }
    inputs
}

fn inputs<B: Backend>(codes: &[f32]) -> Tensor<B, 2> {
    let shape = [codes.len() / WIDTH, WIDTH];
    Tensor::from_data(TensorData::new(codes.to_vec(), shape), &Default::default())
}

/// PyTorch's `[out, in, word]` as `[word, in, out]`.
fn turned(parameter: Parameter) -> Parameter {
    let [outputs, inputs, words] = parameter.shape[..] else { panic!("{:?}", parameter.shape) };
    let at = |i: usize| {
        let (word, input, output) = (i / (inputs * outputs), i / outputs % inputs, i % outputs);
        parameter.values[(output * inputs + input) * words + word]
    };
    let values = (0..parameter.values.len()).map(at).collect();
    Parameter { shape: vec![words, inputs, outputs], values }
}

/// A parameter of ours in the fixture.
fn theirs(fixture: &Fixture, part: &str, name: &str) -> Parameter {
    match name {
        "embedding" => fixture.tensor(part, "embedding.weight"),
        _ if name.starts_with("phrases") && name.ends_with("weight") => {
            turned(fixture.tensor(part, name))
        }
        _ if name.ends_with("weight") => transposed(fixture.tensor(part, name)),
        _ => fixture.tensor(part, name),
    }
}

fn network(spec: Value) -> (NetworkSpec, Network<Tracked>) {
    let spec: NetworkSpec = serde_json::from_value(spec).unwrap();
    let device = Default::default();
    let mut builder = Builder::random(1, &device);
    let network = Network::new(&spec, &layout(), 3, &mut builder);
    (spec, network)
}

fn agrees(spec: Value, fixture: &str) {
    let fixture = Fixture::read(fixture);
    let (_, network) = network(spec);
    let names = parameters(&network).unwrap();
    let given: Parameters =
        names.keys().map(|name| (name.clone(), theirs(&fixture, "parameters", name))).collect();
    let network = loaded(network, &given);
    let outputs = network.forward(inputs(&coded(&fixture.0["texts"])), None);
    let expected = fixture.tensor("outputs", "");
    assert_near("outputs", &values(outputs.clone()), &expected.values, 1e-5);
    let targets = fixture.0["targets"].as_array().unwrap().iter();
    let one_hot: Vec<f32> = targets
        .flat_map(|class| (0..3).map(move |c| f32::from(u8::from(class.as_u64() == Some(c)))))
        .collect();
    let targets = Tensor::from_data(TensorData::new(one_hot, [4, 3]), &Default::default());
    let spec = LossSpec::default();
    let loss = Loss { task: Task::Multiclass, spec: &spec, levels: &[] };
    let loss = batch_loss(loss, outputs, targets, None);
    let expected = fixture.0["loss"].as_f64().unwrap() as f32;
    assert_near("loss", &values(loss.clone()), &[expected], 1e-5);
    for (name, found) in gradients(&network, &loss) {
        let expected = theirs(&fixture, "gradients", &name);
        if name == "heads.bias" {
            assert!(found.values.iter().all(|g| g.abs() < 1e-6), "{found:?}");
        } else {
            assert_near(&name, &found.values, &expected.values, 1e-5);
        }
    }
}

#[test]
fn phrases_are_those_of_pytorch() {
    let spec = json!({"kind": "text_cnn", "embedding": 5, "phrases": [1, 3], "channels": 4});
    agrees(spec, include_str!("../fixtures/text_cnn.json"));
}

#[test]
fn attention_is_that_of_pytorch() {
    let spec = json!({"kind": "text_attention", "embedding": 5, "hidden": 6, "heads": 2});
    agrees(spec, include_str!("../fixtures/text_attention.json"));
}

#[test]
fn a_network_is_served_as_it_was_trained() {
    let codes =
        coded(&json!([[[1, 2], [3]], [], [[11, 0, 4], [4], [5, 6], [7]], [[1], [2], [3], [1]]]));
    for spec in [
        json!({"kind": "text_cnn", "embedding": 6, "phrases": [2, 1, 4], "channels": 17}),
        json!({"kind": "text_attention", "embedding": 6, "hidden": 5, "heads": 3}),
        json!({"kind": "linear"}),
    ] {
        let (spec, network) = network(spec);
        // A linear network starts at zero.
        let device = Default::default();
        let mut builder = Builder::<Tracked>::random(2, &device);
        let network = match network.table().map(|table| table.dims()) {
            Some(shape) => network.with_table(builder.uniform(shape, 1.0).val()),
            None => panic!("no table"),
        };
        let trained = values(network.forward(inputs(&codes), None));
        let serving = Serving::new(&spec, &layout(), 3, &parameters(&network).unwrap()).unwrap();
        let served = serving.logits(&codes, WIDTH).unwrap();
        assert_near(spec.kind(), &served, &trained, 1e-5);
        assert!(serving.work() > 5 * serving::READING, "of five words, which have to be read");
        for (text, together) in codes.chunks(WIDTH).zip(served.chunks(3)) {
            let alone = serving.logits(text, WIDTH).unwrap();
            assert!(alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

#[test]
fn inputs_that_no_table_has_are_its_last_row() {
    let words = Words::read(&[-1.0, 99.0, -3.0, 0.5], 4, 5);
    let lists: Vec<Vec<u32>> = words.bags.lists().map(|(list, _)| list.to_vec()).collect();
    assert_eq!(lists, [vec![0, 4], vec![2]]);
    assert_eq!((words.lengths.as_slice(), words.places), (&[2][..], 2));
    let plain = Tensor::<Flex, 2>::from_data([[0.0, 0.0]], &Default::default());
    assert_eq!(taken(plain), (vec![0.0, 0.0], 2));
}
