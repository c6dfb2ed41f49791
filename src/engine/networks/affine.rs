//! A fully connected layer.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::domain::training::Precision;
use crate::engine::kernels::{Stacked, affine};

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

    /// Among others, with what its units are multiplied by.
    pub(super) fn stacked(&self, keep: Option<Vec<f32>>) -> Stacked<B> {
        let keep = keep.map(Arc::new);
        Stacked { weight: self.weight.val(), bias: self.bias.val(), keep }
    }

    /// The same, and 0 in the place of what is negative.
    pub(super) fn rectified<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        affine(x, self.weight.val(), self.bias.val(), self.precision, true)
    }
}
