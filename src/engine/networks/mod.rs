//! Networks, generic over the backend; one file each. They end in logits: one for a binary model
//! (of the positive class), one per class for several classes, the scaled target for a
//! regression; a network of several members ends in the logits of each.

pub(crate) mod dropout;
mod linear;
pub(crate) mod members;
mod mlp;
pub(crate) mod parameters;

use actuary_kernels::Dense;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use self::dropout::Dropout;
use self::linear::Linear;
use self::mlp::Mlp;
use self::parameters::{Builder, Parameters};
use crate::domain::model::Task;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::error::{Error, Result};

/// Any of the networks.
#[derive(Module, Debug)]
pub(crate) enum Network<B: Backend> {
    Linear(Linear<B>),
    Mlp(Mlp<B>),
}

impl<B: Backend> Network<B> {
    /// A network that reads inputs of a layout and ends in `outputs` logits.
    pub(crate) fn new(
        spec: &NetworkSpec,
        layout: &Layout,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let inputs = layout.width();
        match spec {
            NetworkSpec::Linear(_) => Self::Linear(Linear::new(inputs, outputs, builder)),
            NetworkSpec::Mlp(spec) => Self::Mlp(Mlp::new(spec, inputs, outputs, builder)),
        }
    }

    /// How many answers it gives to a row, to be averaged.
    pub(crate) fn members(&self) -> usize {
        match self {
            Self::Linear(_) | Self::Mlp(_) => 1,
        }
    }

    /// Logits of `[rows, inputs]` as `[members * rows, outputs]`, one member after the other.
    /// `dropout` is given while training only.
    pub(crate) fn forward(
        &self,
        inputs: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        match self {
            Self::Linear(network) => network.forward(inputs),
            Self::Mlp(network) => network.forward(inputs, dropout),
        }
    }
}

/// The layers of a network for inference on a CPU, in their order.
///
/// # Errors
/// [`Error::Internal`] when a parameter is missing or has another shape.
pub(crate) fn dense_layers(spec: &NetworkSpec, parameters: &Parameters) -> Result<Vec<Dense>> {
    let hidden = match spec {
        NetworkSpec::Linear(_) => 0,
        NetworkSpec::Mlp(spec) => spec.hidden.iter().flatten().count(),
    };
    let hidden = (0..hidden).map(|layer| (format!("hidden.{layer}"), true));
    let layers = hidden.chain([("output".to_owned(), false)]).map(|(name, rectified)| {
        let weights = parameters.get(&format!("{name}.weight"))?;
        let bias = parameters.get(&format!("{name}.bias"))?;
        Dense::new(*weights.shape.first()?, &weights.values, &bias.values, rectified)
    });
    let layers: Option<Vec<Dense>> = layers.collect();
    layers.ok_or_else(|| Error::internal("loading a network", "its layers don't fit its weights"))
}

/// Number of logits.
pub(crate) fn outputs(task: Task, classes: usize) -> usize {
    match task {
        Task::Binary | Task::Regression => 1,
        Task::Multiclass => classes,
    }
}
