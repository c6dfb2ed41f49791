//! Errors of each series by itself: one is calm where another is wild, and dear where another is cheap.

use std::collections::BTreeMap;

use super::Forecasting;
use super::baselines::Baselines;
use crate::domain::forecast::SeriesMetrics;
use crate::engine::features::{Ahead, Matrix};

/// Most series whose errors are kept with a version.
const MOST: usize = 1_000;

/// What is summed up of the windows of one series.
#[derive(Default, Clone, Copy)]
struct Sum {
    windows: u64,
    squares: f64,
    relative: f64,
}

impl Sum {
    fn relative_mse(&self) -> Option<f64> {
        Some(self.relative / self.windows as f64).filter(|mse| mse.is_finite())
    }
}

impl Forecasting {
    /// Errors of forecasts `[windows, horizon * series]` of the test windows, scaled, for each entity and column, none
    /// where there are too many of them; and the relative squared error of each column over all entities.
    pub(super) fn by_series(
        &self,
        point: &[f64],
        truth: &[f64],
        test: &Matrix,
    ) -> (Vec<SeriesMetrics>, Vec<Option<f64>>) {
        let Ahead { horizon, series, .. } = self.ahead;
        let width = (horizon * series).max(1);
        let last = Baselines { of: self, inputs: test }.last();
        let mut sums: BTreeMap<(Option<&str>, usize), Sum> = BTreeMap::new();
        let windows = point.chunks_exact(width).zip(truth.chunks_exact(width));
        for (at, ((point, truth), window)) in windows.zip(&self.tested).enumerate() {
            let entity = self.entities[window.series].as_deref();
            for column in 0..series {
                let sum = sums.entry((entity, column)).or_default();
                let scale = self.sequence.series[column].scale;
                let error = |step: usize| {
                    let place = step * series + column;
                    (point[place] - truth[place]) * scale.deviation
                };
                let squares: f64 = (0..horizon).map(|step| error(step).powi(2)).sum();
                let known = scale.undo(last[at * series + column]);
                sum.windows += 1;
                sum.squares += squares / horizon.max(1) as f64;
                sum.relative += match known > 0.0 {
                    true => (error(horizon.saturating_sub(1)) / known).powi(2),
                    false => f64::NAN,
                };
            }
        }
        let mut all = vec![Sum::default(); series];
        for ((_, column), sum) in &sums {
            all[*column].windows += sum.windows;
            all[*column].relative += sum.relative;
        }
        let all = all.iter().map(Sum::relative_mse).collect();
        if sums.len() > MOST {
            return (Vec::new(), all);
        }
        let metrics = sums.into_iter().map(|((entity, column), sum)| SeriesMetrics {
            entity: entity.map(str::to_owned),
            target: self.sequence.series[column].name.clone(),
            n: sum.windows,
            mse: sum.squares / sum.windows as f64,
            relative_mse: sum.relative_mse(),
        });
        (metrics.collect(), all)
    }
}
