//! A specification with every default filled in.

use crate::domain::network::NetworkSpec;
use crate::domain::optimiser::OptimiserSpec;
use crate::domain::training::TrainingSpec;

/// Training rows below which rows are few.
const FEW: usize = 10_000;

/// What suits a number of training rows: few rows need more noise and decay against learning
/// them by heart, and smaller batches for enough steps. Chosen by cross-validation on public
/// credit tables of 1,000 to 45,000 rows.
struct Defaults {
    hidden: &'static [u32],
    dropout: f64,
    weight_decay: f64,
    batch_size: u32,
    epochs: u32,
}

const SMALL: Defaults =
    Defaults { hidden: &[256], dropout: 0.5, weight_decay: 1.0, batch_size: 32, epochs: 40 };
const LARGE: Defaults =
    Defaults { hidden: &[128, 64], dropout: 0.2, weight_decay: 0.01, batch_size: 256, epochs: 30 };

/// A linear network has one minimum, and takes more steps to it at the same rate.
const LINEAR_EPOCHS: u32 = 5;
/// Strong decay would keep it from getting there.
const LINEAR_DECAY: f64 = 0.01;

/// Fills in what is absent, for so many training rows.
pub(super) fn resolve(spec: &TrainingSpec, rows: usize) -> TrainingSpec {
    let mut spec = spec.clone();
    let defaults = if rows < FEW { SMALL } else { LARGE };
    let (epochs, weight_decay) = match &mut spec.network {
        NetworkSpec::Linear(_) => (LINEAR_EPOCHS * defaults.epochs, LINEAR_DECAY),
        NetworkSpec::Mlp(mlp) => {
            mlp.hidden.get_or_insert_with(|| defaults.hidden.to_vec());
            mlp.dropout.get_or_insert(defaults.dropout);
            (defaults.epochs, defaults.weight_decay)
        }
    };
    spec.batch_size.get_or_insert(defaults.batch_size);
    let epochs = *spec.epochs.get_or_insert(epochs);
    spec.patience.get_or_insert(epochs.div_ceil(4));
    if let OptimiserSpec::AdamW(adam) = &mut spec.optimiser {
        adam.weight_decay.get_or_insert(weight_decay);
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::network::{LinearNetwork, MlpNetwork};
    use crate::engine::testing::spec;

    #[test]
    fn what_is_absent_is_filled_in_and_what_is_given_stays() {
        let mut given = spec("y");
        given.network = NetworkSpec::Mlp(MlpNetwork { hidden: Some(vec![7]), dropout: None });
        let small = resolve(&given, 500);
        assert_eq!(
            (small.epochs, small.batch_size, small.patience),
            (Some(40), Some(32), Some(10))
        );
        let mlp = MlpNetwork { hidden: Some(vec![7]), dropout: Some(0.5) };
        assert_eq!(small.network, NetworkSpec::Mlp(mlp));
        assert_eq!(resolve(&small, 1_000_000), small, "nothing is left to fill in");

        given.network = NetworkSpec::Linear(LinearNetwork {});
        given.patience = Some(0);
        let large = resolve(&given, 10_000);
        assert_eq!(
            (large.epochs, large.batch_size, large.patience),
            (Some(150), Some(256), Some(0))
        );
        let OptimiserSpec::AdamW(adam) = large.optimiser else { panic!("not AdamW") };
        assert_eq!(adam.weight_decay, Some(0.01));
    }
}
