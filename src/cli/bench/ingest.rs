//! A file becomes a dataset, beside psql's COPY of it into a plain table of the same database.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::memory::{Watch, resident};
use super::psql::psql;
use super::server::Server;
use super::{Ingest, Place, Row, median};
use crate::app::{Psql, create_day_key};
use crate::cli::demo::format_of;
use crate::cli::interruptible;
use crate::client::{Client, Source, outcome};
use crate::config::{Config, Flags};
use crate::domain::dataset::{DataFormat, DatasetVersion};
use crate::domain::job::JobResult;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Context, Error, Result};

const DATASET: &str = "bench";
/// By how much the memory of the server and of a child may grow, whatever the file.
const MEMORY_LIMIT: f64 = (256_u64 << 20) as f64;
const MEGABYTE: f64 = 1e6;

pub(super) async fn run(flags: &Flags, options: &Ingest) -> Result<Vec<Row>> {
    let place = Place::new()?;
    let config = place.config(flags)?;
    let measuring = async {
        let file = match &options.file {
            Some(file) => file.clone(),
            None => generated(place.directory.path(), options.rows)?,
        };
        let server = Server::start(&config, None)?;
        measure(&config, &server, &file, options).await
    };
    interruptible(measuring).await
}

/// Days of the prices of some stocks: a date, five numbers, a name.
fn generated(directory: &Path, rows: u64) -> Result<PathBuf> {
    const STOCKS: u64 = 505;
    let file = directory.join("prices.csv");
    let out = std::fs::File::create(&file).context("making a file to measure with")?;
    let mut out = BufWriter::new(out);
    let mut write = || -> std::io::Result<()> {
        writeln!(out, "date,open,high,low,close,volume,name")?;
        for row in 0..rows {
            let (stock, day) = (row * STOCKS / rows.max(1), row % 1_259);
            let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let open = 10.0 + (stock * 7 % 400) as f64 + (mixed % 1_000) as f64 / 100.0;
            let (date, volume) = (day_of(day), mixed * 3 + 100_000);
            let (high, low, close) =
                (open + 1.25, open - 1.5, open + (mixed % 200) as f64 / 100.0 - 1.0);
            writeln!(out, "{date},{open:.2},{high:.2},{low:.2},{close:.4},{volume},S{stock:03}")?;
        }
        out.flush()
    };
    write().context("making a file to measure with")?;
    Ok(file)
}

fn day_of(day: u64) -> chrono::NaiveDate {
    chrono::NaiveDate::default() + chrono::Days::new(15_744 + day)
}

async fn measure(
    config: &Config,
    server: &Server,
    file: &Path,
    options: &Ingest,
) -> Result<Vec<Row>> {
    let key = create_day_key(config, "bench").await?;
    let client = Client::new(&server.url, &key)?;
    let format = format_of(file).map_err(|error| {
        let detail = format!("{} can't be read: {error}", file.display());
        Error::new(Code::InvalidRequest, detail)
    })?;
    let bytes = file.metadata().context("measuring a file")?.len() as f64;
    let watch = Watch::start(server.id());
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    let mut rows = 0.0;
    let database = Psql::of(config).await?;
    for _ in 0..options.rounds.max(1) {
        let start = Instant::now();
        let made = ingest(&client, format, file).await?;
        ours.push(start.elapsed());
        rows = made.rows as f64;
        if format == DataFormat::Csv {
            peers.push(copy(&database, &made, file).await?);
        }
    }
    let peak = resident(server.id()).map_or(0, |memory| memory.peak);
    let (server_grew, child) = (peak.saturating_sub(server.memory) as f64, watch.peak() as f64);
    let per_second = |times: &[Duration], amount: f64| {
        median(times.iter().map(|time| amount / time.as_secs_f64()).collect())
    };
    let ratios = ours.iter().zip(&peers).map(|(a, b)| b.as_secs_f64() / a.as_secs_f64());
    let ratio = (!peers.is_empty()).then(|| median(ratios.collect()));
    let row = |id: &str, name: &str, unit, ours, peer, ratio| Row {
        id: format!("ingest.{id}"),
        name: name.to_owned(),
        unit,
        ours,
        peer,
        ratio,
    };
    let peer = |amount: f64| (!peers.is_empty()).then(|| per_second(&peers, amount));
    let memory = |id: &str, name: &str, bytes: f64| {
        let limit = MEMORY_LIMIT / MEGABYTE;
        row(id, name, "MB", bytes / MEGABYTE, Some(limit), Some(bytes / MEMORY_LIMIT))
    };
    let mut figures = vec![
        row(
            "rows",
            "uploaded, typed and stored, against psql's COPY",
            "rows/s",
            per_second(&ours, rows),
            peer(rows),
            ratio,
        ),
        row(
            "bytes",
            "the same in bytes of the file",
            "MB/s",
            per_second(&ours, bytes / MEGABYTE),
            peer(bytes / MEGABYTE),
            ratio,
        ),
        memory("memory.server", "growth of the server's memory, against its limit", server_grew),
    ];
    // A child that was never seen says nothing.
    if child > 0.0 {
        figures.push(memory(
            "memory.child",
            "the reading child's whole memory, against its limit",
            child,
        ));
    }
    Ok(figures)
}

async fn ingest(client: &Client, format: DataFormat, file: &Path) -> Result<DatasetVersion> {
    let source = Source::File(file.to_owned());
    let job = client.upload_dataset(DATASET, format, &[], source).await?;
    let JobResult::DatasetVersion(made) = outcome(client.wait_for_job(job.id, |_| {}).await?)?
    else {
        return Err(Error::internal("measuring", "an upload became no dataset"));
    };
    client.get_dataset_version(DATASET, made.version).await
}

/// How long psql takes to copy the file into a new table of the same types.
async fn copy(database: &Psql, made: &DatasetVersion, file: &Path) -> Result<Duration> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let kind = |kind: ColumnType| match kind {
        ColumnType::Bool => "boolean",
        ColumnType::Int64 => "bigint",
        ColumnType::Float64 => "double precision",
        ColumnType::String => "text",
        ColumnType::Timestamp => "timestamptz",
        ColumnType::Image => "text",
    };
    let columns = made.columns.iter().map(|c| format!("{} {}", quoted(&c.name), kind(c.kind)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let table = [
        "DROP TABLE IF EXISTS bench_copy".to_owned(),
        format!("CREATE TABLE bench_copy ({columns})"),
    ];
    psql(database, table.to_vec()).await?;
    let path = file.display().to_string().replace('\'', "\'\'");
    let copied = vec![format!("\\copy bench_copy FROM '{path}' (FORMAT csv, HEADER)")];
    psql(database, copied).await.map(|(took, _)| took)
}
