//! What suits networks that read windows.

use super::{Defaults, Layout};
use crate::domain::network::{AttentionNetwork, NLinearNetwork, NetworkSpec, Normalisation};
use crate::domain::optimiser::{Adam, OptimiserSpec};

/// A network with its size, and what suits it. The LSTM is trained as its source has it. What is
/// linear takes large batches and runs to the end of its cosine: the validation loss of a noisy epoch
/// is low by chance, and its weights would be kept.
pub(super) fn filled(
    network: NetworkSpec,
    layout: &Layout,
    rows: usize,
    defaults: &mut Defaults,
) -> NetworkSpec {
    let (steps, _, ahead) = layout.sequence();
    let is_forecast = ahead.is_some();
    let has_quantiles = ahead.is_some_and(|ahead| ahead.levels > 1);
    match network {
        NetworkSpec::Lstm(mut lstm) => {
            defaults.optimiser = OptimiserSpec::Adam(Adam::default());
            (defaults.batch_size, defaults.epochs) = (32, 10);
            if is_forecast {
                lstm.normalisation.get_or_insert(Normalisation::Last);
            }
            NetworkSpec::Lstm(lstm)
        }
        NetworkSpec::Attention(mut attention) => {
            (defaults.batch_size, defaults.epochs) = (32, 20);
            fill_attention(&mut attention, is_forecast, steps);
            NetworkSpec::Attention(attention)
        }
        NetworkSpec::NLinear(nlinear) => {
            fill_linear(defaults, rows);
            let can_join = nlinear.normalisation != Normalisation::None && !has_quantiles;
            let ridge = Some(nlinear.ridge.unwrap_or(can_join));
            NetworkSpec::NLinear(NLinearNetwork { ridge, ..nlinear })
        }
        other => {
            fill_linear(defaults, rows);
            other
        }
    }
}

fn fill_linear(defaults: &mut Defaults, rows: usize) {
    // As large as leaves some thirty steps in an epoch.
    let batch_size = (rows / 32).next_power_of_two().clamp(16, 256) as u32;
    defaults.optimiser = OptimiserSpec::Adam(Adam::default());
    (defaults.batch_size, defaults.epochs) = (batch_size, 10);
    defaults.patience = Some(0);
}

fn fill_attention(attention: &mut AttentionNetwork, is_forecast: bool, steps: usize) {
    let size = |forecast, other| if is_forecast { forecast } else { other };
    attention.width.get_or_insert(size(16, 64));
    attention.heads.get_or_insert(4);
    attention.layers.get_or_insert(size(3, 2));
    attention.feed_forward.get_or_insert(128);
    attention.dropout.get_or_insert(if is_forecast { 0.3 } else { 0.1 });
    if is_forecast {
        let patch = *attention.patch.get_or_insert(16.min(steps as u32));
        attention.patch_stride.get_or_insert(patch.div_ceil(2));
        attention.normalisation.get_or_insert(Normalisation::Revin);
    }
}
