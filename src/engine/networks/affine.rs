//! A fully connected layer.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use crate::domain::training::Precision;
use crate::engine::kernels::{StackGradients, Stacked, affine, is_cpu, stack_gradients};

/// `x W + b`; tensors `weight` `[inputs, outputs]` and `bias` `[outputs]`.
#[derive(Module, Debug)]
pub(crate) struct Affine<B: Backend> {
    pub(crate) weight: Param<Tensor<B, 2>>,
    pub(crate) bias: Param<Tensor<B, 1>>,
    /// Of the product, while it learns.
    #[module(skip)]
    pub(super) precision: Precision,
}

impl<B: Backend> Affine<B> {
    /// `[.., inputs]` to `[.., outputs]`.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        affine(x, self.weight.val(), self.bias.val(), self.precision, false)
    }

    /// The same, and 0 in the place of what is negative.
    pub(super) fn rectified<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        affine(x, self.weight.val(), self.bias.val(), self.precision, true)
    }
}

/// The loss of rows that go through layers, all but the last rectified, and its gradients by their
/// parameters; `loss` gives it with its gradients by the logits, and `keep` what the units of a layer
/// are multiplied by.
///
/// None, and nothing asked of `keep`, but on a CPU in full precision.
pub(super) fn gradients<'a, B: AutodiffBackend>(
    inputs: &Tensor<B, 2>,
    layers: impl Iterator<Item = &'a Affine<B>> + Clone,
    mut keep: impl FnMut(usize, &Affine<B>) -> Option<Vec<f32>>,
    loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
) -> Option<(f32, GradientsParams)> {
    let is_plain = |layer: &Affine<B>| layer.precision == Precision::F32;
    if !(is_cpu::<B::InnerBackend>() && layers.clone().all(is_plain)) {
        return None;
    }
    let stacked = layers.clone().enumerate().map(|(number, layer)| {
        let keep = keep(number, layer);
        Stacked { weight: layer.weight.val(), bias: layer.bias.val(), keep }
    });
    let StackGradients { loss, layers: found } =
        stack_gradients(inputs.clone(), stacked.collect(), loss)?;
    let mut gradients = GradientsParams::new();
    for (layer, (weight, bias)) in layers.zip(found) {
        gradients.register::<B::InnerBackend, 2>(layer.weight.id, weight);
        gradients.register::<B::InnerBackend, 1>(layer.bias.id, bias);
    }
    Some((loss, gradients))
}
