//! Linear and logistic regression.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use super::affine::{self, Affine};
use super::observer::Observer;
use super::parameters::Builder;
use crate::domain::activation::LayerFunction;

/// One layer; tensors `output.weight` `[inputs, outputs]` and `output.bias` `[outputs]`.
#[derive(Module, Debug)]
pub(crate) struct Linear<B: Backend> {
    output: Affine<B>,
}

impl<B: Backend> Linear<B> {
    pub(super) fn new(inputs: usize, outputs: usize, builder: &mut Builder<'_, B>) -> Self {
        Self { output: builder.linear(inputs, outputs) }
    }

    pub(super) fn forward(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        self.observed(inputs, &mut Observer::default())
    }

    pub(super) fn observed(&self, inputs: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        let logits = self.output.forward(inputs);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }
}

impl<B: AutodiffBackend> Linear<B> {
    /// As [`affine::gradients`].
    pub(super) fn gradients(
        &self,
        inputs: &Tensor<B, 2>,
        loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
    ) -> Option<(f32, GradientsParams)> {
        affine::gradients(inputs, std::iter::once(&self.output), |_, _| None, loss)
    }
}
