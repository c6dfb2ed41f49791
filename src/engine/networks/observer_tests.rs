//! What observers see of each network.

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::tensor::{Tensor, TensorData};
use rstest::rstest;
use serde_json::{Value, json};

use super::observer::{Observer, Seen};
use super::parameters::{Builder, Parameter, Parameters, restore};
use super::*;
use crate::domain::activation::LayerFunction;
use crate::engine::features::Group;
use crate::engine::random::{Purpose, keyed, symmetric};

fn table() -> Layout {
    let number = |input| Group::Number { input, edges: vec![-1.0, 0.0, 1.0] };
    Layout::Table(vec![number(0), Group::Flag(1), number(2), Group::Category(3..6)])
}

const PICTURE: Layout = Layout::Image(ImageShape { channels: 2, height: 16, width: 16 });
const TEXT: Layout = Layout::Text { width: 8, words: 8, buckets: 20 };
const STEPS: Layout = Layout::Sequence { steps: 5, channels: 3, ahead: None };
const SERIES: Layout = Layout::Sequence {
    steps: 9,
    channels: 3,
    ahead: Some(Ahead { horizon: 2, series: 2, levels: 3, median: 1 }),
};

fn network(spec: &Value, layout: &Layout, outputs: usize) -> Network<Flex> {
    let spec: NetworkSpec = serde_json::from_value(spec.clone()).unwrap();
    Network::new(&spec, layout, outputs, &mut Builder::random(3, &FlexDevice))
}

fn tensor(values: Vec<f32>, width: usize) -> Tensor<Flex, 2> {
    let shape = [values.len() / width, width];
    Tensor::from_data(TensorData::new(values, shape), &FlexDevice)
}

/// Four rows that a layout may have.
fn rows(layout: &Layout) -> Tensor<Flex, 2> {
    let width = layout.width();
    if matches!(layout, Layout::Text { .. }) {
        let texts =
            [[-1., 2., -3., 4., 5., -6., 0., 0.], [-7., 0., 0., 0., 0., 0., 0., 0.], [0.; 8]];
        return tensor(texts.concat(), width);
    }
    let mut rng = keyed(4, Purpose::Sample, 0, 0);
    tensor((0..4 * width).map(|_| symmetric(&mut rng, 1.0)).collect(), width)
}

fn observed(network: &Network<Flex>, inputs: Tensor<Flex, 2>) -> (Vec<f32>, Observer) {
    let mut observer = Observer::on(true);
    let logits = network.observe(inputs, &mut observer);
    (logits.into_data().to_vec().unwrap(), observer)
}

#[rstest]
#[case(json!({"kind": "linear"}), table(), 2, &["output"])]
#[case(json!({"kind": "mlp", "hidden": [6, 4]}), table(), 2, &["hidden.0", "hidden.1", "output"])]
#[case(json!({"kind": "tabm", "members": 3, "width": 6, "blocks": 2, "embedding": 4}), table(), 2,
    &["embedding", "hidden.0", "hidden.1", "output"])]
#[case(json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 2, "feed_forward": 5}),
    table(), 2, &["tokens", "blocks.0.out", "blocks.0.enter", "blocks.0", "blocks.1.out",
        "blocks.1.enter", "blocks.1", "norm", "output"])]
#[case(json!({"kind": "lenet"}), PICTURE, 2,
    &["convolution.0", "convolution.1", "hidden.0", "hidden.1", "output"])]
#[case(json!({"kind": "cnn", "channels": [4], "hidden": 6}), PICTURE, 2,
    &["convolution.0", "hidden.0", "output"])]
#[case(json!({"kind": "linear"}), TEXT, 2, &["output"])]
#[case(json!({"kind": "text_cnn", "embedding": 4, "channels": 3, "phrases": [1, 2]}), TEXT, 2,
    &["embedding", "phrases.0", "phrases.1", "output"])]
#[case(json!({"kind": "text_attention", "embedding": 4, "hidden": 5, "heads": 2}), TEXT, 2,
    &["embedding", "hidden", "pooled", "output"])]
#[case(json!({"kind": "lstm", "hidden": 4, "layers": 2, "bidirectional": true}), STEPS, 2,
    &["layers.0.forward.input_gate", "layers.1.backward.state", "output"])]
#[case(json!({"kind": "lstm", "hidden": 4, "normalisation": "last"}), SERIES, 12,
    &["layers.0.forward.state", "output", "forecast"])]
#[case(json!({"kind": "attention", "width": 8, "heads": 2, "layers": 1}), STEPS, 2,
    &["input", "layers.0.joined", "layers.0.up", "layers.0", "norm", "output"])]
#[case(json!({"kind": "attention", "width": 8, "heads": 2, "layers": 1, "causal": true}), STEPS, 2,
    &["norm", "output"])]
#[case(json!({"kind": "attention", "width": 8, "heads": 2, "layers": 2, "patch": 3,
    "patch_stride": 2}), SERIES, 12, &["norm", "output", "forecast"])]
#[case(json!({"kind": "nlinear"}), SERIES, 12, &["input", "output", "forecast"])]
#[case(json!({"kind": "dlinear"}), SERIES, 12, &["trend", "rest", "output", "forecast"])]
fn what_is_seen_leads_to_what_is_answered(
    #[case] spec: Value,
    #[case] layout: Layout,
    #[case] outputs: usize,
    #[case] expected: &[&str],
) {
    let network = network(&spec, &layout, outputs);
    let inputs = rows(&layout);
    let count = inputs.dims()[0];
    let answered: Vec<f32> = network.forward(inputs.clone(), None).into_data().to_vec().unwrap();
    let (logits, observer) = observed(&network, inputs);
    assert_near(&logits, &answered);
    let names: Vec<&str> = observer.layers.iter().map(|seen| seen.name.as_str()).collect();
    assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
    for seen in &observer.layers {
        let size: usize = seen.shape.iter().product();
        assert_eq!(
            (seen.axes.len(), seen.values.len()),
            (seen.shape.len(), count * size),
            "{seen:?}"
        );
        assert!(seen.unit_axes >= 1 && seen.unit_axes <= seen.shape.len());
        assert!(seen.values.iter().all(|value| value.is_finite()));
        let least = seen.values.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(seen.function != LayerFunction::Relu || least >= 0.0 || names.contains(&"tokens"));
    }
    // The last layer of all holds the logits, row by row.
    let last = observer.layers.last().unwrap();
    let members = network.members();
    let of_rows = (0..count).flat_map(|row| (0..members).map(move |member| (row, member)));
    let logits: Vec<f32> = of_rows
        .flat_map(|(row, member)| answered[(member * count + row) * outputs..][..outputs].to_vec())
        .collect();
    assert_near(&last.values, &logits);
    for map in &observer.attentions {
        let lines = map.values.chunks_exact(map.keys);
        assert!(lines.clone().all(|line| (line.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        assert_eq!(lines.len(), count * map.series * map.heads * map.queries);
    }
    // Nobody looks: nothing is kept.
    let mut nobody = Observer::default();
    network.observe(rows(&layout), &mut nobody);
    assert!(nobody.layers.is_empty() && nobody.attentions.is_empty());
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} {expected}");
    }
}

fn with(network: Network<Flex>, weights: &[(&str, &[usize], &[f32])]) -> Network<Flex> {
    let each = weights.iter().map(|(name, shape, values)| {
        let parameter = Parameter { shape: shape.to_vec(), values: values.to_vec() };
        ((*name).to_owned(), parameter)
    });
    restore(network, &each.collect::<Parameters>()).unwrap()
}

fn seen<'a>(observer: &'a Observer, name: &str) -> &'a Seen {
    observer.layers.iter().find(|seen| seen.name == name).unwrap()
}

#[test]
fn a_perceptron_is_as_computed_by_hand() {
    let layout = Layout::Table(vec![Group::Flag(0), Group::Flag(1)]);
    let network = network(&json!({"kind": "mlp", "hidden": [2]}), &layout, 1);
    let network = with(
        network,
        &[
            ("hidden.0.weight", &[2, 2], &[1.0, -1.0, 0.5, 2.0]),
            ("hidden.0.bias", &[2], &[0.25, 0.5]),
            ("output.weight", &[2, 1], &[2.0, -3.0]),
            ("output.bias", &[1], &[0.5]),
        ],
    );
    // Of (1, 2): (1 + 1 + 0.25, -1 + 4 + 0.5); of (-1, 0): (-0.75, 1.5).
    let (logits, observer) = observed(&network, tensor(vec![1.0, 2.0, -1.0, 0.0], 2));
    let hidden = seen(&observer, "hidden.0");
    assert_eq!(hidden.values, [2.25, 3.5, 0.0, 1.5]);
    assert_eq!((hidden.function, hidden.shape.as_slice()), (LayerFunction::Relu, &[2][..]));
    assert_eq!(logits, [2.0 * 2.25 - 3.0 * 3.5 + 0.5, -3.0 * 1.5 + 0.5]);
    assert_eq!(seen(&observer, "output").values, logits);
}

#[test]
fn gates_are_as_computed_by_hand() {
    let layout = Layout::Sequence { steps: 2, channels: 1, ahead: None };
    let network = network(&json!({"kind": "lstm", "hidden": 1, "layers": 1}), &layout, 1);
    let network = with(
        network,
        &[
            ("layers.0.forward.input", &[1, 4], &[0.5, -0.25, 1.0, 0.75]),
            ("layers.0.forward.hidden", &[1, 4], &[0.1, 0.2, -0.3, 0.4]),
            ("layers.0.forward.input_bias", &[4], &[0.0, 1.0, 0.0, 0.0]),
            ("layers.0.forward.hidden_bias", &[4], &[0.0; 4]),
            ("output.weight", &[1, 1], &[2.0]),
            ("output.bias", &[1], &[0.0]),
        ],
    );
    let sigmoid = |z: f32| 1.0 / (1.0 + (-z).exp());
    let (mut state, mut memory) = (0.0_f32, 0.0_f32);
    let mut expected: [Vec<f32>; 6] = Default::default();
    for x in [1.0_f32, -2.0] {
        let input = sigmoid(0.5 * x + 0.1 * state);
        let forget = sigmoid(-0.25 * x + 0.2 * state + 1.0);
        let cell = (x - 0.3 * state).tanh();
        let output = sigmoid(0.75 * x + 0.4 * state);
        memory = forget * memory + input * cell;
        state = output * memory.tanh();
        let all = [input, forget, cell, output, memory, state];
        expected.iter_mut().zip(all).for_each(|(kept, value)| kept.push(value));
    }
    let (logits, observer) = observed(&network, tensor(vec![1.0, -2.0], 2));
    let parts = ["input_gate", "forget_gate", "cell", "output_gate", "memory", "state"];
    for (part, expected) in parts.iter().zip(&expected) {
        assert_near(&seen(&observer, &format!("layers.0.forward.{part}")).values, expected);
    }
    assert_near(&logits, &[2.0 * state]);
}

#[test]
fn words_are_weighed_as_computed_by_hand() {
    let layout = Layout::Text { width: 2, words: 2, buckets: 2 };
    let spec = json!({"kind": "text_attention", "embedding": 1, "hidden": 1, "heads": 1});
    let network = with(
        network(&spec, &layout, 1),
        &[
            ("embedding", &[2, 1], &[1.0, -1.0]),
            ("hidden.weight", &[1, 1], &[1.0]),
            ("hidden.bias", &[1], &[0.0]),
            ("heads.weight", &[1, 1], &[2.0]),
            ("heads.bias", &[1], &[0.0]),
            ("output.weight", &[1, 1], &[1.0]),
            ("output.bias", &[1], &[0.0]),
        ],
    );
    // The first text has both words, the second the first one alone.
    let (_, observer) = observed(&network, tensor(vec![-1.0, -2.0, -1.0, 0.0], 2));
    let score = 2.0 * 1.0_f32.tanh();
    let first = score.exp() / (score.exp() + (-score).exp());
    let map = &observer.attentions[0];
    assert_near(&map.values, &[first, 1.0 - first, 1.0, 0.0]);
    assert_eq!(map.lengths.as_ref().unwrap().as_slice(), [2, 1]);
    assert_near(&seen(&observer, "pooled").values, &[2.0 * first - 1.0, 1.0]);
    assert_near(&seen(&observer, "hidden").values[..2], &[1.0_f32.tanh(), -(1.0_f32.tanh())]);
}
