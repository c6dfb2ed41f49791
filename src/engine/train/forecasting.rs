//! How good a forecast is, beside what needs no network.

mod baselines;
mod intervals;
mod series;

use self::baselines::Baselines;
pub(super) use self::intervals::Seen;
use super::fit::Part;
use crate::domain::forecast::{
    AgainstRandomWalk, BaselineKind, ForecastBaseline, ForecastMetrics, ForecastTest,
    IntervalMetrics, LevelMetrics, QuantileMetrics, TargetMetrics,
};
use crate::domain::version::Metrics;
use crate::engine::features::{Ahead, FittedSequence, Matrix};
use crate::engine::networks::parameters::Parameters;
use crate::engine::windows::Window;
use crate::error::{Error, Result};
use crate::stats;

/// What is known of the series, beside the windows of the parts.
pub(super) struct Forecasting {
    pub(super) sequence: FittedSequence,
    pub(super) ahead: Ahead,
    /// Rows from one step that is read to the first that is forecast.
    pub(super) gap: usize,
    pub(super) steps: usize,
    pub(super) channels: usize,
    /// Rows in a season.
    pub(super) season: usize,
    /// Of each series, mean change from row to row among the training rows, scaled.
    pub(super) drift: Vec<f64>,
    /// Of each series, error of the seasonal naive forecast among the training rows, scaled.
    pub(super) naive_error: Vec<Option<f64>>,
    /// When each test window ends being read.
    pub(super) origins: Vec<f64>,
    /// Of each stretch of a series, what the entity column says.
    pub(super) entities: Vec<Option<String>>,
    /// The test windows, series by series in the order of time.
    pub(super) tested: Vec<Window>,
    /// What the test windows are held against, `[windows, horizon * series]`, scaled.
    pub(super) truth: Matrix,
    /// The ridge's coefficients `[steps, horizon]`; none where there is no penalty that has any.
    pub(super) ridge: Option<Vec<f64>>,
}

impl Forecasting {
    /// Fits the ridge to the training windows, with the penalty that is best on the validation
    /// windows.
    pub(super) fn fit_ridge(&mut self, train: &Part, validation: &Part) {
        self.ridge = baselines::ridge(self, train, validation);
    }

    /// The mean of a trained linear layer over differences to the last value and of the ridge,
    /// which is such a layer too.
    pub(super) fn join_ridge(&self, weights: &mut Parameters) {
        let Some(ridge) = &self.ridge else { return };
        if let Some(layer) = weights.get_mut("output.weight") {
            for (weight, ridge) in layer.values.iter_mut().zip(ridge) {
                *weight = ((f64::from(*weight) + ridge) / 2.0) as f32;
            }
        }
        if let Some(bias) = weights.get_mut("output.bias") {
            bias.values.iter_mut().for_each(|bias| *bias /= 2.0);
        }
    }

    /// Metrics of forecasts of the test windows, `[windows, horizon * series * levels]`, scaled.
    ///
    /// # Errors
    /// [`Error::Internal`] when there are no windows.
    pub(super) fn metrics(&self, forecasts: &[f64], test: &Matrix) -> Result<Metrics> {
        let levels = self.ahead.levels;
        let point: Vec<f64> =
            forecasts.iter().skip(self.ahead.median).step_by(levels).copied().collect();
        let truth: Vec<f64> = self.truth.data.iter().map(|y| f64::from(*y)).collect();
        let (mse, mae) = errors(&point, &truth)
            .ok_or_else(|| Error::internal("computing metrics", "there are no test windows"))?;
        let (by_series, relative) = self.by_series(&point, &truth, test);
        let of_target = |series: usize| TargetMetrics {
            relative_mse: relative[series],
            ..self.of_series(series, &point, &truth)
        };
        let by_target: Vec<TargetMetrics> = (0..self.ahead.series).map(of_target).collect();
        let mases: Option<Vec<f64>> = by_target.iter().map(|target| target.mase).collect();
        let baselines = self.baselines(&point, &truth, test);
        let walk = baselines.iter().find(|baseline| baseline.kind == BaselineKind::RandomWalk);
        let verdict = walk.map(|walk| AgainstRandomWalk::of(mse, walk.mse, walk.diebold_mariano));
        Ok(Metrics::Forecast(ForecastMetrics {
            n: self.truth.rows as u64,
            mse,
            mae,
            mase: mases.and_then(|mases| stats::mean(&mases)),
            mse_by_step: self.by_step(&point, &truth),
            by_target,
            by_series,
            quantiles: self.of_quantiles(forecasts, &truth),
            beats_random_walk: verdict.as_ref().is_some_and(|verdict| verdict.beats),
            against_random_walk: verdict,
            baselines,
            intervals: Vec::new(),
        }))
    }

    /// What each baseline forecasts from windows, `[windows, horizon * series]`, scaled.
    pub(super) fn forecasts_of_baselines(&self, inputs: &Matrix) -> Vec<(BaselineKind, Vec<f64>)> {
        Baselines { of: self, inputs }.all()
    }

    /// Every `series`-th number from a series' first.
    fn picked(&self, series: usize, values: &[f64]) -> Vec<f64> {
        let scale = self.sequence.series[series].scale;
        let of = values.iter().skip(series).step_by(self.ahead.series);
        of.map(|value| scale.undo(*value)).collect()
    }

    fn of_series(&self, series: usize, point: &[f64], truth: &[f64]) -> TargetMetrics {
        let (point, truth) = (self.picked(series, point), self.picked(series, truth));
        let (mse, mae) = errors(&point, &truth).unwrap_or((0.0, 0.0));
        let fitted = &self.sequence.series[series];
        let naive = self.naive_error[series].map(|error| error * fitted.scale.deviation);
        TargetMetrics {
            target: fitted.name.clone(),
            mse,
            mae,
            smape: stats::smape(&point, &truth).unwrap_or(0.0),
            mase: naive.and_then(|naive| stats::mase(&point, &truth, naive)),
            relative_mse: None,
        }
    }

    fn by_step(&self, point: &[f64], truth: &[f64]) -> Vec<f64> {
        let Ahead { horizon, series, .. } = self.ahead;
        let mut sums = vec![0.0; horizon];
        for (at, (f, y)) in point.iter().zip(truth).enumerate() {
            sums[at / series % horizon] += (f - y).powi(2);
        }
        let each = (truth.len() / horizon.max(1)) as f64;
        sums.into_iter().map(|sum| sum / each).collect()
    }

    fn of_quantiles(&self, forecasts: &[f64], truth: &[f64]) -> Option<QuantileMetrics> {
        let levels = &self.sequence.window.quantiles;
        if levels.is_empty() {
            return None;
        }
        let levels: Vec<LevelMetrics> = levels
            .iter()
            .enumerate()
            .filter_map(|(at, &level)| {
                let quantile: Vec<f64> =
                    forecasts.iter().skip(at).step_by(levels.len()).copied().collect();
                let below = quantile.iter().zip(truth).filter(|(q, y)| *y <= *q).count();
                let pinball = stats::mean_pinball(&quantile, truth, level)?;
                Some(LevelMetrics { level, pinball, below: below as f64 / truth.len() as f64 })
            })
            .collect();
        let losses: Vec<f64> = levels.iter().map(|level| level.pinball).collect();
        let pinball = stats::mean(&losses)?;
        Some(QuantileMetrics { pinball, crps: 2.0 * pinball, levels })
    }

    fn baselines(&self, point: &[f64], truth: &[f64], test: &Matrix) -> Vec<ForecastBaseline> {
        let ours = self.losses(point, truth);
        self.forecasts_of_baselines(test)
            .into_iter()
            .filter_map(|(kind, forecast)| {
                let (mse, mae) = errors(&forecast, truth)?;
                let (our_mse, _) = errors(point, truth)?;
                let theirs = self.losses(&forecast, truth);
                let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
                let reach = self.gap + self.ahead.horizon;
                let tested = stats::diebold_mariano(&differences, reach);
                Some(ForecastBaseline {
                    kind,
                    mse,
                    mae,
                    r2: (mse > 0.0).then(|| 1.0 - our_mse / mse),
                    diebold_mariano: tested.map(|test| ForecastTest {
                        statistic: test.statistic,
                        p_value: test.p_value,
                    }),
                })
            })
            .collect()
    }

    /// Mean squared error at each origin, in the order of time: windows of several series that end
    /// at one time are no independent trials.
    fn losses(&self, point: &[f64], truth: &[f64]) -> Vec<f64> {
        let width = self.truth.width.max(1);
        let windows = point.chunks_exact(width).zip(truth.chunks_exact(width));
        let mut losses: Vec<(f64, f64)> = windows
            .zip(&self.origins)
            .map(|((f, y), origin)| (*origin, errors(f, y).map_or(0.0, |(mse, _)| mse)))
            .collect();
        losses.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at_once = losses.chunk_by(|a, b| a.0 == b.0);
        at_once.map(|l| l.iter().map(|l| l.1).sum::<f64>() / l.len() as f64).collect()
    }
}

/// Mean squared and mean absolute error.
fn errors(forecast: &[f64], truth: &[f64]) -> Option<(f64, f64)> {
    let errors = || forecast.iter().zip(truth).map(|(f, y)| f - y);
    let squares: Vec<f64> = errors().map(|e| e * e).collect();
    let distances: Vec<f64> = errors().map(f64::abs).collect();
    Some((stats::mean(&squares)?, stats::mean(&distances)?))
}

/// Whether intervals covered fewer of `windows` test windows than chance explains, of these and of the validation
/// windows that they were learnt from, which are few as well; each coverage is a chance to be wrong.
fn is_too_narrow(of: &IntervalMetrics, windows: u64) -> bool {
    const DEVIATIONS: f64 = 2.4;
    let independent = of.trials as f64 / windows.max(1) as f64;
    let learnt = (of.calibrated_on as f64 * independent).max(1.0);
    let variance =
        of.coverage * (1.0 - of.coverage) * (1.0 / of.trials.max(1) as f64 + 1.0 / learnt);
    of.covered + DEVIATIONS * variance.sqrt() < of.coverage
}

/// What is to be said of metrics that are no success.
pub(super) fn warnings(metrics: &Metrics) -> Vec<String> {
    let Metrics::Forecast(metrics) = metrics else { return Vec::new() };
    let mut warnings = Vec::new();
    let of = |kind| metrics.baselines.iter().find(|baseline| baseline.kind == kind);
    if let Some(walk) = of(BaselineKind::RandomWalk).filter(|_| !metrics.beats_random_walk) {
        warnings.push(format!(
            "it {}: MSE {:.4} against {:.4} of repeating the last value, on the test windows",
            metrics.verdict().text,
            metrics.mse,
            walk.mse
        ));
    }
    let narrow = metrics.intervals.iter().filter(|of| is_too_narrow(of, metrics.n));
    let narrow: Vec<String> = narrow.map(IntervalMetrics::text).collect();
    if !narrow.is_empty() {
        warnings.push(format!(
            "on the test windows, as where errors have grown, intervals are too narrow: {}",
            narrow.join("; ")
        ));
    }
    for kind in [BaselineKind::SeasonalNaive, BaselineKind::Ridge] {
        if let Some(baseline) = of(kind).filter(|baseline| baseline.mse < metrics.mse) {
            warnings.push(format!(
                "the baseline {} is better on the test windows: MSE {:.4} against {:.4}",
                kind.as_str(),
                baseline.mse,
                metrics.mse
            ));
        }
    }
    warnings
}
