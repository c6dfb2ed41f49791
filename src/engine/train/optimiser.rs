//! Optimisers: burn's, with the defaults of the papers, their gradients clipped by global norm.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{self, GradientsParams, Optimizer};
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::domain::optimiser::OptimiserSpec;
use crate::error::{Context, Result};

/// Longest gradient of a step, all parameters taken together (Pascanu et al. 2013).
const MAX_NORM: f32 = 1.0;
/// As in the paper; burn's own default is 1e-5.
const EPSILON: f32 = 1e-8;
/// Share of the planned steps in which the rate rises to its full height.
const WARM_UP: f64 = 0.05;

/// Any of the optimisers, with its state for the network `M`.
pub(super) enum Optimiser<M: AutodiffModule<B>, B: AutodiffBackend> {
    Sgd(OptimizerAdaptor<optim::Sgd<B::InnerBackend>, M, B>),
    Adam(OptimizerAdaptor<optim::Adam, M, B>),
    /// Adam, and how fast the weights decay.
    AdamW(OptimizerAdaptor<optim::Adam, M, B>, f64),
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> Optimiser<M, B> {
    pub(super) fn new(spec: &OptimiserSpec) -> Self {
        match spec {
            OptimiserSpec::Sgd(spec) => {
                let momentum = (spec.momentum > 0.0).then_some(MomentumConfig {
                    momentum: spec.momentum,
                    dampening: 0.0,
                    nesterov: false,
                });
                Self::Sgd(optim::SgdConfig::new().with_momentum(momentum).init())
            }
            OptimiserSpec::Adam(spec) => Self::Adam(adam(spec.beta_1, spec.beta_2).init()),
            OptimiserSpec::AdamW(spec) => {
                Self::AdamW(adam(spec.beta_1, spec.beta_2).init(), spec.weight_decay.unwrap_or(0.0))
            }
        }
    }

    /// One step down the gradients of a loss.
    pub(super) fn step(&mut self, rate: f64, network: M, gradients: B::Gradients) -> M {
        let mut gradients = GradientsParams::from_grads(gradients, &network);
        clip(&network, &mut gradients);
        match self {
            Self::Sgd(optimiser) => optimiser.step(rate, network, gradients),
            Self::Adam(optimiser) => optimiser.step(rate, network, gradients),
            Self::AdamW(optimiser, decay) => {
                let network = network.map(&mut Decay { keep: 1.0 - rate * *decay });
                optimiser.step(rate, network, gradients)
            }
        }
    }

    /// The state as bytes, exact.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        fn write<O: Optimizer<M, B>, M: AutodiffModule<B>, B: AutodiffBackend>(
            optimiser: &O,
        ) -> Result<Vec<u8>> {
            let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::default();
            Recorder::<B>::record(&recorder, optimiser.to_record(), ())
                .context("writing the optimiser's state")
        }
        match self {
            Self::Sgd(optimiser) => write(optimiser),
            Self::Adam(optimiser) => write(optimiser),
            Self::AdamW(optimiser, _) => write(optimiser),
        }
    }

    /// The optimiser with the state that [`Optimiser::to_bytes`] wrote.
    pub(super) fn with_bytes(self, bytes: Vec<u8>, device: &B::Device) -> Result<Self> {
        fn read<O: Optimizer<M, B>, M: AutodiffModule<B>, B: AutodiffBackend>(
            optimiser: O,
            bytes: Vec<u8>,
            device: &B::Device,
        ) -> Result<O> {
            let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::default();
            let record = Recorder::<B>::load(&recorder, bytes, device)
                .context("reading the optimiser's state")?;
            Ok(optimiser.load_record(record))
        }
        Ok(match self {
            Self::Sgd(optimiser) => Self::Sgd(read(optimiser, bytes, device)?),
            Self::Adam(optimiser) => Self::Adam(read(optimiser, bytes, device)?),
            Self::AdamW(optimiser, decay) => Self::AdamW(read(optimiser, bytes, device)?, decay),
        })
    }
}

fn adam(beta_1: f64, beta_2: f64) -> optim::AdamConfig {
    optim::AdamConfig::new()
        .with_beta_1(beta_1 as f32)
        .with_beta_2(beta_2 as f32)
        .with_epsilon(EPSILON)
}

/// Decoupled weight decay (Loshchilov & Hutter 2019) of the matrices. burn's AdamW decays the
/// biases too, which draws every probability towards one half.
struct Decay {
    keep: f64,
}

impl<B: AutodiffBackend> ModuleMapper<B> for Decay {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        if D < 2 {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        let decayed = Tensor::from_inner(tensor.inner().mul_scalar(self.keep)).require_grad();
        Param::from_mapped_value(id, decayed, mapper)
    }
}

/// The rate of a step (counted from 0) of so many planned: it rises linearly over the first
/// twentieth, then falls to 0 along a cosine (Loshchilov & Hutter 2017, one cycle).
pub(super) fn rate(base: f64, step: u64, steps: u64) -> f64 {
    let warm_up = (steps as f64 * WARM_UP).ceil();
    let step = step as f64;
    if step < warm_up {
        return base * (step + 1.0) / (warm_up + 1.0);
    }
    let done = (step - warm_up) / (steps as f64 - warm_up).max(1.0);
    base * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

/// Shortens the gradients to [`MAX_NORM`] together. The norm stays on the device.
fn clip<M: Module<B>, B: AutodiffBackend>(network: &M, gradients: &mut GradientsParams) {
    let mut squares = Squares::<B> { gradients, sum: None };
    network.visit(&mut squares);
    let Some(sum) = squares.sum else { return };
    let factor = sum.sqrt().add_scalar(1e-6).recip().mul_scalar(MAX_NORM).clamp_max(1.0);
    network.visit(&mut Scale::<B> { gradients, factor });
}

struct Squares<'a, B: AutodiffBackend> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<B::InnerBackend, 1>>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Squares<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.get::<B::InnerBackend, D>(param.id) {
            let square = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale<'a, B: AutodiffBackend> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<B::InnerBackend, 1>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Scale<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.remove::<B::InnerBackend, D>(param.id) {
            let scaled = gradient * self.factor.clone().reshape([1; D]);
            self.gradients.register::<B::InnerBackend, D>(param.id, scaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;
    use crate::domain::optimiser::{AdamW, Sgd};
    use crate::engine::networks::parameters::Builder;

    #[test]
    fn the_rate_rises_then_falls_to_nothing() {
        let rates: Vec<f64> = (0..100).map(|step| rate(1.0, step, 100)).collect();
        assert!(rates[0] > 0.0 && rates[0] < 0.2);
        assert!((rates[5] - 1.0).abs() < 1e-12);
        assert!(rates[..6].windows(2).all(|w| w[0] < w[1]));
        assert!(rates[5..].windows(2).all(|w| w[0] > w[1]));
        assert!(rates[99] < 1e-2);
        assert!(rate(1.0, 0, 1) > 0.0);
    }

    #[test]
    fn gradients_are_clipped_together() {
        type B = Autodiff<Flex>;
        let device = Default::default();
        let layer = Builder::<B>::zeros(&device).linear(2, 1);
        let mut optimiser: Optimiser<_, B> =
            Optimiser::new(&OptimiserSpec::Sgd(Sgd { momentum: 0.0, ..Sgd::default() }));
        // Gradient (300, 400) and 0 for the bias: length 500.
        let loss = (layer.weight.val() * Tensor::from_data([[300.0], [400.0]], &device)).sum();
        let moved = optimiser.step(1.0, layer, loss.backward());
        let weight = moved.weight.val().into_data().to_vec::<f32>().unwrap();
        assert!((weight[0] + 0.6).abs() < 1e-5 && (weight[1] + 0.8).abs() < 1e-5, "{weight:?}");
    }

    #[test]
    fn weights_decay_and_biases_do_not() {
        type B = Autodiff<Flex>;
        let device = Default::default();
        let layer = Builder::<B>::random(1, &device).linear(2, 1);
        let numbers = |layer: &burn::nn::Linear<B>| {
            let bias = layer.bias.as_ref().unwrap().val().into_data().to_vec::<f32>().unwrap();
            (layer.weight.val().into_data().to_vec::<f32>().unwrap(), bias)
        };
        let before = numbers(&layer);
        let spec = AdamW { weight_decay: Some(0.5), ..AdamW::default() };
        let mut optimiser: Optimiser<_, B> = Optimiser::new(&OptimiserSpec::AdamW(spec));
        let nothing = (layer.weight.val() * 0.0).sum();
        let after = numbers(&optimiser.step(0.1, layer, nothing.backward()));
        for (before, after) in before.0.iter().zip(&after.0) {
            assert!((after - 0.95 * before).abs() < 1e-6);
        }
        assert_eq!(before.1, after.1);
    }
}
