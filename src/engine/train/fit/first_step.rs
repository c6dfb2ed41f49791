//! What a training begins with, by which one device is held against another.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::pace::Stop;
use super::{IntoScalar, Problem, Run};
use crate::engine::networks::dropout::Dropout;
use crate::error::Result;

/// Rows that the loss is of: few, so that what a GPU learns from a host can take as well.
const ROWS: usize = 64;
/// Numbers below this are as good as none: rounding alone makes them.
const NOISE: f64 = 1e-6;

/// Loss and gradients of the first rows.
#[derive(Debug, PartialEq)]
pub(in crate::engine::train) struct FirstStep {
    loss: f64,
    gradients: Vec<f32>,
}

impl FirstStep {
    #[cfg(test)]
    pub(in crate::engine::train) fn of(loss: f64, gradients: &[f32]) -> Self {
        Self { loss, gradients: gradients.to_vec() }
    }

    /// How far another one's is from this, as a share of it: of its loss, or of the length of its
    /// gradients, whichever is more. NaN where either is not finite.
    pub(in crate::engine::train) fn apart(&self, other: &Self) -> f64 {
        if self.gradients.len() != other.gradients.len() {
            return f64::NAN;
        }
        let pairs = self.gradients.iter().zip(&other.gradients);
        let squares = pairs.fold((0.0, 0.0), |(apart, length), (a, b)| {
            let (a, b) = (f64::from(*a), f64::from(*b));
            (apart + (a - b) * (a - b), length + a * a)
        });
        let least = NOISE * (self.gradients.len() as f64).sqrt();
        let of_gradients = squares.0.sqrt() / squares.1.sqrt().max(least);
        let of_loss = (self.loss - other.loss).abs() / self.loss.abs().max(NOISE);
        // `max` alone would pass over a NaN.
        if of_gradients.is_nan() || of_loss.is_nan() { f64::NAN } else { of_gradients.max(of_loss) }
    }
}

/// Loss and gradients of the first rows as a device takes them.
///
/// # Errors
/// [`crate::error::Code::Cancelled`] when `stop` says so.
pub(in crate::engine::train) fn first_step<B: AutodiffBackend>(
    device: &B::Device,
    problem: &Problem<'_>,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<FirstStep> {
    let mut hooks = Stop(stop);
    let mut run = Run::<B>::start(device, *problem, None, &mut hooks)?;
    run.poll()?;
    let rows: Vec<usize> = (0..run.rows().min(run.batch_size()).min(ROWS)).collect();
    let mut dropout = Dropout::new(problem.recipe.seed, 0, 0);
    run.begin_table(&rows);
    let (loss, gradients) = run.gradients(&rows, 0, &mut dropout);
    let mut read = Read { gradients: &gradients, values: Vec::new() };
    run.network.visit(&mut read);
    Ok(FirstStep { loss: f64::from(loss.into_scalar_f32()), gradients: read.values })
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
        let step = FirstStep::of;
        let one = step(2.0, &[3.0, 4.0]);
        assert_eq!(one.apart(&step(2.0, &[3.0, 4.0])), 0.0);
        assert_eq!(one.apart(&step(2.0, &[3.0, 4.5])), 0.1);
        assert_eq!(one.apart(&step(3.0, &[3.0, 4.5])), 0.5);
        let still = step(1.0, &[0.0, 0.0]);
        assert!(still.apart(&step(1.0, &[1e-10, 0.0])) < 1e-3, "noise beside nothing");
        assert!(still.apart(&step(1.0, &[0.1, 0.0])) > 1.0);
        for other in [step(2.0, &[3.0]), step(2.0, &[3.0, f32::NAN]), step(f64::NAN, &[3.0, 4.0])] {
            assert!(one.apart(&other).is_nan(), "{other:?}");
        }
    }
}
