//! A specification with every default filled in: what is absent depends on the number of rows.

use crate::domain::model::{NetworkSpec, OptimiserSpec, TrainingSpec};

/// Fills in what is absent, for so many training rows.
pub(super) fn resolve(spec: &TrainingSpec, rows: usize) -> TrainingSpec {
    let mut spec = spec.clone();
    let defaults = Defaults::of(rows);
    spec.epochs.get_or_insert(defaults.epochs);
    spec.batch_size.get_or_insert(defaults.batch_size);
    spec.patience.get_or_insert(defaults.patience);
    if let NetworkSpec::Mlp(mlp) = &mut spec.network {
        mlp.dropout.get_or_insert(defaults.dropout);
    }
    if let OptimiserSpec::AdamW(adam) = &mut spec.optimiser {
        adam.weight_decay.get_or_insert(defaults.weight_decay);
    }
    spec
}

/// What suits a number of training rows.
struct Defaults {
    epochs: u32,
    batch_size: u32,
    patience: u32,
    dropout: f64,
    weight_decay: f64,
}

impl Defaults {
    fn of(rows: usize) -> Self {
        match rows {
            0..3000 => {
                Self { epochs: 30, batch_size: 32, patience: 10, dropout: 0.4, weight_decay: 0.1 }
            }
            _ => {
                Self { epochs: 30, batch_size: 256, patience: 10, dropout: 0.1, weight_decay: 0.01 }
            }
        }
    }
}
