//! From a table and a specification to windows as numbers.

use super::check::{
    Findings, check_kinds, check_layout, check_task, check_windowed_task, feature_names,
    window_task,
};
use super::fit::{Data, Part};
use super::forecasting::Forecasting;
use super::loss::row_loss;
use super::plan::Recipe;
use super::prepare::{
    MAX_NUMBERS, Prepared, class_weights, fingerprint, guess, leakage, row_weights, targets,
};
use super::prior::Prior;
use super::rolling::Block;
use super::target::{Target, Truth};
use crate::domain::model::Task;
use crate::domain::network::{LstmNetwork, NetworkSpec};
use crate::domain::schema::ColumnType;
use crate::domain::training::{PartsSpec, TrainingSpec};
use crate::domain::version::PartRows;
use crate::domain::window::WindowSpec;
use crate::engine::explain::Drawn;
use crate::engine::features::{
    FittedFeatures, FittedSequence, FittedSeries, Layout, Matrix, Standard,
};
use crate::engine::parts::{self, Parts};
use crate::engine::windows::{AllSeries, Cut, Window, cut};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;
use crate::stats;

mod held_out;

pub(super) use self::held_out::held_out;
pub use self::held_out::known_until;

const FORECAST_LOOK_BACK: usize = 336;
const LOOK_BACK: usize = 30;
const NAMES: [&str; 3] = ["train", "validation", "test"];

/// What is foretold, row by row of the frame.
enum Foretold {
    /// Each series' values, NaN where missing.
    Series(Vec<(String, Vec<f64>)>),
    /// One class or number, and where among its rows each row of the frame stands.
    Target(Box<Target>, Vec<Option<usize>>),
}

impl Foretold {
    fn read(frame: &Frame, spec: &TrainingSpec, window: &WindowSpec) -> Result<Self> {
        if spec.task == Some(Task::Forecast) {
            let names = std::iter::once(&spec.target).chain(&window.targets);
            let series = names.map(|name| Ok((name.clone(), frame.numbers(name)?)));
            return series.collect::<Result<_>>().map(Self::Series);
        }
        let target = Target::read(frame, spec)?;
        let mut places = vec![None; frame.rows()];
        target.rows.iter().enumerate().for_each(|(place, &row)| places[row] = Some(place));
        Ok(Self::Target(Box::new(target), places))
    }

    fn is_known(&self, rows: usize) -> Vec<bool> {
        match self {
            Self::Series(series) => {
                (0..rows).map(|row| series.iter().all(|(_, v)| v[row].is_finite())).collect()
            }
            Self::Target(_, places) => places.iter().map(Option::is_some).collect(),
        }
    }
}

/// Everything but what is fitted.
struct Windows<'a> {
    frame: &'a Frame,
    all: AllSeries,
    part: Vec<parts::Part>,
    found: Cut,
}

/// As [`super::prepare::prepare`], of a specification with a window.
pub(super) fn prepare(
    frame: &Frame,
    spec: &TrainingSpec,
    asked: &WindowSpec,
    given: Option<&FittedFeatures>,
) -> Result<Prepared> {
    let prepared = prepare_by(frame, spec, asked, given, None)?;
    prepared.ok_or_else(|| Error::internal("preparing windows", "there is no test window"))
}

/// The same of rows whose parts are given, of which test windows are those from the block's origins; None
/// where there is no complete one.
pub(super) fn prepare_block(
    frame: &Frame,
    spec: &TrainingSpec,
    asked: &WindowSpec,
    block: &Block,
) -> Result<Option<Prepared>> {
    prepare_by(frame, spec, asked, None, Some(block))
}

/// The specification with its task, held against the columns.
fn checked(
    frame: &Frame,
    spec: &TrainingSpec,
    columns: &[(&str, ColumnType)],
) -> Result<TrainingSpec> {
    let mut spec = spec.clone();
    let kind = |name: &str| columns.iter().find(|c| c.0 == name).map(|c| c.1);
    let task = window_task(&spec, kind(&spec.target), || distinct(frame, &spec));
    spec.task = task.or(spec.task);
    let mut findings = Findings::default();
    check_kinds(&spec, columns, &mut findings);
    check_windowed_task(&spec, &mut findings);
    findings.into_result()?;
    if let Some(task) = spec.task {
        check_task(&spec, task)?;
    }
    Ok(spec)
}

fn prepare_by(
    frame: &Frame,
    spec: &TrainingSpec,
    asked: &WindowSpec,
    given: Option<&FittedFeatures>,
    block: Option<&Block>,
) -> Result<Option<Prepared>> {
    let columns: Vec<(&str, ColumnType)> =
        frame.columns().iter().map(|c| (c.name.as_str(), c.kind)).collect();
    let mut spec = checked(frame, spec, &columns)?;
    let all = AllSeries::read(frame, asked, Code::InvalidSpec)?;
    let mut warnings = all.warnings(asked);
    let foretold = Foretold::read(frame, &spec, asked)?;
    let task = match &foretold {
        Foretold::Series(_) => Task::Forecast,
        Foretold::Target(target, _) => target.task,
    };
    let mut sequence = match given.and_then(FittedFeatures::sequence) {
        Some(fitted) => fitted.clone(),
        None => {
            let window = filled_in(asked, &spec, task, &all);
            FittedSequence { window, task, series: Vec::new(), intervals: None }
        }
    };

    let part = match block {
        None => row_parts(frame, &spec, asked, &all)?.of_rows(frame.rows()),
        Some(block) => block.part.clone(),
    };
    let known = foretold.is_known(frame.rows());
    let mut found = cut(&all, sequence.shape(), asked.stride as usize, &part, &known);
    if let Some(block) = block {
        let last = |w: &Window| all.series[w.series].rows[w.start + sequence.look_back() - 1];
        found.test.retain(|w| block.origins.contains(&all.times[last(w)]));
        if found.test.is_empty() {
            return Ok(None);
        }
    }
    let windows = Windows { frame, all, part, found };
    windows.check(&sequence)?;
    warnings.extend(windows.left_out());

    let trained: Vec<usize> =
        (0..frame.rows()).filter(|&r| windows.part[r] == parts::Part::Train).collect();
    let names = feature_names(&spec, &columns);
    if given.is_none() {
        sequence.series = fitted_series(&foretold, &trained)?;
    }
    let truths = windows.truths(&foretold, &sequence);
    let scale = match (given, &truths[0]) {
        (Some(features), _) => features.target().copied(),
        (None, Truth::Numbers(numbers)) => Some(target_scale(&spec, numbers)?),
        (None, _) => None,
    };
    let features = match given {
        Some(features) => features.clone(),
        None => {
            let fitting = frame.take(&trained)?;
            let preprocessing = &spec.preprocessing;
            let of = sequence.clone();
            let fitted = FittedFeatures::fit_sequence(&fitting, &names, preprocessing, scale, of)?;
            warnings.extend(fitted.1);
            fitted.0
        }
    };
    windows.check_size(&features, &sequence)?;

    spec.window = Some(sequence.window.clone());
    spec.parts = Some(spec.parts());
    spec.task = Some(task);
    let features_of_spec = (!names.is_empty()).then_some(names);
    let assembled = Assembly { windows, foretold, features, sequence, scale, truths };
    assembled.finish(spec, features_of_spec, warnings).map(Some)
}

/// A window without anything left open.
fn filled_in(asked: &WindowSpec, spec: &TrainingSpec, task: Task, all: &AllSeries) -> WindowSpec {
    let mut window = asked.clone();
    window.look_back.get_or_insert(look_back(spec, task, all.longest()));
    window.season.get_or_insert(all.season() as u32);
    window
}

fn distinct(frame: &Frame, spec: &TrainingSpec) -> u64 {
    let labels = frame.labels(&spec.target).unwrap_or_default();
    let distinct: std::collections::BTreeSet<String> = labels.into_iter().flatten().collect();
    distinct.len() as u64
}

/// Rows that are read when nothing is said.
fn look_back(spec: &TrainingSpec, task: Task, longest: usize) -> u32 {
    let is_lstm = matches!(spec.network, Some(NetworkSpec::Lstm(LstmNetwork { .. })));
    let most = if task == Task::Forecast && !is_lstm { FORECAST_LOOK_BACK } else { LOOK_BACK };
    most.min(longest / 4).max(1) as u32
}

/// The part of each row, whether a window can be there or not.
fn row_parts(
    frame: &Frame,
    spec: &TrainingSpec,
    window: &WindowSpec,
    all: &AllSeries,
) -> Result<Parts> {
    match spec.parts() {
        PartsSpec::Random(random) => {
            let mut names = vec![None; frame.rows()];
            for series in &all.series {
                series.rows.iter().for_each(|&row| names[row].clone_from(&series.entity));
            }
            Parts::by_series(&random, &names, spec.seed)
        }
        PartsSpec::Time(time) if time.column != window.time => {
            let detail = format!(
                "windows are cut by {}; their parts can't go by the time of {}",
                window.time, time.column
            );
            Err(Error::field(Code::InvalidSpec, "/parts/column", detail))
        }
        PartsSpec::Column(column) if !parts::says_validation(frame, &column.column)? => {
            let detail = format!(
                "{} names no row of the validation part, and windows of rows taken from the training \
                 part at random would overlap with the rest",
                column.column
            );
            Err(Error::field(Code::InvalidSpec, "/parts/column", detail))
        }
        parts => Parts::split(&parts, frame, None, spec.seed),
    }
}

/// What is forecast, scaled by its training rows.
fn fitted_series(foretold: &Foretold, trained: &[usize]) -> Result<Vec<FittedSeries>> {
    let Foretold::Series(series) = foretold else { return Ok(Vec::new()) };
    let fit = |(at, (name, values)): (usize, &(String, Vec<f64>))| {
        let known: Vec<f64> =
            trained.iter().map(|&row| values[row]).filter(|v| v.is_finite()).collect();
        let scale = Standard::fit(&known).ok_or_else(|| {
            let pointer = match at.checked_sub(1) {
                None => "/target".to_owned(),
                Some(further) => format!("/window/targets/{further}"),
            };
            let detail = format!(
                "{name} does not vary in the training rows, or its values are too large to \
                 standardise"
            );
            Error::field(Code::InvalidSpec, pointer, detail)
        })?;
        Ok(FittedSeries { name: name.clone(), scale })
    };
    series.iter().enumerate().map(fit).collect()
}

/// The channels of the last step of each window.
fn last_steps(windows: &Matrix, channels: usize) -> Matrix {
    let rows = windows.data.chunks_exact(windows.width.max(1));
    let data = rows.flat_map(|row| &row[row.len() - channels..]).copied().collect();
    Matrix { rows: windows.rows, width: channels, data }
}

fn target_scale(spec: &TrainingSpec, numbers: &[f64]) -> Result<Standard> {
    Standard::fit(numbers).ok_or_else(|| {
        let detail = format!(
            "{} does not vary in the training windows, or its values are too large to standardise",
            spec.target
        );
        Error::field(Code::InvalidSpec, "/target", detail)
    })
}

impl Windows<'_> {
    fn each(&self) -> [&Vec<Window>; 3] {
        [&self.found.train, &self.found.validation, &self.found.test]
    }

    /// Fails where a part has no window.
    fn check(&self, sequence: &FittedSequence) -> Result<()> {
        let length = sequence.shape().length();
        for (name, windows) in NAMES.into_iter().zip(self.each()) {
            if windows.is_empty() {
                let detail = format!(
                    "the {name} part has no window: the longest series has {} rows and a window \
                     takes {length} (look_back {}, gap {}, horizon {}); {} windows lie across the \
                     bounds of the parts, {} lack a value to be held against; shorten them or give \
                     more data",
                    self.all.longest(),
                    sequence.look_back(),
                    sequence.window.gap,
                    sequence.window.horizon,
                    self.found.across,
                    self.found.without_target
                );
                return Err(Error::field(Code::InvalidSpec, "/window", detail));
            }
        }
        Ok(())
    }

    fn left_out(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.found.without_target > 0 {
            warnings.push(format!(
                "{} windows are left out: a value that they are held against is missing",
                self.found.without_target
            ));
        }
        if self.found.too_short > 0 {
            warnings.push(format!(
                "{} of {} series are left out: they are shorter than a window",
                self.found.too_short,
                self.all.series.len()
            ));
        }
        warnings
    }

    fn check_size(&self, features: &FittedFeatures, sequence: &FittedSequence) -> Result<()> {
        let width = features.width() + sequence.shape().targets * sequence.series.len().max(1);
        let count: usize = self.each().map(|windows| windows.len()).iter().sum();
        if count.saturating_mul(width) <= MAX_NUMBERS {
            return Ok(());
        }
        let detail = format!(
            "{count} windows of {width} numbers are more than memory should hold; take a larger \
             stride, a shorter look_back or fewer columns"
        );
        Err(Error::field(Code::InvalidSpec, "/window", detail))
    }

    /// What the windows of each part are held against, where that is one class or number.
    fn truths(&self, foretold: &Foretold, sequence: &FittedSequence) -> [Truth; 3] {
        let ahead = sequence.shape().ahead;
        self.each().map(|windows| match foretold {
            Foretold::Series(_) => Truth::Series,
            Foretold::Target(target, places) => {
                let row = |w: &Window| self.all.series[w.series].rows[w.start + ahead];
                let places: Vec<usize> = windows.iter().filter_map(|w| places[row(w)]).collect();
                target.truth.take(&places)
            }
        })
    }

    /// The values that windows are held against, `[windows, horizon * series]`, scaled.
    fn series_targets(
        &self,
        windows: &[Window],
        series: &[(String, Vec<f64>)],
        sequence: &FittedSequence,
    ) -> Matrix {
        let shape = sequence.shape();
        let width = shape.targets * series.len();
        let mut data = Vec::with_capacity(windows.len() * width);
        for window in windows {
            let rows = &self.all.series[window.series].rows[window.start + shape.ahead..];
            for &row in &rows[..shape.targets] {
                for ((_, values), fitted) in series.iter().zip(&sequence.series) {
                    data.push(fitted.scale.apply(values[row]).clamp(-1e6, 1e6) as f32);
                }
            }
        }
        Matrix { rows: windows.len(), width, data }
    }
}

/// Everything that is fitted, to be put together.
struct Assembly<'a> {
    windows: Windows<'a>,
    foretold: Foretold,
    features: FittedFeatures,
    sequence: FittedSequence,
    scale: Option<Standard>,
    truths: [Truth; 3],
}

impl Assembly<'_> {
    fn finish(
        self,
        mut spec: TrainingSpec,
        features: Option<Vec<String>>,
        mut warnings: Vec<String>,
    ) -> Result<Prepared> {
        let (task, classes, positive) = match &self.foretold {
            Foretold::Series(_) => (Task::Forecast, Vec::new(), None),
            Foretold::Target(target, _) => (target.task, target.classes.clone(), target.positive),
        };
        let weights = match &self.foretold {
            Foretold::Series(_) => None,
            Foretold::Target(target, _) => {
                let truths = &self.truths;
                warnings.extend(target.guessed(&spec));
                warnings.extend(super::prepare::check_truths(target, truths.each_ref())?);
                class_weights(&spec, target, &truths[0])?
            }
        };
        let [train, validation, test] = self.windows.each().map(Clone::clone);
        let [train_truth, validation_truth, test_truth] = self.truths.clone();
        let mut train = self.part(&train, train_truth)?;
        let mut validation = self.part(&validation, validation_truth)?;
        let test_part = self.part(&test, test_truth)?;
        if let Some(weights) = &weights {
            train.weights = Some(row_weights(weights, &train.truth));
            validation.weights = Some(row_weights(weights, &validation.truth));
        }
        let rows = PartRows {
            train: train.inputs.rows as u64,
            validation: validation.inputs.rows as u64,
            test: test_part.inputs.rows as u64,
        };
        let layout = self.features.layout();
        let last = last_steps(&train.inputs, layout.sequence().1);
        warnings.extend(leakage((&self.features, &layout), &last, &train.truth, positive));
        let recipe = Recipe::of(&spec, &layout, train.inputs.rows);
        check_layout(&recipe.network, &layout)?;
        recipe.fill(&mut spec);
        spec.features = features;
        spec.exclude = Vec::new();
        spec.positive_class = positive.and_then(|p| classes.get(p).cloned());
        let fingerprint = fingerprint(&spec, &self.features, rows)?;
        let mut forecasting = self.forecasting(&layout, &test, &test_part);
        let guess = match &mut forecasting {
            Some(forecasting) => {
                forecasting.fit_ridge(&train, &validation);
                self.repeated_loss(&layout, &validation)
            }
            None => guess(task, &train, &validation),
        };
        let outputs = layout.outputs(task, classes.len());
        let inputs = self.features.inputs(self.windows.frame);
        let levels = self.sequence.window.quantiles;
        let data = Data { layout, task, levels, outputs, positive, train, validation, guess };
        let prior = Prior::of(task, positive, weights.as_deref());
        Ok(Prepared {
            spec,
            recipe,
            data,
            prior,
            fingerprint,
            test: (test_part.inputs, test_part.truth),
            features: self.features,
            inputs,
            classes,
            rows,
            warnings,
            forecasting,
            refit: None,
            drawn: Drawn::default(),
        })
    }

    fn part(&self, windows: &[Window], truth: Truth) -> Result<Part> {
        let inputs = self.features.windows(self.windows.frame, &self.windows.all, windows)?;
        let targets = match &self.foretold {
            Foretold::Series(series) => {
                self.windows.series_targets(windows, series, &self.sequence)
            }
            Foretold::Target(target, _) => targets(target, &truth, self.scale),
        };
        Ok(Part { inputs, targets, weights: None, truth })
    }

    fn forecasting(&self, layout: &Layout, test: &[Window], part: &Part) -> Option<Forecasting> {
        let Foretold::Series(series) = &self.foretold else { return None };
        let (steps, channels, ahead) = layout.sequence();
        let season = self.sequence.window.season.map_or(1, |season| season as usize);
        let all = &self.windows.all;
        let last = |w: &Window| all.times[all.series[w.series].rows[w.start + steps - 1]];
        let within = |at: usize| self.training_steps(&series[at].1, self.sequence.series[at].scale);
        let each = |at: usize| within(at);
        let mean_of = |at: usize, lag: usize, of: &dyn Fn(f64, f64) -> f64| {
            let stretches = each(at);
            let changes = stretches.iter().flat_map(|values| {
                values.iter().skip(lag).zip(values).map(|(now, then)| of(*now, *then))
            });
            stats::mean(&changes.filter(|c| c.is_finite()).collect::<Vec<f64>>())
        };
        let count = series.len();
        Some(Forecasting {
            sequence: self.sequence.clone(),
            ahead: ahead?,
            gap: self.sequence.window.gap as usize,
            steps,
            channels,
            season,
            drift: (0..count)
                .map(|at| mean_of(at, 1, &|now, then| now - then).unwrap_or(0.0))
                .collect(),
            naive_error: (0..count)
                .map(|at| mean_of(at, season, &|now, then| (now - then).abs()))
                .map(|error| error.filter(|error| *error > 0.0))
                .collect(),
            origins: test.iter().map(last).collect(),
            entities: all.series.iter().map(|series| series.entity.clone()).collect(),
            tested: test.to_vec(),
            truth: part.targets.clone(),
            ridge: None,
        })
    }

    /// The training rows of each stretch, scaled, in the order of time.
    fn training_steps(&self, values: &[f64], scale: Standard) -> Vec<Vec<f64>> {
        let is_trained = |row: &&usize| self.windows.part[**row] == parts::Part::Train;
        let stretches = self.windows.all.series.iter();
        stretches
            .map(|s| s.rows.iter().filter(is_trained).map(|&r| scale.apply(values[r])).collect())
            .collect()
    }

    /// Validation loss of repeating the last value.
    fn repeated_loss(&self, layout: &Layout, validation: &Part) -> f64 {
        let (steps, channels, _) = layout.sequence();
        let series = self.sequence.series.len();
        let levels = &self.sequence.window.quantiles;
        let count = levels.len().max(1);
        let Part { inputs, targets, .. } = validation;
        let rows = inputs.data.chunks_exact(inputs.width.max(1));
        let losses = rows.zip(targets.data.chunks_exact(targets.width.max(1))).map(|(x, y)| {
            let last = &x[(steps - 1) * channels..][..series];
            let repeated: Vec<f64> =
                (0..y.len() * count).map(|at| f64::from(last[at / count % series])).collect();
            row_loss(Task::Forecast, levels, &repeated, y)
        });
        losses.sum::<f64>() / inputs.rows.max(1) as f64
    }
}

#[cfg(test)]
mod tests;
