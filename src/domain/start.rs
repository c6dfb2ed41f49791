//! Where the weights of a training begin.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::training::TrainingSpec;
use crate::error::{Code, Error, Result};

/// The weights of an earlier training to begin with.
///
/// Both trainings need the same dataset, columns, parts, seed and network, so that the weights fit and
/// have not learnt from rows that are to judge them. What may differ is how they learn: optimiser,
/// schedule, gradient clip, mean of the weights, loss, class weights, augmentation, monitor, epochs,
/// batch size, accumulation, patience, precision, device, divergence, baselines, calibration and
/// threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSpec {
    /// A training that diverged and has left a checkpoint that `may_start`.
    pub job: Uuid,
    /// Which of its weights; when absent those of the best epoch, or the last ones where none was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<StartWeights>,
}

/// Which weights of a training that diverged: `best` are those of the best epoch, `last` the last ones
/// that were finite, which mostly are lost already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartWeights {
    Best,
    Last,
}

/// What says how a network learns, but not what it is or on which rows.
const FREE: [&str; 19] = [
    "start",
    "optimiser",
    "schedule",
    "gradient_clip",
    "average",
    "loss",
    "class_weights",
    "augmentation",
    "monitor",
    "epochs",
    "batch_size",
    "accumulation",
    "patience",
    "precision",
    "device",
    "divergence",
    "baselines",
    "calibration",
    "threshold",
];

impl StartSpec {
    /// Checks that a training may begin with the weights of another.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] naming each field that is another one there.
    pub fn check(&self, spec: &TrainingSpec, earlier: &TrainingSpec) -> Result<()> {
        let reading = "comparing two specifications";
        let fields = |spec| match serde_json::to_value::<&TrainingSpec>(spec) {
            Ok(serde_json::Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Error::internal(reading, "one is no object")),
            Err(error) => Err(Error::internal(reading, error)),
        };
        let (ours, theirs) = (fields(spec)?, fields(earlier)?);
        let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
        let other: Vec<&str> = names
            .map(String::as_str)
            .filter(|name| !FREE.contains(name))
            .filter(|name| ours.get(*name) != theirs.get(*name))
            .collect();
        match other.as_slice() {
            [] => Ok(()),
            names => {
                let detail = format!(
                    "job {} had another {}: give the same, or leave start out",
                    self.job,
                    names.join(", ")
                );
                Err(Error::field(Code::InvalidSpec, "/start/job", detail))
            }
        }
    }
}
