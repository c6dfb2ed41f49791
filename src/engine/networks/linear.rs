//! Linear and logistic regression.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

use super::affine::{self, Affine};
use super::observer::Observer;
use super::parameters::{Builder, Parameters};
use crate::domain::activation::LayerFunction;
use crate::engine::features::{Group, Layout};
use crate::engine::kernels;

/// One layer; tensors `output.weight` `[inputs, outputs]` and `output.bias` `[outputs]`.
///
/// Where the answer may go one way only with an input, of its weights the size counts, with the sign of
/// that way; weights of codes of the same column count nothing, since these know no order.
#[derive(Module, Debug)]
pub(crate) struct Linear<B: Backend> {
    output: Affine<B>,
    counts: Option<Counts<B>>,
}

/// What of a weight counts, `[inputs, 1]` each: so much of it, and so much of its size.
#[derive(Module, Debug)]
struct Counts<B: Backend> {
    itself: Tensor<B, 2>,
    size: Tensor<B, 2>,
}

/// Those of each input; None where all count as they are.
fn counts(layout: &Layout) -> Option<Vec<(f32, f32)>> {
    let mut counts = vec![(1.0, 0.0); layout.width()];
    let (mut any, mut is_ordered) = (false, false);
    for group in layout.groups() {
        match group {
            Group::Ordered { input, direction, .. } => {
                counts[*input] = (0.0, direction.sign());
                (any, is_ordered) = (true, true);
            }
            Group::Code(range) if is_ordered => {
                counts[range.clone()].iter_mut().for_each(|counts| *counts = (0.0, 0.0));
            }
            Group::Flag(_) | Group::Code(_) => {}
            Group::Number { .. } | Group::Category(_) => is_ordered = false,
        }
    }
    any.then_some(counts)
}

/// Parameters as they count; None where they do as they are.
pub(in crate::engine) fn counted(layout: &Layout, parameters: &Parameters) -> Option<Parameters> {
    let counts = counts(layout)?;
    let mut parameters = parameters.clone();
    let weights = parameters.get_mut("output.weight")?;
    let outputs = weights.values.len() / counts.len().max(1);
    for (row, (itself, size)) in weights.values.chunks_exact_mut(outputs.max(1)).zip(counts) {
        row.iter_mut().for_each(|weight| *weight = *weight * itself + weight.abs() * size);
    }
    Some(parameters)
}

impl<B: Backend> Linear<B> {
    pub(super) fn new(layout: &Layout, outputs: usize, builder: &mut Builder<'_, B>) -> Self {
        let counts = counts(layout).map(|counts| {
            let column = |of: &dyn Fn(&(f32, f32)) -> f32| {
                let values: Vec<f32> = counts.iter().map(of).collect();
                Tensor::from_data(TensorData::new(values, [counts.len(), 1]), builder.device())
            };
            Counts { itself: column(&|c| c.0), size: column(&|c| c.1) }
        });
        Self { output: builder.linear(layout.width(), outputs), counts }
    }

    pub(super) fn forward(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        self.observed(inputs, &mut Observer::default())
    }

    pub(super) fn observed(&self, inputs: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        let logits = self.logits(inputs);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }

    fn logits(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let Some(Counts { itself, size }) = &self.counts else {
            return self.output.forward(inputs);
        };
        let Affine { weight, bias, precision } = &self.output;
        let weight = weight.val();
        let weight = weight.clone() * itself.clone() + weight.abs() * size.clone();
        kernels::affine(inputs, weight, bias.val(), *precision, false)
    }
}

impl<B: AutodiffBackend> Linear<B> {
    /// As [`affine::gradients`]; None where not all weights count as they are.
    pub(super) fn gradients(
        &self,
        inputs: &Tensor<B, 2>,
        loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
    ) -> Option<(f32, GradientsParams)> {
        if self.counts.is_some() {
            return None;
        }
        affine::gradients(inputs, std::iter::once(&self.output), |_, _| None, loss)
    }
}
