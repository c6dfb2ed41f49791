//! Optimisers: burn's, with the defaults of the papers, their gradients clipped by global norm
//! (Pascanu et al. 2013).

mod adam;

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{self, GradientsParams, Optimizer};
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use burn::tensor::backend::{AutodiffBackend, DeviceOps};
use burn::tensor::{Tensor, TensorData};

use self::adam::Adam;
use super::plan::Recipe;
use crate::domain::optimiser::OptimiserSpec;
use crate::engine::kernels::square_sum;
use crate::error::{Context, Result};

/// As in the paper; burn's own default is 1e-5.
pub(super) const EPSILON: f32 = 1e-8;

/// Any of the optimisers, with its state for the network `M`.
pub(crate) struct Optimiser<M: AutodiffModule<B>, B: AutodiffBackend> {
    rule: Rule<M, B>,
    /// Longest gradient, all parameters taken together; 0 where it may be of any length.
    max_norm: f64,
}

enum Rule<M: AutodiffModule<B>, B: AutodiffBackend> {
    Sgd(OptimizerAdaptor<optim::Sgd<B::InnerBackend>, M, B>),
    Adam(OptimizerAdaptor<Adam, M, B>),
    RmsProp(OptimizerAdaptor<optim::RmsProp, M, B>),
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> Optimiser<M, B> {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let rule = match &recipe.optimiser {
            OptimiserSpec::Sgd(spec) => {
                let momentum = (spec.momentum > 0.0).then_some(MomentumConfig {
                    momentum: spec.momentum,
                    dampening: 0.0,
                    nesterov: spec.nesterov,
                });
                let decay = (spec.weight_decay > 0.0)
                    .then_some(WeightDecayConfig { penalty: spec.weight_decay as f32 });
                let config = optim::SgdConfig::new().with_momentum(momentum);
                Rule::Sgd(config.with_weight_decay(decay).init())
            }
            OptimiserSpec::Adam(spec) => {
                Rule::Adam(OptimizerAdaptor::from(Adam::new(spec.beta_1, spec.beta_2, 0.0)))
            }
            OptimiserSpec::AdamW(spec) => {
                let adam = Adam::new(spec.beta_1, spec.beta_2, recipe.weight_decay);
                Rule::Adam(OptimizerAdaptor::from(adam))
            }
            OptimiserSpec::RmsProp(spec) => {
                let config = optim::RmsPropConfig::new()
                    .with_alpha(spec.smoothing as f32)
                    .with_momentum(spec.momentum as f32)
                    .with_epsilon(EPSILON);
                Rule::RmsProp(config.init())
            }
        };
        Self { rule, max_norm: recipe.gradient_clip }
    }

    /// Shortens gradients that are too long, all taken together.
    pub(crate) fn clip(&self, network: &M, gradients: &mut GradientsParams) {
        if self.max_norm > 0.0 {
            clip(network, gradients, self.max_norm);
        }
    }

    /// One step down the gradients of a loss, which [`Optimiser::clip`] has shortened. What has none
    /// stays.
    pub(crate) fn step(&mut self, rate: f64, network: M, gradients: GradientsParams) -> M {
        match &mut self.rule {
            Rule::Sgd(optimiser) => optimiser.step(rate, network, gradients),
            Rule::Adam(optimiser) => optimiser.step(rate, network, gradients),
            Rule::RmsProp(optimiser) => optimiser.step(rate, network, gradients),
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
        match &self.rule {
            Rule::Sgd(optimiser) => write(optimiser),
            Rule::Adam(optimiser) => write(optimiser),
            Rule::RmsProp(optimiser) => write(optimiser),
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
        let rule = match self.rule {
            Rule::Sgd(optimiser) => Rule::Sgd(read(optimiser, bytes, device)?),
            Rule::Adam(optimiser) => Rule::Adam(read(optimiser, bytes, device)?),
            Rule::RmsProp(optimiser) => Rule::RmsProp(read(optimiser, bytes, device)?),
        };
        Ok(Self { rule, ..self })
    }
}

/// Shortens the gradients together. On a GPU the norm stays there; a CPU can look at it without a wait,
/// and leave alone what is short enough.
fn clip<M: Module<B>, B: AutodiffBackend>(
    network: &M,
    gradients: &mut GradientsParams,
    max_norm: f64,
) {
    let mut squares = Squares::<B> { gradients, sum: None, known: 0.0 };
    network.visit(&mut squares);
    let Squares { sum, known, .. } = squares;
    let factor = match sum {
        Some(sum) => sum.sqrt().add_scalar(1e-6).recip().mul_scalar(max_norm).clamp_max(1.0),
        None => {
            let factor = max_norm as f32 / (known.sqrt() + 1e-6);
            if factor >= 1.0 {
                return;
            }
            let Some(device) = network.devices().first().map(DeviceOps::inner).cloned() else {
                return;
            };
            Tensor::from_data(TensorData::new(vec![factor], [1]), &device)
        }
    };
    network.visit(&mut Scale::<B> { gradients, factor });
}

struct Squares<'a, B: AutodiffBackend> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<B::InnerBackend, 1>>,
    /// What is at hand.
    known: f32,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Squares<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(gradient) = self.gradients.get::<B::InnerBackend, D>(param.id) else { return };
        match square_sum(&gradient) {
            Some(square) => self.known += square,
            None => {
                let square = gradient.square().sum();
                self.sum = Some(match self.sum.take() {
                    Some(sum) => sum + square,
                    None => square,
                });
            }
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
    use crate::engine::features::Layout;
    use crate::engine::networks::affine::Affine;
    use crate::engine::networks::parameters::Builder;
    use crate::engine::testing::spec;

    type B = Autodiff<Flex>;

    fn of<M: AutodiffModule<B>>(optimiser: OptimiserSpec) -> Optimiser<M, B> {
        let mut spec = spec("y");
        spec.optimiser = Some(optimiser);
        Optimiser::new(&Recipe::of(&spec, &Layout::Table(Vec::new()), 100))
    }

    #[test]
    fn gradients_are_clipped_together() {
        let device = Default::default();
        let layer = Builder::<B>::zeros(&device).linear(2, 1);
        let mut optimiser: Optimiser<_, B> =
            of(OptimiserSpec::Sgd(Sgd { momentum: 0.0, ..Sgd::default() }));
        // Gradient (300, 400) and 0 for the bias: length 500.
        let loss = (layer.weight.val() * Tensor::from_data([[300.0], [400.0]], &device)).sum();
        let mut gradients = GradientsParams::from_grads(loss.backward(), &layer);
        optimiser.clip(&layer, &mut gradients);
        let moved = optimiser.step(1.0, layer, gradients);
        let weight = moved.weight.val().into_data().to_vec::<f32>().unwrap();
        assert!((weight[0] + 0.6).abs() < 1e-5 && (weight[1] + 0.8).abs() < 1e-5, "{weight:?}");
    }

    #[test]
    fn weights_decay_and_biases_do_not() {
        let device = Default::default();
        let layer = Builder::<B>::random(1, &device).linear(2, 1);
        let numbers = |layer: &Affine<B>| {
            let bias = layer.bias.val().into_data().to_vec::<f32>().unwrap();
            (layer.weight.val().into_data().to_vec::<f32>().unwrap(), bias)
        };
        let before = numbers(&layer);
        let spec = AdamW { weight_decay: Some(0.5), ..AdamW::default() };
        let mut optimiser: Optimiser<_, B> = of(OptimiserSpec::AdamW(spec));
        let nothing = (layer.weight.val() * 0.0).sum();
        let gradients = GradientsParams::from_grads(nothing.backward(), &layer);
        let after = numbers(&optimiser.step(0.1, layer, gradients));
        for (before, after) in before.0.iter().zip(&after.0) {
            assert!((after - 0.95 * before).abs() < 1e-6);
        }
        assert_eq!(before.1, after.1);
    }
}
