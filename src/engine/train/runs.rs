//! The trainings of one job, one after the other: each network by itself, and what is kept of the
//! job meanwhile.
//!
//! A job that was interrupted asks for the same trainings in the same order again; those that were
//! over are answered from its checkpoint, and the one that was running goes on.

mod searching;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use burn::backend::cuda::CudaDevice;
use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::{Dispatch, DispatchDevice};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

pub(super) use self::searching::Stretch;
use super::checkpoint::Checkpoint;
use super::fit::{Data, Fit, Pace, Problem, fit, pace};
use super::hooks::{CheckpointPolicy, Control, EpochReport, Hooks, LastFinite, Relieved, RunLabel};
use super::plan::Recipe;
use super::search::Kept;
use crate::domain::search::SearchProgress;
use crate::engine::device::Device;
use crate::error::{Code, Context, Error, Result};

const FINGERPRINT: &str = "fingerprint";
/// What is kept of a training that diverged begins so; no safetensors do.
const DIVERGED: &[u8] = b"diverged: ";

/// The trainings of one job.
pub(super) struct Runs<'a> {
    device: Device,
    hooks: &'a mut dyn Hooks,
    journal: Journal,
    /// Trainings that were asked for.
    asked: usize,
    /// Trainings that are expected in all, but for those of a search.
    planned: usize,
    /// Trainings of a search, which came before.
    searched: usize,
    /// When the last checkpoint was made.
    kept: Instant,
    /// Trainings of this process.
    trained: usize,
}

/// What is kept of the trainings that are over.
#[derive(Debug, Default)]
struct Journal {
    /// Tells whether a checkpoint belongs to a job: a hash of what was asked for.
    fingerprint: String,
    /// As [`Checkpoint`] writes them.
    done: Vec<Vec<u8>>,
    /// Of the training that was interrupted.
    running: Option<Vec<u8>>,
    search: Option<Kept>,
}

impl<'a> Runs<'a> {
    /// For a job that will ask for about so many trainings; `resume` is what its last checkpoint
    /// held.
    pub(super) fn new(
        device: Device,
        fingerprint: String,
        planned: usize,
        resume: Option<&[u8]>,
        hooks: &'a mut dyn Hooks,
    ) -> Self {
        let journal = match resume.map(Journal::decode) {
            Some(Ok(journal)) if journal.fingerprint == fingerprint => journal,
            // As after an upgrade: only the program that began it could end it bit by bit.
            Some(_) => {
                tracing::warn!("the checkpoint is of another program; training begins anew");
                Journal { fingerprint, ..Journal::default() }
            }
            None => Journal { fingerprint, ..Journal::default() },
        };
        let kept = Instant::now();
        Self { device, hooks, journal, asked: 0, planned, searched: 0, kept, trained: 0 }
    }

    /// One more than was planned.
    pub(super) fn plan_another(&mut self) {
        self.planned += 1;
    }

    /// Between two trainings: ends what this process does of the job where it has trained enough.
    fn relieve(&mut self) -> Result<()> {
        let limit = self.hooks.trainings_per_process(self.device);
        if limit.is_none_or(|limit| self.trained < limit.get()) {
            return Ok(());
        }
        self.hooks.checkpoint(&self.journal.encode(None)?)?;
        Err(Error::internal("going on with a job", Relieved))
    }

    /// Trains a network, or tells what it has been trained to before the job was interrupted.
    ///
    /// # Errors
    /// As [`super::train`].
    pub(super) fn run(&mut self, name: &str, data: &Data, recipe: &Recipe) -> Result<Fit> {
        let number = self.asked;
        self.asked += 1;
        if let Some(done) = self.journal.done.get(number) {
            return match done.strip_prefix(DIVERGED) {
                Some(detail) => Err(diverged(&String::from_utf8_lossy(detail))),
                None => Checkpoint::decode(done).map(Fit::from),
            };
        }
        self.relieve()?;
        self.trained += 1;
        let resume = self.journal.running.take();
        let label = RunLabel {
            name: name.to_owned(),
            number: self.searched + self.asked,
            of: self.searched + self.planned.max(self.asked),
        };
        let problem = Problem { data, recipe };
        let mut hooks = RunHooks {
            label,
            search: None,
            journal: &self.journal,
            kept: &mut self.kept,
            hooks: self.hooks,
        };
        let fitted = fit_on(self.device, &problem, resume.as_deref(), &mut hooks);
        match &fitted {
            Ok(fitted) => self.journal.done.push(fitted.checkpoint().encode()?),
            // It is over as well: the next ones keep their numbers.
            Err(error) if error.code() == Code::Diverged => {
                self.journal.done.push([DIVERGED, error.to_string().as_bytes()].concat());
            }
            Err(_) => {}
        }
        fitted
    }
}

/// The error of a training that diverged before the job was interrupted.
fn diverged(detail: &str) -> Error {
    Error::field(Code::Diverged, "/optimiser/learning_rate", detail)
}

/// Measures a few steps of a training on a device.
///
/// # Errors
/// [`crate::error::Code::Cancelled`] when `stop` says so.
pub(super) fn pace_on(
    device: Device,
    problem: &Problem<'_>,
    limit: Duration,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Pace> {
    match device {
        Device::Cpu => pace::<Autodiff<Flex>>(&FlexDevice, problem, limit, stop),
        Device::Cuda(number) => {
            let device = DispatchDevice::autodiff(CudaDevice::new(number));
            pace::<Dispatch>(&device, problem, limit, stop)
        }
    }
}

/// Here and above a device becomes a backend: everything generic is compiled once for each.
///
/// A GPU is reached through burn's `Dispatch`, whose operations are compiled with burn: with its
/// CUDA backend itself every kernel would be compiled into this crate, for minutes.
fn fit_on(
    device: Device,
    problem: &Problem<'_>,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Fit> {
    match device {
        Device::Cpu => fit::<Autodiff<Flex>>(&FlexDevice, problem, resume, hooks),
        Device::Cuda(number) => {
            let device = DispatchDevice::autodiff(CudaDevice::new(number));
            fit::<Dispatch>(&device, problem, resume, hooks)
        }
    }
}

/// The job's hooks as one of its trainings sees them.
struct RunHooks<'a> {
    label: RunLabel,
    /// The search that it is a part of.
    search: Option<SearchProgress>,
    journal: &'a Journal,
    kept: &'a mut Instant,
    hooks: &'a mut dyn Hooks,
}

impl Hooks for RunHooks<'_> {
    fn epoch(&mut self, report: &EpochReport) -> Result<Control> {
        let (run, search) = (self.label.clone(), self.search.clone());
        self.hooks.epoch(&EpochReport { run, search, ..report.clone() })
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        self.hooks.checkpoint(&self.journal.encode(Some(bytes))?)?;
        *self.kept = Instant::now();
        Ok(())
    }

    fn diverged(&mut self, last: LastFinite) {
        self.hooks.diverged(LastFinite { run: self.label.clone(), ..last });
    }

    fn should_stop(&mut self) -> bool {
        self.hooks.should_stop()
    }

    fn checkpoint_policy(&self) -> CheckpointPolicy {
        self.hooks.checkpoint_policy()
    }
}

impl Journal {
    /// With the checkpoint of the training that runs, where one does.
    fn encode(&self, running: Option<&[u8]>) -> Result<Vec<u8>> {
        const WRITING: &str = "writing a checkpoint";
        let ledger = self.search.as_ref().map(Kept::ledger).transpose()?;
        let searched = self.search.iter().zip(&ledger).flat_map(|(kept, l)| kept.entries(l));
        let done = self.done.iter().enumerate();
        let entries = done
            .map(|(number, bytes)| (format!("done/{number}"), bytes.as_slice()))
            .chain(running.map(|running| ("running".to_owned(), running)))
            .chain(searched);
        let views = entries
            .map(|(name, bytes)| Ok((name, TensorView::new(Dtype::U8, vec![bytes.len()], bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .context(WRITING)?;
        let metadata = HashMap::from([(FINGERPRINT.to_owned(), self.fingerprint.clone())]);
        serialize(views, Some(metadata)).context(WRITING)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        const READING: &str = "reading a checkpoint";
        let (_, metadata) = SafeTensors::read_metadata(bytes).context(READING)?;
        let fingerprint = metadata.metadata().as_ref().and_then(|m| m.get(FINGERPRINT)).cloned();
        let tensors = SafeTensors::deserialize(bytes).context(READING)?;
        let running = tensors.tensor("running").ok().map(|running| running.data().to_vec());
        let count = tensors.iter().filter(|(name, _)| name.starts_with("done/")).count();
        let done = (0..count).map(|number| {
            let found = tensors.tensor(&format!("done/{number}"));
            found.map(|view| view.data().to_vec()).map_err(|e| Error::internal(READING, e))
        });
        Ok(Self {
            fingerprint: fingerprint.unwrap_or_default(),
            done: done.collect::<Result<_>>()?,
            running,
            search: Kept::read(&tensors)?,
        })
    }
}
