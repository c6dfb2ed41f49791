//! What a training begins with, by which one device is held against another.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::pace::Stop;
use super::{IntoScalar, Problem, Run, Schedule};
use crate::engine::networks::dropout::Dropout;
use crate::engine::networks::multiply_adds;
use crate::engine::train::count_parameters;
use crate::error::Result;

/// Steps that are taken; what the last one finds is what those before it have learnt.
const STEPS: usize = 3;
/// Rows of a step where a whole batch is too much work for a CPU that only tries: few, so that what a GPU
/// learns from a host can take as well.
const ROWS: usize = 64;
/// Multiply-adds of a batch that are not too much, which take seconds. The kernels that are tried are then
/// those that train, and nothing is tuned twice.
const WORK: u64 = 1 << 33;
/// Numbers below this are as good as none: rounding alone makes them.
const NOISE: f64 = 1e-6;

/// The loss of each of the first steps, all on the same rows, and the first one's gradients.
#[derive(Debug, PartialEq)]
pub(in crate::engine::train) struct FirstSteps {
    losses: Vec<f64>,
    gradients: Vec<f32>,
}

impl FirstSteps {
    #[cfg(test)]
    pub(in crate::engine::train) fn of(losses: &[f64], gradients: &[f32]) -> Self {
        Self { losses: losses.to_vec(), gradients: gradients.to_vec() }
    }

    /// How far others are from these, as a share of them: of a loss, or of the length of the gradients,
    /// whichever is most. NaN where any is not finite.
    pub(in crate::engine::train) fn apart(&self, other: &Self) -> f64 {
        let is_alike = self.gradients.len() == other.gradients.len()
            && self.losses.len() == other.losses.len();
        if !is_alike {
            return f64::NAN;
        }
        let pairs = self.gradients.iter().zip(&other.gradients);
        let squares = pairs.fold((0.0, 0.0), |(apart, length), (a, b)| {
            let (a, b) = (f64::from(*a), f64::from(*b));
            (apart + (a - b) * (a - b), length + a * a)
        });
        let least = NOISE * (self.gradients.len() as f64).sqrt();
        let of_gradients = squares.0.sqrt() / squares.1.sqrt().max(least);
        let losses = self.losses.iter().zip(&other.losses);
        let of_losses = losses.map(|(a, b)| (a - b).abs() / a.abs().max(NOISE));
        // `max` alone would pass over a NaN.
        of_losses.fold(of_gradients, |most, apart| match most.is_nan() || apart.is_nan() {
            true => f64::NAN,
            false => most.max(apart),
        })
    }
}

/// Losses and gradients of the first steps of a training as a device takes them, over the same rows each
/// time.
///
/// # Errors
/// [`crate::error::Code::Cancelled`] when `stop` says so.
pub(in crate::engine::train) fn first_steps<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem<'_>,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<FirstSteps> {
    let Problem { recipe, data } = *problem;
    let mut hooks = Stop(stop);
    let mut run = Run::<B>::start(device, *problem, None, &mut hooks)?;
    run.poll()?;
    let batch = run.rows().min(run.batch_size());
    let work = multiply_adds(&recipe.network, &data.layout, count_parameters(recipe, data)?);
    let is_light = work.saturating_mul(batch as u64) <= WORK;
    let rows = 0..if is_light { batch } else { batch.min(ROWS) };
    // Another order than the one in which they came, so that it is tried, too.
    run.take_order((0..run.rows()).rev().collect())?;
    let schedule = Schedule::new(recipe, run.rows().div_ceil(run.batch_size()), &[]);

    let mut dropout = Dropout::new(recipe.seed, 0, 0);
    run.begin_table(rows.clone());
    let (loss, gradients) = run.gradients(rows.clone(), 0, &mut dropout);
    let mut read = Read { gradients: &gradients, values: Vec::new() };
    run.network.visit(&mut read);
    let Read { values, .. } = read;
    let mut losses = vec![f64::from(loss.into_scalar_f32())];
    run.learn(schedule.rate(0, 0), gradients)?;
    for step in 1..STEPS {
        run.poll()?;
        run.progress.batch = step;
        let loss = run.step(rows.clone(), 0, schedule.rate(0, step))?;
        losses.push(f64::from(loss.into_scalar_f32()));
    }
    Ok(FirstSteps { losses, gradients: values })
}

/// Gradients one after the other.
struct Read<'a> {
    gradients: &'a GradientsParams,
    values: Vec<f32>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.get::<B::InnerBackend, D>(param.id) {
            self.values.extend(gradient.into_data().iter::<f32>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_apart_by_what_differs_most_and_never_agree_on_nothing() {
        let steps = |loss, gradients: &[f32]| FirstSteps::of(&[2.0, loss], gradients);
        let one = steps(2.0, &[3.0, 4.0]);
        assert_eq!(one.apart(&steps(2.0, &[3.0, 4.0])), 0.0);
        assert_eq!(one.apart(&steps(2.0, &[3.0, 4.5])), 0.1);
        assert_eq!(one.apart(&steps(3.0, &[3.0, 4.5])), 0.5, "what was learnt of the first step");
        let still = steps(1.0, &[0.0, 0.0]);
        assert!(still.apart(&steps(1.0, &[1e-10, 0.0])) < 1e-3, "noise beside nothing");
        assert!(still.apart(&steps(1.0, &[0.1, 0.0])) > 1.0);
        let short = FirstSteps::of(&[2.0], &[3.0, 4.0]);
        let others =
            [steps(2.0, &[3.0]), steps(2.0, &[3.0, f32::NAN]), steps(f64::NAN, &[3.0, 4.0])];
        for other in others.into_iter().chain([short]) {
            assert!(one.apart(&other).is_nan(), "{other:?}");
        }
    }
}
