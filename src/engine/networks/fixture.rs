//! Networks against those of other libraries: the fixtures are made by
//! `examples/oracles/networks.py`.

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use serde_json::Value;

use super::parameters::{Parameter, Parameters, parameters, restore};

pub(crate) type Tracked = Autodiff<Flex>;

/// What a reference has computed.
pub(crate) struct Fixture(pub(crate) Value);

impl Fixture {
    pub(crate) fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// A tensor by its path: `gradients`, `output.weight`.
    pub(crate) fn tensor(&self, part: &str, name: &str) -> Parameter {
        let found = if name.is_empty() { &self.0[part] } else { &self.0[part][name] };
        let values = numbers(&found["values"]);
        let shape = found["shape"].as_array().unwrap().iter();
        Parameter { shape: shape.map(|n| n.as_u64().unwrap() as usize).collect(), values }
    }
}

pub(crate) fn numbers(values: &Value) -> Vec<f32> {
    values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

/// `[out, in]` as `[in, out]`.
pub(crate) fn transposed(parameter: Parameter) -> Parameter {
    let [rows, columns] = parameter.shape[..] else { panic!("{:?}", parameter.shape) };
    let at = |i: usize| parameter.values[(i % rows) * columns + i / rows];
    Parameter { shape: vec![columns, rows], values: (0..rows * columns).map(at).collect() }
}

/// Rows as a tensor without gradients.
pub(crate) fn rows(values: Vec<f32>, width: usize) -> Tensor<Tracked, 2> {
    let shape = [values.len() / width, width];
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

/// A network with these parameters, ready to be trained.
pub(crate) fn loaded<M: Module<Tracked>>(network: M, parameters: &Parameters) -> M {
    let network = restore(network, parameters).unwrap();
    network.map(&mut Require)
}

struct Require;

impl<B: Backend> ModuleMapper<B> for Require {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor.set_require_grad(true), mapper)
    }
}

/// The gradients of a loss under the names of the parameters.
pub(crate) fn gradients<B: AutodiffBackend, M: AutodiffModule<B>>(
    network: &M,
    loss: &Tensor<B, 1>,
) -> Parameters {
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    parameters(&network.valid().map(&mut Replace(gradients))).unwrap()
}

struct Replace(GradientsParams);

impl<B: Backend> ModuleMapper<B> for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let gradient = self.0.remove::<B, D>(id).unwrap_or_else(|| tensor.zeros_like());
        Param::from_mapped_value(id, gradient, mapper)
    }
}

/// Fails unless all numbers agree to a share of the greatest one of the expected.
pub(crate) fn assert_near(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let greatest = expected.iter().fold(0_f32, |greatest, v| greatest.max(v.abs())).max(1e-3);
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (found - expected).abs();
        assert!(apart <= tolerance * greatest, "{name}[{i}]: {found} is not {expected}");
    }
}

pub(crate) fn values<const D: usize>(tensor: Tensor<Tracked, D>) -> Vec<f32> {
    tensor.into_data().to_vec().unwrap()
}
