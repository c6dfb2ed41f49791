//! Networks, generic over the backend; one file each. They end in logits: one for a binary model
//! (of the positive class), one per class for several classes, the scaled target for a
//! regression; a network of several members ends in the logits of each.

pub(crate) mod affine;
mod attention;
pub(crate) mod convolutional;
pub(crate) mod dropout;
mod embedding;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod linear;
mod lstm;
pub(crate) mod members;
mod mlp;
pub(crate) mod monotone;
mod nlinear;
pub(crate) mod observer;
pub(crate) mod parameters;
mod piecewise;
mod series;
pub(crate) mod serving;
mod tabm;
pub(crate) mod text;
mod transformer;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use self::attention::Attention;
use self::convolutional::Convolutional;
use self::dropout::Dropout;
use self::linear::Linear;
use self::lstm::Lstm;
use self::mlp::Mlp;
use self::monotone::Monotone;
use self::nlinear::{DLinear, NLinear};
use self::observer::Observer;
use self::parameters::{Builder, Parameters};
use self::tabm::Tabm;
use self::text::{Tabled, TextAttention, TextCnn, TextLinear};
use self::transformer::Transformer;
use crate::domain::network::{MonotoneNetwork, NetworkSpec, TabmNetwork};
use crate::engine::features::{Ahead, Layout};
use crate::frame::ImageShape;

/// Any of the networks.
#[derive(Module, Debug)]
pub(crate) enum Network<B: Backend> {
    Linear(Linear<B>),
    Mlp(Mlp<B>),
    Tabm(Tabm<B>),
    Monotone(Monotone<B>),
    Transformer(Transformer<B>),
    Convolutional(Convolutional<B>),
    TextLinear(TextLinear<B>),
    TextCnn(TextCnn<B>),
    TextAttention(TextAttention<B>),
    Lstm(Lstm<B>),
    Attention(Attention<B>),
    NLinear(NLinear<B>),
    DLinear(DLinear<B>),
}

impl<B: Backend> Network<B> {
    /// A network that reads inputs of a layout, which is one that it can read, and ends in `outputs`
    /// logits.
    pub(crate) fn new(
        spec: &NetworkSpec,
        layout: &Layout,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let inputs = layout.width();
        let (steps, channels, ahead) = layout.sequence();
        // Without anything else said, an output is a step of the one series.
        let all = ahead.unwrap_or(Ahead { horizon: outputs, series: 1, levels: 1, median: 0 });
        let buckets = text::buckets(layout);
        match spec {
            NetworkSpec::Linear(_) if matches!(layout, Layout::Text { .. }) => {
                Self::TextLinear(TextLinear::new(buckets, outputs, builder))
            }
            NetworkSpec::TextCnn(spec) => {
                Self::TextCnn(TextCnn::new(spec, buckets, outputs, builder))
            }
            NetworkSpec::TextAttention(spec) => {
                Self::TextAttention(TextAttention::new(spec, buckets, outputs, builder))
            }
            NetworkSpec::Linear(_) | NetworkSpec::Scorecard(_) => {
                Self::Linear(Linear::new(layout, outputs, builder))
            }
            NetworkSpec::Mlp(spec) => Self::Mlp(Mlp::new(spec, inputs, outputs, builder)),
            NetworkSpec::Tabm(spec) => Self::Tabm(Tabm::new(spec, layout, outputs, builder)),
            NetworkSpec::Monotone(spec) => Self::Monotone(Monotone::new(spec, layout, builder)),
            NetworkSpec::Transformer(spec) => {
                Self::Transformer(Transformer::new(spec, layout, outputs, builder))
            }
            NetworkSpec::Lenet(spec) => {
                let shape = picture(layout);
                Self::Convolutional(Convolutional::lenet(spec, shape, outputs, builder))
            }
            NetworkSpec::Cnn(spec) => {
                let shape = picture(layout);
                Self::Convolutional(Convolutional::cnn(spec, shape, outputs, builder))
            }
            NetworkSpec::Lstm(spec) => {
                Self::Lstm(Lstm::new(spec, channels, ahead, outputs, builder))
            }
            NetworkSpec::Attention(spec) => {
                let size = (steps, channels);
                Self::Attention(Attention::new(spec, size, ahead, outputs, builder))
            }
            NetworkSpec::NLinear(spec) => {
                Self::NLinear(NLinear::new(spec, steps, channels, all, builder))
            }
            NetworkSpec::DLinear(spec) => {
                Self::DLinear(DLinear::new(spec, steps, channels, all, builder))
            }
        }
    }

    /// How many answers it gives to a row, to be averaged.
    pub(crate) fn members(&self) -> usize {
        match self {
            Self::Linear(_)
            | Self::Mlp(_)
            | Self::Transformer(_)
            | Self::Convolutional(_)
            | Self::TextLinear(_)
            | Self::TextCnn(_)
            | Self::TextAttention(_)
            | Self::Lstm(_)
            | Self::Attention(_)
            | Self::NLinear(_)
            | Self::DLinear(_) => 1,
            Self::Tabm(network) => network.members(),
            Self::Monotone(network) => network.members(),
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
            Self::Tabm(network) => network.forward(inputs, dropout),
            Self::Monotone(network) => network.forward(inputs, dropout),
            Self::Transformer(network) => network.forward(inputs, dropout),
            Self::Convolutional(network) => network.forward(inputs, dropout),
            Self::TextLinear(network) => network.forward(inputs),
            Self::TextCnn(network) => network.forward(inputs, dropout),
            Self::TextAttention(network) => network.forward(inputs, dropout),
            Self::Lstm(network) => network.forward(inputs, dropout),
            Self::Attention(network) => network.forward(inputs, dropout),
            Self::NLinear(network) => network.forward(inputs),
            Self::DLinear(network) => network.forward(inputs),
        }
    }

    /// Logits as [`Network::forward`] gives them outside training, while an observer looks at what its
    /// layers make.
    pub(crate) fn observe(&self, inputs: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        match self {
            Self::Linear(network) => network.observed(inputs, observer),
            Self::Mlp(network) => network.observed(inputs, None, observer),
            Self::Tabm(network) => network.observed(inputs, observer),
            Self::Monotone(network) => network.observed(inputs, observer),
            Self::Transformer(network) => network.observed(inputs, None, observer),
            Self::Convolutional(network) => network.observed(inputs, None, observer),
            Self::TextLinear(network) => network.observed(inputs, observer),
            Self::TextCnn(network) => network.observed(inputs, None, observer),
            Self::TextAttention(network) => network.observed(inputs, None, observer),
            Self::Lstm(network) => network.observed(inputs, None, observer),
            Self::Attention(network) => network.observed(inputs, None, observer),
            Self::NLinear(network) => network.observed(inputs, observer),
            Self::DLinear(network) => network.observed(inputs, observer),
        }
    }

    /// What the layers behind the columns' own embeddings read of `[rows, inputs]`; the inputs themselves
    /// where there are none, or where they are linear.
    pub(crate) fn read(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        match self {
            Self::Tabm(network) => network.read(inputs),
            Self::Monotone(network) => network.read(inputs),
            _ => inputs,
        }
    }

    /// The input that each number of [`Network::read`] is of; None where they are the inputs.
    pub(crate) fn places(&self) -> Option<Vec<usize>> {
        match self {
            Self::Tabm(network) => Some(network.places()),
            Self::Monotone(network) => Some(network.places()),
            _ => None,
        }
    }

    /// Logits as [`Network::forward`] gives them, by what [`Network::read`] gave.
    pub(crate) fn answer(&self, read: Tensor<B, 2>) -> Tensor<B, 2> {
        match self {
            Self::Tabm(network) => network.answer(read, None),
            Self::Monotone(network) => network.answer(read, None),
            _ => self.forward(read, None),
        }
    }

    /// The table of which a batch reads few rows, where it has one.
    pub(crate) fn table(&self) -> Option<&Param<Tensor<B, 2>>> {
        match self {
            Self::TextLinear(network) => Some(network.table()),
            Self::TextCnn(network) => Some(network.table()),
            Self::TextAttention(network) => Some(network.table()),
            _ => None,
        }
    }

    /// What each part of each word of a text counts in a text in which every word is one row of a table
    /// instead, so that the network answers the same.
    pub(crate) fn parts_of_words(&self, words: &[Vec<usize>]) -> Vec<Vec<f32>> {
        match self {
            Self::TextLinear(_) => text::distinct_parts(words),
            _ => words.iter().map(|word| vec![1.0 / word.len() as f32; word.len()]).collect(),
        }
    }

    /// The same network with another table, of which other rows may be there.
    pub(crate) fn with_table(mut self, table: Tensor<B, 2>) -> Self {
        let param = match &mut self {
            Self::TextLinear(network) => network.table_mut(),
            Self::TextCnn(network) => network.table_mut(),
            Self::TextAttention(network) => network.table_mut(),
            _ => return self,
        };
        *param = Param::initialized(param.id, table);
        self
    }
}

impl<B: AutodiffBackend> Network<B> {
    /// The loss of `[rows, inputs]` while it learns, and its gradients by the parameters, found without
    /// a graph; `loss` gives it with its gradients by the logits. None where the network, its device or
    /// its precision know no such way, and then no mask was drawn; and where `loss` gives none.
    pub(crate) fn gradients(
        &self,
        inputs: &Tensor<B, 2>,
        dropout: &mut Dropout,
        loss: impl Fn(&[f32]) -> Option<(f32, Vec<f32>)>,
    ) -> Option<(f32, GradientsParams)> {
        match self {
            Self::Linear(network) => network.gradients(inputs, loss),
            Self::Mlp(network) => network.gradients(inputs, dropout, loss),
            _ => None,
        }
    }
}

/// The network that is served of one that was trained, and its weights: of several members the
/// first ones answer nearly as well as all.
pub(crate) fn for_serving(spec: &NetworkSpec, mut parameters: Parameters) -> Parameters {
    match spec {
        NetworkSpec::Tabm(TabmNetwork { kept_members: Some(kept), .. }) => {
            tabm::first_members(&mut parameters, *kept as usize);
        }
        NetworkSpec::Monotone(MonotoneNetwork { kept_members: Some(kept), .. }) => {
            monotone::first_members(&mut parameters, *kept as usize);
        }
        _ => {}
    }
    parameters
}

/// A specification in the size in which it is served.
pub(crate) fn served(spec: &NetworkSpec) -> NetworkSpec {
    let mut spec = spec.clone();
    match &mut spec {
        NetworkSpec::Tabm(tabm) => tabm.members = tabm.kept_members.or(tabm.members),
        NetworkSpec::Monotone(own) => own.members = own.kept_members.or(own.members),
        _ => {}
    }
    spec
}

/// The standard errors that stand beside a scorecard's weights and its bias.
pub(crate) const WEIGHT_ERROR: &str = "output.weight_error";
pub(crate) const BIAS_ERROR: &str = "output.bias_error";

/// Whether a parameter is kept with a network's own, which answers without it.
pub(crate) fn is_beside(spec: &NetworkSpec, name: &str) -> bool {
    spec.is_scorecard() && matches!(name, WEIGHT_ERROR | BIAS_ERROR)
}

/// Multiply-adds of a row of inputs, at least, through a network of so many parameters.
pub(crate) fn multiply_adds(spec: &NetworkSpec, layout: &Layout, parameters: u64) -> u64 {
    match spec {
        // A text has few of the table's rows.
        NetworkSpec::Linear(_) if matches!(layout, Layout::Text { .. }) => layout.width() as u64,
        NetworkSpec::Linear(_)
        | NetworkSpec::Scorecard(_)
        | NetworkSpec::Mlp(_)
        | NetworkSpec::Tabm(_)
        | NetworkSpec::Monotone(_)
        | NetworkSpec::Transformer(_)
        | NetworkSpec::Lstm(_)
        | NetworkSpec::Attention(_)
        | NetworkSpec::NLinear(_)
        | NetworkSpec::DLinear(_) => parameters,
        NetworkSpec::TextCnn(_) | NetworkSpec::TextAttention(_) => {
            text::multiply_adds(spec, layout) as u64
        }
        NetworkSpec::Lenet(_) | NetworkSpec::Cnn(_) => {
            parameters + convolutional::multiply_adds(spec, picture(layout)) as u64
        }
    }
}

/// The picture that a layout is; all numbers in one row where it is none.
fn picture(layout: &Layout) -> ImageShape {
    match layout {
        Layout::Image(shape) => *shape,
        _ => ImageShape { channels: 1, height: 1, width: layout.width() },
    }
}

#[cfg(test)]
mod observer_tests;
#[cfg(test)]
mod precision_tests;
#[cfg(test)]
mod sequence_tests;
