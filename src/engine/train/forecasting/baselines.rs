//! Forecasts that need no network.

use super::Forecasting;
use crate::domain::forecast::BaselineKind;
use crate::engine::features::{Ahead, Matrix};
use crate::engine::train::fit::Part;
use crate::stats::Ridge;

/// Penalties that are tried, for each training window of one series.
const PENALTIES: [f64; 7] = [1e-5, 1e-3, 1e-2, 0.03, 0.1, 1.0, 10.0];
/// Multiplications that the ridge may cost; windows are passed over where all would cost more.
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
        let mut forecasts = vec![0.0; self.inputs.rows * horizon * series];
        let mut sums = vec![0.0; horizon];
        for (window, forecasts) in forecasts.chunks_exact_mut((horizon * series).max(1)).enumerate()
        {
            for of in 0..series {
                let (differences, last) = differences(self.of, self.inputs, window, of);
                sums.fill(last);
                for (difference, row) in differences.iter().zip(coefficients.chunks_exact(horizon))
                {
                    sums.iter_mut().zip(row).for_each(|(sum, c)| *sum += difference * c);
                }
                for (step, sum) in sums.iter().enumerate() {
                    forecasts[step * series + of] = *sum;
                }
            }
        }
        forecasts
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
    let fitted = gathered(of, train);
    let (mut best, mut least) = (None, f64::INFINITY);
    let rows = (train.inputs.rows * of.ahead.series) as f64;
    for penalty in PENALTIES {
        let Some(coefficients) = fitted.solve(penalty * rows) else { continue };
        let baselines = Baselines { of, inputs: &validation.inputs };
        let forecasts = baselines.linear(&coefficients);
        let truth = validation.targets.data.iter().map(|y| f64::from(*y));
        let loss: f64 = forecasts.iter().zip(truth).map(|(f, y)| (f - y).powi(2)).sum();
        if loss < least {
            (best, least) = (Some(coefficients), loss);
        }
    }
    best
}

fn gathered(of: &Forecasting, train: &Part) -> Ridge {
    let Ahead { horizon, series, .. } = of.ahead;
    let cost = train.inputs.rows as f64 * (series * of.steps * (of.steps + horizon)) as f64;
    let step = (cost / MAX_COST).ceil().max(1.0) as usize;
    let windows: Vec<usize> = (0..train.inputs.rows).step_by(step).collect();
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
