//! The loop over epochs and batches.

mod batches;
mod first_steps;
mod pace;
mod resting;
mod tabled;

use std::ops::Range;
use std::time::{Duration, Instant};

use burn::module::AutodiffModule;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::backend::{AutodiffBackend, Backend, DeviceOps};
use burn::tensor::{Tensor, TensorData};

use self::batches::Resident;
pub(super) use self::first_steps::{FirstSteps, first_steps};
pub(super) use self::pace::{Pace, pace, step_times};
use super::average::Average;
use super::checkpoint::{Checkpoint, Progress};
use super::hooks::{CheckpointPolicy, Control, EpochReport, Hooks, RunLabel};
use super::loss::{Loss, batch_loss, row_loss, taught_loss};
use super::optimiser::Optimiser;
use super::plan::{Kept, Recipe};
use super::report::{main_metric, monitored};
use super::schedule::Schedule;
use super::table::Table;
use super::target::Truth;
use crate::domain::model::Task;
use crate::domain::training::{DivergenceRule, Monitor};
use crate::domain::version::EpochLoss;
use crate::engine::features::{Layout, Matrix};
use crate::engine::infer::forward;
use crate::engine::networks::Network;
use crate::engine::networks::dropout::Dropout;
use crate::engine::networks::members::averaged;
use crate::engine::networks::parameters::{
    Builder, Mask, Parameters, all_finite, detached, parameters, restore,
};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Error, Result};

/// How often the hooks are asked whether to stop, at most.
const POLL: Duration = Duration::from_millis(50);
/// Rows that are validated at once, and numbers of theirs.
pub(super) const VALIDATION_ROWS: usize = 1024;
pub(super) const VALIDATION_NUMBERS: usize = 1 << 18;
/// An epoch whose loss is so many times that of guessing has diverged, though it be finite.
const HOPELESS: f64 = 1e4;

/// The rows of one part, as numbers.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) inputs: Matrix,
    /// What the loss compares the logits with: as wide as these, but where several quantiles of a
    /// number are forecast. Where there is a teacher, its logits follow in each training row.
    pub(super) targets: Matrix,
    /// Weight of each row, when they differ.
    pub(super) weights: Option<Vec<f32>>,
    pub(super) truth: Truth,
}

/// What a network is trained and validated on.
pub(super) struct Data {
    pub(super) layout: Layout,
    pub(super) task: Task,
    /// Levels of the quantiles that are forecast; empty where the mean is.
    pub(super) levels: Vec<f64>,
    /// Logits of a row.
    pub(super) outputs: usize,
    /// The positive class (binary).
    pub(super) positive: Option<usize>,
    pub(super) train: Part,
    pub(super) validation: Part,
    /// Validation loss of the best constant.
    pub(super) guess: f64,
}

/// All that decides what a training ends in.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) data: &'a Data,
    pub(super) recipe: &'a Recipe,
}

/// What a training ends in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    /// Weights of the best epoch.
    pub(super) weights: Parameters,
    /// Weights of a training on the validation rows too, where one was wanted.
    pub(super) refitted: Option<Parameters>,
    pub(super) best_epoch: u32,
    pub(super) curve: Vec<EpochLoss>,
    pub(super) seconds: f64,
    /// Why it ended early, where it diverged and the best epoch before is kept.
    pub(super) diverged: Option<String>,
}

impl Fit {
    /// The weights that are to answer.
    pub(super) fn served(&self) -> &Parameters {
        self.refitted.as_ref().unwrap_or(&self.weights)
    }

    /// Validation loss of the best epoch.
    pub(super) fn validation_loss(&self) -> f64 {
        let best = self.curve.iter().find(|loss| loss.epoch == self.best_epoch);
        best.map_or(f64::INFINITY, |loss| loss.validation_loss)
    }

    /// As a training at rest, of which [`Fit::from`] makes the same again.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let progress = Progress {
            curve: self.curve.clone(),
            best_epoch: self.best_epoch,
            seconds: self.seconds,
            diverged: self.diverged.clone(),
            ..Progress::default()
        };
        Checkpoint { progress, best: self.weights.clone(), ..Checkpoint::default() }
    }
}

impl From<Checkpoint> for Fit {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { progress, best, .. } = checkpoint;
        let Progress { curve, best_epoch, seconds, diverged, .. } = progress;
        Self { weights: best, refitted: None, best_epoch, curve, seconds, diverged }
    }
}

/// Trains a network on a device of the backend `B`. `resume` is a checkpoint of the same training.
pub(super) fn fit<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem<'_>,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Fit> {
    let mut run = Run::<B>::start(device, *problem, resume, hooks)?;
    while !run.is_over() {
        match run.epoch() {
            Err(error) if run.may_end_by(&error) => {
                run.progress.diverged = Some(error.to_string());
                break;
            }
            Err(error) if error.code() == Code::Diverged => {
                run.hand_over()?;
                return Err(error);
            }
            outcome => outcome?,
        }
    }
    Ok(Fit::from(Checkpoint { progress: run.progress, best: run.best, ..Checkpoint::default() }))
}

/// Trains a network as [`fit`] does, to the end of its epochs or of the one in which `until` is over,
/// and gives what is needed to go on from there.
pub(super) fn stretch<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem<'_>,
    resume: Option<&[u8]>,
    until: Option<Instant>,
    hooks: &mut dyn Hooks,
) -> Result<Checkpoint> {
    let mut run = Run::<B>::start(device, *problem, resume, hooks)?;
    while !run.is_over() && until.is_none_or(|until| Instant::now() < until) {
        run.epoch()?;
    }
    let weights = parameters(&run.whole())?;
    run.at_rest(weights)
}

struct Run<'a, B: AutodiffBackend> {
    device: &'a B::Device,
    problem: Problem<'a>,
    hooks: &'a mut dyn Hooks,
    network: Network<B>,
    /// The running mean of the weights, where it is wanted.
    average: Option<Average<B::InnerBackend>>,
    optimiser: Optimiser<Network<B>, B>,
    /// What of the weights stays 0, where some of them do.
    mask: Option<Mask>,
    /// The network's table, where it has one: of it the network holds what the last step read.
    table: Option<Table>,
    /// The training rows as the running epoch takes them: a batch is a range of these.
    order: Vec<usize>,
    /// The training rows, where they stay on the device.
    resident: Option<Resident<B>>,
    best: Parameters,
    /// At the end of the last epoch, or of a later checkpoint; empty before.
    last: Parameters,
    progress: Progress,
    clock: Clock,
}

/// When what was done last.
struct Clock {
    policy: CheckpointPolicy,
    checkpoint: Instant,
    poll: Option<Instant>,
    /// Since when `Progress::seconds` does not count yet.
    uncounted: Instant,
}

impl<'a, B: AutodiffBackend> Run<'a, B> {
    fn start(
        device: &'a B::Device,
        problem: Problem<'a>,
        resume: Option<&[u8]>,
        hooks: &'a mut dyn Hooks,
    ) -> Result<Self> {
        let Problem { recipe, data } = problem;
        let mut builder = Builder::random(recipe.seed, device).in_precision(recipe.precision);
        let layout = recipe.layout(&data.layout);
        let mut network = Network::new(&recipe.network, &layout, data.outputs, &mut builder);
        let mut mask = None;
        if let Some(start) = &recipe.start {
            network = restore(network, &start.weights)?;
            mask = start.is_pruned.then(|| Mask::of(&network.valid(), &start.weights));
        }
        let now = Instant::now();
        let clock = Clock {
            policy: hooks.checkpoint_policy(),
            checkpoint: now,
            poll: None,
            uncounted: now,
        };
        let mut run = Self {
            device,
            problem,
            hooks,
            average: recipe.average.map(|keep| Average::new(keep, network.valid())),
            network,
            optimiser: Optimiser::new(recipe),
            mask,
            table: None,
            order: Vec::new(),
            resident: None,
            best: Parameters::new(),
            last: Parameters::new(),
            progress: Progress::default(),
            clock,
        };
        let mut memory = None;
        if let Some(bytes) = resume {
            let checkpoint = Checkpoint::decode(bytes)?;
            run.network = restore(run.network, &checkpoint.weights)?;
            run.average = match run.average {
                Some(average) => {
                    let steps = checkpoint.progress.steps(problem);
                    Some(average.restored(&checkpoint.average, steps)?)
                }
                None => None,
            };
            run.optimiser = run.optimiser.with_bytes(checkpoint.optimiser, device.inner())?;
            run.best = checkpoint.best;
            run.last = checkpoint.weights;
            memory = Some(checkpoint.memory);
            run.progress = checkpoint.progress;
        }
        run.take_table(memory)?;
        run.resident = Resident::new(device, problem, run.table.is_some());
        Ok(run)
    }

    fn rows(&self) -> usize {
        self.problem.data.train.inputs.rows
    }

    fn batch_size(&self) -> usize {
        self.problem.recipe.batch_size
    }

    /// Epochs that are over.
    fn done(&self) -> u32 {
        self.progress.curve.len() as u32
    }

    fn is_over(&self) -> bool {
        let Recipe { epochs, ends_after, patience, .. } = *self.problem.recipe;
        self.done() >= ends_after.unwrap_or(epochs)
            || (patience > 0 && self.done() - self.progress.best_epoch >= patience)
    }

    /// Whether an error ends the training in the best epoch before it.
    fn may_end_by(&self, error: &Error) -> bool {
        error.code() == Code::Diverged
            && self.problem.recipe.divergence == DivergenceRule::KeepBest
            && self.progress.best_epoch > 0
    }

    fn epoch(&mut self) -> Result<()> {
        let start = (Instant::now(), self.progress.batch);
        self.batches()?;
        let batches = self.progress.batch - start.1;
        let train_loss = f64::from(self.progress.loss_sum) / self.rows() as f64;
        let epoch = self.done() + 1;
        let guess = self.problem.data.guess.max(1e-3);
        if !(train_loss.is_finite() && train_loss <= HOPELESS * guess) {
            return Err(self.diverged(&format!("the training loss is {train_loss}")));
        }
        let weights = parameters(&self.whole())?;
        if !all_finite(&weights) {
            return Err(self.diverged("a weight is not finite"));
        }
        self.judge(epoch, train_loss, &weights)?;
        self.progress.batch = 0;
        self.progress.loss_sum = 0.0;
        self.count_seconds();
        if self.clock.checkpoint.elapsed() >= self.clock.policy.after_epoch && !self.is_over() {
            self.checkpoint(weights)?;
        } else {
            self.last = weights;
        }
        let rows = (batches * self.batch_size()).min(self.rows());
        self.report(rows as f64 / start.0.elapsed().as_secs_f64().max(1e-9))
    }

    /// Validates the epoch that is over, and keeps its weights when it is the best one.
    fn judge(&mut self, epoch: u32, train_loss: f64, weights: &Parameters) -> Result<()> {
        let network = match &self.average {
            Some(average) => average.network(),
            None => self.whole().valid(),
        };
        let judged = match &self.average {
            Some(_) => parameters(&network)?,
            None => weights.clone(),
        };
        let (validation_loss, validation_metric, score) = self.validate(&network)?;
        if !(validation_loss.is_finite() && all_finite(&judged)) {
            return Err(self.diverged("the validation loss is not finite"));
        }
        // Of the first epoch there may be no figure, as of an AUC where all rows score alike.
        let is_best = self.progress.best_epoch == 0 || score > self.progress.best_score;
        let Recipe { kept, epochs, ends_after, .. } = *self.problem.recipe;
        // Of which the last is to be kept the best is the one to go back to, until then.
        let is_last = kept == Kept::Last && epoch >= ends_after.unwrap_or(epochs);
        if is_best || is_last {
            self.progress.best_epoch = epoch;
            self.progress.best_score = score;
            self.best = judged;
        }
        let loss = EpochLoss { epoch, train_loss, validation_loss, validation_metric };
        self.progress.curve.push(loss);
        Ok(())
    }

    fn report(&mut self, rows_per_second: f64) -> Result<()> {
        let Some(loss) = self.progress.curve.last().cloned() else { return Ok(()) };
        let recipe = self.problem.recipe;
        let (epoch, epochs) = (loss.epoch, recipe.ends_after.unwrap_or(recipe.epochs));
        let per_epoch = self.progress.seconds / f64::from(epoch);
        let report = EpochReport {
            run: RunLabel::default(),
            epoch,
            epochs,
            loss,
            best_epoch: self.progress.best_epoch,
            rows_per_second,
            seconds_left: per_epoch * f64::from(epochs - epoch),
            search: None,
        };
        match self.hooks.epoch(&report)? {
            Control::Continue => Ok(()),
            Control::Stop => Err(cancelled()),
        }
    }

    /// Trains on the batches of the running epoch that are left.
    fn batches(&mut self) -> Result<()> {
        let recipe = self.problem.recipe;
        let epoch = self.done();
        let mut order: Vec<usize> = (0..self.rows()).collect();
        shuffle(&mut keyed(recipe.seed, Purpose::Order, epoch.into(), 0), &mut order);
        self.take_order(order)?;
        let (rows, size) = (self.rows(), self.batch_size());
        let batches = rows.div_ceil(size);
        let schedule = Schedule::new(recipe, batches, &self.progress.curve);
        // The sum stays on the device: reading it each time would hold a GPU up.
        let mut sum = self.loss_sum();
        for start in (0..rows).step_by(size).skip(self.progress.batch) {
            self.poll()?;
            let batch = start..rows.min(start + size);
            let weight = batch.len() as f64;
            let loss = self.step(batch, epoch, schedule.rate(epoch, self.progress.batch))?;
            sum = sum + loss.mul_scalar(weight);
            self.progress.batch += 1;
            if self.clock.checkpoint.elapsed() >= self.clock.policy.within_epoch
                && self.progress.batch < batches
            {
                self.progress.loss_sum = sum.clone().into_scalar_f32();
                self.mid_epoch_checkpoint()?;
            }
        }
        self.progress.loss_sum = sum.into_scalar_f32();
        Ok(())
    }

    fn loss_sum(&self) -> Tensor<B::InnerBackend, 1> {
        let data = TensorData::new(vec![self.progress.loss_sum], [1]);
        Tensor::from_data(data, self.device.inner())
    }

    /// One step on a batch; its mean loss.
    fn step(
        &mut self,
        batch: Range<usize>,
        epoch: u32,
        rate: f64,
    ) -> Result<Tensor<B::InnerBackend, 1>> {
        let recipe = self.problem.recipe;
        let mut dropout = Dropout::new(recipe.seed, epoch, self.progress.batch);
        self.begin_table(batch.clone());
        let (value, gradients) = self.gradients(batch, epoch, &mut dropout);
        self.learn(rate, gradients)?;
        Ok(value)
    }

    /// Moves the weights down the gradients of a batch.
    fn learn(&mut self, rate: f64, mut gradients: GradientsParams) -> Result<()> {
        self.optimiser.clip(&self.network, &mut gradients);
        if let (Some(table), Some(param)) = (&mut self.table, self.network.table())
            && let Some(gradient) = gradients.remove::<B::InnerBackend, 2>(param.id)
        {
            let gradient: Vec<f32> = gradient.into_data().iter::<f32>().collect();
            table.step(rate, &gradient)?;
        }
        // A step consumes the network; its clone only counts references.
        self.network = self.optimiser.step(rate, self.network.clone(), gradients);
        if let Some(mask) = &self.mask {
            self.network = mask.apply(self.network.clone());
        }
        if self.average.is_some() {
            let network = self.whole().valid();
            self.average.iter_mut().for_each(|average| average.add(&network));
        }
        Ok(())
    }

    /// Mean loss of a batch, and its gradients.
    fn gradients(
        &mut self,
        batch: Range<usize>,
        epoch: u32,
        dropout: &mut Dropout,
    ) -> (Tensor<B::InnerBackend, 1>, GradientsParams) {
        let each = batch.len().div_ceil(self.problem.recipe.accumulation).max(1);
        if each >= batch.len() {
            return self.gradients_of(batch, (0, 1.0), epoch, dropout);
        }
        let mut value = Tensor::zeros([1], self.device.inner());
        let mut sum = GradientsAccumulator::new();
        for (number, start) in (0..).zip(batch.clone().step_by(each)) {
            let slice = start..batch.end.min(start + each);
            let share = slice.len() as f64 / batch.len() as f64;
            if number > 0 {
                // burn walks through what leads to a parameter once.
                self.network = detached(self.network.clone());
            }
            let (of_slice, gradients) = self.gradients_of(slice, (number, share), epoch, dropout);
            value = value + of_slice;
            sum.accumulate(&self.network, gradients);
        }
        (value, sum.grads())
    }

    /// Mean loss of some rows of a batch times their `share` of it, and its gradients; `slice` is their
    /// number among those of the batch.
    fn gradients_of(
        &self,
        places: Range<usize>,
        (slice, share): (u32, f64),
        epoch: u32,
        dropout: &mut Dropout,
    ) -> (Tensor<B::InnerBackend, 1>, GradientsParams) {
        let Problem { recipe, data } = self.problem;
        let (inputs, mut targets, mut weights) = self.tensors(places, slice, epoch);
        let loss = Loss { task: data.task, spec: &recipe.loss, levels: &data.levels };
        if recipe.teaching.is_none() && loss.is_known() {
            // Read on a CPU alone, where that is no wait.
            let known = |logits: &[f32]| {
                let weights = weights.as_ref().map(Tensor::to_data);
                let (value, mut by) =
                    loss.with_gradients(logits, &targets.to_data(), weights.as_ref())?;
                by.iter_mut().for_each(|by| *by *= share as f32);
                Some((value * share as f32, by))
            };
            if let Some((value, gradients)) = self.network.gradients(&inputs, dropout, known) {
                let value = TensorData::new(vec![value], [1]);
                return (Tensor::from_data(value, self.device.inner()), gradients);
            }
        }
        let logits = self.network.forward(inputs, Some(dropout));
        // Each member has a loss of its own: that of their mean would let them lean on each other.
        let members = self.network.members();
        if members > 1 {
            targets = targets.repeat_dim(0, members);
            weights = weights.map(|weights| weights.repeat_dim(0, members));
        }
        let mut loss = match recipe.teaching {
            Some(teaching) => taught_loss(loss, teaching, logits, targets, weights),
            None => batch_loss(loss, logits, targets, weights),
        };
        if share < 1.0 {
            loss = loss.mul_scalar(share);
        }
        let value = loss.clone().inner();
        (value, GradientsParams::from_grads(loss.backward(), &self.network))
    }

    /// Loss and main metric of the validation rows, and the figure by which epochs are compared, the
    /// higher the better; on the inner backend: a tracked forward without a backward would keep its
    /// activations.
    fn validate(&mut self, network: &Network<B::InnerBackend>) -> Result<(f64, Option<f64>, f64)> {
        let data = self.problem.data;
        let part = &data.validation;
        let Part { inputs, targets, weights, .. } = part;
        let Data { task, outputs, .. } = *data;
        let mut logits = Vec::with_capacity(inputs.rows * outputs);
        let members = network.members();
        let chunk = (VALIDATION_NUMBERS / inputs.width.max(1)).clamp(1, VALIDATION_ROWS);
        for rows in inputs.data.chunks(inputs.width.max(1) * chunk) {
            self.poll()?;
            let each = forward(network, rows, inputs.width, self.device.inner())?;
            logits.extend(averaged(task, &each, members, outputs));
        }
        let rows = logits
            .chunks_exact(outputs.max(1))
            .zip(targets.data.chunks_exact(targets.width.max(1)))
            .enumerate();
        let (mut sum, mut weight_sum) = (0.0, 0.0);
        for (row, (logits, targets)) in rows {
            let weight = weights.as_ref().map_or(1.0, |w| f64::from(w[row]));
            sum += weight * row_loss(task, &data.levels, logits, targets);
            weight_sum += weight;
        }
        let loss = sum / weight_sum;
        let metric = main_metric(task, data.positive, &logits, part);
        let score = match self.problem.recipe.monitor {
            Monitor::Loss => -loss,
            monitor => monitored(monitor, task, data.positive, &logits, part).unwrap_or(f64::MIN),
        };
        Ok((loss, metric, score))
    }

    fn poll(&mut self) -> Result<()> {
        if self.clock.poll.is_some_and(|last| last.elapsed() < POLL) {
            return Ok(());
        }
        self.clock.poll = Some(Instant::now());
        if self.hooks.should_stop() { Err(cancelled()) } else { Ok(()) }
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the training was cancelled")
}

/// Reads a tensor of one number.
trait IntoScalar {
    fn into_scalar_f32(self) -> f32;
}

impl<B: Backend> IntoScalar for Tensor<B, 1> {
    fn into_scalar_f32(self) -> f32 {
        burn::tensor::ElementConversion::elem(self.into_scalar())
    }
}
