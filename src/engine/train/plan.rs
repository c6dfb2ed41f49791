//! A specification with every default filled in.

use serde::Serialize;

use crate::domain::network::{LinearNetwork, MlpNetwork, NetworkSpec};
use crate::domain::optimiser::OptimiserSpec;
use crate::domain::training::TrainingSpec;
use crate::engine::features::Layout;

/// Training rows below which rows are few.
const FEW: usize = 10_000;

/// A linear network has one minimum, and takes more steps to it at the same rate.
const LINEAR_EPOCHS: u32 = 5;
/// Strong decay would keep it from getting there.
const LINEAR_DECAY: f64 = 0.01;
/// Of an optimiser that adapts its steps, and of one that does not.
const ADAPTIVE_RATE: f64 = 0.001;
const SGD_RATE: f64 = 0.05;

/// How one network is trained: nothing is left to be chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Recipe {
    pub(super) network: NetworkSpec,
    pub(super) optimiser: OptimiserSpec,
    /// Of a step at full height.
    pub(super) learning_rate: f64,
    /// Decoupled (AdamW only).
    pub(super) weight_decay: f64,
    pub(super) epochs: u32,
    pub(super) batch_size: usize,
    /// Epochs without improvement after which it ends; 0 never.
    pub(super) patience: u32,
    pub(super) seed: u64,
}

/// What suits a network and a number of training rows.
struct Defaults {
    learning_rate: f64,
    weight_decay: f64,
    batch_size: u32,
    epochs: u32,
}

impl Recipe {
    /// The recipe that a specification asks for, for so many training rows of this layout.
    pub(super) fn of(spec: &TrainingSpec, layout: &Layout, rows: usize) -> Self {
        let network = spec.network.clone().unwrap_or_else(|| suited(layout));
        let (network, defaults) = filled(network, rows);
        let mut optimiser = spec.optimiser.clone().unwrap_or_default();
        let (learning_rate, weight_decay) = match &mut optimiser {
            OptimiserSpec::Sgd(sgd) => (*sgd.learning_rate.get_or_insert(SGD_RATE), 0.0),
            OptimiserSpec::Adam(adam) => {
                (*adam.learning_rate.get_or_insert(defaults.learning_rate), 0.0)
            }
            OptimiserSpec::AdamW(adam) => (
                *adam.learning_rate.get_or_insert(defaults.learning_rate),
                *adam.weight_decay.get_or_insert(defaults.weight_decay),
            ),
        };
        let epochs = spec.epochs.unwrap_or(defaults.epochs);
        Self {
            network,
            optimiser,
            learning_rate,
            weight_decay,
            epochs,
            batch_size: spec.batch_size.unwrap_or(defaults.batch_size).max(1) as usize,
            patience: spec.patience.unwrap_or(epochs.div_ceil(4)),
            seed: spec.seed,
        }
    }

    /// The specification as it is carried out.
    pub(super) fn fill(&self, spec: &mut TrainingSpec) {
        spec.network = Some(self.network.clone());
        spec.optimiser = Some(self.optimiser.clone());
        spec.epochs = Some(self.epochs);
        spec.batch_size = u32::try_from(self.batch_size).ok();
        spec.patience = Some(self.patience);
    }
}

/// The network for inputs of a layout.
fn suited(layout: &Layout) -> NetworkSpec {
    match layout {
        Layout::Table(_) => NetworkSpec::Mlp(MlpNetwork::default()),
    }
}

/// A network with its size, and what suits it. Few rows need more noise and decay against learning
/// them by heart, and smaller batches for enough steps. Chosen by cross-validation on public
/// credit tables of 1,000 to 45,000 rows.
fn filled(network: NetworkSpec, rows: usize) -> (NetworkSpec, Defaults) {
    let is_few = rows < FEW;
    let (batch_size, epochs) = if is_few { (32, 40) } else { (256, 30) };
    let mut defaults =
        Defaults { learning_rate: ADAPTIVE_RATE, weight_decay: 0.01, batch_size, epochs };
    let network = match network {
        NetworkSpec::Linear(LinearNetwork {}) => {
            defaults.epochs *= LINEAR_EPOCHS;
            defaults.weight_decay = LINEAR_DECAY;
            network
        }
        NetworkSpec::Mlp(mut mlp) => {
            let hidden: &[u32] = if is_few { &[256] } else { &[128, 64] };
            mlp.hidden.get_or_insert_with(|| hidden.to_vec());
            mlp.dropout.get_or_insert(if is_few { 0.5 } else { 0.2 });
            defaults.weight_decay = if is_few { 1.0 } else { 0.01 };
            NetworkSpec::Mlp(mlp)
        }
    };
    (network, defaults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::spec;

    #[test]
    fn what_is_absent_is_filled_in_and_what_is_given_stays() {
        let layout = Layout::Table(Vec::new());
        let mut given = spec("y");
        given.network = Some(NetworkSpec::Mlp(MlpNetwork { hidden: Some(vec![7]), dropout: None }));
        let small = Recipe::of(&given, &layout, 500);
        assert_eq!((small.epochs, small.batch_size, small.patience), (40, 32, 10));
        let mlp = MlpNetwork { hidden: Some(vec![7]), dropout: Some(0.5) };
        assert_eq!(small.network, NetworkSpec::Mlp(mlp));
        let mut filled = given.clone();
        small.fill(&mut filled);
        assert_eq!(Recipe::of(&filled, &layout, 1_000_000), small, "nothing is left to fill in");

        given.network = Some(NetworkSpec::Linear(LinearNetwork {}));
        given.patience = Some(0);
        let large = Recipe::of(&given, &layout, 10_000);
        assert_eq!((large.epochs, large.batch_size, large.patience), (150, 256, 0));
        assert_eq!((large.learning_rate, large.weight_decay), (0.001, 0.01));
    }
}
