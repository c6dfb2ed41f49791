//! Linear forecasts (Zeng et al. 2023), each series by itself and all with the same weights.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::affine::Affine;
use super::observer::Observer;
use super::parameters::Builder;
use super::series::{Units, apart, ascending, forecast, together};
use crate::domain::activation::LayerFunction;
use crate::domain::network::{DLinearNetwork, NLinearNetwork, Normalisation};
use crate::domain::training::Precision::F32;
use crate::engine::features::Ahead;
use crate::engine::kernels::product;

/// One layer over the steps of a series less their last; tensors `output.weight`
/// `[steps, horizon * levels]` and `output.bias` `[horizon * levels]`. They start at 0, which
/// repeats the last value.
#[derive(Module, Debug)]
pub(crate) struct NLinear<B: Backend> {
    output: Affine<B>,
    #[module(skip)]
    channels: usize,
    #[module(skip)]
    ahead: Ahead,
    #[module(skip)]
    normalisation: Normalisation,
}

impl<B: Backend> NLinear<B> {
    pub(super) fn new(
        spec: &NLinearNetwork,
        steps: usize,
        channels: usize,
        ahead: Ahead,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        Self {
            output: builder.zero_linear(steps, ahead.horizon * ahead.levels),
            channels,
            ahead,
            normalisation: spec.normalisation,
        }
    }

    /// Forecasts `[rows, horizon * series * levels]` of windows `[rows, steps * channels]`.
    pub(super) fn forward(&self, windows: Tensor<B, 2>) -> Tensor<B, 2> {
        self.observed(windows, &mut Observer::default())
    }

    pub(super) fn observed(&self, windows: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        let [_, width] = windows.dims();
        let steps = width / self.channels.max(1);
        let series = apart(windows, steps, self.channels, self.ahead.series);
        let units = Units::of(&series, self.normalisation);
        let series = units.as_ref().map_or(series.clone(), |units| units.apply(series));
        // Less the last value: after RevIN, too, whose mean this takes out again.
        let last = series.clone().narrow(1, steps.max(1) - 1, 1);
        let read = match self.normalisation {
            Normalisation::None => series,
            Normalisation::Last | Normalisation::Revin => series - last.clone(),
        };
        observer.apart(self.ahead.series);
        observer.see(|| "input".to_owned(), LayerFunction::Linear, (&["step"], 2), &read);
        let raw = self.output.forward(read);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 2), &raw);
        observer.together();
        let mut forecasts = ascending(raw, self.ahead);
        if let Some(units) = units {
            forecasts = units.undo(forecasts + last);
        }
        forecast(together(forecasts, self.ahead), self.ahead, observer)
    }
}

/// A layer over the moving average of a series and one over the rest; tensors `trend.weight`,
/// `rest.weight` `[steps, horizon * levels]` and `bias` `[horizon * levels]`.
#[derive(Module, Debug)]
pub(crate) struct DLinear<B: Backend> {
    trend: Param<Tensor<B, 2>>,
    rest: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
    #[module(skip)]
    channels: usize,
    #[module(skip)]
    ahead: Ahead,
    #[module(skip)]
    kernel: usize,
    #[module(skip)]
    normalisation: Normalisation,
}

impl<B: Backend> DLinear<B> {
    pub(super) fn new(
        spec: &DLinearNetwork,
        steps: usize,
        channels: usize,
        ahead: Ahead,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        // As in the paper: each step counts the same at first.
        let each = 1.0 / steps.max(1) as f32;
        let outputs = ahead.horizon * ahead.levels;
        Self {
            trend: builder.filled([steps, outputs], each),
            rest: builder.filled([steps, outputs], each),
            bias: builder.filled([outputs], 0.0),
            channels,
            ahead,
            kernel: spec.kernel as usize,
            normalisation: spec.normalisation,
        }
    }

    /// Forecasts `[rows, horizon * series * levels]` of windows `[rows, steps * channels]`.
    pub(super) fn forward(&self, windows: Tensor<B, 2>) -> Tensor<B, 2> {
        self.observed(windows, &mut Observer::default())
    }

    pub(super) fn observed(&self, windows: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        let [_, width] = windows.dims();
        let steps = width / self.channels.max(1);
        let device = windows.device();
        let series = apart(windows, steps, self.channels, self.ahead.series);
        let units = Units::of(&series, self.normalisation);
        let series = units.as_ref().map_or(series.clone(), |units| units.apply(series));
        // x A is the trend and x - x A the rest, so that x (R + A (T - R)) is what both layers
        // make of x: one product for each series instead of three.
        let averages = moving_averages(steps, self.kernel);
        let averages = Tensor::from_data(TensorData::new(averages, [steps, steps]), &device);
        let (trend, rest) = (self.trend.val(), self.rest.val());
        observer.apart(self.ahead.series);
        if observer.is_on() {
            let average = product(series.clone(), averages.clone(), F32);
            for (name, part, weights) in
                [("trend", average.clone(), &trend), ("rest", series.clone() - average, &rest)]
            {
                let made = product(part, weights.clone(), F32);
                observer.see(|| name.to_owned(), LayerFunction::Linear, (&["output"], 2), &made);
            }
        }
        let weights = rest.clone() + product(averages, trend - rest, F32);
        let raw = product(series, weights, F32) + self.bias.val().unsqueeze();
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 2), &raw);
        observer.together();
        let forecasts = ascending(raw, self.ahead);
        let forecasts = match units {
            Some(units) => units.undo(forecasts),
            None => forecasts,
        };
        forecast(together(forecasts, self.ahead), self.ahead, observer)
    }
}

/// `[steps, steps]`: column t holds the weights by which the steps make the average of `kernel` of
/// them round t, where the first and last stand for what lies beyond the edges.
fn moving_averages(steps: usize, kernel: usize) -> Vec<f32> {
    let kernel = kernel.max(1);
    let mut weights = vec![0.0; steps * steps];
    let before = (kernel - 1) / 2;
    for t in 0..steps {
        for place in t..t + kernel {
            let step = place.saturating_sub(before).min(steps - 1);
            weights[step * steps + t] += 1.0 / kernel as f32;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    const AHEAD: Ahead = Ahead { horizon: 2, series: 1, levels: 1, median: 0 };

    fn windows(values: &[f32]) -> Tensor<Flex, 2> {
        let data = TensorData::new(values.to_vec(), [1, values.len()]);
        Tensor::from_data(data, &Default::default())
    }

    #[test]
    fn averages_repeat_the_edges() {
        let weights = moving_averages(4, 3);
        let averaged: Vec<f32> = (0..4)
            .map(|t| (0..4).map(|s| [3.0, 6.0, 9.0, 0.0][s] * weights[s * 4 + t]).sum())
            .collect();
        for (found, expected) in averaged.iter().zip([4.0, 6.0, 5.0, 3.0]) {
            assert!((found - expected).abs() < 1e-5, "{averaged:?}");
        }
        assert!(moving_averages(3, 25).iter().all(|w| w.is_finite()));
    }

    #[test]
    fn an_untrained_nlinear_repeats_the_last_value() {
        let device = Default::default();
        for normalisation in [Normalisation::Last, Normalisation::Revin] {
            let spec = NLinearNetwork { normalisation, ..NLinearNetwork::default() };
            let mut builder = Builder::<Flex>::random(1, &device);
            let network = NLinear::new(&spec, 3, 1, AHEAD, &mut builder);
            let found: Vec<f32> =
                network.forward(windows(&[1.0, 5.0, 4.0])).into_data().to_vec().unwrap();
            assert!(found.iter().all(|v| (v - 4.0).abs() < 1e-5), "{found:?}");
        }
    }

    #[test]
    fn an_untrained_dlinear_gives_the_mean() {
        let device = Default::default();
        let spec = DLinearNetwork { normalisation: Normalisation::None, kernel: 1 };
        let mut builder = Builder::<Flex>::random(1, &device);
        let network = DLinear::new(&spec, 3, 1, AHEAD, &mut builder);
        let found: Vec<f32> =
            network.forward(windows(&[1.0, 5.0, 3.0])).into_data().to_vec().unwrap();
        assert!(found.iter().all(|v| (v - 3.0).abs() < 1e-5), "{found:?}");
    }
}
