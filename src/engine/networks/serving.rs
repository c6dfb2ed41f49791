//! A network on a CPU, as it is served: without a tensor library between where that is worth it.

use actuary_kernels::Dense;
use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::Module;

use super::convolutional::{self, ConvolutionalLayers};
use super::parameters::{Builder, Parameters, restore};
use super::text::serving::TextServing;
use super::{Network, linear, monotone, served, tabm};
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::engine::infer::forward;
use crate::error::{Error, Result};

/// Pictures that go through a network at once: they grow on the way.
const PICTURES: usize = 32;
/// How often the weights of an attention are used for a row: about once for each column.
const BURN_TOKENS: usize = 16;

/// A network that answers on a CPU.
#[derive(Debug)]
pub(crate) enum Serving {
    /// Fully connected layers, one after the other.
    Layers(Vec<Dense>),
    Tabm(tabm::Serving),
    Monotone(Box<monotone::Serving>),
    Convolutional(Box<ConvolutionalLayers>),
    Text(Box<TextServing>),
    /// Any other, as it was trained.
    Burn(Box<Network<Flex>>),
}

impl Serving {
    /// Of weights that have the names and shapes of the network.
    ///
    /// # Errors
    /// [`Error::Internal`] when they have not.
    pub(crate) fn new(
        spec: &NetworkSpec,
        layout: &Layout,
        outputs: usize,
        parameters: &Parameters,
    ) -> Result<Self> {
        let bad = || Error::internal("loading a network", "its layers don't fit its weights");
        if let Layout::Text { words, .. } = layout {
            let text = TextServing::new(*words, parameters).ok_or_else(bad)?;
            return Ok(Self::Text(Box::new(text)));
        }
        match spec {
            NetworkSpec::TextCnn(_) | NetworkSpec::TextAttention(_) => Err(bad()),
            NetworkSpec::Linear(_) | NetworkSpec::Scorecard(_) => {
                let counted = linear::counted(layout, parameters);
                layers(0, counted.as_ref().unwrap_or(parameters)).map(Self::Layers).ok_or_else(bad)
            }
            NetworkSpec::Mlp(mlp) => {
                let hidden = mlp.hidden.iter().flatten().count();
                layers(hidden, parameters).map(Self::Layers).ok_or_else(bad)
            }
            NetworkSpec::Lenet(_) | NetworkSpec::Cnn(_) => {
                let Layout::Image(shape) = layout else { return Err(bad()) };
                let dense = layers(convolutional::hidden(spec), parameters).ok_or_else(bad)?;
                let convolutional = ConvolutionalLayers::new(*shape, parameters, dense)?;
                Ok(Self::Convolutional(Box::new(convolutional)))
            }
            NetworkSpec::Tabm(spec) => {
                let tabm = tabm::Serving::new(spec, layout, parameters);
                tabm.map(Self::Tabm).ok_or_else(bad)
            }
            NetworkSpec::Monotone(spec) => {
                let network = monotone::Serving::new(spec, layout, parameters).ok_or_else(bad)?;
                Ok(Self::Monotone(Box::new(network)))
            }
            NetworkSpec::Transformer(_)
            | NetworkSpec::Lstm(_)
            | NetworkSpec::Attention(_)
            | NetworkSpec::NLinear(_)
            | NetworkSpec::DLinear(_) => {
                let mut builder = Builder::zeros(&FlexDevice);
                let network = Network::new(&served(spec), layout, outputs, &mut builder);
                restore(network, parameters).map(|network| Self::Burn(Box::new(network)))
            }
        }
    }

    /// The same, faster where that is possible; logits stay within 1e-6 of the largest, or of 1.
    pub(crate) fn folded(self, layout: &Layout, parameters: &Parameters) -> Self {
        match self {
            Self::Tabm(tabm) => Self::Tabm(tabm.folded(layout, parameters)),
            other => other,
        }
    }

    /// Memory of what was made of the weights to be faster, beside them.
    pub(crate) fn table_bytes(&self) -> usize {
        match self {
            Self::Tabm(tabm) => tabm.table_bytes(),
            _ => 0,
        }
    }

    /// How many answers it gives to a row.
    pub(crate) fn members(&self) -> usize {
        match self {
            Self::Layers(_) | Self::Convolutional(_) | Self::Text(_) => 1,
            Self::Tabm(tabm) => tabm.members(),
            Self::Monotone(network) => network.members(),
            Self::Burn(network) => network.members(),
        }
    }

    /// Logits of rows of `width` inputs, `[members, rows, outputs]`.
    pub(crate) fn logits(&self, rows: &[f32], width: usize) -> Result<Vec<f32>> {
        match self {
            Self::Layers(layers) => Ok(through(layers, rows, width)),
            Self::Tabm(tabm) => Ok(tabm.logits(rows, width)),
            Self::Monotone(network) => Ok(network.logits(rows, width)),
            Self::Convolutional(layers) => {
                let mut logits = Vec::new();
                for rows in rows.chunks(width.max(1) * PICTURES) {
                    let x = layers.convolved(rows);
                    let width = layers.dense.first().map_or(0, Dense::inputs);
                    logits.extend(through(&layers.dense, &x, width));
                }
                Ok(logits)
            }
            Self::Text(network) => network.logits(rows, width).ok_or_else(|| {
                Error::internal("scoring texts", "the network's layers don't fit together")
            }),
            Self::Burn(network) => forward(network, rows, width, &FlexDevice),
        }
    }

    /// Multiply-adds of one row, at least.
    pub(crate) fn work(&self) -> usize {
        let dense =
            |layers: &[Dense]| layers.iter().map(|l| l.inputs() * l.outputs()).sum::<usize>();
        match self {
            Self::Layers(layers) => dense(layers),
            Self::Tabm(tabm) => tabm.work(),
            Self::Monotone(network) => network.work(),
            Self::Convolutional(layers) => layers.multiply_adds() + dense(&layers.dense),
            Self::Text(network) => network.work(),
            Self::Burn(network) => network.num_params() * BURN_TOKENS,
        }
    }
}

/// The layers of a network in their order: so many hidden ones, then that of the outputs.
fn layers(hidden: usize, parameters: &Parameters) -> Option<Vec<Dense>> {
    let hidden = (0..hidden).map(|layer| (format!("hidden.{layer}"), true));
    let layers = hidden.chain([("output".to_owned(), false)]).map(|(name, rectified)| {
        let weights = parameters.get(&format!("{name}.weight"))?;
        let bias = parameters.get(&format!("{name}.bias"))?;
        Dense::new(*weights.shape.first()?, &weights.values, &bias.values, rectified)
    });
    layers.collect()
}

/// What layers in a row, of which there is one at least, make of rows that begin `width` numbers apart.
pub(super) fn through(layers: &[Dense], rows: &[f32], width: usize) -> Vec<f32> {
    let count = rows.len() / width.max(1);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut stride = width;
    for (index, layer) in layers.iter().enumerate() {
        layer.apply(count, if index == 0 { rows } else { &x }, stride, &mut y);
        stride = layer.stride();
        std::mem::swap(&mut x, &mut y);
    }
    let outputs = layers.last().map_or(0, Dense::outputs);
    x.chunks_exact(stride.max(1)).flat_map(|row| &row[..outputs]).copied().collect()
}
