//! The network that learns from another.

use crate::domain::model::Task;
use crate::domain::network::{
    CnnNetwork, LstmNetwork, MlpNetwork, MonotoneNetwork, NLinearNetwork, NetworkSpec,
    TextAttentionNetwork, TextCnnNetwork,
};
use crate::domain::simplification::Distillation;
use crate::domain::training::{EnsembleSpec, LossSpec, Precision, TrainingSpec};
use crate::domain::version::Version;
use crate::error::{Code, Error, Result};

/// How the student of a parent is trained: on the same parts of the same rows, by what suits it.
///
/// # Errors
/// [`Code::InvalidSpec`] where the parent's network is simple already, and none is named.
pub(super) fn spec(parent: &TrainingSpec, asked: &Distillation) -> Result<TrainingSpec> {
    let network = match &asked.network {
        Some(network) => network.clone(),
        None => suited(parent)?,
    };
    Ok(TrainingSpec {
        network: Some(network),
        optimiser: None,
        schedule: None,
        gradient_clip: None,
        average: None,
        augmentation: None,
        loss: LossSpec::default(),
        epochs: asked.epochs,
        batch_size: None,
        accumulation: 1,
        patience: None,
        ensemble: Some(EnsembleSpec { folds: 1, seeds: 1 }),
        search: None,
        start: None,
        precision: Precision::F32,
        // Where the parent was trained need not be a device of this machine.
        device: "auto".to_owned(),
        baselines: false,
        ..parent.clone()
    })
}

/// The student where none is named.
fn suited(parent: &TrainingSpec) -> Result<NetworkSpec> {
    let half = |units: u32| (units / 2).max(1);
    let halved = |units: &[u32]| units.iter().map(|units| half(*units)).collect();
    let several = parent.ensemble.as_ref().is_some_and(|e| e.folds.max(1) * e.seeds.max(1) > 1);
    match &parent.network {
        Some(network) if several => Ok(network.clone()),
        Some(NetworkSpec::Tabm(_) | NetworkSpec::Transformer(_)) => {
            Ok(NetworkSpec::Mlp(MlpNetwork::default()))
        }
        // One that keeps to the order, too.
        Some(NetworkSpec::Monotone(own)) => Ok(NetworkSpec::Monotone(MonotoneNetwork {
            members: Some(1),
            kept_members: Some(1),
            width: own.width.map(half),
            ..own.clone()
        })),
        Some(NetworkSpec::Mlp(mlp)) => Ok(NetworkSpec::Mlp(MlpNetwork {
            hidden: mlp.hidden.as_deref().map(halved),
            ..mlp.clone()
        })),
        Some(NetworkSpec::Cnn(cnn)) => Ok(NetworkSpec::Cnn(CnnNetwork {
            channels: cnn.channels.as_deref().map(halved),
            hidden: cnn.hidden.map(half),
            ..cnn.clone()
        })),
        Some(NetworkSpec::Lstm(lstm)) => {
            Ok(NetworkSpec::Lstm(LstmNetwork { hidden: half(lstm.hidden), ..lstm.clone() }))
        }
        Some(NetworkSpec::TextCnn(cnn)) => Ok(NetworkSpec::TextCnn(TextCnnNetwork {
            embedding: cnn.embedding.map(half),
            channels: cnn.channels.map(half),
            ..cnn.clone()
        })),
        Some(NetworkSpec::TextAttention(text)) => {
            Ok(NetworkSpec::TextAttention(TextAttentionNetwork {
                embedding: text.embedding.map(half),
                hidden: text.hidden.map(half),
                ..text.clone()
            }))
        }
        Some(NetworkSpec::Attention(_)) if parent.task == Some(Task::Forecast) => {
            Ok(NetworkSpec::NLinear(NLinearNetwork::default()))
        }
        Some(NetworkSpec::Attention(_)) => Ok(NetworkSpec::Lstm(LstmNetwork::default())),
        Some(
            NetworkSpec::Linear(_)
            | NetworkSpec::Scorecard(_)
            | NetworkSpec::Lenet(_)
            | NetworkSpec::NLinear(_)
            | NetworkSpec::DLinear(_),
        )
        | None => {
            let detail = format!(
                "{} is simple already: name the network that is to learn from it",
                parent.network_kind()
            );
            Err(Error::field(Code::InvalidSpec, "/method/network", detail))
        }
    }
}

/// Whether a version is a linear network of words: nothing but a table.
pub(super) fn is_table_alone(parent: &Version) -> bool {
    let spec = &parent.provenance.spec;
    matches!(spec.network, Some(NetworkSpec::Linear(_))) && spec.preprocessing.text.is_some()
}
