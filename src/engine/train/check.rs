//! What can be said of a specification before any row is read.

mod images;
mod texts;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

pub(super) use self::images::check_layout;
use self::images::{check_features, check_images};
pub(super) use self::monotone::check_order;
pub(super) use self::texts::{check_meaning, check_table, is_table_small};
use crate::domain::calibration::CalibrationSpec;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::domain::threshold::ThresholdSpec;
use crate::domain::training::{ClassWeights, PartsSpec, TrainingSpec};
use crate::domain::whole::MAX_SEED;
use crate::engine::device::{self, DeviceWish};
use crate::engine::train::precision;
use crate::error::{Code, Error, FieldError, Result};

mod monotone;
mod network;
mod optimiser;
mod scorecard;
mod search;
mod windows;

pub(super) use self::search::check_space;
pub(super) use self::windows::{check_windowed_task, window_task};

/// Bad fields as they are found.
#[derive(Default)]
pub(super) struct Findings(Vec<FieldError>);

impl Findings {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    pub(super) fn whole(&mut self, pointer: &str, value: u64, range: RangeInclusive<u64>) {
        if !range.contains(&value) {
            self.add(
                pointer,
                format!("{value} is not within {} to {}", range.start(), range.end()),
            );
        }
    }

    /// A number that has to lie above `low` (from `low`, when `from`) and up to `high` (below it,
    /// when `below`).
    pub(super) fn real(&mut self, pointer: &str, value: f64, bounds: Bounds) {
        let Bounds { low, from, high, below } = bounds;
        let above = value > low || (from && value == low);
        let under = value < high || (!below && value == high);
        if !(above && under) {
            let (from, below) =
                (if from { "from" } else { "above" }, if below { "below" } else { "at most" });
            self.add(pointer, format!("{value} has to be {from} {low} and {below} {high}"));
        }
    }

    pub(super) fn into_result(self) -> Result<()> {
        match self.0.as_slice() {
            [] => Ok(()),
            [only] => {
                let detail = format!("{}: {}", only.pointer, only.detail);
                Err(Error::fields(Code::InvalidSpec, detail, self.0))
            }
            several => {
                let detail = format!("{} fields of the specification do not hold", several.len());
                Err(Error::fields(Code::InvalidSpec, detail, self.0))
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Bounds {
    low: f64,
    from: bool,
    high: f64,
    below: bool,
}

/// [0, 1).
const SHARE: Bounds = Bounds { low: 0.0, from: true, high: 1.0, below: true };
/// (0, 1).
pub(super) const INSIDE: Bounds = Bounds { low: 0.0, from: false, high: 1.0, below: true };
/// [0, 1].
const UNIT: Bounds = Bounds { low: 0.0, from: true, high: 1.0, below: false };
/// (0, 1000].
const BETA: Bounds = Bounds { low: 0.0, from: false, high: 1e3, below: false };
/// (0, 1e6].
pub(super) const RATE: Bounds = Bounds { low: 0.0, from: false, high: 1e6, below: false };
/// Positive and finite.
const POSITIVE: Bounds = Bounds { low: 0.0, from: false, high: f64::MAX, below: false };

/// Checks everything of a specification that needs no data.
///
/// # Errors
/// [`Code::InvalidSpec`] naming every bad field by its JSON pointer.
pub fn check_spec(spec: &TrainingSpec) -> Result<()> {
    let mut findings = Findings::default();
    check_names(spec, &mut findings);
    if let Some(network) = &spec.network {
        network::check(network, &mut findings);
    }
    monotone::check(spec, &mut findings);
    scorecard::check(spec, &mut findings);
    optimiser::check(spec, &mut findings);
    precision::check(spec, &mut findings);
    check_parts(spec, &mut findings);
    check_images(spec, &mut findings);
    texts::check_texts(spec, &mut findings);
    texts::check_named_table(spec, &mut findings);
    windows::check_window(spec, &mut findings);
    check_windowed_task(spec, &mut findings);
    check_classes(spec, &mut findings);
    if let Some(epochs) = spec.epochs {
        findings.whole("/epochs", epochs.into(), 1..=10_000);
    }
    if let Some(batch_size) = spec.batch_size {
        findings.whole("/batch_size", batch_size.into(), 1..=65_536);
    }
    if let Some(patience) = spec.patience {
        findings.whole("/patience", patience.into(), 0..=10_000);
    }
    findings.whole("/seed", spec.seed, 0..=MAX_SEED);
    check_ensemble(spec, &mut findings);
    check_refit(spec, &mut findings);
    check_drift(spec, &mut findings);
    if spec.start.is_some() && spec.search.is_some() {
        findings.add("/start", "goes without a search, whose configurations begin anew");
    }
    if spec.device.parse::<DeviceWish>().is_err() {
        findings.add("/device", device::unknown(&spec.device));
    }
    let preprocessing = &spec.preprocessing;
    let max_categories = preprocessing.max_categories.into();
    findings.whole("/preprocessing/max_categories", max_categories, 1..=4096);
    let min_count = preprocessing.min_category_count.into();
    findings.whole("/preprocessing/min_category_count", min_count, 1..=1_000_000);
    if findings.0.is_empty() {
        search::check(spec, &check_spec, &mut findings);
    }
    findings.into_result()
}

fn check_names(spec: &TrainingSpec, findings: &mut Findings) {
    if spec.target.is_empty() {
        findings.add("/target", "names no column; say which one to predict");
    }
    let Some(features) = &spec.features else { return };
    if features.is_empty() {
        findings.add("/features", "is empty; name columns, or leave it out to take all of them");
    }
    if !spec.exclude.is_empty() {
        findings.add("/exclude", "only goes without features: leave one of the two out");
    }
    let mut seen = BTreeSet::new();
    for (i, name) in features.iter().enumerate() {
        let pointer = format!("/features/{i}");
        if *name == spec.target && !windows::reads_target(spec) {
            findings.add(pointer, format!("{name} is the target; it can't be a feature as well"));
        } else if Some(name.as_str()) == parts_column(spec) {
            findings.add(pointer, format!("{name} splits the rows; it can't be a feature as well"));
        } else if !seen.insert(name) {
            findings.add(pointer, format!("{name} is named twice"));
        }
    }
}

fn check_refit(spec: &TrainingSpec, findings: &mut Findings) {
    if spec.refit != Some(true) {
        return;
    }
    if spec.window.is_some() {
        findings.add("/refit", "is for rows, not for windows; leave it out");
    }
    if spec.ensemble.as_ref().is_some_and(|ensemble| ensemble.folds > 1) {
        findings.add(
            "/refit",
            "means nothing with cross-fitting, where every row is trained on already; leave one of \
             the two out",
        );
    }
}

fn check_drift(spec: &TrainingSpec, findings: &mut Findings) {
    let is_by_time = matches!(spec.parts, Some(PartsSpec::Time(_))) && spec.window.is_none();
    if spec.preprocessing.drift.is_some() && !is_by_time {
        findings.add(
            "/preprocessing/drift",
            "is for tables that are parted by time: without an order no rows are the later ones; \
             set parts by time or leave it out",
        );
    }
}

fn check_ensemble(spec: &TrainingSpec, findings: &mut Findings) {
    let Some(ensemble) = &spec.ensemble else { return };
    findings.whole("/ensemble/folds", ensemble.folds.into(), 1..=20);
    findings.whole("/ensemble/seeds", ensemble.seeds.into(), 1..=20);
    if ensemble.folds > 1 && spec.window.is_some() {
        findings.add(
            "/ensemble/folds",
            "cross-fitting would validate on windows that overlap with what was trained on: take 1, \
             and several seeds instead",
        );
    } else if ensemble.folds > 1 && matches!(spec.parts, Some(PartsSpec::Time(_))) {
        findings.add(
            "/ensemble/folds",
            "cross-fitting mixes earlier with later rows, which parts by time keep apart: take 1, \
             and several seeds instead",
        );
    }
}

fn check_parts(spec: &TrainingSpec, findings: &mut Findings) {
    let shares = match &spec.parts {
        Some(PartsSpec::Random(parts)) => Some((parts.validation, parts.test)),
        Some(PartsSpec::Time(parts)) => Some((parts.validation, parts.test)),
        Some(PartsSpec::Column(parts)) => {
            findings.real("/parts/validation", parts.validation, INSIDE);
            None
        }
        None => None,
    };
    if let Some((validation, test)) = shares {
        findings.real("/parts/validation", validation, INSIDE);
        findings.real("/parts/test", test, INSIDE);
        if validation + test >= 1.0 && validation < 1.0 && test < 1.0 {
            findings.add(
                "/parts",
                "validation and test leave no rows to train on: their sum has to be below 1",
            );
        }
    }
    if parts_column(spec) == Some(spec.target.as_str()) {
        findings.add("/parts/column", "is the target; the rows have to be split by another column");
    }
}

/// Why answers to a task can't be calibrated so.
pub(super) fn calibration_misfit(spec: CalibrationSpec, task: Task) -> Option<&'static str> {
    use CalibrationSpec::{Auto, Isotonic, None as Never, Platt, Temperature};
    match (spec, task) {
        (Auto | Never, _) | (_, Task::Binary) | (Temperature, Task::Multiclass) => None,
        (Platt | Isotonic, Task::Multiclass) => {
            Some("is of two classes; of several take temperature, auto or none")
        }
        (_, Task::Regression | Task::Forecast) => {
            Some("is of probabilities, and a number has none; leave it out")
        }
    }
}

fn check_classes(spec: &TrainingSpec, findings: &mut Findings) {
    match &spec.threshold {
        ThresholdSpec::F1 => {}
        ThresholdSpec::FBeta(wanted) => findings.real("/threshold/beta", wanted.beta, BETA),
        ThresholdSpec::Rate(wanted) => findings.real("/threshold/rate", wanted.rate, UNIT),
        ThresholdSpec::Recall(wanted) => {
            findings.real("/threshold/at_least", wanted.at_least, UNIT);
        }
        ThresholdSpec::Precision(wanted) => {
            findings.real("/threshold/at_least", wanted.at_least, UNIT);
        }
        ThresholdSpec::Value(threshold) => findings.real("/threshold/value", threshold.value, UNIT),
        ThresholdSpec::Cost(costs) => {
            findings.real("/threshold/false_positive", costs.false_positive, POSITIVE);
            findings.real("/threshold/false_negative", costs.false_negative, POSITIVE);
            for (field, right, wrong, of) in [
                ("true_positive", costs.true_positive, costs.false_negative, "false_negative"),
                ("true_negative", costs.true_negative, costs.false_positive, "false_positive"),
            ] {
                if wrong > 0.0 && (right >= wrong || !right.is_finite()) {
                    let detail = format!(
                        "{right} is not below {of}: a right label costs less than a wrong one"
                    );
                    findings.add(format!("/threshold/{field}"), detail);
                }
            }
        }
    }
    if let ClassWeights::Given(given) = &spec.class_weights {
        for (label, &weight) in &given.weights {
            findings.real(&weight_pointer(label), weight, POSITIVE);
        }
    }
    let is_number = matches!(spec.task, Some(Task::Regression | Task::Forecast));
    if is_number && spec.class_weights != ClassWeights::None {
        findings.add("/class_weights", "a number has no classes; leave it out");
    }
    if let Some(detail) = spec.task.and_then(|task| calibration_misfit(spec.calibration, task)) {
        findings.add("/calibration", detail);
    }
    if spec.task.is_some_and(|task| task != Task::Binary) && spec.positive_class.is_some() {
        findings.add("/positive_class", "only a binary model has one; leave it out");
    }
}

/// Checks what has a meaning for some tasks only against the task that the data have.
///
/// # Errors
/// [`Code::InvalidSpec`] naming every bad field by its JSON pointer.
pub(super) fn check_task(spec: &TrainingSpec, task: Task) -> Result<()> {
    let mut findings = Findings::default();
    optimiser::check_task(spec, task, &mut findings);
    monotone::check_task(spec, task, &mut findings);
    scorecard::check_task(spec, task, &mut findings);
    findings.into_result()
}

/// Where a class's weight stands.
pub(super) fn weight_pointer(label: &str) -> String {
    format!("/class_weights/weights/{}", label.replace('~', "~0").replace('/', "~1"))
}

/// The column that splits the rows.
pub(super) fn parts_column(spec: &TrainingSpec) -> Option<&str> {
    match &spec.parts {
        Some(PartsSpec::Random(_)) | None => None,
        Some(PartsSpec::Time(parts)) => Some(&parts.column),
        Some(PartsSpec::Column(parts)) => Some(&parts.column),
    }
}

/// Checks a specification against the columns of its dataset.
///
/// # Errors
/// [`Code::InvalidSpec`] naming every bad field by its JSON pointer.
pub fn check_columns(spec: &TrainingSpec, columns: &[ColumnSummary]) -> Result<()> {
    let kinds: Vec<(&str, ColumnType)> =
        columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
    let mut findings = Findings::default();
    let summary = |name: &str| columns.iter().find(|c| c.name == name);
    let distinct = |target: &ColumnSummary| {
        if target.distinct_is_lower_bound { u64::MAX } else { target.distinct }
    };
    let target = summary(&spec.target);
    let is_told = spec.task.is_some();
    let task = window_task(spec, target.map(|t| t.kind), || target.map_or(0, distinct));
    let spec = &TrainingSpec { task, ..spec.clone() };
    check_kinds(spec, &kinds, &mut findings);
    if !is_told {
        check_windowed_task(spec, &mut findings);
    }
    if let Some(target) = target {
        match Task::infer(spec.task, target.kind, distinct(target)) {
            Err(error) => findings.0.push(error),
            Ok(task) if !is_told => {
                optimiser::check_task(spec, task, &mut findings);
                monotone::check_task(spec, task, &mut findings);
                scorecard::check_task(spec, task, &mut findings);
            }
            Ok(_) => {}
        }
    }
    let images = feature_names(spec, &kinds);
    let images = images.iter().filter_map(|n| summary(n)).filter(|c| c.kind == ColumnType::Image);
    for image in images.filter(|image| image.nulls > 0) {
        let detail =
            format!("{} is missing in {} rows; leave these rows out", image.name, image.nulls);
        findings.add("/features", detail);
    }
    if let Some(column) = parts_column(spec).and_then(summary)
        && column.nulls > 0
    {
        let detail =
            format!("{} is missing in {} rows; every row needs it", column.name, column.nulls);
        findings.add("/parts/column", detail);
    }
    if findings.0.is_empty() {
        search::check(
            spec,
            &|spec| check_spec(spec).and_then(|()| check_columns(spec, columns)),
            &mut findings,
        );
    }
    findings.into_result()
}

/// The task that a specification has over these columns, as far as they tell.
pub fn known_task(spec: &TrainingSpec, columns: &[ColumnSummary]) -> Option<Task> {
    let target = columns.iter().find(|column| column.name == spec.target)?;
    let distinct = if target.distinct_is_lower_bound { u64::MAX } else { target.distinct };
    let task = window_task(spec, Some(target.kind), || distinct);
    task.or_else(|| Task::infer(None, target.kind, distinct).ok())
}

/// Checks the names that a specification uses.
pub(super) fn check_kinds(
    spec: &TrainingSpec,
    columns: &[(&str, ColumnType)],
    findings: &mut Findings,
) {
    let kind = |name: &str| columns.iter().find(|c| c.0 == name).map(|c| c.1);
    let unknown = |name: &str| {
        format!("there is no column {name}{}", did_you_mean(name, columns.iter().map(|c| c.0)))
    };
    if kind(&spec.target).is_none() {
        findings.add("/target", unknown(&spec.target));
    }
    for (list, names) in [("features", spec.features.as_ref()), ("exclude", Some(&spec.exclude))] {
        for (i, name) in names.into_iter().flatten().enumerate() {
            if kind(name).is_none() {
                findings.add(format!("/{list}/{i}"), unknown(name));
            }
        }
    }
    if let Some(column) = parts_column(spec) {
        match (&spec.parts, kind(column)) {
            (_, None) => findings.add("/parts/column", unknown(column)),
            (Some(PartsSpec::Time(_)), Some(kind))
                if kind != ColumnType::Timestamp && !kind.is_numeric() =>
            {
                let detail =
                    format!("{column} has to be a timestamp or a number to order the rows");
                findings.add("/parts/column", detail);
            }
            (Some(PartsSpec::Column(_)), Some(kind)) if kind != ColumnType::String => {
                let detail = format!("{column} has to be text that says train, validation or test");
                findings.add("/parts/column", detail);
            }
            _ => {}
        }
    }
    if let Some(window) = &spec.window {
        windows::check_kinds(window, columns, findings);
    }
    let names = feature_names(spec, columns);
    if names.is_empty() && spec.task != Some(Task::Forecast) {
        findings.add("/exclude", "leaves no column to predict from");
    }
    let images = names.iter().filter(|name| kind(name) == Some(ColumnType::Image)).count();
    if images > 0 && spec.window.is_some() {
        findings
            .add("/window", "is of numbers and texts, and a feature holds images; leave it out");
    }
    check_features(spec, names.len(), images, findings);
    monotone::check_kinds(spec, columns, &names, findings);
    scorecard::check_kinds(spec, columns, &names, findings);
    let kinds: Vec<_> = names.iter().map(|name| (name.as_str(), kind(name))).collect();
    texts::check_features(spec, &kinds, findings);
}

/// The columns to predict from.
pub(super) fn feature_names(spec: &TrainingSpec, columns: &[(&str, ColumnType)]) -> Vec<String> {
    if let Some(features) = &spec.features {
        return features.clone();
    }
    if spec.task == Some(Task::Forecast) {
        return Vec::new();
    }
    let is_feature = |name: &str| {
        (name != spec.target || windows::reads_target(spec))
            && spec
                .window
                .as_ref()
                .is_none_or(|window| name != window.time && window.entity.as_deref() != Some(name))
            && Some(name) != parts_column(spec)
            && !spec.exclude.iter().any(|e| e == name)
    };
    let features: Vec<_> = columns.iter().filter(|(name, _)| is_feature(name)).collect();
    // An image is learnt from alone; what comes with it, as its file's name, is for people.
    let has_images = features.iter().any(|(_, kind)| *kind == ColumnType::Image);
    let features = features.into_iter().filter(|(_, k)| !has_images || *k == ColumnType::Image);
    features.map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests;
