//! The loop over epochs and batches.

use std::time::{Duration, Instant};

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend, DeviceOps};
use burn::tensor::{Tensor, TensorData};

use super::checkpoint::{Checkpoint, Progress};
use super::hooks::{CheckpointPolicy, Control, EpochReport, Hooks};
use super::loss::{batch_loss, row_loss};
use super::optimiser::{Optimiser, rate};
use super::plan::Recipe;
use super::report::main_metric;
use super::target::Truth;
use crate::domain::model::Task;
use crate::domain::version::EpochLoss;
use crate::engine::features::{Layout, Matrix};
use crate::engine::infer::forward;
use crate::engine::networks::Network;
use crate::engine::networks::dropout::Dropout;
use crate::engine::networks::members::averaged;
use crate::engine::networks::parameters::{Builder, Parameters, all_finite, parameters, restore};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Error, Result};

/// How often the hooks are asked whether to stop, at most.
const POLL: Duration = Duration::from_millis(50);
/// Rows that are validated at once.
const VALIDATION_ROWS: usize = 1024;
/// An epoch whose loss is so many times that of guessing has diverged, though it be finite.
const HOPELESS: f64 = 1e4;

/// The rows of one part, as numbers.
pub(super) struct Part {
    pub(super) inputs: Matrix,
    /// `[rows, outputs]`: what the loss compares the logits with.
    pub(super) targets: Matrix,
    /// Weight of each row, when they differ.
    pub(super) weights: Option<Vec<f32>>,
    pub(super) truth: Truth,
}

/// All that decides what a training ends in.
pub(super) struct Problem {
    pub(super) recipe: Recipe,
    pub(super) layout: Layout,
    pub(super) task: Task,
    /// The positive class (binary).
    pub(super) positive: Option<usize>,
    pub(super) train: Part,
    pub(super) validation: Part,
    /// Validation loss of the best constant.
    pub(super) guess: f64,
    pub(super) fingerprint: String,
}

/// What a training ends in.
pub(super) struct Fit {
    /// Weights of the best epoch.
    pub(super) weights: Parameters,
    pub(super) best_epoch: u32,
    pub(super) curve: Vec<EpochLoss>,
    pub(super) seconds: f64,
}

/// Trains a network on a device of the backend `B`.
pub(super) fn fit<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Fit> {
    let mut run = Run::<B>::start(device, problem, resume, hooks)?;
    while !run.is_over() {
        run.epoch()?;
    }
    Ok(Fit {
        weights: run.best,
        best_epoch: run.progress.best_epoch,
        curve: run.progress.curve,
        seconds: run.progress.seconds,
    })
}

struct Run<'a, B: AutodiffBackend> {
    device: &'a B::Device,
    problem: &'a Problem,
    hooks: &'a mut dyn Hooks,
    network: Network<B>,
    optimiser: Optimiser<Network<B>, B>,
    best: Parameters,
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
        problem: &'a Problem,
        resume: Option<&[u8]>,
        hooks: &'a mut dyn Hooks,
    ) -> Result<Self> {
        let recipe = &problem.recipe;
        let mut builder = Builder::random(recipe.seed, device);
        let outputs = problem.train.targets.width;
        let network = Network::new(&recipe.network, &problem.layout, outputs, &mut builder);
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
            network,
            optimiser: Optimiser::new(&recipe.optimiser),
            best: Parameters::new(),
            progress: Progress::default(),
            clock,
        };
        if let Some(bytes) = resume {
            let checkpoint = match Checkpoint::decode(bytes) {
                Ok(checkpoint) if checkpoint.fingerprint == problem.fingerprint => checkpoint,
                // As after an upgrade: only the program that began it could end it bit by bit.
                _ => {
                    tracing::warn!("the checkpoint is of another program; training begins anew");
                    return Ok(run);
                }
            };
            run.network = restore(run.network, &checkpoint.weights)?;
            run.optimiser = run.optimiser.with_bytes(checkpoint.optimiser, device.inner())?;
            run.best = checkpoint.best;
            run.progress = checkpoint.progress;
        }
        Ok(run)
    }

    fn epochs(&self) -> u32 {
        self.problem.recipe.epochs
    }

    fn batch_size(&self) -> usize {
        self.problem.recipe.batch_size
    }

    /// Epochs that are over.
    fn done(&self) -> u32 {
        self.progress.curve.len() as u32
    }

    fn is_over(&self) -> bool {
        let patience = self.problem.recipe.patience;
        self.done() >= self.epochs()
            || (patience > 0 && self.done() - self.progress.best_epoch >= patience)
    }

    fn epoch(&mut self) -> Result<()> {
        let start = (Instant::now(), self.progress.batch);
        self.batches()?;
        let batches = self.progress.batch - start.1;
        let train_loss = f64::from(self.progress.loss_sum) / self.problem.train.inputs.rows as f64;
        let epoch = self.done() + 1;
        if !(train_loss.is_finite() && train_loss <= HOPELESS * self.problem.guess.max(1e-3)) {
            return Err(self.diverged(&format!("the training loss is {train_loss}")));
        }
        let (validation_loss, validation_metric) = self.validate()?;
        let weights = parameters(&self.network)?;
        if !(validation_loss.is_finite() && all_finite(&weights)) {
            return Err(self.diverged("a weight or the validation loss is not finite"));
        }
        let best =
            self.progress.curve.iter().map(|l| l.validation_loss).fold(f64::INFINITY, f64::min);
        if validation_loss < best {
            self.progress.best_epoch = epoch;
            self.best.clone_from(&weights);
        }
        let loss = EpochLoss { epoch, train_loss, validation_loss, validation_metric };
        self.progress.curve.push(loss.clone());
        self.progress.batch = 0;
        self.progress.loss_sum = 0.0;
        self.count_seconds();
        if self.clock.checkpoint.elapsed() >= self.clock.policy.after_epoch && !self.is_over() {
            self.checkpoint(weights)?;
        }
        let per_epoch = self.progress.seconds / f64::from(epoch);
        let rows = (batches * self.batch_size()).min(self.problem.train.inputs.rows);
        let report = EpochReport {
            epoch,
            epochs: self.epochs(),
            loss,
            best_epoch: self.progress.best_epoch,
            rows_per_second: rows as f64 / start.0.elapsed().as_secs_f64().max(1e-9),
            seconds_left: per_epoch * f64::from(self.epochs() - epoch),
        };
        match self.hooks.epoch(&report)? {
            Control::Continue => Ok(()),
            Control::Stop => Err(cancelled()),
        }
    }

    /// Trains on the batches of the running epoch that are left.
    fn batches(&mut self) -> Result<()> {
        let rows = self.problem.train.inputs.rows;
        let epoch = self.done();
        let mut order: Vec<usize> = (0..rows).collect();
        shuffle(&mut keyed(self.problem.recipe.seed, Purpose::Order, epoch.into(), 0), &mut order);
        let batches = rows.div_ceil(self.batch_size());
        let steps = batches as u64 * u64::from(self.epochs());
        let base = self.problem.recipe.learning_rate;
        // The sum stays on the device: reading it each time would hold a GPU up.
        let mut sum = self.loss_sum();
        let chunks: Vec<&[usize]> =
            order.chunks(self.batch_size()).skip(self.progress.batch).collect();
        for chunk in chunks {
            self.poll()?;
            let step = u64::from(epoch) * batches as u64 + self.progress.batch as u64;
            let loss = self.step(chunk, epoch, rate(base, step, steps));
            sum = sum + loss.mul_scalar(chunk.len() as f64);
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

    /// One step on the rows of a batch; the batch's mean loss.
    fn step(&mut self, rows: &[usize], epoch: u32, rate: f64) -> Tensor<B::InnerBackend, 1> {
        let Problem { recipe, train, task, .. } = self.problem;
        let gather = |matrix: &Matrix| -> Tensor<B, 2> {
            let mut data = Vec::with_capacity(rows.len() * matrix.width);
            for &row in rows {
                data.extend_from_slice(&matrix.data[row * matrix.width..(row + 1) * matrix.width]);
            }
            Tensor::from_data(TensorData::new(data, [rows.len(), matrix.width]), self.device)
        };
        let weights = train.weights.as_ref().map(|weights| {
            let data: Vec<f32> = rows.iter().map(|&row| weights[row]).collect();
            Tensor::from_data(TensorData::new(data, [rows.len(), 1]), self.device)
        });
        let mut dropout = Dropout::new(recipe.seed, epoch, self.progress.batch);
        let logits = self.network.forward(gather(&train.inputs), Some(&mut dropout));
        // Each member has a loss of its own: that of their mean would let them lean on each other.
        let members = self.network.members();
        let targets = gather(&train.targets).repeat_dim(0, members);
        let weights = weights.map(|weights| weights.repeat_dim(0, members));
        let loss = batch_loss(*task, logits, targets, weights);
        let value = loss.clone().inner();
        // A step consumes the network; its clone only counts references.
        self.network = self.optimiser.step(rate, self.network.clone(), loss.backward());
        value
    }

    /// Loss and metric of the validation rows, on the inner backend: a tracked forward without a
    /// backward would keep its activations.
    fn validate(&mut self) -> Result<(f64, Option<f64>)> {
        let network = self.network.valid();
        let part = &self.problem.validation;
        let Part { inputs, targets, weights, .. } = part;
        let mut logits = Vec::with_capacity(targets.data.len());
        let (task, members) = (self.problem.task, network.members());
        for rows in inputs.data.chunks(inputs.width.max(1) * VALIDATION_ROWS) {
            self.poll()?;
            let each = forward(&network, rows, inputs.width, self.device.inner())?;
            logits.extend(averaged(task, &each, members, targets.width));
        }
        let width = targets.width.max(1);
        let rows = logits.chunks_exact(width).zip(targets.data.chunks_exact(width)).enumerate();
        let (mut sum, mut weight_sum) = (0.0, 0.0);
        for (row, (logits, targets)) in rows {
            let weight = weights.as_ref().map_or(1.0, |w| f64::from(w[row]));
            sum += weight * row_loss(task, logits, targets);
            weight_sum += weight;
        }
        let metric = main_metric(task, self.problem.positive, &logits, part);
        Ok((sum / weight_sum, metric))
    }

    fn poll(&mut self) -> Result<()> {
        if self.clock.poll.is_some_and(|last| last.elapsed() < POLL) {
            return Ok(());
        }
        self.clock.poll = Some(Instant::now());
        if self.hooks.should_stop() { Err(cancelled()) } else { Ok(()) }
    }

    fn mid_epoch_checkpoint(&mut self) -> Result<()> {
        let weights = parameters(&self.network)?;
        if !(self.progress.loss_sum.is_finite() && all_finite(&weights)) {
            return Err(self.diverged("a weight or the training loss is not finite"));
        }
        self.count_seconds();
        self.checkpoint(weights)
    }

    fn checkpoint(&mut self, weights: Parameters) -> Result<()> {
        let checkpoint = Checkpoint {
            fingerprint: self.problem.fingerprint.clone(),
            progress: self.progress.clone(),
            weights,
            best: self.best.clone(),
            optimiser: self.optimiser.to_bytes()?,
        };
        self.hooks.checkpoint(&checkpoint.encode()?)?;
        self.clock.checkpoint = Instant::now();
        Ok(())
    }

    fn count_seconds(&mut self) {
        self.progress.seconds += self.clock.uncounted.elapsed().as_secs_f64();
        self.clock.uncounted = Instant::now();
    }

    fn diverged(&self, what: &str) -> Error {
        let rate = self.problem.recipe.learning_rate;
        let detail = format!(
            "training diverged in epoch {}: {what}; lower the learning rate (now {rate}), or look \
             for extreme values in the data",
            self.done() + 1
        );
        Error::field(Code::Diverged, "/optimiser/learning_rate", detail)
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
