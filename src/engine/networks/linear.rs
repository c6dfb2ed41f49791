//! Linear and logistic regression.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::affine::Affine;
use super::parameters::Builder;

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
        self.output.forward(inputs)
    }
}
