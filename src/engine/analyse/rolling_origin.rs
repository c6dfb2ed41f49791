//! Forecasts from origin after origin, trained anew as time goes on.

mod summary;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::check::Findings;
use super::{Analysed, Keeping, OnStep, Subject};
use crate::domain::analysis::{
    AnalysisRequest, AnalysisResult, OriginResult, RollingOriginSpec, RollingTraining,
};
use crate::domain::model::Task;
use crate::domain::schema::ColumnSummary;
use crate::domain::training::{Precision, TrainingSpec};
use crate::domain::version::Version;
use crate::domain::window::WindowSpec;
use crate::engine::features::FittedFeatures;
use crate::engine::parts::Part;
use crate::engine::train::{
    Block, CheckpointPolicy, Control, EpochReport, Fitted, Foretold, Hooks, fit_block,
};
use crate::engine::windows::{AllSeries, Shape};
use crate::error::{Code, Context, Error, Result};
use crate::frame::Frame;

const STAGE: &str = "rolling_origin";
/// Most that all trainings together may be expected to take.
const MAX_SECONDS: f64 = 6.0 * 3600.0;
const MAX_STEP: u64 = 4096;
const MAX_TRAINING_ROWS: u64 = 10_000_000;

/// Checks what can be checked before a row is read.
pub(super) fn check(version: &Version, spec: &RollingOriginSpec, findings: &mut Findings) {
    if version.signature.task != Task::Forecast {
        let detail = format!(
            "version {} does not forecast: origins roll for versions that were trained with a window \
             and forecast a number",
            version.version
        );
        return findings.add("/analysis/kind", detail);
    }
    findings.whole("/analysis/origins", spec.origins.into(), 2..=1_000);
    findings.whole("/analysis/refit_every", spec.refit_every.into(), 1..=1_000);
    if let Some(step) = spec.step {
        findings.whole("/analysis/step", step.into(), 1..=MAX_STEP);
    }
    match (spec.training, spec.training_rows) {
        (_, None) => {}
        (RollingTraining::Sliding, Some(rows)) => {
            findings.whole("/analysis/training_rows", rows.into(), 20..=MAX_TRAINING_ROWS);
        }
        (RollingTraining::Expanding, Some(_)) => {
            let detail =
                "an expanding training reads all rows: leave it out, or ask for a sliding one";
            findings.add("/analysis/training_rows", detail);
        }
    }
    if !(0.05..=0.5).contains(&spec.validation) {
        let detail = format!("{} is not within 0.05 to 0.5", spec.validation);
        findings.add("/analysis/validation", detail);
    }
    let refits = spec.origins.div_ceil(spec.refit_every.max(1));
    let provenance = &version.provenance;
    let one = provenance.cost.as_ref().map_or(provenance.seconds, |cost| cost.device_seconds);
    let all = one * f64::from(refits);
    if all > MAX_SECONDS {
        let detail = format!(
            "{refits} trainings of about {one:.0} s, as long as the version's own took, are {:.1} hours, \
             and at most {:.0} are given: ask for fewer origins, or train anew at fewer of them \
             (refit_every)",
            all / 3600.0,
            MAX_SECONDS / 3600.0
        );
        findings.add("/analysis/origins", detail);
    }
}

/// Checks that there are times enough for the origins, where the dataset's summary tells how many
/// there are.
pub(super) fn check_times(
    version: &Version,
    spec: &RollingOriginSpec,
    columns: &[ColumnSummary],
    findings: &mut Findings,
) {
    let Some(window) = &version.signature.window else { return };
    let Some(time) = columns.iter().find(|column| column.name == window.time) else { return };
    if time.distinct_is_lower_bound {
        return;
    }
    if let Err(Error::Problem { errors, .. }) = Course::of(time.distinct as usize, window, spec) {
        errors.into_iter().for_each(|error| findings.add(error.pointer, error.detail));
    }
}

/// Where the origins are, among the times of the rows, counted from 0.
#[derive(Debug, PartialEq)]
struct Course {
    first: usize,
    step: usize,
    origins: usize,
    /// Times from an origin to the last that is foretold from it.
    reach: usize,
    /// Times that a training reads; all up to its origin where there is none.
    sliding: Option<usize>,
    refit_every: usize,
}

impl Course {
    /// # Errors
    /// [`Code::InvalidRequest`] where there are too few times.
    fn of(times: usize, window: &WindowSpec, spec: &RollingOriginSpec) -> Result<Self> {
        let look_back = window.look_back.map_or(1, |steps| steps as usize);
        let shape = Shape::new(window, look_back, Task::Forecast);
        let reach = (window.gap + window.horizon) as usize;
        let step = spec.step.unwrap_or(window.horizon).max(1) as usize;
        let origins = spec.origins as usize;
        let after = reach + (origins - 1) * step;
        let before = times.saturating_sub(after);
        let known = match (spec.training, spec.training_rows) {
            (RollingTraining::Sliding, Some(rows)) => rows as usize,
            _ => before,
        };
        // A window to train on, and in the validation part the rows that one foretells.
        let enough = |known: usize| {
            let validation = validating(known, spec.validation);
            validation >= shape.targets && known - validation >= shape.length()
        };
        let refuse =
            |pointer: &str, detail| Err(Error::field(Code::InvalidRequest, pointer, detail));
        if known > before {
            let detail = format!(
                "{known} times are not there before the first of {origins} origins: there are {before}"
            );
            return refuse("/analysis/training_rows", detail);
        }
        if !enough(known) {
            let needed = (known..10_000_000).find(|known| enough(*known)).unwrap_or(known);
            let pointer = match spec.training_rows {
                Some(_) => "/analysis/training_rows",
                None => "/analysis/origins",
            };
            let detail = format!(
                "{known} of {times} times are known at the first of {origins} origins, {step} rows apart, \
                 and {needed} are needed to train and validate (look_back {look_back}, gap {}, horizon \
                 {}): ask for fewer origins, a smaller step, or give more rows",
                window.gap, window.horizon
            );
            return refuse(pointer, detail);
        }
        let refit_every = spec.refit_every.max(1) as usize;
        let sliding = Some(known).filter(|_| spec.training == RollingTraining::Sliding);
        Ok(Self { first: before - 1, step, origins, reach, sliding, refit_every })
    }

    fn origin(&self, number: usize) -> usize {
        self.first + number * self.step
    }

    /// Times up to an origin that a training there reads.
    fn known(&self, origin: usize) -> usize {
        self.sliding.unwrap_or(origin + 1)
    }

    fn refits(&self) -> usize {
        self.origins.div_ceil(self.refit_every)
    }
}

/// How many of the times before an origin validate.
fn validating(known: usize, share: f64) -> usize {
    (known as f64 * share).round() as usize
}

/// The rows of a frame by their times.
struct Rows<'a> {
    frame: &'a Frame,
    /// Of each row.
    times: Vec<f64>,
    /// Each once, ascending.
    distinct: Vec<f64>,
}

impl Rows<'_> {
    /// The rows that one training may know and the windows from its origins need, and which is which.
    ///
    /// # Errors
    /// [`Error::Internal`] where rows can't be taken.
    fn block(&self, course: &Course, origins: &[usize], validation: f64) -> Result<(Frame, Block)> {
        let at = |place: usize| self.distinct[place];
        let (first, last) = (origins[0], origins[origins.len() - 1]);
        let known = course.known(first);
        let (from, to) = (at(first + 1 - known), at(last + course.reach));
        let validates = at(first + 1 - validating(known, validation));
        let rows: Vec<usize> =
            (0..self.times.len()).filter(|row| (from..=to).contains(&self.times[*row])).collect();
        let part = |row: &usize| match self.times[*row] {
            time if time > at(first) => Part::Test,
            time if time >= validates => Part::Validation,
            _ => Part::Train,
        };
        let block = Block {
            part: rows.iter().map(part).collect(),
            origins: origins.iter().map(|origin| at(*origin)).collect(),
        };
        Ok((self.frame.take(&rows)?, block))
    }
}

/// Trains at each origin at which that is asked for, and forecasts from all.
///
/// # Errors
/// [`Code::InvalidRequest`] where there are too few rows; what a training fails with, with its origin;
/// whatever `on_step` and `keeping` fail with.
pub(super) fn roll(
    frame: &Frame,
    subject: &Subject,
    (request, spec): (&AnalysisRequest, &RollingOriginSpec),
    keeping: Keeping<'_>,
    on_step: &mut OnStep<'_>,
) -> Result<Analysed> {
    let Subject { version, features, .. } = subject;
    let window = version.provenance.spec.window.as_ref();
    let window = window.ok_or_else(|| super::undone("the version has no window"))?;
    let all = AllSeries::read(frame, window, Code::InvalidRequest).map_err(of_dataset)?;
    let mut distinct = all.times.clone();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    let course = Course::of(distinct.len(), window, spec)?;
    let shown = |place: usize| {
        let row = all.times.iter().position(|time| *time == distinct[place]);
        row.map_or_else(String::new, |row| all.shown(row))
    };
    let names: Vec<String> = (0..course.origins).map(|o| shown(course.origin(o))).collect();
    let rows = Rows { frame, times: all.times.clone(), distinct: distinct.clone() };
    let asked = anew(version, request.seed);
    let refits = course.refits();
    let Kept { over, mut gathered } = match keeping.resume.and_then(Kept::read) {
        Some(kept) => kept,
        None => Kept { over: 0, gathered: Gathered::new(features)? },
    };
    let mut hooks = Rolling { on_step, done: over as u64, total: refits as u64, failed: None };
    let mut kept_at = Instant::now();
    for refit in over..refits {
        let numbers = refit * course.refit_every;
        let numbers = numbers..(numbers + course.refit_every).min(course.origins);
        let origins: Vec<usize> = numbers.clone().map(|number| course.origin(number)).collect();
        hooks.tell()?;
        let (frame, block) = rows.block(&course, &origins, spec.validation)?;
        let fitted = fit_block(&frame, &asked, &block, &mut hooks);
        let fitted = match (fitted, hooks.failed.take()) {
            (_, Some(stopped)) => return Err(stopped),
            (fitted, None) => fitted.map_err(|error| at_origin(error, &names[numbers.start]))?,
        };
        hooks.done += 1;
        let Some(fitted) = fitted else { continue };
        gathered.seconds += fitted.seconds;
        if gathered.seconds > MAX_SECONDS && refit + 1 < refits {
            return Err(takes_too_long(refit + 1, refits));
        }
        for (number, place) in numbers.clone().zip(&origins) {
            let is_first = number == numbers.start;
            let of = |one: &&Foretold| one.origin == distinct[*place];
            let foretold: Vec<&Foretold> = fitted.foretold.iter().filter(of).collect();
            gathered.add(&names[number], is_first, &foretold, &fitted);
        }
        if kept_at.elapsed() >= keeping.apart {
            let kept = Kept { over: refit + 1, gathered };
            let bytes = serde_json::to_vec(&kept).context("keeping the origins that are over")?;
            (keeping.keep)(&bytes)?;
            gathered = kept.gathered;
            kept_at = Instant::now();
        }
    }
    hooks.tell()?;
    let warnings = warnings(version, &gathered, &course);
    let (rows, result) = gathered.result(&course, window)?;
    Ok(Analysed { rows, result: AnalysisResult::RollingOrigin(Box::new(result)), warnings })
}

/// What is kept between two trainings: the next one depends on nothing else of those before.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Trainings that are over.
    over: usize,
    gathered: Gathered,
}

impl Kept {
    /// None of what can't be read, such as what another release kept: all is then done anew, since a run that
    /// failed for it would fail whenever it is tried again.
    fn read(bytes: &[u8]) -> Option<Self> {
        let kept = serde_json::from_slice(bytes);
        kept.inspect_err(|error| {
            tracing::warn!(%error, "origins that are over can't be read: beginning anew");
        })
        .ok()
    }
}

/// What a version's training took need not be what another takes: of a simplified one it says nothing, and rows
/// may be more.
fn takes_too_long(done: usize, refits: usize) -> Error {
    let detail = format!(
        "{done} of {refits} trainings took more than {:.0} hours, and no more are given: ask for fewer \
         origins, or train anew at fewer of them (refit_every)",
        MAX_SECONDS / 3600.0
    );
    Error::field(Code::InvalidRequest, "/analysis/origins", detail)
}

/// The specification by which an origin's networks are trained.
fn anew(version: &Version, seed: u64) -> TrainingSpec {
    let spec = version.provenance.spec.clone();
    TrainingSpec {
        seed: spec.seed.wrapping_add(seed) & ((1 << 53) - 1),
        // Where the version was trained need not be a device of this machine, nor one for bf16.
        device: "auto".to_owned(),
        precision: Precision::F32,
        search: None,
        start: None,
        baselines: false,
        ..spec
    }
}

fn warnings(version: &Version, gathered: &Gathered, course: &Course) -> Vec<String> {
    let mut warnings = Vec::new();
    if version.simplification.is_some() {
        let text = "the version was made simpler after its training, which is not done again here";
        warnings.push(text.to_owned());
    }
    let left_out = course.origins - gathered.origins.len();
    if left_out > 0 {
        warnings.push(format!(
            "{left_out} of {} origins are left out: no series has all rows that are read and \
             foretold there",
            course.origins
        ));
    }
    warnings
}

/// An error of the training for an origin as one of the analysis.
fn at_origin(error: Error, origin: &str) -> Error {
    match error {
        Error::Problem { code: Code::InvalidSpec, detail, .. } => Error::field(
            Code::InvalidRequest,
            "/analysis",
            format!("the training at the origin {origin} can't be: {detail}"),
        ),
        Error::Problem { code, detail, errors } => {
            Error::Problem { code, detail: format!("at the origin {origin}: {detail}"), errors }
        }
        other => other,
    }
}

fn of_dataset(error: Error) -> Error {
    match error {
        Error::Problem { code: Code::InvalidRequest, detail, .. } => {
            Error::field(Code::InvalidRequest, "/dataset", detail)
        }
        other => other,
    }
}

/// Hears of each epoch, and ends a training once the analysis is to end.
struct Rolling<'a, 'b> {
    on_step: &'a mut OnStep<'b>,
    /// Trainings that are over.
    done: u64,
    total: u64,
    failed: Option<Error>,
}

impl Rolling<'_, '_> {
    fn tell(&mut self) -> Result<()> {
        (self.on_step)(STAGE, self.done, self.total)
    }
}

impl Hooks for Rolling<'_, '_> {
    fn epoch(&mut self, _: &EpochReport) -> Result<Control> {
        Ok(if self.should_stop() { Control::Stop } else { Control::Continue })
    }

    fn checkpoint(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        if self.failed.is_none() {
            self.failed = self.tell().err();
        }
        self.failed.is_some()
    }

    /// Whole trainings are kept, not parts of one.
    fn checkpoint_policy(&self) -> CheckpointPolicy {
        let never = Duration::from_secs(u32::MAX.into());
        CheckpointPolicy { after_epoch: never, within_epoch: never }
    }
}

/// What the origins came to, as they come.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gathered {
    /// Standard deviations of the version's columns.
    deviations: Vec<f64>,
    origins: Vec<OriginResult>,
    /// Of each coverage, for each origin that has it.
    covered: BTreeMap<String, (f64, Vec<f64>)>,
    /// Squared and absolute errors of each baseline, by origin.
    baselines: summary::OfBaselines,
    windows: u64,
    refits: u64,
    seconds: f64,
}

impl Gathered {
    fn new(features: &FittedFeatures) -> Result<Self> {
        let sequence = features.sequence();
        let sequence = sequence.ok_or_else(|| super::undone("the version reads no windows"))?;
        Ok(Self {
            deviations: sequence.series.iter().map(|series| series.scale.deviation).collect(),
            origins: Vec::new(),
            covered: BTreeMap::new(),
            baselines: Vec::new(),
            windows: 0,
            refits: 0,
            seconds: 0.0,
        })
    }

    /// Adds what was foretold of each series from one origin; one of none is left out.
    fn add(&mut self, from: &str, refitted: bool, foretold: &[&Foretold], fitted: &Fitted) {
        self.refits += u64::from(refitted);
        let forecasts = || foretold.iter().map(|one| (one.forecast.as_slice(), one));
        let Some((mse, mae)) = self.errors(forecasts()) else { return };
        let mut by_baseline = BTreeMap::new();
        for (at, (kind, _)) in foretold[0].baselines.iter().enumerate() {
            let forecasts = foretold.iter().map(|one| (one.baselines[at].1.as_slice(), one));
            if let Some(errors) = self.errors(forecasts) {
                by_baseline.insert(kind.as_str().to_owned(), errors.0);
                summary::add(&mut self.baselines, *kind, errors);
            }
        }
        let covered = summary::covered(foretold);
        for (coverage, share) in &covered {
            let of = self.covered.entry(coverage.to_string());
            of.or_insert((*coverage, Vec::new())).1.push(*share);
        }
        self.windows += foretold.len() as u64;
        self.origins.push(OriginResult {
            from: from.to_owned(),
            refitted,
            training_windows: fitted.trained_on,
            series: foretold.len() as u64,
            mse,
            mae,
            mase: summary::mase(foretold, &fitted.naive_error),
            baselines: by_baseline,
            covered: covered.into_iter().map(|(c, share)| (c.to_string(), share)).collect(),
        });
    }

    /// Mean squared and mean absolute error of forecasts, in the version's deviations.
    fn errors<'f, 'o: 'f>(
        &self,
        forecasts: impl Iterator<Item = (&'f [f64], &'f &'o Foretold)>,
    ) -> Option<(f64, f64)> {
        let (mut squares, mut distances, mut count) = (0.0, 0.0, 0_usize);
        for (forecast, one) in forecasts {
            let each = forecast.iter().zip(&one.truth).zip(self.deviations.iter().cycle());
            for ((forecast, truth), deviation) in each {
                let error = (forecast - truth) / deviation;
                squares += error * error;
                distances += error.abs();
                count += 1;
            }
        }
        (count > 0).then(|| (squares / count as f64, distances / count as f64))
    }
}

#[cfg(test)]
mod tests;
