//! Multi-layer perceptron.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::affine::Affine;
use super::dropout::Dropout;
use super::parameters::Builder;
use crate::domain::network::MlpNetwork;
use crate::engine::kernels::stack;

/// Fully connected layers with ReLU and dropout between; tensors `hidden.N.weight`
/// `[inputs, units]`, `hidden.N.bias` `[units]`, `output.weight`, `output.bias`.
#[derive(Module, Debug)]
pub(crate) struct Mlp<B: Backend> {
    hidden: Vec<Affine<B>>,
    output: Affine<B>,
    #[module(skip)]
    dropout: f64,
}

impl<B: Backend> Mlp<B> {
    pub(super) fn new(
        spec: &MlpNetwork,
        inputs: usize,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let mut width = inputs;
        let hidden = spec
            .hidden
            .iter()
            .flatten()
            .map(|&units| {
                builder.linear(std::mem::replace(&mut width, units as usize), units as usize)
            })
            .collect();
        let output = builder.linear(width, outputs);
        Self { hidden, output, dropout: spec.dropout.unwrap_or(0.0) }
    }

    pub(super) fn forward(
        &self,
        inputs: Tensor<B, 2>,
        mut dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        let [rows, _] = inputs.dims();
        let mut layers: Vec<_> = self
            .hidden
            .iter()
            .map(|layer| {
                let [_, units] = layer.weight.dims();
                let mask = |dropout: &mut &mut Dropout| dropout.mask(rows * units, self.dropout);
                layer.stacked(dropout.as_mut().and_then(mask))
            })
            .collect();
        layers.push(self.output.stacked(None));
        stack(inputs, layers, self.output.precision)
    }
}
