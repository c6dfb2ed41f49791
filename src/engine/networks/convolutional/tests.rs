use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::tensor::TensorData;
use serde_json::Value;

use super::super::parameters::{Parameter, parameters, restore};
use super::super::{Network, multiply_adds as of_a_row};
use burn::tensor::activation;

use super::*;
use crate::engine::features::Layout;
use crate::engine::networks::serving::Serving;
use crate::engine::random::{Purpose, keyed, symmetric};

type Tracked = Autodiff<Flex>;

/// Numbers that the fixture names by a hash.
fn hashed(start: u32, count: usize, scale: f64) -> Vec<f32> {
    (start..)
        .take(count)
        .map(|at| {
            let h = at.wrapping_mul(2_654_435_761);
            let h = (h ^ (h >> 15)).wrapping_mul(2_246_822_519);
            let h = h ^ (h >> 13);
            ((f64::from(h >> 8) / f64::from(1 << 24) - 0.5) * scale) as f32
        })
        .collect()
}

/// For each number of a parameter of ours, where PyTorch has it: convolutions are `[outputs,
/// inputs, row, column]` there, fully connected layers `[units, inputs]`.
fn places(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [outputs, inputs, rows, columns] => (0..rows * columns)
            .flat_map(|window| {
                (0..inputs).flat_map(move |i| {
                    (0..outputs).map(move |o| (o * inputs + i) * rows * columns + window)
                })
            })
            .collect(),
        [units, inputs] => {
            (0..inputs).flat_map(|i| (0..units).map(move |u| u * inputs + i)).collect()
        }
        _ => (0..shape.iter().product()).collect(),
    }
}

fn our_name(name: &str) -> String {
    let (layer, kind) = name.split_once('.').unwrap();
    let ours = match layer {
        "conv1" => "convolution.0",
        "conv2" => "convolution.1",
        "linear1" => "hidden.0",
        "linear2" => "hidden.1",
        _ => "output",
    };
    format!("{ours}.{kind}")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn near(found: &[f64], expected: &[f64], largest: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * largest, "{a} {b}");
    }
}

fn lenet<B: Backend>(shape: ImageShape, device: &B::Device) -> Convolutional<B> {
    Convolutional::lenet(&LenetNetwork {}, shape, 10, &mut Builder::random(1, device))
}

fn gradients(
    network: &Convolutional<Tracked>,
    loss: Tensor<Tracked, 1>,
) -> Vec<(String, Vec<f32>)> {
    let found = loss.backward();
    let mut named = Vec::new();
    let numbers = |tensor: TensorData| tensor.to_vec::<f32>().unwrap();
    for (at, stage) in network.convolution.iter().enumerate() {
        let weight = stage.weight.val().grad(&found).unwrap().into_data();
        named.push((format!("convolution.{at}.weight"), numbers(weight)));
        let bias = stage.bias.val().grad(&found).unwrap().into_data();
        named.push((format!("convolution.{at}.bias"), numbers(bias)));
    }
    let dense = network.hidden.iter().enumerate().map(|(at, l)| (format!("hidden.{at}"), l));
    for (name, layer) in dense.chain([("output".to_owned(), &network.output)]) {
        let weight = layer.weight.val().grad(&found).unwrap().into_data();
        named.push((format!("{name}.weight"), numbers(weight)));
        let bias = layer.bias.val().grad(&found).unwrap().into_data();
        named.push((format!("{name}.bias"), numbers(bias)));
    }
    named
}

/// Outputs, loss and gradients as PyTorch calculates them (made by `examples/oracles/networks.py`).
#[test]
fn lenet_is_that_of_pytorch() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/lenet.json")).unwrap();
    let device = FlexDevice;
    let mut shapes = std::collections::BTreeMap::new();
    let mut given = Parameters::new();
    for parameter in fixture["parameters"].as_array().unwrap() {
        let name = our_name(parameter["name"].as_str().unwrap());
        let theirs: Vec<usize> =
            numbers(&parameter["shape"]).into_iter().map(|n| n as usize).collect();
        let count = theirs.iter().product();
        let start = parameter["start"].as_u64().unwrap() as u32;
        let values = hashed(start, count, parameter["scale"].as_f64().unwrap());
        let values = places(&theirs).into_iter().map(|at| values[at]).collect();
        let shape = match *theirs {
            [outputs, inputs, rows, columns] => vec![rows, columns, inputs, outputs],
            [units, inputs] => vec![inputs, units],
            _ => theirs.clone(),
        };
        given.insert(name.clone(), Parameter { shape, values });
        shapes.insert(name, (parameter["name"].as_str().unwrap().to_owned(), theirs));
    }
    let shape = ImageShape { channels: 1, height: 16, width: 16 };
    let network = restore(lenet::<Tracked>(shape, &device), &given).unwrap();
    let pixels: Vec<f32> = numbers(&fixture["pixels"]["values"])
        .into_iter()
        .map(|p| (p / 128.0 - 1.0) as f32)
        .collect();
    let inputs = Tensor::from_data(TensorData::new(pixels, [4, 256]), &device);
    let logits = network.forward(inputs, None);
    let found: Vec<f64> =
        logits.clone().into_data().to_vec::<f32>().unwrap().into_iter().map(f64::from).collect();
    near(&found, &numbers(&fixture["outputs"]["values"]), 1.0);

    let truth = numbers(&fixture["targets"]);
    let one_hot: Vec<f32> = truth
        .iter()
        .flat_map(|class| (0..10).map(move |c| f32::from(u8::from(f64::from(c) == *class))))
        .collect();
    let one_hot = Tensor::<Tracked, 2>::from_data(TensorData::new(one_hot, [4, 10]), &device);
    let loss = (activation::log_softmax(logits, 1) * one_hot).sum_dim(1).neg().mean();
    let value: f64 = f64::from(loss.clone().into_data().to_vec::<f32>().unwrap()[0]);
    near(&[value], &[fixture["loss"].as_f64().unwrap()], 1.0);

    for (name, ours) in gradients(&network, loss) {
        let (theirs, shape) = &shapes[&name];
        let expected = &fixture["gradients"][theirs];
        let mut gradient = vec![0.0; ours.len()];
        places(shape).into_iter().zip(&ours).for_each(|(at, v)| gradient[at] = f64::from(*v));
        let largest = gradient.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let first = numbers(&expected["first"]);
        near(&gradient[..first.len()], &first, largest);
        let spread: Vec<f64> = (0..8).map(|i| gradient[i * gradient.len() / 8]).collect();
        near(&spread, &numbers(&expected["spread"]), largest);
        let sums = [gradient.iter().sum::<f64>(), gradient.iter().map(|g| g.abs()).sum::<f64>()];
        let expected = ["sum", "absolute_sum"].map(|key| expected[key].as_f64().unwrap());
        near(&sums, &expected, expected[1].max(1.0));
    }
}

#[test]
fn inference_is_the_trained_network_and_a_row_keeps_its_bits() {
    let device = FlexDevice;
    let shape = ImageShape { channels: 3, height: 20, width: 17 };
    let spec = CnnNetwork { channels: Some(vec![5, 9]), hidden: Some(7), dropout: Some(0.5) };
    let network = Convolutional::<Flex>::cnn(&spec, shape, 4, &mut Builder::random(3, &device));
    let spec = NetworkSpec::Cnn(spec);
    let layout = Layout::Image(shape);
    let weights = parameters(&network).unwrap();
    let serving = Serving::new(&spec, &layout, 4, &weights).unwrap();
    let mut rng = keyed(1, Purpose::Sample, 0, 0);
    let rows: Vec<f32> = (0..5 * 1020).map(|_| symmetric(&mut rng, 1.0)).collect();
    let logits = |rows: &[f32]| serving.logits(rows, 1020).unwrap();
    let inputs = Tensor::from_data(TensorData::new(rows.clone(), [5, 1020]), &device);
    let expected = network.forward(inputs, None).into_data().to_vec::<f32>().unwrap();
    let together = logits(&rows);
    assert!(together.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{together:?}");
    let alone: Vec<f32> = rows.chunks_exact(1020).flat_map(logits).collect();
    assert_eq!(alone, together);
    let layers = ConvolutionalLayers::new(shape, &weights, Vec::new()).unwrap();
    assert_eq!(of_a_row(&spec, &layout, 0), layers.multiply_adds() as u64);
    // The same names whichever way it is made.
    let other = Network::<Flex>::new(&spec, &layout, 4, &mut Builder::zeros(&device));
    let names = |p: Parameters| p.into_keys().collect::<Vec<_>>();
    assert_eq!(names(parameters(&other).unwrap()), names(parameters(&network).unwrap()));
}

#[test]
fn sizes_suit_the_picture() {
    let suited = |height, width| suited_channels(ImageShape { channels: 1, height, width });
    assert_eq!(suited(28, 28), [32, 64]);
    assert_eq!(suited(64, 40), [32, 64]);
    assert_eq!(suited(64, 64), [32, 64, 128]);
    assert_eq!(suited(4, 4), [32]);
    assert_eq!((smallest_lenet(), smallest_cnn(1), smallest_cnn(2)), (16, 4, 10));
    for stages in 1..7 {
        assert_eq!(side_after(KERNEL, stages, smallest_cnn(stages)), 1);
        assert_eq!(side_after(KERNEL, stages, smallest_cnn(stages) - 1), 0);
    }
}
