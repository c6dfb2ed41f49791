//! Forecasts that need no network.

use super::Forecasting;
use crate::domain::forecast::BaselineKind;
use crate::engine::features::{Ahead, Matrix};
use crate::engine::train::fit::Part;
use crate::stats::Ridge;

/// Penalties that are tried, for each training window of one series that is added.
const PENALTIES: [f64; 7] = [1e-5, 1e-3, 1e-2, 0.03, 0.1, 1.0, 10.0];
/// Multiplications that adding the training windows to the ridge may cost, and judging its penalties
/// by the validation windows: windows are passed over where all would cost more.
const MAX_COST: f64 = 3e10;
/// Windows that are taken together.
const CHUNK: usize = 512;

/// The baselines of some windows.
pub(super) struct Baselines<'a> {
    pub(super) of: &'a Forecasting,
    /// `[windows, steps * channels]`.
    pub(super) inputs: &'a Matrix,
}

impl Baselines<'_> {
    /// Every baseline that there is, with its forecasts `[windows, horizon * series]`, scaled.
    pub(super) fn all(&self) -> Vec<(BaselineKind, Vec<f64>)> {
        let Forecasting { steps, gap, season, drift, .. } = self.of;
        let last = |value: &dyn Fn(usize) -> f64| value(steps - 1);
        let mut all = vec![
            (BaselineKind::RandomWalk, self.each(|value, _, _| last(value))),
            (
                BaselineKind::Drift,
                self.each(|value, series, step| {
                    last(value) + drift[series] * (gap + step + 1) as f64
                }),
            ),
        ];
        if (2..=*steps).contains(season) {
            all.push((
                BaselineKind::SeasonalNaive,
                self.each(|value, _, step| {
                    // Whole seasons back, as many as lead to what is read.
                    value(steps - season + (gap + step) % season)
                }),
            ));
        }
        if let Some(ridge) = &self.of.ridge {
            all.push((BaselineKind::Ridge, self.linear(ridge)));
        }
        all
    }

    /// The last value that is read of each window and series, `[windows, series]`, scaled.
    pub(super) fn last(&self) -> Vec<f64> {
        let (channels, series) = (self.of.channels, self.of.ahead.series);
        let start = (self.of.steps - 1) * channels;
        let windows = self.inputs.data.chunks_exact(self.inputs.width.max(1));
        windows.flat_map(|w| w[start..start + series].iter().map(|v| f64::from(*v))).collect()
    }

    /// What `forecast` makes of each window, series and step ahead (from 0), given the values that
    /// are read of the series.
    fn each(&self, forecast: impl Fn(&dyn Fn(usize) -> f64, usize, usize) -> f64) -> Vec<f64> {
        let Ahead { horizon, series, .. } = self.of.ahead;
        let channels = self.of.channels;
        let mut forecasts = Vec::with_capacity(self.inputs.rows * horizon * series);
        for window in self.inputs.data.chunks_exact(self.inputs.width.max(1)) {
            for step in 0..horizon {
                for of in 0..series {
                    let value = |at: usize| f64::from(window[at * channels + of]);
                    forecasts.push(forecast(&value, of, step));
                }
            }
        }
        forecasts
    }

    /// The last value plus coefficients `[steps, horizon]` times the differences to it.
    fn linear(&self, coefficients: &[f64]) -> Vec<f64> {
        let Ahead { horizon, series, .. } = self.of.ahead;
        let width = horizon * series;
        let mut forecasts = vec![0.0; self.inputs.rows * width];
        for (window, forecasts) in forecasts.chunks_exact_mut(width.max(1)).enumerate() {
            linear(self.of, self.inputs, window, coefficients, forecasts);
        }
        forecasts
    }
}

/// Writes the linear forecast of one window, `[horizon * series]`.
fn linear(
    of: &Forecasting,
    inputs: &Matrix,
    window: usize,
    coefficients: &[f64],
    forecasts: &mut [f64],
) {
    let Ahead { horizon, series, .. } = of.ahead;
    for of_series in 0..series {
        let (differences, last) = differences(of, inputs, window, of_series);
        let mut sums = vec![last; horizon];
        for (difference, row) in differences.iter().zip(coefficients.chunks_exact(horizon)) {
            sums.iter_mut().zip(row).for_each(|(sum, c)| *sum += difference * c);
        }
        for (step, sum) in sums.iter().enumerate() {
            forecasts[step * series + of_series] = *sum;
        }
    }
}

/// The values that are read of a series less the last of them, and that last one.
fn differences(of: &Forecasting, inputs: &Matrix, window: usize, series: usize) -> (Vec<f64>, f64) {
    let row = &inputs.data[window * inputs.width..][..inputs.width];
    let values = || row[series..].iter().step_by(of.channels).map(|v| f64::from(*v));
    let last = values().next_back().unwrap_or(0.0);
    (values().map(|value| value - last).collect(), last)
}

/// Coefficients `[steps, horizon]` of the ridge over differences to the last value, all series
/// together, whose penalty is the best on the validation windows.
pub(super) fn ridge(of: &Forecasting, train: &Part, validation: &Part) -> Option<Vec<f64>> {
    ridge_within(of, train, validation, MAX_COST)
}

fn ridge_within(of: &Forecasting, train: &Part, validation: &Part, most: f64) -> Option<Vec<f64>> {
    let Ahead { horizon, series, .. } = of.ahead;
    let of_window = |multiplied: usize| (series * of.steps * multiplied) as f64;
    let fitting = thinned(train.inputs.rows, of_window(of.steps + horizon), most);
    let judging = thinned(validation.inputs.rows, of_window(horizon * PENALTIES.len()), most);
    let fitted = gathered(of, train, &fitting);
    // For each window that is added, not for those that are passed over.
    let rows = (fitting.len() * series) as f64;
    let (mut best, mut least) = (None, f64::INFINITY);
    for penalty in PENALTIES {
        let Some(coefficients) = fitted.solve(penalty * rows) else { continue };
        let loss = loss(of, validation, &judging, &coefficients);
        if loss < least {
            (best, least) = (Some(coefficients), loss);
        }
    }
    best
}

/// So many of the windows, evenly spread, that they cost no more together.
fn thinned(windows: usize, cost_of_one: f64, most: f64) -> Vec<usize> {
    let step = (windows as f64 * cost_of_one / most).ceil().max(1.0) as usize;
    (0..windows).step_by(step).collect()
}

/// Squared error of the linear forecasts of some windows.
fn loss(of: &Forecasting, part: &Part, windows: &[usize], coefficients: &[f64]) -> f64 {
    let width = part.targets.width;
    let mut forecasts = vec![0.0; width];
    let mut loss = 0.0;
    for &window in windows {
        linear(of, &part.inputs, window, coefficients, &mut forecasts);
        let truth = part.targets.data[window * width..][..width].iter();
        let squares = forecasts.iter().zip(truth).map(|(f, y)| (f - f64::from(*y)).powi(2));
        squares.for_each(|square| loss += square);
    }
    loss
}

fn gathered(of: &Forecasting, train: &Part, windows: &[usize]) -> Ridge {
    let Ahead { horizon, series, .. } = of.ahead;
    let mut ridge = Ridge::new(of.steps, horizon);
    for windows in windows.chunks(CHUNK) {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for &window in windows {
            let targets = &train.targets.data[window * train.targets.width..];
            for of_series in 0..series {
                let (differences, last) = differences(of, &train.inputs, window, of_series);
                x.extend(differences);
                y.extend((0..horizon).map(|s| f64::from(targets[s * series + of_series]) - last));
            }
        }
        ridge.add(&x, &y);
    }
    ridge
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{random_walk, series};
    use crate::engine::train::prepare::prepare;

    /// Each row so many times, one after the other.
    fn repeated(matrix: &Matrix, times: usize) -> Matrix {
        let rows: Vec<usize> =
            (0..matrix.rows).flat_map(|row| std::iter::repeat_n(row, times)).collect();
        let data = matrix.each(&rows).flatten().copied().collect();
        Matrix { rows: rows.len(), width: matrix.width, data }
    }

    #[test]
    fn windows_that_are_passed_over_raise_no_penalty() {
        let spec = serde_json::json!({ "dataset": { "name": "d" }, "target": "y",
            "task": "forecast", "window": { "time": "time", "look_back": 8, "horizon": 2 } });
        let spec = serde_json::from_value(spec).unwrap();
        let prepared = prepare(&series(&[random_walk(300, 5)]), &spec, None).unwrap();
        let (of, data) = (prepared.forecasting.unwrap(), prepared.data);
        let all = ridge_within(&of, &data.train, &data.validation, f64::INFINITY).unwrap();
        let train = Part {
            inputs: repeated(&data.train.inputs, 3),
            targets: repeated(&data.train.targets, 3),
            ..data.train.clone()
        };
        // Every third window costs no more, and is one of each.
        let most = (data.train.inputs.rows * 8 * 10) as f64;
        assert_eq!(thinned(train.inputs.rows, 80.0, most).len(), data.train.inputs.rows);
        assert_eq!(ridge_within(&of, &train, &data.validation, most).unwrap(), all);
        // The penalties are judged within the same bound.
        assert_eq!(thinned(100, 10.0, 500.0).len(), 50);
        assert_eq!(thinned(7, 10.0, 500.0).len(), 7);
    }
}
