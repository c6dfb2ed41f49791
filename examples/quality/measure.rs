//! Cross-validation of one set.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

use actuary::client::{Client, Source, outcome};
use actuary::domain::dataset::DataFormat;
use actuary::domain::job::JobResult;
use actuary::domain::training::TrainingSpec;
use actuary::domain::version::Version;
use actuary::error::{Code, Context, Error, Result};
use serde_json::json;

use crate::folds::{folds, parts};
use crate::sets::{CHRONOLOGICAL, Set};
use crate::state::{self, Fold};
use crate::table::Table;

/// The column that names each row's part, or its place in time.
const PART: &str = "part";

/// What a set's folds gave.
pub(crate) struct Outcome {
    set: String,
    metric: String,
    /// Mean over the folds and seeds.
    ours: f64,
    /// Standard error of that mean, from the means of the folds; from the seeds where there is one
    /// fold.
    se: f64,
    peer: Option<f64>,
    seconds: f64,
    note: Option<String>,
}

impl Outcome {
    pub(crate) const HEADING: &str = "set               metric       ours      se    peer  seconds";

    /// The mean of some runs and its standard error.
    pub(crate) fn of(
        set: &str,
        metric: &str,
        values: &[f64],
        peer: Option<f64>,
        seconds: f64,
    ) -> Self {
        let ours = mean(values.iter().copied());
        let n = values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - ours).powi(2)).sum();
        let se = (squares / (n - 1.0).max(1.0) / n).sqrt();
        let (set, metric) = (set.to_owned(), metric.to_owned());
        Self { set, metric, ours, se, peer, seconds, note: None }
    }

    /// With something that the figures alone don't say.
    pub(crate) fn with_note(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    pub(crate) fn line(&self) -> String {
        let Self { set, metric, ours, se, seconds, .. } = self;
        let peer = self.peer.map_or_else(|| "-".to_owned(), |peer| format!("{peer:.4}"));
        let note = self.note.as_ref().map(|note| format!("  {note}")).unwrap_or_default();
        format!("{set:<16}  {metric:<8}  {ours:>7.4}  {se:>6.4}  {peer:>6}  {seconds:>7.0}{note}")
    }

    pub(crate) fn json(&self) -> String {
        let Self { set, metric, ours, se, peer, seconds, note } = self;
        json!({"set": set, "metric": metric, "ours": ours, "se": se, "peer": peer,
               "seconds": seconds, "note": note})
        .to_string()
    }
}

/// Trains on every fold that is not done yet.
///
/// # Errors
/// Why a fold could not be uploaded or trained on.
pub(crate) async fn measure(
    client: &Client,
    set: &Set,
    seeds: u64,
    state: Option<&Path>,
) -> Result<Outcome> {
    let table = Table::read(&set.file)?;
    let classes = table.classes(&set.target)?;
    let part = if table.has_column(PART) { "cross_validation_part" } else { PART };
    let of_row = folds(&classes, set.folds);
    let mut done = state::load(state)?;
    done.retain(|f| {
        let is_asked = f.fold < set.folds && f.seed < seeds;
        f.set == set.name && f.sha256 == table.sha256 && f.folds == set.folds && is_asked
    });
    for (seed, fold) in (0..seeds).flat_map(|seed| (0..set.folds).map(move |fold| (seed, fold))) {
        if done.iter().any(|finished| finished.fold == fold && finished.seed == seed) {
            continue;
        }
        note(&format!("{}: seed {seed}, fold {} of {}", set.name, fold + 1, set.folds));
        let (column, parts): (Vec<String>, _) = match set.folds {
            // The last three in ten test; a fifth of the others, the latest, validates.
            CHRONOLOGICAL => (
                (0..classes.len()).map(|row| row.to_string()).collect(),
                json!({"by": "time", "column": part, "validation": 0.14, "test": 0.3}),
            ),
            _ => (
                parts(&classes, &of_row, fold).into_iter().map(str::to_owned).collect(),
                json!({"by": "column", "column": part}),
            ),
        };
        let csv =
            table.with_column(part, &column.iter().map(String::as_str).collect::<Vec<_>>())?;
        let exclude: Vec<&String> = set.exclude.iter().filter(|c| table.has_column(c)).collect();
        let mut spec = json!({
            "target": set.target, "exclude": exclude, "positive_class": set.positive,
            "parts": parts, "seed": seed, "monotone": set.monotone,
        });
        if let Some(network) = &set.network {
            spec["network"] = json!(network);
        }
        let start = Instant::now();
        let version = train(client, &format!("quality-{}", name(set)), csv, spec).await?;
        let (metric, value) = main_metric(&version)?;
        let seconds = start.elapsed().as_secs_f64();
        let (set, sha256, folds) = (set.name.clone(), table.sha256.clone(), set.folds);
        let fold = Fold { set, sha256, folds, fold, seed, metric, value, seconds };
        state::add(state, &fold)?;
        done.push(fold);
    }
    note("");
    summarise(set, &done)
}

/// Uploads, trains, and gives the version.
///
/// # Errors
/// Why it could not be.
pub(crate) async fn train(
    client: &Client,
    name: &str,
    csv: Vec<u8>,
    spec: serde_json::Value,
) -> Result<Version> {
    let version = upload(client, name, DataFormat::Csv, Source::Bytes(csv.into())).await?;
    train_on(client, name, version, spec).await
}

/// Uploads a dataset, and gives its version's number.
///
/// # Errors
/// Why it could not be.
pub(crate) async fn upload(
    client: &Client,
    name: &str,
    format: DataFormat,
    source: Source,
) -> Result<u32> {
    let job = client.upload_dataset(name, format, &[], source).await?;
    match outcome(client.wait_for_job(job.id, |_| {}).await?)? {
        JobResult::DatasetVersion(dataset) => Ok(dataset.version),
        _ => Err(Error::internal("uploading", "the job made no dataset")),
    }
}

/// Trains on a version of the dataset of the same name, and gives the model's version.
///
/// # Errors
/// Why it could not be.
pub(crate) async fn train_on(
    client: &Client,
    name: &str,
    version: u32,
    mut spec: serde_json::Value,
) -> Result<Version> {
    spec["dataset"] = json!({"name": name, "version": version});
    let spec: TrainingSpec = serde_json::from_value(spec).context("making a specification")?;
    let job = client.train(name, &spec).await?;
    let JobResult::ModelVersion(made) = outcome(client.wait_for_job(job.id, |_| {}).await?)? else {
        return Err(Error::internal("training", "the job made no version"));
    };
    client.get_version(&made.model, made.version).await
}

fn main_metric(version: &Version) -> Result<(String, f64)> {
    let (metric, value) = version.metrics.main();
    let value = value.ok_or_else(|| {
        let detail = format!("{metric} is not defined on a fold: take fewer folds");
        Error::new(Code::InvalidRequest, detail)
    })?;
    Ok((metric.to_owned(), value))
}

fn summarise(set: &Set, folds: &[Fold]) -> Result<Outcome> {
    // Seeds of one fold are tested on the same rows: they count as one.
    let groups: Vec<f64> = match set.folds {
        CHRONOLOGICAL => folds.iter().map(|f| f.value).collect(),
        count => {
            let of_fold = |fold| folds.iter().filter(move |f| f.fold == fold).map(|f| f.value);
            (0..count).map(|fold| mean(of_fold(fold))).collect()
        }
    };
    let metric = folds.first().map(|f| f.metric.clone());
    let metric = metric.ok_or_else(|| Error::internal("summarising", "no fold is done"))?;
    let seconds = folds.iter().map(|f| f.seconds).sum();
    Ok(Outcome::of(&set.name, &metric, &groups, set.peer, seconds))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

/// A set's name as a dataset's and a model's may be.
fn name(set: &Set) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    set.name.chars().map(kept).take(60).collect()
}

/// One line on a terminal that the next one replaces.
pub(crate) fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}
