//! Class weights taken back: a network that learns from weighted rows answers with the probabilities of rows
//! among which the classes have other shares than in the data.

use crate::domain::model::Task;
use crate::engine::networks::parameters::Parameters;
use crate::error::{Error, Result};

/// The last thing that a network adds to its logits, by the names that the networks give to it.
const BIASES: [&str; 3] = ["output.bias", "head.bias", "bias"];

/// What class weights add to each logit of a network: where a row of class k weighs w_k, the odds of k are
/// learnt as w_k times what they are. Of shares π in the data and π' under the weights that is
/// ln(π'/(1-π')) - ln(π/(1-π)) for two classes (King and Zeng 2001); ln w_k for each of several.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Prior {
    /// One for each output; none where all classes weigh the same.
    shifts: Vec<f64>,
}

impl Prior {
    /// Of a weight for each class.
    pub(super) fn of(task: Task, positive: Option<usize>, weights: Option<&[f64]>) -> Self {
        let shifts = match (task, weights, positive) {
            (Task::Binary, Some([first, second]), Some(positive)) => {
                let shift = (second / first).ln();
                vec![if positive == 0 { -shift } else { shift }]
            }
            (Task::Multiclass, Some(weights), _) => weights.iter().map(|w| w.ln()).collect(),
            _ => Vec::new(),
        };
        Self { shifts }
    }

    /// Lets a network that learnt with the weights answer as if all rows weighed the same.
    ///
    /// # Errors
    /// Internal, where the network has no bias of its outputs.
    pub(super) fn take_from(&self, network: &mut Parameters) -> Result<()> {
        self.shift(network, -1.0)
    }

    /// The reverse, for a network that is to learn on.
    ///
    /// # Errors
    /// As [`Self::take_from`].
    pub(super) fn give_to(&self, network: &mut Parameters) -> Result<()> {
        self.shift(network, 1.0)
    }

    /// What the weights add to the logits of a row.
    pub(super) fn added(&self, logits: &[f64]) -> Vec<f64> {
        let shifts = self.shifts.iter().copied().chain(std::iter::repeat(0.0));
        logits.iter().zip(shifts).map(|(logit, shift)| logit + shift).collect()
    }

    fn shift(&self, network: &mut Parameters, sign: f64) -> Result<()> {
        if self.shifts.is_empty() {
            return Ok(());
        }
        let missing = || Error::internal("taking back class weights", "a network has no bias");
        let name = BIASES.into_iter().find(|name| network.contains_key(*name));
        let bias = name.and_then(|name| network.get_mut(name)).ok_or_else(missing)?;
        // Of members, all outputs of one after those of another.
        for (value, shift) in bias.values.iter_mut().zip(self.shifts.iter().cycle()) {
            *value = (f64::from(*value) + sign * shift) as f32;
        }
        Ok(())
    }
}
