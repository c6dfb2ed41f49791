//! What networks that forecast have in common: each series is read by itself, in units of its own
//! window, and quantiles come in their order.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};

use super::observer::Observer;
use crate::domain::activation::LayerFunction;
use crate::domain::network::Normalisation;
use crate::engine::features::Ahead;

/// Added to a variance before it divides, as in RevIN (Kim et al. 2022).
const EPSILON: f32 = 1e-5;

/// Windows `[rows, steps * channels]` as series `[rows * series, steps]`, of the first `series`
/// channels.
pub(super) fn apart<B: Backend>(
    windows: Tensor<B, 2>,
    steps: usize,
    channels: usize,
    series: usize,
) -> Tensor<B, 2> {
    let [rows, _] = windows.dims();
    windows
        .reshape([rows, steps, channels])
        .narrow(2, 0, series)
        .swap_dims(1, 2)
        .reshape([rows * series, steps])
}

/// What was foretold of each series, `[rows * series, horizon * levels]`, as a forecast of each
/// window, `[rows, horizon * series * levels]`.
pub(super) fn together<B: Backend>(forecasts: Tensor<B, 2>, ahead: Ahead) -> Tensor<B, 2> {
    let Ahead { horizon, series, levels, .. } = ahead;
    let rows = forecasts.dims()[0] / series.max(1);
    forecasts
        .reshape([rows, series, horizon, levels])
        .swap_dims(1, 2)
        .reshape([rows, horizon * series * levels])
}

/// A forecast `[rows, horizon * series * levels]`, shown to an observer: the last that is made of a
/// window.
pub(super) fn forecast<B: Backend>(
    forecast: Tensor<B, 2>,
    ahead: Ahead,
    observer: &mut Observer,
) -> Tensor<B, 2> {
    if observer.is_on() {
        let rows = forecast.dims()[0];
        let Ahead { horizon, series, levels, .. } = ahead;
        let parted = forecast.clone().reshape([rows, horizon, series, levels]);
        let axes: (&[&'static str], usize) = (&["step", "series", "quantile"], 3);
        observer.see(|| "forecast".to_owned(), LayerFunction::Linear, axes, &parted);
    }
    forecast
}

/// The units in which a series is read: of each, `[series, 1]`.
pub(super) struct Units<B: Backend> {
    origin: Tensor<B, 2>,
    pub(super) scale: Tensor<B, 2>,
}

impl<B: Backend> Units<B> {
    /// Of series `[series, steps]`: none where nothing is to be normalised.
    pub(super) fn of(series: &Tensor<B, 2>, normalisation: Normalisation) -> Option<Self> {
        let [_, steps] = series.dims();
        let origin = match normalisation {
            Normalisation::None => return None,
            Normalisation::Last => series.clone().narrow(1, steps.max(1) - 1, 1),
            Normalisation::Revin => series.clone().mean_dim(1),
        };
        let centred = series.clone() - series.clone().mean_dim(1);
        let variance = centred.square().mean_dim(1);
        Some(Self { origin, scale: variance.add_scalar(EPSILON).sqrt() })
    }

    pub(super) fn apply(&self, series: Tensor<B, 2>) -> Tensor<B, 2> {
        (series - self.origin.clone()) / self.scale.clone()
    }

    pub(super) fn undo(&self, values: Tensor<B, 2>) -> Tensor<B, 2> {
        values * self.scale.clone() + self.origin.clone()
    }
}

/// Numbers `[series, horizon * levels]` as quantiles that don't cross: the median is what it is,
/// each other one stands above or below its neighbour by a softplus.
pub(super) fn ascending<B: Backend>(raw: Tensor<B, 2>, ahead: Ahead) -> Tensor<B, 2> {
    let Ahead { horizon, levels, median, .. } = ahead;
    if levels <= 1 {
        return raw;
    }
    let series = raw.dims()[0];
    let raw = raw.reshape([series, horizon, levels]);
    let middle = raw.clone().narrow(2, median, 1);
    let step = |level: usize| activation::softplus(raw.clone().narrow(2, level, 1), 1.0);
    let mut below = middle.clone();
    let mut quantiles = vec![middle.clone()];
    for level in (0..median).rev() {
        below = below - step(level);
        quantiles.insert(0, below.clone());
    }
    let mut above = middle;
    for level in median + 1..levels {
        above = above + step(level);
        quantiles.push(above.clone());
    }
    Tensor::cat(quantiles, 2).reshape([series, horizon * levels])
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::TensorData;

    use super::*;

    fn tensor(values: &[f32], shape: [usize; 2]) -> Tensor<Flex, 2> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Default::default())
    }

    fn values(tensor: Tensor<Flex, 2>) -> Vec<f32> {
        tensor.into_data().to_vec().unwrap()
    }

    #[test]
    fn series_are_taken_apart_and_put_together() {
        // Two windows of three steps and two channels: the number says window, step, channel.
        let windows =
            tensor(&[0., 1., 10., 11., 20., 21., 100., 101., 110., 111., 120., 121.], [2, 6]);
        let both = apart(windows.clone(), 3, 2, 2);
        assert_eq!(values(both), [0., 10., 20., 1., 11., 21., 100., 110., 120., 101., 111., 121.]);
        let first = apart(windows, 3, 2, 1);
        assert_eq!(values(first), [0., 10., 20., 100., 110., 120.]);
        let ahead = Ahead { horizon: 2, series: 2, levels: 1, median: 0 };
        let forecasts = tensor(&[0., 10., 1., 11., 100., 110., 101., 111.], [4, 2]);
        let forecasts = values(together(forecasts, ahead));
        assert_eq!(forecasts, [0., 1., 10., 11., 100., 101., 110., 111.]);
    }

    #[test]
    fn units_are_undone() {
        let series = tensor(&[1.0, 2.0, 6.0, 5.0, 5.0, 5.0], [2, 3]);
        for normalisation in [Normalisation::Last, Normalisation::Revin] {
            let units = Units::of(&series, normalisation).unwrap();
            let back = values(units.undo(units.apply(series.clone())));
            for (back, value) in back.iter().zip([1.0, 2.0, 6.0, 5.0, 5.0, 5.0]) {
                assert!((back - value).abs() < 1e-4, "{back} {value}");
            }
        }
        let last = Units::of(&series, Normalisation::Last).unwrap().apply(series.clone());
        assert_eq!(values(last)[2], 0.0, "the last value is the origin");
        assert!(Units::of(&series, Normalisation::None).is_none());
    }

    #[test]
    fn quantiles_do_not_cross() {
        let ahead = Ahead { horizon: 2, series: 1, levels: 3, median: 1 };
        let raw = tensor(&[5.0, 1.0, -3.0, -9.0, 2.0, 0.0], [1, 6]);
        let found = values(ascending(raw, ahead));
        assert_eq!((found[1], found[4]), (1.0, 2.0));
        assert!(found.chunks(3).all(|q| q[0] < q[1] && q[1] < q[2]), "{found:?}");
    }
}
