//! Self-attention (Vaswani et al. 2017), with the norms before what they feed (Xiong et al. 2020),
//! and over patches of a series for forecasts (Nie et al. 2023, PatchTST).

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::affine::Affine;
use super::dropout::Dropout;
use super::observer::{AnsweredBy, Observer};
use super::parameters::Builder;
use super::series::{Units, apart, ascending, forecast, together};
use crate::domain::activation::LayerFunction;
use crate::domain::network::{AttentionNetwork, Normalisation, Positions};
use crate::engine::features::Ahead;
use crate::engine::kernels::{
    Attending, Projected, attend, attention, gelu, mean_of_places, normalise,
};

/// Tensors `input.weight` `[channels or patch, width]`, `input.bias`; `positions`
/// `[places, width]` where they are learnt; of each layer `layers.N.query_key_value.weight`
/// `[width, 3 * width]`, `.joined.weight` `[width, width]`, `.up.weight` `[width, feed_forward]`,
/// `.down.weight` `[feed_forward, width]`, their biases, and `.attention_norm.weight`,
/// `.feed_norm.weight` `[width]` with their biases; `norm.weight`, `norm.bias`; `output.weight`,
/// `output.bias`.
#[derive(Module, Debug)]
pub(crate) struct Attention<B: Backend> {
    input: Affine<B>,
    positions: Option<Param<Tensor<B, 2>>>,
    layers: Vec<Layer<B>>,
    norm: Norm<B>,
    output: Affine<B>,
    #[module(skip)]
    channels: usize,
    #[module(skip)]
    ahead: Option<Ahead>,
    #[module(skip)]
    patches: Patches,
    #[module(skip)]
    spec: AttentionNetwork,
}

/// How a series is cut into patches; a patch of one step is that step.
#[derive(Debug, Clone, Copy)]
struct Patches {
    length: usize,
    stride: usize,
    count: usize,
}

#[derive(Module, Debug)]
struct Layer<B: Backend> {
    attention_norm: Norm<B>,
    query_key_value: Affine<B>,
    joined: Affine<B>,
    feed_norm: Norm<B>,
    up: Affine<B>,
    down: Affine<B>,
}

#[derive(Module, Debug)]
struct Norm<B: Backend> {
    weight: Param<Tensor<B, 1>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> Norm<B> {
    fn new(width: usize, builder: &mut Builder<'_, B>) -> Self {
        Self { weight: builder.filled([width], 1.0), bias: builder.filled([width], 0.0) }
    }

    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        normalise(x, self.weight.val(), self.bias.val())
    }
}

impl<B: Backend> Layer<B> {
    fn new(spec: &Sizes, builder: &mut Builder<'_, B>) -> Self {
        Self {
            attention_norm: Norm::new(spec.width, builder),
            query_key_value: builder.linear(spec.width, 3 * spec.width),
            joined: builder.linear(spec.width, spec.width),
            feed_norm: Norm::new(spec.width, builder),
            up: builder.linear(spec.width, spec.feed_forward),
            down: builder.linear(spec.feed_forward, spec.width),
        }
    }

    /// `[rows, places, width]` of the same.
    fn observed(
        &self,
        x: Tensor<B, 3>,
        how: &Through,
        dropout: &mut Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 3> {
        let Through { share, number, .. } = *how;
        let mut dropped = |x: Tensor<B, 3>| match dropout {
            Some(dropout) => dropout.apply(x, share),
            None => x,
        };
        let attended = self.attend(self.attention_norm.forward(x.clone()), how, observer);
        let name = || format!("layers.{number}.joined");
        observer.see(name, LayerFunction::Linear, (&how.axes, 1), &attended);
        let x = x + dropped(attended);
        let up = gelu(self.up.forward(self.feed_norm.forward(x.clone())));
        let name = || format!("layers.{number}.up");
        observer.see(name, LayerFunction::Gelu, (&how.axes, 1), &up);
        let up = dropped(up);
        x + dropped(self.down.forward(up))
    }

    fn attend(&self, x: Tensor<B, 3>, how: &Through, observer: &mut Observer) -> Tensor<B, 3> {
        let Through { heads, causal, number, answered_by, .. } = *how;
        let precision = self.joined.precision;
        let how = Attending { heads, causal, precision, keep: None };
        let x = Projected::Packed(self.query_key_value.forward(x));
        let name = || format!("layers.{number}");
        observer.see_attention(name, Some(answered_by), None, || attention(&x, &how));
        self.joined.forward(attend(x, how))
    }
}

/// How a layer is gone through.
struct Through {
    number: usize,
    heads: usize,
    causal: bool,
    /// Of what is dropped in training.
    share: f64,
    answered_by: AnsweredBy,
    axes: [&'static str; 2],
}

/// Every size of a specification.
struct Sizes {
    width: usize,
    feed_forward: usize,
    layers: usize,
}

impl<B: Backend> Attention<B> {
    pub(super) fn new(
        spec: &AttentionNetwork,
        (steps, channels): (usize, usize),
        ahead: Option<Ahead>,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let size = |size: Option<u32>, absent: usize| size.map_or(absent, |size| size as usize);
        let sizes = Sizes {
            width: size(spec.width, 64),
            feed_forward: size(spec.feed_forward, 128),
            layers: size(spec.layers, 2),
        };
        let patches = match ahead {
            None => Patches { length: 1, stride: 1, count: steps },
            Some(_) => {
                let length = size(spec.patch, 16).min(steps).max(1);
                let stride = size(spec.patch_stride, 8).clamp(1, length);
                // The end is padded by one stride.
                Patches { length, stride, count: (steps - length) / stride + 2 }
            }
        };
        let inputs = if ahead.is_some() { patches.length } else { channels };
        let input = builder.linear(inputs, sizes.width);
        let positions = (spec.positions == Positions::Learnt)
            .then(|| builder.uniform([patches.count, sizes.width], 0.02));
        let layers = (0..sizes.layers).map(|_| Layer::new(&sizes, builder)).collect();
        let norm = Norm::new(sizes.width, builder);
        let output = match ahead {
            Some(ahead) => {
                builder.linear(patches.count * sizes.width, ahead.horizon * ahead.levels)
            }
            None => builder.linear(sizes.width, outputs),
        };
        let spec = spec.clone();
        Self { input, positions, layers, norm, output, channels, ahead, patches, spec }
    }

    /// Logits `[rows, outputs]`, or forecasts `[rows, horizon * series * levels]`, of windows
    /// `[rows, steps * channels]`.
    ///
    /// A window that is classified is read step by step; of what is made of the steps the mean is
    /// taken or, where each sees earlier ones only, the last. What is forecast is read patch by
    /// patch, each series by itself, and all patches together make the forecast.
    pub(super) fn forward(
        &self,
        windows: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        self.observed(windows, dropout, &mut Observer::default())
    }

    pub(super) fn observed(
        &self,
        windows: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let [rows, width] = windows.dims();
        let steps = width / self.channels.max(1);
        let Some(ahead) = self.ahead else {
            let x = windows.reshape([rows, steps, self.channels]);
            let x = self.encode(x, dropout, observer);
            let [_, places, width] = x.dims();
            let read = match self.spec.causal {
                true => x.narrow(1, places.max(1) - 1, 1).reshape([rows, width]),
                false => mean_of_places(x),
            };
            let logits = self.output.forward(read);
            observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
            return logits;
        };
        let series = apart(windows, steps, self.channels, ahead.series);
        let normalisation = self.spec.normalisation.unwrap_or(Normalisation::Revin);
        let units = Units::of(&series, normalisation);
        let series = units.as_ref().map_or(series.clone(), |units| units.apply(series));
        observer.apart(ahead.series);
        let x = self.encode(self.patched(series), dropout, observer);
        let [count, places, width] = x.dims();
        let raw = self.output.forward(x.reshape([count, places * width]));
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 2), &raw);
        observer.together();
        let forecasts = ascending(raw, ahead);
        let forecasts = match units {
            Some(units) => units.undo(forecasts),
            None => forecasts,
        };
        forecast(together(forecasts, ahead), ahead, observer)
    }

    /// Series `[series, steps]` as patches `[series, patches, length]`; the last value stands for
    /// what lies beyond the end.
    fn patched(&self, series: Tensor<B, 2>) -> Tensor<B, 3> {
        let Patches { length, stride, count } = self.patches;
        let [rows, steps] = series.dims();
        let needed = (count - 1) * stride + length;
        let beyond = series.clone().narrow(1, steps - 1, 1).repeat_dim(1, needed - steps);
        let padded = Tensor::cat(vec![series, beyond], 1);
        let patch = |at: usize| padded.clone().narrow(1, at * stride, length);
        let patches = (0..count).map(|at| patch(at).reshape([rows, 1, length])).collect();
        Tensor::cat(patches, 1)
    }

    fn encode(
        &self,
        x: Tensor<B, 3>,
        mut dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 3> {
        let [rows, places, _] = x.dims();
        let device = x.device();
        let x = self.input.forward(x);
        let width = x.dims()[2];
        let positions = match &self.positions {
            Some(learnt) => learnt.val().unsqueeze(),
            // For each row: burn adds what it has to spread number by number.
            None => {
                let waves = waves(places, width).repeat(rows);
                Tensor::from_data(TensorData::new(waves, [rows, places, width]), &device)
            }
        };
        let mut x = x + positions;
        let (place, answered_by) = match (self.ahead, self.spec.causal) {
            (Some(_), _) => ("patch", AnsweredBy::All),
            (None, true) => ("step", AnsweredBy::Last),
            (None, false) => ("step", AnsweredBy::All),
        };
        let axes = [place, "unit"];
        observer.see(|| "input".to_owned(), LayerFunction::Linear, (&axes, 1), &x);
        let share = self.spec.dropout.unwrap_or(0.0);
        if let Some(dropout) = &mut dropout {
            x = dropout.apply(x, share);
        }
        let heads = self.spec.heads.map_or(1, |heads| heads as usize);
        for (number, layer) in self.layers.iter().enumerate() {
            let causal = self.spec.causal;
            let how = Through { number, heads, causal, share, answered_by, axes };
            x = layer.observed(x, &how, &mut dropout, observer);
            observer.see(|| format!("layers.{number}"), LayerFunction::Linear, (&axes, 1), &x);
        }
        let x = self.norm.forward(x);
        observer.see(|| "norm".to_owned(), LayerFunction::Linear, (&axes, 1), &x);
        x
    }
}

/// `[places, width]`: in column 2i the sine, in 2i + 1 the cosine of place / 10000^(2i / width).
fn waves(places: usize, width: usize) -> Vec<f32> {
    let mut waves = Vec::with_capacity(places * width);
    for place in 0..places {
        for column in 0..width {
            let frequency = 10_000_f64.powf(-((column - column % 2) as f64) / width as f64);
            let angle = place as f64 * frequency;
            waves.push(if column % 2 == 0 { angle.sin() } else { angle.cos() } as f32);
        }
    }
    waves
}
