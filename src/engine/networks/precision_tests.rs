//! Networks whose products are taken in bf16, against themselves in f32: through the backend by which
//! a GPU is reached, on the CPU.

use burn::backend::flex::FlexDevice;
use burn::module::AutodiffModule;
use burn::tensor::{Tensor, TensorData};
use burn::{Dispatch, DispatchDevice};
use rstest::rstest;

use super::fixture::gradients;
use super::parameters::{Builder, Parameters};
use super::*;
use crate::domain::training::Precision;
use crate::engine::features::Group;
use crate::engine::random::{Purpose, keyed, symmetric};

const ROWS: usize = 64;

fn numbers(count: usize) -> Vec<f32> {
    let mut rng = keyed(7, Purpose::Sample, 0, 0);
    (0..count).map(|_| symmetric(&mut rng, 1.5)).collect()
}

/// Three numbers, of which one has bins, and four categories.
fn table() -> (Layout, Vec<f32>) {
    let edges = vec![-1.5, -0.75, 0.0, 0.75, 1.5];
    let number = |input, edges| Group::Number { input, edges };
    let groups = vec![number(0, edges), number(1, Vec::new()), Group::Category(2..6)];
    let each = numbers(ROWS * 2);
    let row = |(row, numbers): (usize, &[f32])| {
        let category = (0..4).map(move |at| f32::from(u8::from(at == row % 4)));
        numbers.iter().copied().chain(category).collect::<Vec<f32>>()
    };
    (Layout::Table(groups), each.chunks(2).enumerate().flat_map(row).collect())
}

fn windows(ahead: Option<Ahead>) -> (Layout, Vec<f32>) {
    (Layout::Sequence { steps: 12, channels: 2, ahead }, numbers(ROWS * 24))
}

fn pictures() -> (Layout, Vec<f32>) {
    let shape = ImageShape { channels: 2, height: 12, width: 10 };
    (Layout::Image(shape), numbers(ROWS * 240))
}

/// Texts of one to four words of one or two parts.
fn texts() -> (Layout, Vec<f32>) {
    let of = |row: usize| {
        let word = move |at: usize| match at % 2 {
            0 => -(((row * 5 + at) % 31 + 1) as f32),
            _ => ((row * 3 + at) % 31 + 1) as f32,
        };
        (0..8).map(move |at| if at < 2 * (row % 4 + 1) { word(at) } else { 0.0 })
    };
    (Layout::Text { width: 8, words: 4, buckets: 32 }, (0..ROWS).flat_map(of).collect())
}

struct Found {
    logits: Vec<f32>,
    /// As validated: without a tape.
    plain: Vec<f32>,
    gradients: Parameters,
}

fn learn(network: &NetworkSpec, (layout, inputs): &(Layout, Vec<f32>), in_: Precision) -> Found {
    let device = DispatchDevice::autodiff(FlexDevice);
    let outputs = if let Layout::Sequence { ahead: Some(_), .. } = layout { 6 } else { 3 };
    let mut builder = Builder::random(3, &device).in_precision(in_);
    let network = Network::<Dispatch>::new(network, layout, outputs, &mut builder);
    let data = TensorData::new(inputs.clone(), [ROWS, inputs.len() / ROWS]);
    let logits = network.forward(Tensor::from_data(data.clone(), &device), None);
    let plain =
        network.valid().forward(Tensor::from_data(data, &DispatchDevice::from(FlexDevice)), None);
    let weigh = TensorData::new(numbers(logits.dims().iter().product()), logits.dims());
    let loss =
        (logits.clone() * Tensor::from_data(weigh, &device)).sum() + logits.clone().square().sum();
    Found {
        logits: logits.into_data().to_vec().unwrap(),
        plain: plain.into_data().to_vec().unwrap(),
        gradients: gradients(&network, &loss),
    }
}

/// Length of a difference, as a share of what it is one from.
fn apart(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let difference = length(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    difference / length(&mut expected.iter().copied())
}

#[rstest]
#[case(r#"{"kind":"linear"}"#, table())]
#[case(r#"{"kind":"mlp","hidden":[64,32]}"#, table())]
#[case(r#"{"kind":"tabm","members":4,"blocks":2,"width":32,"embedding":8}"#, table())]
#[case(r#"{"kind":"transformer","blocks":2,"width":16,"heads":2,"feed_forward":24}"#, table())]
#[case(
    r#"{"kind":"attention","width":16,"heads":2,"layers":2,"feed_forward":32,"causal":true}"#,
    windows(None)
)]
#[case(
    r#"{"kind":"attention","width":16,"heads":2,"patch":4,"patch_stride":2}"#,
    windows(Some(AHEAD))
)]
#[case(r#"{"kind":"lstm","hidden":12,"layers":2,"bidirectional":true}"#, windows(None))]
#[case(r#"{"kind":"lstm","hidden":12}"#, windows(Some(AHEAD)))]
#[case(r#"{"kind":"cnn","channels":[8,12],"hidden":16}"#, pictures())]
#[case(r#"{"kind":"text_cnn","embedding":8,"channels":12,"phrases":[1,2]}"#, texts())]
#[case(r#"{"kind":"text_attention","embedding":8,"hidden":12,"heads":2}"#, texts())]
fn gradients_are_nearly_those_of_f32(#[case] network: &str, #[case] data: (Layout, Vec<f32>)) {
    let network: NetworkSpec = serde_json::from_str(network).unwrap();
    let (half, whole) =
        (learn(&network, &data, Precision::Bf16), learn(&network, &data, Precision::F32));
    assert_ne!(half.logits, whole.logits, "no product was taken in bf16");
    assert!(apart(&half.logits, &whole.logits) < 0.02);
    assert_eq!(half.plain, whole.plain, "what is not tracked is taken in f32");
    let all = |found: &Found| -> Vec<f32> {
        found.gradients.values().flat_map(|g| g.values.iter().copied()).collect()
    };
    assert_eq!(
        half.gradients.keys().collect::<Vec<_>>(),
        whole.gradients.keys().collect::<Vec<_>>()
    );
    let gap = apart(&all(&half), &all(&whole));
    // Of pixels that are nearly alike a pool takes another one, and so does what is learnt.
    let most = if matches!(network, NetworkSpec::Cnn(_)) { 0.04 } else { 0.02 };
    assert!(gap > 0.0 && gap < most, "{gap}");
}

const AHEAD: Ahead = Ahead { horizon: 3, series: 2, levels: 1, median: 0 };

/// One layer over three dimensions: what comes out, and what is learnt, is f32.
#[test]
fn casts_are_undone_on_the_way_back() {
    use burn::tensor::DType;

    let device = DispatchDevice::autodiff(FlexDevice);
    let mut builder = Builder::<Dispatch>::random(1, &device).in_precision(Precision::Bf16);
    let layer = builder.linear(5, 4);
    let data = TensorData::new(numbers(30), [2, 3, 5]);
    let x = Tensor::<Dispatch, 3>::from_data(data, &device).require_grad();
    let y = layer.forward(x.clone());
    assert_eq!((y.dims(), y.dtype()), ([2, 3, 4], DType::F32));
    let found = y.square().sum().backward();
    let (x, weight) = (x.grad(&found).unwrap(), layer.weight.val().grad(&found).unwrap());
    assert_eq!((x.dims(), x.dtype()), ([2, 3, 5], DType::F32));
    assert_eq!((weight.dims(), weight.dtype()), ([5, 4], DType::F32));
    assert_eq!(layer.bias.val().grad(&found).unwrap().dtype(), DType::F32);
    assert_eq!(layer.weight.val().dtype(), DType::F32);
}
