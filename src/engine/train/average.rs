//! A running mean of the weights.

use burn::tensor::backend::Backend;

use crate::engine::networks::Network;
use crate::engine::networks::parameters::{Parameters, blend, restore};
use crate::error::Result;

/// Exponential moving average of a network's weights (Polyak & Juditsky 1992; its bias towards the
/// first weights corrected as by Kingma & Ba 2015).
pub(super) struct Average<B: Backend> {
    keep: f64,
    /// Biased towards 0, which it starts from in thought: `1 - keep^steps` of a mean.
    network: Network<B>,
    /// What is left of the start.
    left: f64,
}

impl<B: Backend> Average<B> {
    /// Of a network that has not been trained yet.
    pub(super) fn new(keep: f64, network: Network<B>) -> Self {
        Self { keep, network, left: 1.0 }
    }

    /// Adds the weights after a step.
    pub(super) fn add(&mut self, weights: &Network<B>) {
        self.left *= self.keep;
        // The share of the new weights in a mean that is corrected at once.
        let share = (1.0 - self.keep) / (1.0 - self.left);
        self.network = blend(self.network.clone(), weights, share);
    }

    pub(super) fn network(&self) -> Network<B> {
        self.network.clone()
    }

    /// The average that a checkpoint kept after so many steps.
    pub(super) fn restored(self, weights: &Parameters, steps: u64) -> Result<Self> {
        let left = (0..steps).fold(1.0, |left, _| left * self.keep);
        Ok(Self { network: restore(self.network, weights)?, left, ..self })
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::domain::network::{LinearNetwork, NetworkSpec};
    use crate::engine::features::{Group, Layout};
    use crate::engine::networks::parameters::{Builder, parameters};

    #[test]
    fn it_is_the_corrected_mean_and_comes_back() {
        let layout = Layout::Table(vec![Group::Flag(0)]);
        let device = Default::default();
        let network = |seed| {
            let spec = NetworkSpec::Linear(LinearNetwork {});
            Network::<Flex>::new(&spec, &layout, 1, &mut Builder::random(seed, &device))
        };
        let weight =
            |network: &Network<Flex>| parameters(network).unwrap()["output.weight"].values[0];
        let mut average = Average::new(0.9, network(0));
        let (mut biased, mut left) = (0.0, 1.0);
        for seed in 1..5 {
            average.add(&network(seed));
            biased = 0.9 * biased + 0.1 * f64::from(weight(&network(seed)));
            left *= 0.9;
        }
        let expected = biased / (1.0 - left);
        assert!((f64::from(weight(&average.network())) - expected).abs() < 1e-6);
        let kept = parameters(&average.network()).unwrap();
        let mut again = Average::new(0.9, network(0)).restored(&kept, 4).unwrap();
        again.add(&network(9));
        average.add(&network(9));
        assert_eq!(weight(&again.network()).to_bits(), weight(&average.network()).to_bits());
    }
}
