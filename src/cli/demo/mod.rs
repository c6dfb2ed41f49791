//! `actuary demo`: data, training, promotion and predictions over the HTTP interface, in a minute.

mod input;
mod next;
mod predictions;
mod screen;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::output::grouped;
use super::server::{KEY_HOURS, Server};
use super::{interruptible, serve};
use crate::client::{Client, outcome};
use crate::config::Config;
use crate::domain::job::{Job, JobResult};
use crate::domain::training::TrainingSpec;
use crate::domain::version::{AliasTarget, Version};
use crate::error::{Context, Error, Result};
use crate::repl::Progress;
pub(super) use input::format_of;
use input::{Input, in_words_of_the_command};
use screen::Screen;

/// The alias that answers when a request names no version.
const CHAMPION: &str = "champion";

#[derive(Args)]
pub(super) struct Demo {
    /// Your own data instead of generated loans: CSV, JSON lines or Parquet
    #[arg(long, value_name = "FILE", requires = "target")]
    data: Option<PathBuf>,
    /// The column of it to predict
    #[arg(long, value_name = "COLUMN", requires = "data")]
    target: Option<String>,
    /// Go on serving when it is over
    #[arg(long)]
    serve: bool,
    /// Loans to generate
    #[arg(long, hide = true, default_value_t = 20_000, conflicts_with = "data")]
    rows: usize,
}

pub(super) async fn run(config: Config, demo: Demo) -> Result<()> {
    let input = match (demo.data, demo.target) {
        (Some(path), Some(target)) => Input::of_file(path, target)?,
        _ => Input::generated(demo.rows)?,
    };
    let screen = Screen::new();
    screen.heading(&config)?;
    let start = Instant::now();
    let server = interruptible(Server::start(&config)).await?;
    let show = Show { server: &server, config: &config, screen: &screen };
    let result = interruptible(show.run(input, start)).await;
    // Also when it failed: it can't be shown again.
    if let Some(key) = server.first_key() {
        serve::show_first_key(key);
    }
    let ended = server.end().await;
    result.and(ended)?;
    if demo.serve { serve::run(&config).await } else { Ok(()) }
}

/// The demonstration on a server.
struct Show<'a> {
    server: &'a Server,
    config: &'a Config,
    screen: &'a Screen,
}

impl Show<'_> {
    async fn run(&self, input: Input, start: Instant) -> Result<()> {
        let Self { server, config, screen } = self;
        let database = match (server, &config.database_url) {
            (Server::Running(_, url), _) => format!("of the server at {url}"),
            (_, Some(_)) => "external PostgreSQL".to_owned(),
            (_, None) => "embedded PostgreSQL, checksums on".to_owned(),
        };
        screen.done("database", &database, Some(start.elapsed()), "")?;
        let key = server.create_key("demo").await?;
        let run = Run { client: Client::new(&server.url(), &key.secret)?, screen, input };
        let made = run.work().await?;
        let running_at = match server {
            Server::Own(_) => None,
            Server::Running(_, url) => Some(url.as_str()),
        };
        let steps = next::steps(config, running_at, &key.secret, &made)?;
        screen.next(&steps, &next::about_key(config))
    }
}

/// What the demonstration has made and the next steps speak of.
struct Made {
    model: String,
    job: Job,
    row: crate::domain::prediction::Row,
}

struct Run<'a> {
    client: Client,
    screen: &'a Screen,
    input: Input,
}

impl Run<'_> {
    async fn work(&self) -> Result<Made> {
        let (dataset, rows) = self.upload().await?;
        let (version, job, took) = self.train(&self.input.model, &self.spec(dataset)?).await?;
        let name = format!("{} {}", version.model, version.version);
        let epochs = version.curve.len();
        let device = &version.provenance.device;
        let network = version.provenance.spec.network_kind();
        let text = format!("{name}   {network} · {epochs} epochs · {device}");
        self.screen.done("training", &text, Some(took), &self.figures(&version))?;
        let seen = self.client.get_alias(&version.model, CHAMPION).await?;
        let reason = Some("demonstration".to_owned());
        let target = AliasTarget { version: version.version, reason };
        self.client.move_alias(&version.model, CHAMPION, &target, seen.as_ref()).await?;
        self.screen.done(CHAMPION, &name, None, "")?;
        let row = predictions::show(self, &version, dataset, rows).await?;
        Ok(Made { model: version.model, job, row })
    }

    /// Uploads the data and gives the number of its version and of its rows.
    async fn upload(&self) -> Result<(u32, u64)> {
        let start = Instant::now();
        let Input { dataset, format, source, .. } = &self.input;
        let job = self.client.upload_dataset(dataset, *format, &[], source.clone()).await?;
        let job = self.follow("dataset", job).await?;
        let JobResult::DatasetVersion(made) = outcome(job)? else { return Err(unexpected()) };
        let version = self.client.get_dataset_version(dataset, made.version).await?;
        let text = format!(
            "{dataset} {}   {} rows × {} columns",
            made.version,
            grouped(version.rows),
            version.columns.len()
        );
        self.screen.done("dataset", &text, Some(start.elapsed()), "")?;
        Ok((made.version, version.rows))
    }

    fn spec(&self, dataset: u32) -> Result<TrainingSpec> {
        let Input { dataset: name, target, parts, .. } = &self.input;
        let mut spec = serde_json::json!({
            "dataset": {"name": name, "version": dataset},
            "target": target,
        });
        if let Some(parts) = parts {
            spec["parts"] = parts.clone();
        }
        serde_json::from_value(spec).context("making a training specification")
    }

    async fn train(&self, model: &str, spec: &TrainingSpec) -> Result<(Version, Job, Duration)> {
        let start = Instant::now();
        let job = self.client.train(model, spec).await.map_err(in_words_of_the_command)?;
        let job = self.follow("training", job).await?;
        let JobResult::ModelVersion(made) = outcome(job.clone())? else { return Err(unexpected()) };
        let version = self.client.get_version(&made.model, made.version).await?;
        Ok((version, job, start.elapsed()))
    }

    async fn follow(&self, what: &str, job: Job) -> Result<Job> {
        let progress = Progress::start(what);
        self.client.wait_for_job(job.id, |event| progress.note(event)).await
    }

    /// The main metric, beside the best attainable one and those of other networks.
    fn figures(&self, version: &Version) -> String {
        let (metric, value) = version.metrics.main();
        let Some(value) = value else { return format!("{} not defined", label(metric)) };
        let mut beside = Vec::new();
        if let Some(best) = self.input.best_auc(version) {
            beside.push(format!("best attainable {best:.3}"));
        }
        for baseline in &version.baselines {
            let figure = baseline.value.map(|value| format!("{} {value:.3}", baseline.network));
            beside.extend(figure);
        }
        let text = format!("{} {value:.3}", self.screen.style.strong(label(metric)));
        if beside.is_empty() { text } else { format!("{text} ({})", beside.join(", ")) }
    }
}

fn label(metric: &str) -> &str {
    match metric {
        "auc" => "AUC",
        "r2" => "R2",
        other => other,
    }
}

fn unexpected() -> Error {
    Error::internal("reading a job's result", "it made something else than was asked for")
}
