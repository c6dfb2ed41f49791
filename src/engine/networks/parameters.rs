//! The numbers of a network, by name: made, taken out, put in.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use super::affine::Affine;
use crate::domain::training::Precision;
use crate::engine::random::{Purpose, keyed, symmetric};
use crate::error::{Context, Error, Result};
use crate::stats;

/// A parameter outside of any backend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Parameters by their path in the network: `hidden.0.weight`.
pub(crate) type Parameters = BTreeMap<String, Parameter>;

/// Makes layers whose numbers depend on the seed alone, and whose ids on their order alone, so
/// that an optimiser's record fits the network of a resumed run.
pub(crate) struct Builder<'a, B: Backend> {
    device: &'a B::Device,
    /// None: zeros, to be replaced by [`restore`].
    rng: Option<ChaCha8Rng>,
    next: u64,
    precision: Precision,
}

impl<'a, B: Backend> Builder<'a, B> {
    pub(crate) fn random(seed: u64, device: &'a B::Device) -> Self {
        Self {
            device,
            rng: Some(keyed(seed, Purpose::Weights, 0, 0)),
            next: 1,
            precision: Precision::F32,
        }
    }

    pub(crate) fn zeros(device: &'a B::Device) -> Self {
        Self { device, rng: None, next: 1, precision: Precision::F32 }
    }

    /// The same, of layers whose matrix products are taken so while they learn.
    pub(crate) fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// A fully connected layer; weights and biases uniform in +-1/sqrt(inputs).
    pub(crate) fn linear(&mut self, inputs: usize, outputs: usize) -> Affine<B> {
        let bound = 1.0 / (inputs.max(1) as f32).sqrt();
        Affine {
            weight: self.uniform([inputs, outputs], bound),
            bias: self.uniform([outputs], bound),
            precision: self.precision,
        }
    }

    /// A convolution: weights `[kernel, kernel, inputs, outputs]` and biases, uniform in
    /// +-1/sqrt(inputs of a window).
    pub(crate) fn convolution(
        &mut self,
        kernel: usize,
        inputs: usize,
        outputs: usize,
    ) -> (Param<Tensor<B, 4>>, Param<Tensor<B, 1>>) {
        let bound = 1.0 / ((kernel * kernel * inputs).max(1) as f32).sqrt();
        let weight = self.uniform([kernel, kernel, inputs, outputs], bound);
        (weight, self.uniform([outputs], bound))
    }

    pub(crate) fn device(&self) -> &B::Device {
        self.device
    }

    /// A fully connected layer of zeros.
    pub(crate) fn zero_linear(&mut self, inputs: usize, outputs: usize) -> Affine<B> {
        Affine {
            weight: self.filled([inputs, outputs], 0.0),
            bias: self.filled([outputs], 0.0),
            precision: self.precision,
        }
    }

    /// Uniform in +-bound.
    pub(crate) fn uniform<const D: usize>(
        &mut self,
        shape: [usize; D],
        bound: f32,
    ) -> Param<Tensor<B, D>> {
        let count = shape.iter().product();
        let values: Vec<f32> = match &mut self.rng {
            Some(rng) if bound > 0.0 => (0..count).map(|_| symmetric(rng, bound)).collect(),
            _ => vec![0.0; count],
        };
        self.parameter(values, shape)
    }

    /// One number of those in +-bound.
    pub(crate) fn symmetric(&mut self, bound: f32) -> f32 {
        self.rng.as_mut().map_or(0.0, |rng| symmetric(rng, bound))
    }

    /// One number of a standard normal distribution.
    pub(crate) fn normal(&mut self) -> f32 {
        self.rng.as_mut().map_or(0.0, |rng| {
            // The middles of 2^24 steps of (0, 1).
            let level = (f64::from(symmetric(rng, 0.5)) + 0.5) + 0.5 / f64::from(1 << 24);
            stats::normal_inverse_cdf(level).map_or(0.0, |z| z as f32)
        })
    }

    /// A parameter whose numbers are all the same.
    pub(crate) fn filled<const D: usize>(
        &mut self,
        shape: [usize; D],
        value: f32,
    ) -> Param<Tensor<B, D>> {
        self.parameter(vec![value; shape.iter().product()], shape)
    }

    /// The values that it is to start with.
    pub(crate) fn parameter<const D: usize>(
        &mut self,
        values: Vec<f32>,
        shape: [usize; D],
    ) -> Param<Tensor<B, D>> {
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        let id = ParamId::from(self.next);
        self.next += 1;
        Param::initialized(id, tensor.require_grad())
    }
}

/// Copies a network's parameters out.
pub(crate) fn parameters<B: Backend, M: Module<B>>(network: &M) -> Result<Parameters> {
    let mut reader = Reader { path: Path::default(), found: Ok(Parameters::new()) };
    network.visit(&mut reader);
    reader.found
}

/// Puts parameters into a network, which must be of these names and shapes.
pub(crate) fn restore<B: Backend, M: Module<B>>(network: M, from: &Parameters) -> Result<M> {
    let mut writer = Writer { path: Path::default(), from, outcome: Ok(()) };
    let network = network.map(&mut writer);
    writer.outcome.map(|()| network)
}

/// The same parameters without what led to them.
pub(crate) fn detached<B: AutodiffBackend, M: Module<B>>(network: M) -> M {
    network.map(&mut Detacher)
}

struct Detacher;

impl<B: AutodiffBackend> ModuleMapper<B> for Detacher {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let tensor = Tensor::from_inner(tensor.inner()).require_grad();
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// A network between two of one build: so much of the second, the rest of the first.
pub(crate) fn blend<B: Backend, M: Module<B>>(first: M, second: &M, share: f64) -> M {
    let mut weights = Tensors(GradientsParams::new());
    second.visit(&mut weights);
    first.map(&mut Blender { weights: weights.0, share })
}

/// The tensors of a network by the ids of their parameters.
struct Tensors(GradientsParams);

impl<B: Backend> ModuleVisitor<B> for Tensors {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.register::<B, D>(param.id, param.val());
    }
}

struct Blender {
    weights: GradientsParams,
    share: f64,
}

impl<B: Backend> ModuleMapper<B> for Blender {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let blended = match self.weights.remove::<B, D>(id) {
            Some(other) => tensor.clone() + (other - tensor).mul_scalar(self.share),
            None => tensor,
        };
        Param::from_mapped_value(id, blended, mapper)
    }
}

/// Which numbers of a network stay 0, as tensors of 0 and 1 by the ids of their parameters.
pub(crate) struct Mask(GradientsParams);

impl Mask {
    /// Those that are 0 in `weights`, which are of the network, among the parameters that can be
    /// pruned.
    pub(crate) fn of<B: Backend, M: Module<B>>(network: &M, weights: &Parameters) -> Self {
        let mut masker = Masker { path: Path::default(), weights, found: GradientsParams::new() };
        network.visit(&mut masker);
        Self(masker.found)
    }

    /// The same network, as a leaf of its own, with these numbers 0.
    pub(crate) fn apply<B: AutodiffBackend, M: Module<B>>(&self, network: M) -> M {
        network.map(&mut Masking(&self.0))
    }
}

/// Whether a parameter's numbers may be pruned: those of layers, but not what numbers, categories,
/// words or places become, nor the scales of members.
pub(crate) fn can_be_pruned(name: &str, shape: &[usize]) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    let is_layer = !matches!(
        first,
        "embedding" | "token" | "numbers" | "categories" | "category_bias" | "scale" | "positions"
    );
    // Of a linear network of texts, its table.
    shape.len() >= 2 && is_layer && name != "weight"
}

struct Masker<'a> {
    path: Path,
    weights: &'a Parameters,
    found: GradientsParams,
}

impl<B: Backend> ModuleVisitor<B> for Masker<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let name = self.path.name();
        let Some(weights) = self.weights.get(&name) else { return };
        if can_be_pruned(&name, &weights.shape) {
            let bits: Vec<f32> =
                weights.values.iter().map(|w| f32::from(u8::from(*w != 0.0))).collect();
            let bits = Tensor::from_data(TensorData::new(bits, param.dims()), &param.device());
            self.found.register::<B, D>(param.id, bits);
        }
    }
}

struct Masking<'a>(&'a GradientsParams);

impl<B: AutodiffBackend> ModuleMapper<B> for Masking<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let tensor = match self.0.get::<B::InnerBackend, D>(id) {
            Some(mask) => Tensor::from_inner(tensor.inner() * mask).require_grad(),
            None => tensor,
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// The part of a parameter that belongs to one member, or to one number.
pub(super) fn of_member(parameter: &Parameter, member: usize) -> Option<&[f32]> {
    let each = parameter.values.len() / parameter.shape.first()?;
    parameter.values.get(member * each..(member + 1) * each)
}

/// Whether every number is finite.
pub(crate) fn all_finite(parameters: &Parameters) -> bool {
    parameters.values().all(|p| p.values.iter().all(|v| v.is_finite()))
}

/// Where in the network a walk is. Variants of an enum are no part of a name.
#[derive(Default)]
struct Path(Vec<Option<String>>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push((!container.starts_with("Enum:")).then(|| name.to_owned()));
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        self.0.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

struct Reader {
    path: Path,
    found: Result<Parameters>,
}

impl<B: Backend> ModuleVisitor<B> for Reader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let data = param.val().into_data();
        let shape = data.shape.to_vec();
        match data.into_vec::<f32>().map_err(|e| format!("{e:?}")).context("reading a parameter") {
            Ok(values) => {
                if let Ok(found) = &mut self.found {
                    found.insert(self.path.name(), Parameter { shape, values });
                }
            }
            Err(error) => self.found = Err(error),
        }
    }
}

struct Writer<'a> {
    path: Path,
    from: &'a Parameters,
    outcome: Result<()>,
}

impl<B: Backend> ModuleMapper<B> for Writer<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let name = self.path.name();
        let tensor = match self.from.get(&name) {
            Some(from) if from.shape == tensor.dims() => {
                let data = TensorData::new(from.values.clone(), tensor.dims());
                Tensor::from_data(data, &tensor.device()).set_require_grad(tensor.is_require_grad())
            }
            found => {
                let shape = found.map(|p| p.shape.clone());
                let problem = format!("{name} has shape {shape:?}, not {:?}", tensor.dims());
                self.outcome = Err(Error::internal("restoring a network", problem));
                tensor
            }
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}
