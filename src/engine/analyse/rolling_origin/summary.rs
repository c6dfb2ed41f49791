//! From the forecasts of each origin to figures over all of them.

use super::{Course, Gathered};
use crate::domain::analysis::{OriginResult, RolledCoverage, RollingOriginResult};
use crate::domain::forecast::{AgainstRandomWalk, BaselineKind, ForecastBaseline, ForecastTest};
use crate::domain::window::WindowSpec;
use crate::engine::analyse::undone;
use crate::engine::train::Foretold;
use crate::error::{Code, Error, Result};
use crate::stats;

/// Mean squared and mean absolute errors of each baseline, origin by origin.
pub(super) type OfBaselines = Vec<(BaselineKind, Vec<(f64, f64)>)>;

pub(super) fn add(to: &mut OfBaselines, kind: BaselineKind, errors: (f64, f64)) {
    match to.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, all)) => all.push(errors),
        None => to.push((kind, vec![errors])),
    }
}

/// The share of what came true that the intervals covered, of each coverage that they have.
pub(super) fn covered(foretold: &[&Foretold]) -> Vec<(f64, f64)> {
    let Some(first) = foretold.first() else { return Vec::new() };
    let share = |at: usize| {
        let each = foretold.iter().flat_map(|one| {
            let within = one.intervals[at].1.iter().zip(&one.truth);
            within.map(|((low, high), truth)| f64::from(u8::from((low..=high).contains(&truth))))
        });
        stats::mean(&each.collect::<Vec<f64>>())
    };
    let coverages = first.intervals.iter().enumerate();
    coverages.filter_map(|(at, (coverage, _))| Some((*coverage, share(at)?))).collect()
}

/// Mean of the columns' MASE; None where a column has none.
pub(super) fn mase(foretold: &[&Foretold], naive: &[Option<f64>]) -> Option<f64> {
    let columns = naive.len();
    let of_column = |(column, naive): (usize, &Option<f64>)| {
        let pick = |values: &[f64]| -> Vec<f64> {
            values.iter().skip(column).step_by(columns).copied().collect()
        };
        let forecast: Vec<f64> = foretold.iter().flat_map(|one| pick(&one.forecast)).collect();
        let truth: Vec<f64> = foretold.iter().flat_map(|one| pick(&one.truth)).collect();
        stats::mase(&forecast, &truth, (*naive)?)
    };
    let all: Option<Vec<f64>> = naive.iter().enumerate().map(of_column).collect();
    stats::mean(&all?)
}

impl Gathered {
    /// The figures over all origins, each of which counts the same, and how many windows were forecast.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] where nothing was forecast.
    pub(super) fn result(
        self,
        course: &Course,
        window: &WindowSpec,
    ) -> Result<(u64, RollingOriginResult)> {
        let mean = |of: &dyn Fn(&OriginResult) -> f64| {
            stats::mean(&self.origins.iter().map(of).collect::<Vec<f64>>())
        };
        let (Some(mse), Some(mae)) = (mean(&|o| o.mse), mean(&|o| o.mae)) else {
            let detail = "no series has all rows that are read and foretold at any of the origins: fill in what \
                          is missing, or ask for others";
            return Err(Error::field(Code::InvalidRequest, "/dataset", detail));
        };
        // Origins that foretell a row in common err together.
        let together = course.reach.div_ceil(course.step);
        let ours: Vec<f64> = self.origins.iter().map(|origin| origin.mse).collect();
        let baseline = |(kind, errors): &(BaselineKind, Vec<(f64, f64)>)| {
            let theirs: Vec<f64> = errors.iter().map(|(squares, _)| *squares).collect();
            let distances: Vec<f64> = errors.iter().map(|(_, distances)| *distances).collect();
            let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
            // One that is missing at some origins can't be held against ours of all.
            let of_all = stats::mean(&theirs).filter(|_| theirs.len() == ours.len())?;
            let test = stats::diebold_mariano(&differences, together);
            Some(ForecastBaseline {
                kind: *kind,
                mse: of_all,
                mae: stats::mean(&distances)?,
                r2: (of_all > 0.0).then(|| 1.0 - mse / of_all),
                diebold_mariano: test
                    .map(|t| ForecastTest { statistic: t.statistic, p_value: t.p_value }),
            })
        };
        let baselines: Vec<ForecastBaseline> = self.baselines.iter().filter_map(baseline).collect();
        let walk = baselines.iter().find(|b| b.kind == BaselineKind::RandomWalk);
        let walk = walk.ok_or_else(|| undone("the random walk was not forecast"))?;
        let verdict = AgainstRandomWalk::of(mse, walk.mse, walk.diebold_mariano);
        let mases: Option<Vec<f64>> = self.origins.iter().map(|origin| origin.mase).collect();
        let coverage = |(coverage, shares): &(f64, Vec<f64>)| {
            let of_all = stats::mean(shares).filter(|_| shares.len() == self.origins.len())?;
            let trials = shares.len().div_ceil(together) as u64;
            let interval = stats::interval_of_share(of_all, trials)?;
            Some(RolledCoverage { coverage: *coverage, covered: of_all, interval, trials })
        };
        let result = RollingOriginResult {
            refits: self.refits,
            step: course.step as u32,
            horizon: window.horizon,
            gap: window.gap,
            mse,
            mae,
            mase: mases.and_then(|mases| stats::mean(&mases)),
            against_random_walk: verdict,
            intervals: self.covered.values().filter_map(coverage).collect(),
            seconds: self.seconds,
            baselines,
            origins: self.origins,
        };
        Ok((self.windows, result))
    }
}
