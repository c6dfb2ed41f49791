//! Networks for images: convolutions with pools, then fully connected layers.
//!
//! A picture comes as `[channel, row, column]`, as the matrix has it, and is convolved as `[row,
//! column, channel]`; the fully connected layers read it in that order too.

use actuary_kernels::{Convolution, Dense, Shape};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::affine::Affine;
use super::dropout::Dropout;
use super::observer::Observer;
use super::parameters::{Builder, Parameters};
use crate::domain::activation::LayerFunction;
use crate::domain::network::{CnnNetwork, LenetNetwork, NetworkSpec};
use crate::engine::kernels::convolve;
use crate::error::{Error, Result};
use crate::frame::ImageShape;

/// LeNet's window, and the one of the others.
const LENET_KERNEL: usize = 5;
const KERNEL: usize = 3;
/// Channels and units of LeNet (LeCun et al. 1998, with ReLU and greatest-of-four pools).
const LENET_CHANNELS: [usize; 2] = [6, 16];
const LENET_HIDDEN: [usize; 2] = [120, 84];

/// A convolution without padding, ReLU, and a pool of 2 x 2: `weight` `[kernel, kernel, inputs,
/// outputs]`, `bias` `[outputs]`.
#[derive(Module, Debug)]
struct Stage<B: Backend> {
    weight: Param<Tensor<B, 4>>,
    bias: Param<Tensor<B, 1>>,
}

/// Tensors `convolution.N.weight` `[kernel, kernel, inputs, outputs]`, `convolution.N.bias`, ...,
/// `hidden.N.weight` `[inputs, units]`, `hidden.N.bias`, ..., `output.weight`, `output.bias`. The
/// first of the fully connected layers reads `[row, column, channel]`.
#[derive(Module, Debug)]
pub(crate) struct Convolutional<B: Backend> {
    convolution: Vec<Stage<B>>,
    hidden: Vec<Affine<B>>,
    output: Affine<B>,
    /// Channels, rows and columns of a picture.
    #[module(skip)]
    size: [usize; 3],
    #[module(skip)]
    dropout: f64,
}

/// Sizes of a network.
struct Plan {
    kernel: usize,
    channels: Vec<usize>,
    hidden: Vec<usize>,
    dropout: f64,
}

impl Plan {
    fn lenet(_: &LenetNetwork) -> Self {
        Self {
            kernel: LENET_KERNEL,
            channels: LENET_CHANNELS.to_vec(),
            hidden: LENET_HIDDEN.to_vec(),
            dropout: 0.0,
        }
    }

    fn cnn(spec: &CnnNetwork) -> Self {
        Self {
            kernel: KERNEL,
            channels: spec.channels.iter().flatten().map(|c| *c as usize).collect(),
            hidden: spec.hidden.iter().map(|units| *units as usize).collect(),
            dropout: spec.dropout.unwrap_or(0.0),
        }
    }
}

/// Rows or columns that so many stages leave of an image's; 0 where it is too small.
fn side_after(kernel: usize, stages: usize, side: usize) -> usize {
    (0..stages).fold(side, |side, _| (side + 1).saturating_sub(kernel) / 2)
}

/// Fewest pixels a side that so many stages can read.
fn smallest(kernel: usize, stages: usize) -> usize {
    (0..stages).fold(1, |side, _| 2 * side + kernel - 1)
}

/// Fewest pixels a side that LeNet reads, and that the default network of so many convolutions does.
pub(crate) fn smallest_lenet() -> usize {
    smallest(LENET_KERNEL, LENET_CHANNELS.len())
}

pub(crate) fn smallest_cnn(stages: usize) -> usize {
    smallest(KERNEL, stages)
}

/// Number of fully connected layers before that of the outputs.
pub(super) fn hidden(spec: &NetworkSpec) -> usize {
    match spec {
        NetworkSpec::Lenet(_) => LENET_HIDDEN.len(),
        NetworkSpec::Cnn(_) => 1,
        _ => 0,
    }
}

/// Multiply-adds of one picture's convolutions.
pub(super) fn multiply_adds(spec: &NetworkSpec, shape: ImageShape) -> usize {
    let plan = match spec {
        NetworkSpec::Lenet(spec) => Plan::lenet(spec),
        NetworkSpec::Cnn(spec) => Plan::cnn(spec),
        _ => return 0,
    };
    let ImageShape { mut channels, mut height, mut width } = shape;
    let mut sum = 0;
    for outputs in plan.channels {
        let layer = Shape { height, width, channels, kernel: plan.kernel, outputs };
        sum += layer.multiply_adds();
        ((height, width), channels) = (layer.pooled(), outputs);
    }
    sum
}

/// The convolutions that suit an image: as many as leave 5 to 11 pixels of its shorter side.
pub(crate) fn suited_channels(shape: ImageShape) -> Vec<u32> {
    const CHANNELS: [u32; 6] = [32, 64, 128, 128, 128, 128];
    const LEFT: usize = 5;
    let side = shape.height.min(shape.width);
    let stages = (1..=CHANNELS.len()).rev().find(|n| side_after(KERNEL, *n, side) >= LEFT);
    CHANNELS[..stages.unwrap_or(1)].to_vec()
}

impl<B: Backend> Convolutional<B> {
    pub(super) fn lenet(
        spec: &LenetNetwork,
        shape: ImageShape,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        Self::new(Plan::lenet(spec), shape, outputs, builder)
    }

    pub(super) fn cnn(
        spec: &CnnNetwork,
        shape: ImageShape,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        Self::new(Plan::cnn(spec), shape, outputs, builder)
    }

    fn new(plan: Plan, shape: ImageShape, outputs: usize, builder: &mut Builder<'_, B>) -> Self {
        let Plan { kernel, channels, hidden, dropout } = plan;
        let ImageShape { channels: inputs, height, width } = shape;
        let left = |side| side_after(kernel, channels.len(), side);
        let last = channels.last().copied().unwrap_or(inputs);
        let mut from = inputs;
        let convolution = channels
            .iter()
            .map(|&to| {
                let inputs = std::mem::replace(&mut from, to);
                let (weight, bias) = builder.convolution(kernel, inputs, to);
                Stage { weight, bias }
            })
            .collect();
        let mut units = left(height) * left(width) * last;
        let hidden = hidden
            .iter()
            .map(|&to| builder.linear(std::mem::replace(&mut units, to), to))
            .collect();
        let output = builder.linear(units, outputs);
        Self { convolution, hidden, output, size: [inputs, height, width], dropout }
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
        let ([rows, _], [channels, height, width]) = (inputs.dims(), self.size);
        let x = inputs.reshape([rows, channels, height, width]).permute([0, 2, 3, 1]);
        let x = self.convolution.iter().enumerate().fold(x, |x, (number, stage)| {
            let x = convolve(x, stage.weight.val(), stage.bias.val(), self.output.precision);
            let name = || format!("convolution.{number}");
            observer.see(name, LayerFunction::Relu, (&["row", "column", "channel"], 1), &x);
            x
        });
        let [_, height, width, channels] = x.dims();
        let mut drop = |x, share| match &mut dropout {
            Some(dropout) => dropout.apply(x, share),
            None => x,
        };
        let mut x = drop(x.reshape([rows, height * width * channels]), self.dropout / 2.0);
        for (number, layer) in self.hidden.iter().enumerate() {
            x = layer.rectified(x);
            let name = || format!("hidden.{number}");
            observer.see(name, LayerFunction::Relu, (&["unit"], 1), &x);
            x = drop(x, self.dropout);
        }
        let logits = self.output.forward(x);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }
}

/// Such a network for inference on a CPU.
#[derive(Debug)]
pub(crate) struct ConvolutionalLayers {
    shape: ImageShape,
    convolutions: Vec<Convolution>,
    pub(crate) dense: Vec<Dense>,
}

impl ConvolutionalLayers {
    /// # Errors
    /// [`Error::Internal`] when a parameter is missing or has another shape.
    pub(crate) fn new(
        shape: ImageShape,
        parameters: &Parameters,
        dense: Vec<Dense>,
    ) -> Result<Self> {
        let misfit = || Error::internal("loading a network", "its layers don't fit its weights");
        let mut convolutions: Vec<Convolution> = Vec::new();
        let ImageShape { mut channels, mut height, mut width } = shape;
        while let Some(weight) =
            parameters.get(&format!("convolution.{}.weight", convolutions.len()))
        {
            let bias = parameters.get(&format!("convolution.{}.bias", convolutions.len()));
            let bias = bias.ok_or_else(misfit)?;
            let (kernel, outputs) = (*weight.shape.first().ok_or_else(misfit)?, bias.values.len());
            let shape = Shape { height, width, channels, kernel, outputs };
            let layer = Convolution::new(shape, &weight.values, &bias.values).ok_or_else(misfit)?;
            convolutions.push(layer);
            ((height, width), channels) = (shape.pooled(), outputs);
        }
        Ok(Self { shape, convolutions, dense })
    }

    /// Multiply-adds of one picture's convolutions.
    pub(crate) fn multiply_adds(&self) -> usize {
        self.convolutions.iter().map(|layer| layer.shape().multiply_adds()).sum()
    }

    /// What the fully connected layers read, `[rows, inputs]`, of rows as the matrix has them.
    pub(crate) fn convolved(&self, rows: &[f32]) -> Vec<f32> {
        let ImageShape { channels, height, width } = self.shape;
        let area = height * width;
        let mut x = rows.to_vec();
        if channels > 1 {
            let pictures =
                x.chunks_exact_mut(channels * area).zip(rows.chunks_exact(channels * area));
            for (to, from) in pictures {
                for (at, to) in to.chunks_exact_mut(channels).enumerate() {
                    to.iter_mut().enumerate().for_each(|(c, to)| *to = from[c * area + at]);
                }
            }
        }
        self.convolutions.iter().fold(x, |x, layer| layer.forward(&x).0)
    }
}

#[cfg(test)]
mod tests;
