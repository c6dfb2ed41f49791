//! `actuary bench`: what this machine reaches, each figure beside its limit or a peer in the same
//! run.

mod beside;
mod binary;
mod explain;
mod generator;
mod gpu;
mod ingest;
mod load;
mod machine;
mod memory;
mod model;
mod psql;
mod serve;
mod server;
mod start;
mod torch;
mod train;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::machine::Machine;
use super::output::{Style, aligned, print, remark};
use crate::config::{Config, Flags};
use crate::error::{Context, Result};

#[derive(Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Predictions over HTTP, beside routes that only parse or only answer
    Serve(Serve),
    /// Steps of a training, beside the same ones in PyTorch
    Train(Train),
    /// Seconds until one step of a training is done
    #[command(hide = true)]
    FirstStep(FirstStep),
    /// A step of each of some trainings, and a device's memory after it
    #[command(hide = true)]
    Trainings(Trainings),
    /// A model's weights read from the database, beside psql's COPY of the same rows
    Load(Load),
    /// A file uploaded, typed and stored, beside psql's COPY, and the memory that it takes
    Ingest(Ingest),
    /// Explanations of answers, beside what scoring as many rows would take
    Explain(Explain),
    /// From the start of a server to its first prediction, its memory, and the size of the program
    Start(Start),
}

#[derive(Args)]
struct Serve {
    /// Length of one measurement; each is repeated in turns with its peers
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    rounds: usize,
    /// Keep-alive connections
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = connections)]
    connections: usize,
    #[command(flatten)]
    peer: Option<Peer>,
}

/// Another program that answers predictions over HTTP.
#[derive(Args)]
struct Peer {
    /// Where another program answers one row: http://127.0.0.1:5000/invocations
    #[arg(long, value_name = "URL", required = false)]
    peer_url: String,
    /// What it is asked; when absent a row as MLflow's scoring server takes it
    #[arg(long, value_name = "FILE", requires = "peer_url")]
    peer_body: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=600.0).contains(seconds));
    seconds.ok_or_else(|| "give seconds from 0.01 to 600".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=4096).contains(number));
    number.ok_or_else(|| "give a number from 1 to 4096".to_owned())
}

#[derive(Args)]
struct Train {
    /// Length of one measurement; each is repeated in turns with PyTorch's
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    rounds: usize,
    /// A Python that has PyTorch, and tabm for the last row; without one nothing is compared
    #[arg(long, value_name = "PROGRAM")]
    peer: Option<PathBuf>,
    /// Networks that are measured, as the ids after `train.` name them: mlp,lstm
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    only: Vec<String>,
    /// Where they are trained: cpu, or cuda:0, which has larger networks and rows of its own
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Where kernels compiled and tuned for a GPU are kept, which takes minutes; when absent they
    /// are made anew
    #[arg(long, value_name = "DIRECTORY")]
    kernels: Option<PathBuf>,
}

/// What [`Train`] starts in processes of their own.
#[derive(Args)]
struct FirstStep {
    #[arg(long)]
    device: String,
    #[arg(long)]
    network: String,
    /// Where kernels are kept.
    #[arg(long)]
    kernels: PathBuf,
}

/// What [`Train`] starts in processes of their own, as a job on a GPU does.
#[derive(Args)]
struct Trainings {
    #[command(flatten)]
    of: FirstStep,
    /// How many.
    #[arg(long)]
    count: usize,
    /// Length of each.
    #[arg(long, value_parser = seconds)]
    seconds: f64,
}

#[derive(Args)]
struct Explain {
    /// Length of one measurement; each is repeated in turns with its floor
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    rounds: usize,
}

#[derive(Args)]
struct Load {
    /// Megabytes of weights
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = megabytes)]
    megabytes: usize,
    /// How often they are read; the median counts
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    rounds: usize,
}

fn megabytes(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| "give a number from 1 to 1000".to_owned())
}

#[derive(Args)]
struct Start {
    /// How often a server is started, with the database's own start and without; the median counts
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    rounds: usize,
    /// How long it is under load before its memory is read
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
}

#[derive(Args)]
struct Ingest {
    /// A CSV, JSON lines or Parquet file instead of generated rows; only a CSV has a peer
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Rows to generate, of seven columns like those of daily stock prices
    #[arg(long, value_name = "NUMBER", default_value_t = 619_040)]
    rows: u64,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    rounds: usize,
}

/// One figure beside its limit or peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    /// Stable, for scripts: `serve.1.constant`.
    id: String,
    name: String,
    unit: &'static str,
    ours: f64,
    /// Absent where there is nothing to compare with.
    peer: Option<f64>,
    /// Ours to the peer's: above 1 we are faster, or take more. Of what is measured in turns, the
    /// middle of the ratios of turns that followed each other.
    ratio: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    rows: Vec<Row>,
}

pub(super) async fn run(flags: Flags, bench: Bench) -> Result<()> {
    let rows = match bench.what {
        What::Serve(serve) => serve::run(&flags, &serve).await?,
        What::Train(train) => train::run(&train).await?,
        What::FirstStep(first) => return gpu::first_step(&first).await,
        What::Trainings(trainings) => return gpu::trainings(&trainings).await,
        What::Explain(explain) => explain::run(&explain).await?,
        What::Load(load) => load::run(&flags, &load).await?,
        What::Start(start) => start::run(&flags, &start).await?,
        What::Ingest(ingest) => ingest::run(&flags, &ingest).await?,
    };
    let report = Report { machine: Machine::this(), rows };
    if bench.json {
        let text = serde_json::to_string(&report).context("writing the figures")?;
        return print(&format!("{text}\n"));
    }
    print(&shown(&report, Style::of_stdout()))
}

fn shown(report: &Report, style: Style) -> String {
    let mut cells = vec![["", "ours", "peer", "ratio", ""].map(str::to_owned).to_vec()];
    for row in &report.rows {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), significant);
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (ours, peer) = (number(Some(row.ours)), number(row.peer));
        cells.push(vec![row.name.clone(), ours, peer, ratio, row.unit.to_owned()]);
    }
    // Numbers stand at the right of their columns.
    for column in 1..4 {
        let width = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        for row in &mut cells {
            row[column] = format!("{:>width$}", row[column]);
        }
    }
    format!("{}\n{}", style.faint(&report.machine.to_string()), aligned(&cells))
}

/// Three significant digits, thousands apart.
fn significant(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => super::output::grouped(value.round() as u64),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.as_slice() {
        [] => f64::NAN,
        all if all.len() % 2 == 1 => all[all.len() / 2],
        all => f64::midpoint(all[all.len() / 2 - 1], all[all.len() / 2]),
    }
}

/// The tenth percentile of some times: what is left of what else the machine did meanwhile.
fn tenth(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len().saturating_sub(1) / 10).copied().unwrap_or(f64::NAN)
}

/// Settings of a program of its own in an empty data directory that goes when this is dropped.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        // PostgreSQL's user must be able to enter it.
        let directory = tempfile::Builder::new()
            .prefix("actuary-bench-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .context("making a directory for the measurement")?;
        remark(&format!("measuring in {}", directory.path().display()));
        Ok(Self { directory })
    }

    fn config(&self, flags: &Flags) -> Result<Config> {
        // Whatever is measured goes with its directory, and must not touch anything real: of the
        // settings only those count that say where PostgreSQL is and how it runs.
        let mut flags = Flags { file: None, ..flags.clone() };
        flags.values.retain(|key, _| key.starts_with("postgres.") || key.starts_with("log."));
        let data = self.directory.path().join("data").display().to_string();
        flags.values.insert("data_dir", data);
        flags.values.insert("http.address", "127.0.0.1:0".to_owned());
        flags.values.insert("http.workers", "1".to_owned());
        let mut environment = crate::config::environment();
        environment.retain(|name, _| is_kept(name));
        Config::load(flags, &environment)
    }
}

/// Whether a variable may reach what is measured.
fn is_kept(name: &str) -> bool {
    let is_setting = name.starts_with("ACTUARY_") && !name.starts_with("ACTUARY_POSTGRES_");
    !is_setting && !name.contains("DATABASE_URL")
}

/// How long something took, and what it gave.
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = std::time::Instant::now();
    let value = work();
    (start.elapsed(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_their_middle_is_found() {
        let texts = [12_345.6, 99.94, 9.876, 0.123_4].map(significant);
        assert_eq!(texts, ["12,346", "99.9", "9.88", "0.123"]);
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0])), (2.0, 2.5));
        assert!(median(Vec::new()).is_nan());
        assert_eq!((tenth((1..=21).rev().map(f64::from).collect()), tenth(vec![7.0])), (3.0, 7.0));
    }

    #[test]
    fn a_report_is_a_table_with_numbers_at_the_right() {
        let row = |name: &str, ours, peer: Option<f64>| Row {
            id: "x".into(),
            name: name.into(),
            unit: "requests/s",
            ours,
            peer,
            ratio: peer.map(|peer| ours / peer),
        };
        let rows = vec![row("one", 50_000.0, Some(100_000.0)), row("three", 5.0, None)];
        let machine = Machine {
            cpu: "C".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            devices: "avx2".into(),
            version: "0".into(),
        };
        let text = shown(&Report { machine, rows }, Style::plain());
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[1], "one    50,000  100,000   0.50  requests/s");
        assert_eq!(lines[2], "three    5.00        -      -  requests/s");
    }
}
