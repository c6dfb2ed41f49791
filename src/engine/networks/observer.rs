//! What layers make of rows, kept under their names while a network is looked at. Where nobody looks, a
//! network is only asked whether somebody does.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::domain::activation::LayerFunction;

/// What a layer has made of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) function: LayerFunction,
    /// Of one row: what its axes are, and how long each is.
    pub(crate) axes: Vec<&'static str>,
    pub(crate) shape: Vec<usize>,
    /// How many of the last axes tell units apart: those before are places at which a unit stands.
    pub(crate) unit_axes: usize,
    /// `[rows, shape]`.
    pub(crate) values: Vec<f32>,
    /// Of each row how long the first axis is; what lies behind means nothing.
    pub(crate) lengths: Option<Arc<Vec<usize>>>,
}

/// How places have looked at each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenAttention {
    pub(crate) name: String,
    /// Series of a row, each with maps of its own.
    pub(crate) series: usize,
    pub(crate) heads: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// `[rows, series, heads, queries, keys]`: each query's sum to 1.
    pub(crate) values: Vec<f32>,
    /// Of each row how many keys there are.
    pub(crate) lengths: Option<Arc<Vec<usize>>>,
    /// Whose flow leads to the answer; None where the places are not those of a further block.
    pub(crate) answered_by: Option<AnsweredBy>,
}

/// From which of the places of the last block an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnsweredBy {
    First,
    Last,
    /// All of them alike.
    All,
}

/// Who looks, or nobody.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    is_on: bool,
    /// Whether it looks at attention, too.
    maps: bool,
    /// Rows of a tensor that belong to one row of the inputs.
    series: Option<usize>,
    pub(crate) layers: Vec<Seen>,
    pub(crate) attentions: Vec<SeenAttention>,
}

impl Observer {
    /// Who keeps what it sees of layers and, where it is to look at `maps`, of attention.
    pub(crate) fn on(maps: bool) -> Self {
        Self { is_on: true, maps, ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Says of so many series every input has: tensors now have a row for each.
    pub(super) fn apart(&mut self, series: usize) {
        self.series = Some(series);
    }

    /// Tensors have a row for each input again.
    pub(super) fn together(&mut self) {
        self.series = None;
    }

    /// Keeps what a layer has made, `[rows, ..]`; `axes` are those behind the rows, the last `unit_axes`
    /// of which tell its units apart.
    pub(super) fn see<B: Backend, const D: usize>(
        &mut self,
        name: impl FnOnce() -> String,
        function: LayerFunction,
        (axes, unit_axes): (&[&'static str], usize),
        x: &Tensor<B, D>,
    ) {
        self.see_of(name, function, (axes, unit_axes), None, x);
    }

    /// The same of rows of different lengths along the first of the axes.
    pub(super) fn see_of<B: Backend, const D: usize>(
        &mut self,
        name: impl FnOnce() -> String,
        function: LayerFunction,
        (axes, unit_axes): (&[&'static str], usize),
        lengths: Option<&Arc<Vec<usize>>>,
        x: &Tensor<B, D>,
    ) {
        if !self.is_on {
            return;
        }
        let mut shape = x.dims()[1..].to_vec();
        let mut axes = axes.to_vec();
        if let Some(series) = self.series {
            shape.insert(0, series);
            axes.insert(0, "series");
        }
        self.layers.push(Seen {
            name: name(),
            function,
            axes,
            shape,
            unit_axes,
            values: numbers(x),
            lengths: lengths.cloned(),
        });
    }

    /// Keeps how places have looked at each other, `[rows, heads, queries, keys]`.
    pub(super) fn see_attention<B: Backend>(
        &mut self,
        name: impl FnOnce() -> String,
        answered_by: Option<AnsweredBy>,
        lengths: Option<&Arc<Vec<usize>>>,
        weights: impl FnOnce() -> Tensor<B, 4>,
    ) {
        if !(self.is_on && self.maps) {
            return;
        }
        let weights = weights();
        let [_, heads, queries, keys] = weights.dims();
        self.attentions.push(SeenAttention {
            name: name(),
            series: self.series.unwrap_or(1),
            heads,
            queries,
            keys,
            values: numbers(&weights),
            lengths: lengths.cloned(),
            answered_by,
        });
    }
}

fn numbers<B: Backend, const D: usize>(x: &Tensor<B, D>) -> Vec<f32> {
    x.to_data().iter::<f32>().collect()
}
