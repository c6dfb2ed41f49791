//! Multi-layer perceptron.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use super::affine::{self, Affine};
use super::dropout::Dropout;
use super::observer::Observer;
use super::parameters::Builder;
use crate::domain::activation::LayerFunction;
use crate::domain::network::MlpNetwork;

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
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        self.observed(inputs, dropout, &mut Observer::default())
    }

    pub(super) fn observed(
        &self,
        inputs: Tensor<B, 2>,
        mut dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let mut x = inputs;
        for (number, layer) in self.hidden.iter().enumerate() {
            x = layer.rectified(x);
            let name = || format!("hidden.{number}");
            observer.see(name, LayerFunction::Relu, (&["unit"], 1), &x);
            if let Some(dropout) = &mut dropout {
                x = dropout.apply(x, self.dropout);
            }
        }
        let logits = self.output.forward(x);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }
}

impl<B: AutodiffBackend> Mlp<B> {
    /// As [`affine::gradients`], by the masks that [`Mlp::forward`] draws.
    pub(super) fn gradients(
        &self,
        inputs: &Tensor<B, 2>,
        dropout: &mut Dropout,
        loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
    ) -> Option<(f32, GradientsParams)> {
        let [rows, _] = inputs.dims();
        let layers = self.hidden.iter().chain([&self.output]);
        let keep = |number: usize, layer: &Affine<B>| {
            let [_, units] = layer.weight.dims();
            let is_hidden = number < self.hidden.len();
            is_hidden.then(|| dropout.mask(rows * units, self.dropout)).flatten()
        };
        affine::gradients(inputs, layers, keep, loss)
    }
}
