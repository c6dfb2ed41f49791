//! How fast a network learns on this machine: a few steps of it, which lead nowhere.

use std::ops::Range;
use std::time::{Duration, Instant};

use burn::tensor::backend::{AutodiffBackend, DeviceOps};

use super::{
    Control, EpochReport, Hooks, IntoScalar, POLL, Problem, Run, VALIDATION_NUMBERS,
    VALIDATION_ROWS,
};
use crate::engine::infer::forward;
use crate::engine::networks::parameters::parameters;
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Context, Result};

/// Most steps that are measured.
const STEPS: usize = 60;
/// Of a step that leads nowhere: too small to leave where the weights start.
const RATE: f64 = 1e-8;

/// What the parts of an epoch take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine::train) struct Pace {
    /// A training row, as one of a full batch.
    pub(in crate::engine::train) training_row: f64,
    pub(in crate::engine::train) validation_row: f64,
    /// What comes once in each epoch.
    pub(in crate::engine::train) epoch: f64,
}

impl Pace {
    /// Seconds of an epoch over so many rows.
    pub(in crate::engine::train) fn of_epoch(&self, training: f64, validation: f64) -> f64 {
        self.training_row * training + self.validation_row * validation + self.epoch
    }
}

/// Asks only whether to stop.
pub(super) struct Stop<'a>(pub(super) &'a mut (dyn FnMut() -> bool + Send));

impl Hooks for Stop<'_> {
    fn epoch(&mut self, _: &EpochReport) -> Result<Control> {
        Ok(Control::Continue)
    }

    fn checkpoint(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        (self.0)()
    }
}

/// Measures steps of a training for about `limit`, one at least after a first that is not counted.
///
/// # Errors
/// [`crate::error::Code::Cancelled`] when `stop` says so, which is asked between steps.
pub(in crate::engine::train) fn pace<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem<'_>,
    limit: Duration,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<Pace> {
    let mut hooks = Stop(stop);
    let mut run = Run::<B>::start(device, *problem, None, &mut hooks)?;
    let began = Instant::now();
    let rows = run.rows();
    run.take_order((0..rows).collect())?;
    let mut batches = whole_batches(rows, run.batch_size());
    // The first one asks for memory, and on a GPU compiles.
    let mut training_row = 0.0;
    if let Some(batch) = batches.next() {
        run.poll()?;
        let rows = batch.len();
        run.step(batch, 0, RATE)?.into_scalar_f32();
        training_row = began.elapsed().as_secs_f64() / rows as f64;
    }
    let measured = Instant::now();
    let (mut learnt, mut sum) = (0, run.loss_sum());
    for batch in batches.take(STEPS) {
        // The first one alone, which may have waited for memory, would tell too little.
        if learnt > 0 && began.elapsed() >= limit {
            break;
        }
        run.poll()?;
        learnt += batch.len();
        sum = sum + run.step(batch, 0, RATE)?;
    }
    sum.into_scalar_f32();
    if learnt > 0 {
        training_row = measured.elapsed().as_secs_f64() / learnt as f64;
    }
    let validation_row = run.pace_of_validation()?;
    let measured = Instant::now();
    let weights = parameters(&run.whole())?;
    run.best = weights.clone();
    Ok(Pace { training_row, validation_row, epoch: measured.elapsed().as_secs_f64() })
}

/// The batches of so many rows that are full, again and again: one of all rows where none is.
fn whole_batches(rows: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let size = size.min(rows).max(1);
    (0..rows / size).map(move |number| number * size..(number + 1) * size).cycle()
}

/// Seconds of the steps of a training, over about `limit` after a fifth of that which is not counted;
/// one at least. Rows come in an order of chance, as in an epoch. Each is the mean of `together` steps,
/// after which the device is waited for: one that works while the next step is put together is only
/// as fast as it gets them done.
///
/// # Errors
/// As [`super::fit`].
pub(in crate::engine::train) fn step_times<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem<'_>,
    limit: Duration,
    together: usize,
) -> Result<Vec<f64>> {
    let mut never = || false;
    let mut hooks = Stop(&mut never);
    let mut run = Run::<B>::start(device, *problem, None, &mut hooks)?;
    let mut order: Vec<usize> = (0..run.rows()).collect();
    shuffle(&mut keyed(problem.recipe.seed, Purpose::Order, 0, 0), &mut order);
    let mut sum = run.loss_sum();
    let mut times = Vec::new();
    let began = Instant::now();
    let mut counted = None;
    let mut batches = whole_batches(run.rows(), run.batch_size());
    run.take_order(order)?;
    loop {
        let step = Instant::now();
        for batch in batches.by_ref().take(together) {
            let weight = batch.len() as f64;
            sum = sum + run.step(batch, 0, RATE)?.mul_scalar(weight);
        }
        B::sync(device).context("waiting for a device")?;
        match counted {
            Some(_) => times.push(step.elapsed().as_secs_f64() / together as f64),
            // Memory has been asked for, and caches are warm.
            None if began.elapsed() >= limit / 5 => counted = Some(Instant::now()),
            None => {}
        }
        if !times.is_empty() && counted.is_some_and(|counted| counted.elapsed() >= limit) {
            break;
        }
    }
    sum.into_scalar_f32();
    Ok(times)
}

impl<B: AutodiffBackend> Run<'_, B> {
    fn pace_of_validation(&mut self) -> Result<f64> {
        use burn::module::AutodiffModule;
        let inputs = &self.problem.data.validation.inputs;
        let width = inputs.width.max(1);
        let most = (VALIDATION_NUMBERS / width).clamp(1, VALIDATION_ROWS).min(inputs.rows.max(1));
        let rows = &inputs.data[..(most * width).min(inputs.data.len())];
        let network = self.whole().valid();
        let mut seconds = f64::INFINITY;
        let began = Instant::now();
        for _ in 0..3 {
            self.poll()?;
            let measured = Instant::now();
            forward(&network, rows, inputs.width, self.device.inner())?;
            seconds = seconds.min(measured.elapsed().as_secs_f64());
            if began.elapsed() > POLL {
                break;
            }
        }
        Ok(seconds / most as f64)
    }
}
