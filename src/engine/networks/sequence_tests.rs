//! Networks that read sequences, against PyTorch: outputs and gradients with copied weights. The
//! fixtures are written by `examples/oracles/networks.py`.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData, activation};
use serde::Deserialize;
use serde_json::Value;

use super::parameters::{Builder, Parameter, Parameters, parameters, restore};
use super::*;
use crate::domain::network::{AttentionNetwork, LstmNetwork};

type B = Autodiff<Flex>;

#[derive(Deserialize, Clone)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Fixture {
    inputs: Array,
    targets: Vec<usize>,
    parameters: BTreeMap<String, Array>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Reading {
    outputs: Array,
    loss: f32,
    gradients: BTreeMap<String, Array>,
}

impl Array {
    /// PyTorch's `[outputs, inputs]` as `[inputs, outputs]`.
    fn transposed(&self) -> Parameter {
        let [rows, columns] = [self.shape[0], self.shape[1]];
        let at = |c: usize, r: usize| self.values[r * columns + c];
        let values = (0..columns).flat_map(|c| (0..rows).map(move |r| at(c, r))).collect();
        Parameter { shape: vec![columns, rows], values }
    }

    fn as_it_is(&self) -> Parameter {
        Parameter { shape: self.shape.clone(), values: self.values.clone() }
    }
}

/// The name that a parameter of PyTorch has here.
fn renamed(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("lstm.") {
        let (kind, rest) = rest.split_at(rest.find("_l").unwrap());
        let direction = if rest.ends_with("_reverse") { "backward" } else { "forward" };
        let layer = rest.trim_start_matches("_l").trim_end_matches("_reverse");
        let kind = match kind {
            "weight_ih" => "input",
            "weight_hh" => "hidden",
            "bias_ih" => "input_bias",
            other => {
                assert_eq!(other, "bias_hh");
                "hidden_bias"
            }
        };
        return format!("layers.{layer}.{direction}.{kind}");
    }
    let mut name = name.replace("linear.", "output.");
    for (torch, ours) in [
        ("self_attn.in_proj_", "query_key_value."),
        ("self_attn.out_proj", "joined"),
        ("linear1", "up"),
        ("linear2", "down"),
        ("norm1", "attention_norm"),
        ("norm2", "feed_norm"),
    ] {
        name = name.replace(torch, ours);
    }
    name
}

fn mapped(arrays: &BTreeMap<String, Array>) -> Parameters {
    arrays
        .iter()
        .map(|(name, array)| {
            let is_matrix = array.shape.len() == 2;
            (renamed(name), if is_matrix { array.transposed() } else { array.as_it_is() })
        })
        .collect()
}

struct Gradients<'a> {
    of: &'a <B as AutodiffBackend>::Gradients,
    path: Vec<String>,
    found: Parameters,
}

impl ModuleVisitor<B> for Gradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(if container.starts_with("Enum:") { String::new() } else { name.into() });
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name: Vec<&str> =
            self.path.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
        let gradient = param.val().grad(self.of).unwrap().into_data();
        let shape = gradient.shape.to_vec();
        let values = gradient.to_vec().unwrap();
        self.found.insert(name.join("."), Parameter { shape, values });
    }
}

fn agrees(fixture: &Fixture, reading: &Reading, spec: &NetworkSpec) {
    let device = Default::default();
    let [rows, steps, channels] = fixture.inputs.shape[..] else { panic!("not windows") };
    let layout = Layout::Sequence { steps, channels, ahead: None };
    let network = Network::<B>::new(spec, &layout, 2, &mut Builder::zeros(&device));
    let copied = mapped(&fixture.parameters);
    let own: Vec<String> = parameters(&network).unwrap().into_keys().collect();
    assert_eq!(own, copied.keys().cloned().collect::<Vec<_>>());
    let network = restore(network, &copied).unwrap();

    let inputs = TensorData::new(fixture.inputs.values.clone(), [rows, steps * channels]);
    let logits = network.forward(Tensor::from_data(inputs, &device), None);
    let found: Vec<f32> = logits.clone().into_data().to_vec().unwrap();
    for (found, expected) in found.iter().zip(&reading.outputs.values) {
        assert!((found - expected).abs() <= 1e-5, "{found} {expected}");
    }
    let truth: Vec<f32> = fixture
        .targets
        .iter()
        .flat_map(|class| (0..2).map(move |c| f32::from(u8::from(c == *class))))
        .collect();
    let truth = Tensor::<B, 2>::from_data(TensorData::new(truth, [rows, 2]), &device);
    let loss = (activation::log_softmax(logits, 1) * truth).sum_dim(1).neg().mean();
    let found: f32 = loss.clone().into_data().to_vec().unwrap()[0];
    assert!((found - reading.loss).abs() <= 1e-5, "{found}");
    let gradients = loss.backward();
    let mut visitor = Gradients { of: &gradients, path: Vec::new(), found: Parameters::new() };
    network.visit(&mut visitor);
    let expected = mapped(&reading.gradients);
    let values = |p: &Parameters| p.values().flat_map(|p| p.values.clone()).collect::<Vec<f32>>();
    let largest = values(&expected).iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    assert_eq!(visitor.found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (found, expected) in values(&visitor.found).iter().zip(values(&expected)) {
        assert!((found - expected).abs() <= 1e-5 * largest, "{found} {expected} of {largest}");
    }
}

fn reading(value: &Value) -> Reading {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn the_lstm_is_pytorchs() {
    let text = include_str!("fixtures/lstm.json");
    let fixture: Fixture = serde_json::from_str(text).unwrap();
    let spec = LstmNetwork { hidden: 4, ..LstmNetwork::default() };
    let whole = reading(&serde_json::to_value(&fixture.rest).unwrap());
    agrees(&fixture, &whole, &NetworkSpec::Lstm(spec));
}

#[test]
fn the_bidirectional_lstm_reads_what_both_directions_end_in() {
    let text = include_str!("fixtures/lstm_bidirectional.json");
    let fixture: Fixture = serde_json::from_str(text).unwrap();
    let spec = LstmNetwork { hidden: 4, bidirectional: true, ..LstmNetwork::default() };
    let states = reading(&fixture.rest["final_states"]);
    agrees(&fixture, &states, &NetworkSpec::Lstm(spec));
}

#[test]
fn attention_is_pytorchs() {
    for (text, causal) in [
        (include_str!("fixtures/attention.json"), false),
        (include_str!("fixtures/attention_causal.json"), true),
    ] {
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let spec = AttentionNetwork {
            width: Some(8),
            heads: Some(2),
            layers: Some(2),
            feed_forward: Some(16),
            dropout: Some(0.0),
            causal,
            ..AttentionNetwork::default()
        };
        let whole = reading(&serde_json::to_value(&fixture.rest).unwrap());
        agrees(&fixture, &whole, &NetworkSpec::Attention(spec));
    }
}

/// Whatever forecasts starts within the range of what it reads, and quantiles ascend.
#[test]
fn every_network_forecasts_every_series() {
    let device = Default::default();
    let ahead = Ahead { horizon: 3, series: 2, levels: 3, median: 1 };
    let layout = Layout::Sequence { steps: 20, channels: 2, ahead: Some(ahead) };
    let window: Vec<f32> =
        (0..40).map(|i| 100.0 + (i % 7) as f32 - 50.0 * (i % 2) as f32).collect();
    for spec in [
        r#"{"kind":"lstm","hidden":5,"normalisation":"last"}"#,
        r#"{"kind":"lstm","hidden":5,"bidirectional":true,"normalisation":"revin"}"#,
        r#"{"kind":"attention","width":8,"heads":2,"patch":6,"patch_stride":3}"#,
        r#"{"kind":"attention","width":8,"heads":2,"positions":"learnt","causal":true}"#,
        r#"{"kind":"nlinear"}"#,
        r#"{"kind":"nlinear","normalisation":"last"}"#,
        r#"{"kind":"dlinear"}"#,
    ] {
        let network: NetworkSpec = serde_json::from_str(spec).unwrap();
        let network = Network::<B>::new(&network, &layout, 18, &mut Builder::random(1, &device));
        let windows = [window.clone(), window.iter().map(|v| v + 1000.0).collect()].concat();
        let windows = Tensor::from_data(TensorData::new(windows, [2, 40]), &device);
        let found: Vec<f32> = network.forward(windows, None).into_data().to_vec().unwrap();
        assert_eq!(found.len(), 36, "{spec}");
        for levels in found.chunks(3) {
            assert!(levels[0] <= levels[1] && levels[1] <= levels[2], "{spec} {levels:?}");
        }
        // A window that has moved is forecast as before, moved.
        for (here, there) in found[..18].iter().zip(&found[18..]) {
            assert!((there - here - 1000.0).abs() < 0.05, "{spec} {here} {there}");
        }
    }
}
