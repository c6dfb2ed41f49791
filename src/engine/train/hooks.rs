//! What a training tells whoever runs it, and asks.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::domain::cost::Cost;
use crate::domain::search::SearchProgress;
use crate::domain::version::EpochLoss;
use crate::engine::device::Device;
use crate::error::Result;

/// Which of a job's trainings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunLabel {
    /// What is trained: `tabm`, `linear baseline`.
    pub name: String,
    /// Counted from 1.
    pub number: usize,
    /// As many as are expected.
    pub of: usize,
}

/// An epoch that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochReport {
    pub run: RunLabel,
    /// Counted from 1.
    pub epoch: u32,
    /// Planned at most.
    pub epochs: u32,
    pub loss: EpochLoss,
    /// The best epoch up to now.
    pub best_epoch: u32,
    /// Training rows a second.
    pub rows_per_second: f64,
    /// At most so many seconds of this training are left, if it does not stop early.
    pub seconds_left: f64,
    /// The search that this training is a part of.
    pub search: Option<SearchProgress>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Continue,
    /// End with [`crate::error::Code::Cancelled`].
    Stop,
}

/// What a training was before it diverged; all of its numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct LastFinite {
    pub run: RunLabel,
    /// Epochs that were over.
    pub epoch: u32,
    /// Figures of the last of them; none where the first one was not over.
    pub last: Option<EpochLoss>,
    /// Figures of the best of them.
    pub best: Option<EpochLoss>,
    /// Safetensors as those of a version ([`super::Trained::weights`]), but that names begin with
    /// `last/`, at the end of the last epoch or in a later checkpoint, and with `best/`, of the best
    /// epoch, where one was over.
    pub weights: Vec<u8>,
    /// Whether another training may start there: the weights are of one network of the job's own, and
    /// have not learnt from validation rows.
    pub may_start: bool,
}

/// How often a checkpoint is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// At the end of an epoch, when the last one is at least so old.
    pub after_epoch: Duration,
    /// Within an epoch, when the last one is at least so old.
    pub within_epoch: Duration,
}

impl Default for CheckpointPolicy {
    /// At most one in 10 s and at least one a minute.
    fn default() -> Self {
        Self { after_epoch: Duration::from_secs(10), within_epoch: Duration::from_secs(60) }
    }
}

/// The source of the error with which a training ends whose process has trained enough
/// ([`Hooks::trainings_per_process`]): another goes on from the checkpoint that was just made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process has trained enough networks")]
pub struct Relieved;

/// Called by the trainings of a job, by one at a time.
pub trait Hooks: Send {
    /// After each epoch.
    ///
    /// # Errors
    /// An error ends the training with it.
    fn epoch(&mut self, report: &EpochReport) -> Result<Control>;

    /// Takes everything that is needed to go on from here, bit for bit on the same build, device
    /// and SIMD level; all of its numbers are finite.
    ///
    /// # Errors
    /// An error ends the training with it.
    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()>;

    /// Takes what a training was before it diverged, which need not be the end of the job: a baseline
    /// may diverge, too. Who wants to keep the last one does.
    fn diverged(&mut self, last: LastFinite) {
        let _ = last;
    }

    /// Asked between batches, at most every 50 ms: true ends the training with
    /// [`crate::error::Code::Cancelled`].
    fn should_stop(&mut self) -> bool;

    /// Asked once before the first training of a job that was not interrupted: what `measure` gives
    /// is expected of all of them, after a few steps of each. Who wants to know calls it.
    ///
    /// # Errors
    /// An error ends the training with it.
    fn estimate(&mut self, measure: &mut dyn FnMut() -> Result<Cost>) -> Result<()> {
        let _ = measure;
        Ok(())
    }

    fn checkpoint_policy(&self) -> CheckpointPolicy {
        CheckpointPolicy::default()
    }

    /// As many networks are trained side by side on a CPU, where they don't depend on each other.
    fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    /// After how many trainings on this device a job ends with a checkpoint and [`Relieved`], to be
    /// gone on with by another process; never where there is none.
    fn trainings_per_process(&self, device: Device) -> Option<NonZeroUsize> {
        let _ = device;
        None
    }
}
