//! Intervals that cover a share of what comes true: learnt from the validation windows, measured on
//! the test windows.

use std::collections::{BTreeSet, VecDeque};

use super::Forecasting;
use crate::domain::forecast::{
    AdaptiveCoverage, COVERAGES, IntervalMethod, IntervalMetrics, TargetCoverage,
};
use crate::domain::version::Interval;
use crate::engine::features::{Ahead, FittedCoverage, FittedIntervals};
use crate::stats::{self, Adaptive};

/// How much the share of misses that adaptive intervals aim at moves after a miss.
const RATE: f64 = 0.005;

/// Forecasts of windows `[windows, horizon * series * levels]` and what came true
/// `[windows, horizon * series]`, scaled.
#[derive(Clone, Copy)]
pub(in crate::engine::train) struct Seen<'a> {
    pub(in crate::engine::train) forecasts: &'a [f64],
    pub(in crate::engine::train) truth: &'a [f32],
}

/// Where intervals start from: places among the levels of a forecast.
#[derive(Clone, Copy)]
struct Ends {
    low: usize,
    high: usize,
}

/// One step ahead of one series.
#[derive(Clone, Copy)]
struct Cell<'a> {
    seen: Seen<'a>,
    /// Which of a window's.
    at: usize,
    /// How many a window has.
    cells: usize,
    levels: usize,
    ends: Ends,
}

impl Cell<'_> {
    fn windows(&self) -> usize {
        self.seen.truth.len() / self.cells.max(1)
    }

    /// Low and high end before they are moved, and what came true.
    fn of(&self, window: usize) -> (f64, f64, f64) {
        let place = window * self.cells + self.at;
        let forecast = &self.seen.forecasts[place * self.levels..][..self.levels];
        (forecast[self.ends.low], forecast[self.ends.high], f64::from(self.seen.truth[place]))
    }

    /// How far the interval of each window would have had to be moved, ascending.
    fn scores(&self) -> Vec<f64> {
        let score = |window| {
            let (low, high, truth) = self.of(window);
            (low - truth).max(truth - high)
        };
        let mut scores: Vec<f64> = (0..self.windows()).map(score).collect();
        scores.sort_unstable_by(f64::total_cmp);
        scores
    }
}

/// What is summed up of the intervals of one cell over the test windows.
#[derive(Clone, Copy, Default)]
struct Tally {
    covered: usize,
    width: f64,
    adaptive_covered: usize,
    adaptive_width: f64,
    unbounded: usize,
}

impl Forecasting {
    /// Learns intervals of each coverage for which there are enough validation windows, and measures
    /// them on the test windows.
    pub(in crate::engine::train) fn intervals(
        &self,
        validation: Seen<'_>,
        test: Seen<'_>,
    ) -> (FittedIntervals, Vec<IntervalMetrics>) {
        let Ahead { horizon, series, .. } = self.ahead;
        let windows = (validation.truth.len() / (horizon * series).max(1)) as u64;
        let enough = COVERAGES.iter().filter(|coverage| windows >= stats::rows_needed(**coverage));
        let found = enough.filter_map(|coverage| self.of_coverage(*coverage, validation, test));
        let (coverages, metrics) = found.unzip();
        (FittedIntervals { windows, coverages }, metrics)
    }

    fn of_coverage(
        &self,
        coverage: f64,
        validation: Seen<'_>,
        test: Seen<'_>,
    ) -> Option<(FittedCoverage, IntervalMetrics)> {
        let Ahead { horizon, series, levels, median } = self.ahead;
        let cells = horizon * series;
        let pair = pair(&self.sequence.window.quantiles, coverage);
        let (low, high) = pair.unwrap_or((median, median));
        let ends = Ends { low, high };
        let (mut radii, mut tallies) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
        let mut calibrated_on = 0;
        for at in 0..cells {
            let cell = |seen| Cell { seen, at, cells, levels, ends };
            let scores = cell(validation).scores();
            let radius = stats::conformal_radius(&scores, coverage)?;
            radii.push(radius);
            tallies.push(self.tally(cell(test), (radius, coverage), &scores));
            calibrated_on = scores.len() as u64;
        }
        let method = match pair {
            Some(_) => IntervalMethod::Quantile,
            None => IntervalMethod::AbsoluteResidual,
        };
        let metrics = self.summed(coverage, method, calibrated_on, &tallies)?;
        Some((FittedCoverage { coverage, low, high, radii }, metrics))
    }

    /// Intervals over the test windows, each series by itself in the order of time.
    fn tally(&self, cell: Cell<'_>, (radius, coverage): (f64, f64), scores: &[f64]) -> Tally {
        let step = cell.at / self.ahead.series;
        // What a window foretold is known to one that starts so many rows later.
        let later = self.gap + step + 1;
        let mut tally = Tally::default();
        let windows: Vec<usize> = (0..cell.windows()).collect();
        for of_series in windows.chunk_by(|a, b| self.tested[*a].series == self.tested[*b].series) {
            let mut adaptive = Adaptive::new(coverage, RATE);
            let mut unheard: VecDeque<(usize, bool)> = VecDeque::new();
            for &window in of_series {
                let start = self.tested[window].start;
                while let Some((_, missed)) = unheard.pop_front_if(|(at, _)| *at + later <= start) {
                    adaptive.hear(missed);
                }
                let (low, high, truth) = cell.of(window);
                let within = |(low, high): (f64, f64)| (low..=high).contains(&truth);
                let fixed = stats::widened(low, high, radius);
                tally.covered += usize::from(within(fixed));
                tally.width += fixed.1 - fixed.0;
                let moved = adaptive.radius(scores).map(|radius| stats::widened(low, high, radius));
                let covers = moved.is_some_and(within);
                tally.adaptive_covered += usize::from(covers);
                let width = moved.map_or(0.0, |(low, high)| high - low);
                if width.is_finite() {
                    tally.adaptive_width += width;
                } else {
                    tally.unbounded += 1;
                }
                unheard.push_back((start, !covers));
            }
        }
        tally
    }

    fn summed(
        &self,
        coverage: f64,
        method: IntervalMethod,
        calibrated_on: u64,
        tallies: &[Tally],
    ) -> Option<IntervalMetrics> {
        let Ahead { horizon, series, .. } = self.ahead;
        let windows = self.tested.len();
        let of = |cells: &[Tally], count: fn(&Tally) -> f64| {
            let sum: f64 = cells.iter().map(count).sum();
            sum / (cells.len() * windows).max(1) as f64
        };
        let covered = |cells: &[Tally]| of(cells, |tally| tally.covered as f64);
        let width = |cells: &[Tally]| of(cells, |tally| tally.width);
        let target = |at: usize| {
            let cells: Vec<Tally> = tallies.iter().skip(at).step_by(series).copied().collect();
            let fitted = &self.sequence.series[at];
            TargetCoverage {
                target: fitted.name.clone(),
                covered: covered(&cells),
                mean_width: width(&cells) * fitted.scale.deviation,
            }
        };
        let share = covered(tallies);
        let trials = self.trials();
        let interval: Interval = stats::interval_of_share(share, trials)?;
        let unbounded = of(tallies, |tally| tally.unbounded as f64);
        let adaptive_width = of(tallies, |tally| tally.adaptive_width);
        Some(IntervalMetrics {
            coverage,
            method,
            calibrated_on,
            covered: share,
            interval,
            trials,
            mean_width: width(tallies),
            adaptive: AdaptiveCoverage {
                covered: of(tallies, |tally| tally.adaptive_covered as f64),
                rate: RATE,
                unbounded,
                mean_width: (unbounded < 1.0).then(|| adaptive_width / (1.0 - unbounded)),
            },
            by_step: (0..horizon)
                .map(|step| covered(&tallies[step * series..][..series]))
                .collect(),
            by_target: (0..series).map(target).collect(),
        })
    }

    /// Test windows none of which foretells a row before another is over, at different times.
    fn trials(&self) -> u64 {
        let origins: BTreeSet<u64> = self.origins.iter().map(|time| time.to_bits()).collect();
        origins.len().div_ceil((self.gap + self.ahead.horizon).max(1)) as u64
    }
}

/// The places of the pair of quantiles, as far from the median below as above, whose share between
/// them is the nearest to a coverage.
fn pair(quantiles: &[f64], coverage: f64) -> Option<(usize, usize)> {
    let mirrored = |level: f64| quantiles.iter().position(|l| (l + level - 1.0).abs() < 1e-9);
    let below = quantiles.iter().enumerate().filter(|(_, level)| **level < 0.5);
    let pairs = below.filter_map(|(low, level)| Some((low, mirrored(*level)?)));
    let off = |low: usize| (1.0 - 2.0 * quantiles[low] - coverage).abs();
    pairs.min_by(|a, b| off(a.0).total_cmp(&off(b.0)))
}

#[cfg(test)]
mod tests;
