//! Everything that a training needs to go on where it was.
//!
//! Laid out as safetensors: `weights/NAME`, `average/NAME` and `best/NAME` as f32, what the
//! optimiser remembers of a table of which steps read few rows as `memory/N`, the rest of the
//! optimiser's record and the progress as bytes. Random numbers need no state: they are keyed by seed, epoch and batch.

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use crate::domain::version::EpochLoss;
use crate::engine::networks::parameters::{Parameter, Parameters};
use crate::error::{Context, Error, Result};

/// How far a training is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// One per epoch that is over.
    pub(super) curve: Vec<EpochLoss>,
    /// Batches of the running epoch that are over.
    pub(super) batch: usize,
    /// Sum of the losses of the running epoch's rows.
    pub(super) loss_sum: f32,
    /// The best epoch, 0 before the first.
    pub(super) best_epoch: u32,
    /// What epochs are compared by, the higher the better.
    pub(super) best_score: f64,
    /// Seconds of training.
    pub(super) seconds: f64,
    /// Why it ended before its last epoch, where it diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) diverged: Option<String>,
}

/// A training at rest.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Checkpoint {
    pub(super) progress: Progress,
    pub(super) weights: Parameters,
    /// The running mean of the weights; empty where none is wanted.
    pub(super) average: Parameters,
    /// What the optimiser remembers of a table; empty where the network has none.
    pub(super) memory: Parameters,
    /// The weights of the best epoch; empty before the first.
    pub(super) best: Parameters,
    pub(super) optimiser: Vec<u8>,
}

impl Checkpoint {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let progress = serde_json::to_vec(&self.progress).context("writing a checkpoint")?;
        let bytes = |bytes| (Dtype::U8, vec![<[u8]>::len(bytes)], bytes);
        let mut entries = vec![
            ("optimiser".to_owned(), bytes(&self.optimiser)),
            ("progress".to_owned(), bytes(&progress)),
        ];
        let kept = [
            ("weights", &self.weights),
            ("average", &self.average),
            ("memory", &self.memory),
            ("best", &self.best),
        ];
        for (prefix, parameters) in kept {
            for (name, parameter) in parameters {
                let values = bytemuck::cast_slice(&parameter.values);
                let entry = (Dtype::F32, parameter.shape.clone(), values);
                entries.push((format!("{prefix}/{name}"), entry));
            }
        }
        let views = entries
            .into_iter()
            .map(|(name, (dtype, shape, data))| Ok((name, TensorView::new(dtype, shape, data)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .context("writing a checkpoint")?;
        serialize(views, None).context("writing a checkpoint")
    }

    /// # Errors
    /// Internal, when the bytes are no checkpoint.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        const READING: &str = "reading a checkpoint";
        let tensors = SafeTensors::deserialize(bytes).context(READING)?;
        let mut checkpoint = Self {
            optimiser: tensors.tensor("optimiser").context(READING)?.data().to_vec(),
            ..Self::default()
        };
        let progress = tensors.tensor("progress").context(READING)?;
        checkpoint.progress = serde_json::from_slice(progress.data()).context(READING)?;
        for (name, view) in tensors.iter() {
            let (parameters, name) = match name.split_once('/') {
                Some(("weights", name)) => (&mut checkpoint.weights, name),
                Some(("average", name)) => (&mut checkpoint.average, name),
                Some(("memory", name)) => (&mut checkpoint.memory, name),
                Some(("best", name)) => (&mut checkpoint.best, name),
                Some(_) => return Err(Error::internal(READING, format!("unknown entry {name}"))),
                None => continue,
            };
            let values = bytemuck::pod_collect_to_vec(view.data());
            parameters.insert(name.to_owned(), Parameter { shape: view.shape().to_vec(), values });
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit() {
        let parameter =
            |values: &[f32]| Parameter { shape: vec![values.len()], values: values.to_vec() };
        let checkpoint = Checkpoint {
            progress: Progress {
                curve: vec![EpochLoss {
                    epoch: 1,
                    train_loss: 0.1 + 0.2,
                    validation_loss: 1.0 / 3.0,
                    validation_metric: None,
                }],
                batch: 3,
                loss_sum: 0.1,
                best_epoch: 1,
                best_score: -1.0 / 3.0,
                seconds: 1e-300,
                diverged: Some("in epoch 3".into()),
            },
            weights: Parameters::from([("a".into(), parameter(&[0.1, -0.0, f32::MIN_POSITIVE]))]),
            average: Parameters::from([("b".into(), parameter(&[0.5]))]),
            memory: Parameters::from([("0".into(), parameter(&[0.25]))]),
            best: Parameters::from([("a".into(), parameter(&[1.0, 2.0, 3.0]))]),
            optimiser: vec![1, 2, 3],
        };
        let bytes = checkpoint.encode().unwrap();
        assert_eq!(Checkpoint::decode(&bytes).unwrap(), checkpoint);
        assert_eq!(bytes, checkpoint.encode().unwrap());
        for cut in [0, 7, 8, bytes.len() / 2, bytes.len() - 1] {
            assert!(Checkpoint::decode(&bytes[..cut]).is_err());
        }
    }
}
