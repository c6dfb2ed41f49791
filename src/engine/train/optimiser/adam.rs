//! Adam with decoupled weight decay, in one pass over memory on the CPU.

use std::any::Any;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::optim::{self, AdamState, AdaptiveMomentumState, LearningRate, SimpleOptimizer};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorPrimitive};

use super::EPSILON;

/// Adam (Kingma & Ba 2015). Matrices decay by themselves (Loshchilov & Hutter 2019, AdamW): burn's
/// AdamW decays the biases too, which draws every probability towards one half.
#[derive(Clone)]
pub(super) struct Adam {
    beta_1: f32,
    beta_2: f32,
    /// How fast weights decay; 0 where they don't.
    decay: f64,
    /// What other devices than the CPU do.
    plain: optim::Adam,
}

impl Adam {
    pub(super) fn new(beta_1: f64, beta_2: f64, decay: f64) -> Self {
        let (beta_1, beta_2) = (beta_1 as f32, beta_2 as f32);
        let plain = optim::AdamConfig::new()
            .with_beta_1(beta_1)
            .with_beta_2(beta_2)
            .with_epsilon(EPSILON)
            .build();
        Self { beta_1, beta_2, decay, plain }
    }

    /// The same in one pass, in place where nobody else holds the tensors.
    fn fused<const D: usize>(&self, (rate, keep): (f32, f32), step: &mut Step<Flex, D>) {
        let (tensor, gradient, state) = step;
        let Some(gradient) = gradient.take() else { return };
        // Something has to stay in its place meanwhile.
        let parameters = std::mem::replace(tensor, gradient.clone());
        let (time, moments) = match state.take() {
            Some(AdamState { momentum }) => {
                (momentum.time + 1, [momentum.moment_1, momentum.moment_2])
            }
            None => (1, [gradient.zeros_like(), gradient.zeros_like()]),
        };
        let [mut moments_1, mut moments_2] = moments.map(whole);
        let (mut parameters, gradient) = (whole(parameters), whole(gradient));
        let rule = actuary_kernels::Adam {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: EPSILON,
            rate,
            time: time as i32,
            scale: 1.0,
            keep,
        };
        rule.step(
            parameters.storage_mut(),
            gradient.storage(),
            moments_1.storage_mut(),
            moments_2.storage_mut(),
        );
        let momentum = AdaptiveMomentumState::new(time, float(moments_1), float(moments_2));
        *tensor = float(parameters);
        *state = Some(AdamState::new(momentum));
    }
}

fn whole<const D: usize>(tensor: Tensor<Flex, D>) -> FlexTensor {
    // Contiguous, it is only another name, and the first one goes at the end of this.
    tensor.into_primitive().tensor().to_contiguous()
}

fn float<const D: usize>(tensor: FlexTensor) -> Tensor<Flex, D> {
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

/// A parameter, its gradient until the step is done, and what is remembered of it.
type Step<B, const D: usize> = (Tensor<B, D>, Option<Tensor<B, D>>, Option<AdamState<B, D>>);

impl<B: Backend> SimpleOptimizer<B> for Adam {
    type State<const D: usize> = AdamState<B, D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        tensor: Tensor<B, D>,
        gradient: Tensor<B, D>,
        state: Option<AdamState<B, D>>,
    ) -> (Tensor<B, D>, Option<AdamState<B, D>>) {
        let keep = if D < 2 { 1.0 } else { 1.0 - rate * self.decay };
        let mut step: Step<B, D> = (tensor, Some(gradient), state);
        if let Some(step) = (&mut step as &mut dyn Any).downcast_mut::<Step<Flex, D>>() {
            self.fused((rate as f32, keep as f32), step);
        }
        match step {
            (tensor, Some(gradient), state) => {
                let tensor = if keep < 1.0 { tensor.mul_scalar(keep) } else { tensor };
                self.plain.step(rate, tensor, gradient, state)
            }
            (tensor, None, state) => (tensor, state),
        }
    }

    fn to_device<const D: usize>(state: AdamState<B, D>, device: &B::Device) -> AdamState<B, D> {
        <optim::Adam as SimpleOptimizer<B>>::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    fn random(key: u64) -> Tensor<Flex, 2> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        let values: Vec<f32> = (0..35).map(|_| symmetric(&mut rng, 1.0)).collect();
        Tensor::<Flex, 1>::from_floats(values.as_slice(), &Default::default()).reshape([5, 7])
    }

    #[test]
    fn it_is_the_step_of_burn() {
        let ours = Adam::new(0.9, 0.99, 0.5);
        let (mut a, mut b) = (random(1), random(1));
        let (mut state_a, mut state_b) = (None, None);
        for step in 2..10 {
            let gradient = random(step);
            (a, state_a) = ours.step(0.01, a, gradient.clone(), state_a);
            (b, state_b) = ours.plain.step(0.01, b.mul_scalar(1.0 - 0.01 * 0.5), gradient, state_b);
            let apart: f32 = (a.clone() - b.clone()).abs().max().into_scalar();
            assert!(apart < 1e-6, "{apart}");
        }
        let (a, b) = (state_a.unwrap().momentum, state_b.unwrap().momentum);
        assert_eq!(a.time, b.time);
        let apart: f32 = (a.moment_2 - b.moment_2).abs().max().into_scalar();
        assert!(apart < 1e-7, "{apart}");
    }

    #[test]
    fn moments_are_changed_in_place_and_what_others_hold_is_not() {
        let ours = Adam::new(0.9, 0.999, 0.0);
        let before = random(1);
        let (after, state) = ours.step(0.1, before.clone(), random(2), None);
        assert_eq!(before.into_data(), random(1).into_data());
        let state: AdamState<Flex, 2> = state.unwrap();
        let place = |tensor: &Tensor<Flex, 2>| {
            let tensor = tensor.clone().into_primitive().tensor();
            tensor.storage::<f32>().as_ptr()
        };
        let at = (place(&state.momentum.moment_1), place(&after));
        let (after, state) = ours.step(0.1, after, random(3), Some(state));
        assert_eq!((place(&state.unwrap().momentum.moment_1), place(&after)), at);
    }
}
