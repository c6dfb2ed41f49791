//! The trainings of one job, and what is kept of the job meanwhile.
//!
//! They are chains: in each a training may depend on the one before it, and on none of another chain.
//! Chains are carried out one after the other, or several at once on threads of their own; the weights
//! are the same. A job that was interrupted asks for the same trainings again; those that were over
//! are answered from its checkpoint, and those that were running go on.

mod searching;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
use super::scorecard;
use super::search::Kept;
use super::trial::Settled;
use crate::domain::search::SearchProgress;
use crate::engine::device::{Device, gpu};
use crate::error::{Code, Context, Error, Result};

const FINGERPRINT: &str = "fingerprint";
/// Where the job trains, and what has to be known of that: a trial in another process could end otherwise.
const DEVICE: &str = "device";
const NOTICE: &str = "notice";
/// What is kept of a training that diverged begins so; no safetensors do.
const DIVERGED: &[u8] = b"diverged: ";
/// Names of what a checkpoint holds, before the numbers of the chain and of the training in it.
const DONE: &str = "trained";
const RUNNING: &str = "running";
/// Of the training of a search that was interrupted.
const STRETCH: &str = "stretch";

/// The trainings of one job.
pub(super) struct Runs<'a> {
    device: Device,
    state: Mutex<State<'a>>,
    /// Chains that were begun.
    chains: usize,
}

/// What its trainings share.
struct State<'a> {
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
    /// One has failed: those beside it are in vain.
    failed: bool,
    /// What the networks that diverged were before, by their chains.
    left: BTreeMap<usize, LastFinite>,
}

/// A chain, and its training, both counted from 0.
type Place = (usize, usize);

/// What is kept of the trainings.
#[derive(Debug, Default)]
struct Journal {
    /// Tells whether a checkpoint belongs to a job: a hash of what was asked for.
    fingerprint: String,
    /// As its name; empty before it is settled.
    device: String,
    notice: Option<String>,
    /// Those that are over, as [`Checkpoint`] writes them.
    done: BTreeMap<Place, Vec<u8>>,
    /// The last checkpoints of those that are not.
    running: BTreeMap<Place, Vec<u8>>,
    /// That of the search's training that was interrupted.
    stretch: Option<Vec<u8>>,
    search: Option<Kept>,
}

/// Trainings of which each may depend on the one before.
pub(super) struct Chain<'r, 'a> {
    runs: &'r Runs<'a>,
    number: usize,
    /// Trainings that it asked for.
    asked: Cell<usize>,
}

impl<'a> Runs<'a> {
    /// For a job that will ask for about so many trainings; `resume` is what its last checkpoint
    /// held.
    pub(super) fn new(
        settled: Settled,
        fingerprint: String,
        planned: usize,
        resume: Option<&[u8]>,
        hooks: &'a mut dyn Hooks,
    ) -> Self {
        let Settled { device, notice } = settled;
        let mut journal = match resume.map(Journal::decode) {
            Some(Ok(journal)) if journal.fingerprint == fingerprint => journal,
            // As after an upgrade: only the program that began it could end it bit by bit.
            Some(_) => {
                tracing::warn!("the checkpoint is of another program; training begins anew");
                Journal { fingerprint, ..Journal::default() }
            }
            None => Journal { fingerprint, ..Journal::default() },
        };
        (journal.device, journal.notice) = (device.name(), notice);
        let state = State {
            hooks,
            journal,
            asked: 0,
            planned,
            searched: 0,
            kept: Instant::now(),
            trained: 0,
            failed: false,
            left: BTreeMap::new(),
        };
        Self { device, state: Mutex::new(state), chains: 0 }
    }

    /// Where a job of this fingerprint trained before it was interrupted, where its checkpoint tells and
    /// that device is still there.
    pub(super) fn settled_before(resume: Option<&[u8]>, fingerprint: &str) -> Option<Settled> {
        let (_, metadata) = SafeTensors::read_metadata(resume?).ok()?;
        let kept = metadata.metadata().as_ref()?;
        let device = Device::resolve(kept.get(DEVICE)?).ok()?;
        let is_of_job = kept.get(FINGERPRINT).is_some_and(|of| of == fingerprint);
        is_of_job.then(|| Settled { device, notice: kept.get(NOTICE).cloned() })
    }

    /// Carries out so many chains of trainings: `work` is given each and its number, from 0 on. As
    /// many at once as [`Hooks::threads`] says; on a GPU, and where a process is to be relieved, one.
    ///
    /// # Errors
    /// The first one, in the order of the chains, of those that had begun.
    pub(super) fn each<T: Send>(
        &mut self,
        count: usize,
        work: impl Fn(&Chain<'_, 'a>, usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let device = self.device;
        let threads = side_by_side(&*self.exclusive().hooks, device).min(count);
        let first = self.chains;
        self.chains += count;
        let carried_out = |number: usize| {
            let chain = Chain { runs: self, number: first + number, asked: Cell::new(0) };
            work(&chain, number)
        };
        // What ends early is left out; it is known why.
        let mut outcomes: Vec<(usize, Result<T>)> = Vec::new();
        if threads <= 1 {
            for number in 0..count {
                outcomes.push((number, carried_out(number)));
                if outcomes.last().is_some_and(|(_, outcome)| outcome.is_err()) {
                    break;
                }
            }
        } else {
            outcomes = self.on_threads(threads, count, &carried_out);
        }
        // Those that were ended because another one failed say only that.
        let of_others = |(_, error): &&(usize, Result<T>)| match error {
            Err(error) => (error.code() == Code::Cancelled, false),
            Ok(_) => (true, true),
        };
        let failed = outcomes.iter().min_by_key(of_others).filter(|(_, outcome)| outcome.is_err());
        let failed = failed.map(|(number, _)| *number);
        let state = self.exclusive();
        for (chain, last) in std::mem::take(&mut state.left) {
            if failed.is_none_or(|number| first + number == chain) {
                state.hooks.diverged(last);
            }
        }
        outcomes.sort_by_key(|(number, _)| (Some(*number) != failed, *number));
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// The outcomes of chains on so many threads, in any order: of all, or of those that had begun
    /// before one failed. A panic of one is that of all, once the others have ended.
    fn on_threads<T: Send>(
        &self,
        threads: usize,
        count: usize,
        carried_out: &(impl Fn(usize) -> Result<T> + Sync),
    ) -> Vec<(usize, Result<T>)> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut outcomes = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count || self.state().failed {
                    return Ok(outcomes);
                }
                let outcome = catch_unwind(AssertUnwindSafe(|| carried_out(number)));
                if !matches!(outcome, Ok(Ok(_))) {
                    self.state().failed = true;
                }
                outcomes.push((number, outcome?));
            }
        };
        let joined: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut outcomes = Vec::new();
        for of_thread in joined {
            match of_thread.and_then(|of_thread| of_thread) {
                Ok(of_thread) => outcomes.extend(of_thread),
                Err(panic) => resume_unwind(panic),
            }
        }
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, where no training runs.
    fn exclusive(&mut self) -> &mut State<'a> {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Networks that are trained at once where they don't depend on each other: one on a GPU, and where a
/// process is to be relieved.
pub(super) fn side_by_side(hooks: &dyn Hooks, device: Device) -> usize {
    let may_part = device == Device::Cpu && hooks.trainings_per_process(device).is_none();
    if may_part { hooks.threads().get() } else { 1 }
}

impl State<'_> {
    /// Between two trainings: ends what this process does of the job where it has trained enough.
    fn relieve(&mut self, device: Device) -> Result<()> {
        let limit = self.hooks.trainings_per_process(device);
        if limit.is_none_or(|limit| self.trained < limit.get()) {
            return Ok(());
        }
        self.hooks.checkpoint(&self.journal.encode()?)?;
        Err(Error::internal("going on with a job", Relieved))
    }
}

impl Chain<'_, '_> {
    /// One training more than was planned.
    pub(super) fn plan_another(&self) {
        self.runs.state().planned += 1;
    }

    /// Trains a network, or tells what it has been trained to before the job was interrupted.
    ///
    /// # Errors
    /// As [`super::train`].
    pub(super) fn run(&self, name: &str, data: &Data, recipe: &Recipe) -> Result<Fit> {
        let runs = self.runs;
        let place = (self.number, self.asked.get());
        self.asked.set(place.1 + 1);
        let mut state = runs.state();
        state.asked += 1;
        if let Some(done) = state.journal.done.get(&place) {
            return match done.strip_prefix(DIVERGED) {
                Some(detail) => Err(diverged(&String::from_utf8_lossy(detail))),
                None => Checkpoint::decode(done).map(Fit::from),
            };
        }
        state.relieve(runs.device)?;
        state.trained += 1;
        let resume = state.journal.running.get(&place).cloned();
        let label = RunLabel {
            name: name.to_owned(),
            number: state.searched + state.asked,
            of: state.searched + state.planned.max(state.asked),
        };
        drop(state);
        let problem = Problem { data, recipe };
        let mut hooks = RunHooks { label, place: Some(place), search: None, state: &runs.state };
        let fitted = fit_on(runs.device, &problem, resume.as_deref(), &mut hooks);
        let journal = &mut runs.state().journal;
        match &fitted {
            Ok(fitted) => {
                journal.running.remove(&place);
                journal.done.insert(place, fitted.checkpoint().encode()?);
            }
            // It is over as well.
            Err(error) if error.code() == Code::Diverged => {
                journal.running.remove(&place);
                journal.done.insert(place, [DIVERGED, error.to_string().as_bytes()].concat());
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
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<Pace> {
    if problem.recipe.network.is_scorecard() {
        return scorecard::pace(problem, limit, stop);
    }
    match device {
        Device::Cpu => pace::<Autodiff<Flex>>(&FlexDevice, problem, limit, stop),
        Device::Cuda(number) => {
            let device = DispatchDevice::autodiff(gpu(number));
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
    if let Some(card) = scorecard::card(&problem.recipe.network) {
        return scorecard::fit(problem, card, hooks);
    }
    match device {
        Device::Cpu => fit::<Autodiff<Flex>>(&FlexDevice, problem, resume, hooks),
        Device::Cuda(number) => {
            let device = DispatchDevice::autodiff(gpu(number));
            fit::<Dispatch>(&device, problem, resume, hooks)
        }
    }
}

/// The job's hooks as one of its trainings sees them.
struct RunHooks<'s, 'a> {
    label: RunLabel,
    /// None for one of a search.
    place: Option<Place>,
    /// The search that it is a part of.
    search: Option<SearchProgress>,
    state: &'s Mutex<State<'a>>,
}

impl<'a> RunHooks<'_, 'a> {
    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks for RunHooks<'_, '_> {
    fn epoch(&mut self, report: &EpochReport) -> Result<Control> {
        let (run, search) = (self.label.clone(), self.search.clone());
        self.state().hooks.epoch(&EpochReport { run, search, ..report.clone() })
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        let mut state = self.state();
        let State { hooks, journal, kept, .. } = &mut *state;
        match self.place {
            Some(place) => drop(journal.running.insert(place, bytes.to_vec())),
            None => journal.stretch = Some(bytes.to_vec()),
        }
        // Each of several writes all of them down: not more often than one alone would.
        if journal.running.len() > 1 && kept.elapsed() < hooks.checkpoint_policy().after_epoch {
            return Ok(());
        }
        let encoded = journal.encode();
        // Its state is the search's from here on.
        journal.stretch = None;
        hooks.checkpoint(&encoded?)?;
        *kept = Instant::now();
        Ok(())
    }

    fn diverged(&mut self, last: LastFinite) {
        let last = LastFinite { run: self.label.clone(), ..last };
        let mut state = self.state();
        match self.place {
            // Which one is told of is known once it is known why the job ends.
            Some((chain, _)) => drop(state.left.insert(chain, last)),
            None => state.hooks.diverged(last),
        }
    }

    fn should_stop(&mut self) -> bool {
        let mut state = self.state();
        state.failed || state.hooks.should_stop()
    }

    fn checkpoint_policy(&self) -> CheckpointPolicy {
        self.state().hooks.checkpoint_policy()
    }
}

impl Journal {
    fn encode(&self) -> Result<Vec<u8>> {
        const WRITING: &str = "writing a checkpoint";
        let ledger = self.search.as_ref().map(Kept::ledger).transpose()?;
        let searched = self.search.iter().zip(&ledger).flat_map(|(kept, l)| kept.entries(l));
        let placed = [(DONE, &self.done), (RUNNING, &self.running)];
        let entries = placed
            .iter()
            .flat_map(|(kind, all)| {
                all.iter().map(move |((chain, at), bytes)| {
                    (format!("{kind}/{chain}/{at}"), bytes.as_slice())
                })
            })
            .chain(self.stretch.iter().map(|bytes| (STRETCH.to_owned(), bytes.as_slice())))
            .chain(searched);
        let views = entries
            .map(|(name, bytes)| Ok((name, TensorView::new(Dtype::U8, vec![bytes.len()], bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .context(WRITING)?;
        let known = [(FINGERPRINT, &self.fingerprint), (DEVICE, &self.device)];
        let told = self.notice.as_ref().map(|notice| (NOTICE, notice));
        let metadata: HashMap<String, String> = known
            .into_iter()
            .chain(told)
            .map(|(key, text)| (key.to_owned(), text.clone()))
            .collect();
        serialize(views, Some(metadata)).context(WRITING)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        const READING: &str = "reading a checkpoint";
        let (_, metadata) = SafeTensors::read_metadata(bytes).context(READING)?;
        let text = |key| metadata.metadata().as_ref().and_then(|m| m.get(key)).cloned();
        let tensors = SafeTensors::deserialize(bytes).context(READING)?;
        let mut journal = Self {
            fingerprint: text(FINGERPRINT).unwrap_or_default(),
            device: text(DEVICE).unwrap_or_default(),
            notice: text(NOTICE),
            stretch: tensors.tensor(STRETCH).ok().map(|stretch| stretch.data().to_vec()),
            search: Kept::read(&tensors)?,
            ..Self::default()
        };
        for (name, view) in tensors.iter() {
            for (kind, all) in [(DONE, &mut journal.done), (RUNNING, &mut journal.running)] {
                if let Some(place) = place(name, kind) {
                    all.insert(place, view.data().to_vec());
                }
            }
        }
        Ok(journal)
    }
}

/// The place that an entry of a kind is of.
fn place(name: &str, kind: &str) -> Option<Place> {
    let (chain, at) = name.strip_prefix(kind)?.strip_prefix('/')?.split_once('/')?;
    Some((chain.parse().ok()?, at.parse().ok()?))
}
