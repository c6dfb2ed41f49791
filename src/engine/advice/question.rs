//! What is asked, once it holds, and the columns that decide the way.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Findings, Source};
use crate::domain::advice::{AdviceRequest, FindingCode};
use crate::domain::dataset::DatasetVersion;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::domain::training::TrainingSpec;
use crate::domain::window::MAX_HORIZON;
use crate::engine::train::{check_columns, check_spec};
use crate::error::{Code, Context, Error, FieldError, Result};
use crate::frame::Frame;

/// A week.
const MAX_MINUTES: f64 = 10_080.0;
/// A class of fewer rows leaves its figures vague.
const FEW_OF_CLASS: u64 = 50;
/// A class of a smaller share is rare.
const RARE: f64 = 0.1;

/// A request that holds for its dataset.
pub(super) struct Question<'a> {
    pub(super) request: &'a AdviceRequest,
    pub(super) dataset: &'a DatasetVersion,
    /// As asked, else of the target by itself; whether it is forecast shows in its course then.
    pub(super) task: Task,
    /// The target, and the columns of time and entity, whole.
    pub(super) keys: Frame,
    /// The classes with their rows; empty for a number.
    pub(super) classes: BTreeMap<String, u64>,
    /// Rows that have a target.
    pub(super) known: u64,
}

impl<'a> Question<'a> {
    /// # Errors
    /// [`Code::InvalidSpec`] naming every field that does not hold.
    pub(super) fn ask(
        source: &dyn Source,
        dataset: &'a DatasetVersion,
        request: &'a AdviceRequest,
    ) -> Result<Self> {
        check(dataset, request)?;
        let spec = plain(dataset, request)?;
        check_spec(&spec)?;
        let name = request.target.clone().unwrap_or_default();
        let target = column(dataset, &name);
        // The least specification can't say that a forecast is wanted: it has no window.
        if let Some(target) = target.filter(|_| request.task == Some(Task::Forecast)) {
            task(request, target)?;
        }
        check_columns(&spec, &dataset.columns)?;
        let target = target.ok_or_else(|| {
            Error::internal("advising", "the target was checked and is not there")
        })?;
        let task = task(request, target)?;
        let mut names = vec![name.clone()];
        names.extend(request.time.clone());
        names.extend(request.entity.clone());
        let is_time = |c: &&ColumnSummary| {
            c.kind == ColumnType::Timestamp
                && !names.contains(&c.name)
                && !request.exclude.contains(&c.name)
        };
        let times: Vec<String> =
            dataset.columns.iter().filter(is_time).map(|c| c.name.clone()).collect();
        names.extend(times);
        let keys = source.columns(&names)?;
        let mut classes = BTreeMap::new();
        if matches!(task, Task::Binary | Task::Multiclass) {
            for label in keys.labels(&name)?.into_iter().flatten() {
                *classes.entry(label).or_insert(0) += 1;
            }
        }
        let known = dataset.rows.saturating_sub(target.nulls);
        Ok(Self { request, dataset, task, keys, classes, known })
    }

    /// The column to predict.
    pub(super) fn target(&self) -> &str {
        self.request.target.as_deref().unwrap_or_default()
    }

    pub(super) fn column(&self, name: &str) -> Option<&ColumnSummary> {
        column(self.dataset, name)
    }

    /// The columns that may be read, but the target.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &ColumnSummary> {
        self.dataset
            .columns
            .iter()
            .filter(|c| c.name != self.target() && !self.request.exclude.contains(&c.name))
    }

    /// The column of images, which is learnt from alone.
    pub(super) fn image(&self) -> Option<&str> {
        let mut images = self.candidates().filter(|c| c.kind == ColumnType::Image);
        images.next().map(|c| c.name.as_str())
    }

    /// Rows of the rarest class.
    pub(super) fn rarest(&self) -> Option<(&str, u64)> {
        let rarest = self.classes.iter().min_by_key(|(_, rows)| **rows)?;
        Some((rarest.0, *rarest.1))
    }

    /// What the target's rows say.
    pub(super) fn describe(&self, findings: &mut Findings) {
        let columns = self.candidates().count();
        let target = self.target();
        findings.reason(
            FindingCode::Rows,
            format!(
                "{} rows have a {target}, beside which there are {columns} columns",
                self.known
            ),
            &[target],
            &[("rows", self.known as f64), ("columns", columns as f64)],
        );
        let Some((class, rows)) = self.rarest() else {
            if self.known < FEW_OF_CLASS * 2 {
                let text =
                    format!("only {} rows have a {target}: figures will be vague", self.known);
                let figures = [("rows", self.known as f64)];
                findings.warn(FindingCode::FewRowsOfClass, text, &[target], &figures);
            }
            return;
        };
        let share = rows as f64 / self.known.max(1) as f64;
        let figures = [("rows", rows as f64), ("share", share)];
        if share < RARE {
            let text = format!(
                "'{class}' is rare, {:.2} % of the rows: no class is weighted, so that probabilities \
                 stay those of the data, and labels come by the threshold of the greatest F1 instead \
                 of 0.5",
                share * 100.0
            );
            findings.reason(FindingCode::Imbalance, text, &[target], &figures);
        }
        if rows < FEW_OF_CLASS {
            let text = format!(
                "only {rows} rows are of class '{class}', a fifth of which is tested on: its figures \
                 will be vague"
            );
            findings.warn(FindingCode::FewRowsOfClass, text, &[target], &figures);
        }
    }
}

/// The task of a target, which has to be a number for a forecast.
fn task(request: &AdviceRequest, target: &ColumnSummary) -> Result<Task> {
    let distinct = if target.distinct_is_lower_bound { u64::MAX } else { target.distinct };
    Task::infer(request.task, target.kind, distinct)
        .map_err(|e| Error::fields(Code::InvalidSpec, e.detail.clone(), vec![e]))
}

fn column<'d>(dataset: &'d DatasetVersion, name: &str) -> Option<&'d ColumnSummary> {
    dataset.columns.iter().find(|c| c.name == name)
}

/// The least specification of what is asked.
pub(super) fn plain(dataset: &DatasetVersion, request: &AdviceRequest) -> Result<TrainingSpec> {
    let mut spec: TrainingSpec = serde_json::from_value(json!({
        "dataset": {"name": dataset.dataset, "version": dataset.version},
        "target": request.target,
        "exclude": request.exclude,
    }))
    .context("writing the least specification")?;
    // A forecast needs a window, which comes once the series are known.
    spec.task = request.task.filter(|task| *task != Task::Forecast);
    Ok(spec)
}

/// Checks what a specification does not have.
fn check(dataset: &DatasetVersion, request: &AdviceRequest) -> Result<()> {
    let mut errors = Vec::new();
    let mut add = |pointer: &str, detail: String| errors.push(FieldError::new(pointer, detail));
    let AdviceRequest { target, task, time, entity, horizon, minutes, exclude, .. } = request;
    if !(*minutes > 0.0 && *minutes <= MAX_MINUTES) {
        add("/minutes", format!("{minutes} has to be above 0 and at most {MAX_MINUTES}, a week"));
    }
    if !(1..=MAX_HORIZON).contains(horizon) {
        add("/horizon", format!("{horizon} is not within 1 to {MAX_HORIZON}"));
    }
    let unknown = |name: &str| {
        let names = dataset.columns.iter().map(|c| c.name.as_str());
        format!("there is no column {name}{}", did_you_mean(name, names))
    };
    let key = |name: &str| match column(dataset, name) {
        None => Err(unknown(name)),
        Some(_) if Some(name) == target.as_deref() => Err(format!("{name} is the target")),
        Some(_) if exclude.iter().any(|e| e == name) => {
            Err(format!("{name} is excluded as well: leave one of the two out"))
        }
        Some(found) if found.nulls > 0 => {
            Err(format!("{name} is missing in {} rows; every row needs it", found.nulls))
        }
        Some(found) => Ok(found.kind),
    };
    match time.as_deref().map(|time| (time, key(time))) {
        Some((_, Err(problem))) => add("/time", problem),
        Some((time, Ok(kind))) if kind != ColumnType::Timestamp && !kind.is_numeric() => {
            add("/time", format!("{time} has to be a timestamp or a number to order the rows"));
        }
        _ => {}
    }
    match (entity.as_deref().map(|entity| (entity, key(entity))), time) {
        (Some((_, Err(problem))), _) => add("/entity", problem),
        (Some(_), None) => {
            let detail = "goes with a time: name the column that orders the rows of each series";
            add("/entity", detail.to_owned());
        }
        (Some((entity, _)), Some(time)) if time == entity => {
            add("/entity", "is the time as well; it can't be both".to_owned());
        }
        _ => {}
    }
    if *task == Some(Task::Forecast) && time.is_none() {
        add("/time", "is needed for a forecast: name the column that orders the rows".to_owned());
    }
    match errors.len() {
        0 => Ok(()),
        1 => {
            let detail = format!("{}: {}", errors[0].pointer, errors[0].detail);
            Err(Error::fields(Code::InvalidSpec, detail, errors))
        }
        n => Err(Error::fields(Code::InvalidSpec, format!("{n} fields do not hold"), errors)),
    }
}
