//! Networks, generic over the backend; one file each. They end in logits: one for a binary model
//! (of the positive class), one per class for several classes, the scaled target for a
//! regression.

pub(crate) mod dropout;
mod linear;
mod mlp;
pub(crate) mod parameters;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use self::dropout::Dropout;
use self::linear::Linear;
use self::mlp::Mlp;
use self::parameters::Builder;
use crate::domain::model::{NetworkSpec, Task};

/// Any of the networks.
#[derive(Module, Debug)]
pub(crate) enum Network<B: Backend> {
    Linear(Linear<B>),
    Mlp(Mlp<B>),
}

impl<B: Backend> Network<B> {
    /// A network that reads `inputs` numbers and ends in `outputs` logits.
    pub(crate) fn new(
        spec: &NetworkSpec,
        inputs: usize,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        match spec {
            NetworkSpec::Linear(_) => Self::Linear(Linear::new(inputs, outputs, builder)),
            NetworkSpec::Mlp(spec) => Self::Mlp(Mlp::new(spec, inputs, outputs, builder)),
        }
    }

    /// Logits of `[rows, inputs]` as `[rows, outputs]`. `dropout` is given while training only.
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

/// Number of logits.
pub(crate) fn outputs(task: Task, classes: usize) -> usize {
    match task {
        Task::Binary | Task::Regression => 1,
        Task::Multiclass => classes,
    }
}
