//! From the start of a server to its first prediction, what memory it takes, and the program's size.

use std::time::Duration;

use super::generator::{Idle, Request, once, turn};
use super::memory::resident;
use super::model::{body, models, train, upload};
use super::server::Server;
use super::{Place, Row, Start, median};
use crate::app::{Backend, create_day_key, time_database};
use crate::cli::interruptible;
use crate::client::Client;
use crate::config::{Config, Flags};
use crate::error::{Context, Error, Result};

/// From the start of the process to a prediction: with the database's own start, and without.
const LIMIT: Duration = Duration::from_millis(1_500);
const LIMIT_WITHOUT: Duration = Duration::from_millis(200);
const CONNECTIONS: usize = 32;
const MEGABYTE: f64 = 1e6;

pub(super) async fn run(flags: &Flags, options: &Start) -> Result<Vec<Row>> {
    let place = Place::new()?;
    let config = place.config(flags)?;
    interruptible(measure(&config, options)).await
}

/// What a start took.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Started {
    /// Until `/readyz` has answered that it can work.
    ready: Duration,
    /// Until a row was scored.
    predicted: Duration,
}

async fn measure(config: &Config, options: &Start) -> Result<Vec<Row>> {
    // The first start makes the database and a model.
    let key = prepare(config).await?;
    let rounds = options.rounds.max(1);
    let (mut with, mut database, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        with.push(start(config, &key, None).await?.0);
        database.push(time_database(config).await?);
    }
    let backend = Backend::own(config).await?;
    let result = async {
        let mut beside = config.clone();
        beside.data_dir = config.data_dir.join("beside");
        let url = backend.database_url();
        for _ in 0..rounds {
            without.push(start(&beside, &key, Some(url)).await?.0);
        }
        let (_, server, request) = start(&beside, &key, Some(url)).await?;
        let idle = resident(server.id()).map(|memory| memory.now);
        let time = Duration::from_secs_f64(options.seconds);
        turn(&request, CONNECTIONS, time, Idle::Sleeps).await?;
        // The kernel counts roughly, and could tell less of the whole than of a part.
        Ok([idle, resident(server.id()).map(|memory| memory.peak).max(idle)])
    };
    let result = result.await;
    backend.close().await?;
    let memory = result?;
    let program = config.postgres.executable.metadata().context("measuring the program")?.len();
    let mut rows = times(&with, &without, &database);
    let [idle, loaded] = memory.map(|memory| memory.unwrap_or(0));
    let size = |id: &str, name: &str, bytes: u64| Row {
        id: format!("start.{id}"),
        name: name.to_owned(),
        unit: "MB",
        ours: bytes as f64 / MEGABYTE,
        peer: Some(program as f64 / MEGABYTE),
        ratio: Some(bytes as f64 / program as f64),
    };
    let names = [
        "memory of an idle server, one model loaded; against the program's size",
        "most memory under load; against the same",
    ];
    rows.push(size("memory.idle", names[0], idle));
    rows.push(size("memory.load", names[1], loaded));
    Ok(rows)
}

/// A database that is up to date, with a model that answers; a key.
async fn prepare(config: &Config) -> Result<String> {
    let server = Server::start(config, None)?;
    let key = create_day_key(config, "bench").await?;
    let client = Client::new(&server.url, &key)?;
    upload(&client).await?;
    let [model, ..] = models();
    train(&client, &model).await?;
    Ok(key)
}

/// Starts a server and waits for its first prediction; the server, and the request that it answers.
async fn start(
    config: &Config,
    key: &str,
    database_url: Option<&str>,
) -> Result<(Started, Server, Request)> {
    let (config, key) = (config.clone(), key.to_owned());
    let database_url = database_url.map(str::to_owned);
    let [model, ..] = models();
    let body = serde_json::to_vec(&body(1)).context("making a request")?;
    let running = move || {
        let server = Server::start(&config, database_url.as_deref())?;
        let address = server.address()?;
        once(&Request::get(address, "/readyz"))?;
        let ready = server.began.elapsed();
        let path = format!("/api/v1/models/{}/predictions", model.name);
        let request = Request::post(address, &path, Some(&key), &body);
        once(&request)?;
        let predicted = server.began.elapsed();
        Ok::<_, Error>((Started { ready, predicted }, server, request))
    };
    tokio::task::spawn_blocking(running).await.context("waiting for a server")?
}

fn times(with: &[Started], without: &[Started], database: &[Duration]) -> Vec<Row> {
    let middle = |times: &mut dyn Iterator<Item = Duration>| {
        median(times.map(|time| time.as_secs_f64() * 1e3).collect())
    };
    let row = |id: &str, name: &str, ours: f64, limit: Duration| {
        let limit = limit.as_secs_f64() * 1e3;
        Row {
            id: format!("start.{id}"),
            name: name.to_owned(),
            unit: "ms",
            ours,
            peer: Some(limit),
            ratio: Some(ours / limit),
        }
    };
    let each =
        |starts: &[Started], of: fn(&Started) -> Duration| middle(&mut starts.iter().map(of));
    vec![
        row(
            "embedded",
            "until the first prediction, the database started too; against its limit",
            each(with, |started| started.predicted),
            LIMIT,
        ),
        row(
            "embedded.ready",
            "of that until it is ready; against the same",
            each(with, |started| started.ready),
            LIMIT,
        ),
        row(
            "database",
            "the database alone; against the same",
            middle(&mut database.iter().copied()),
            LIMIT,
        ),
        row(
            "external",
            "until the first prediction, the database running; against its limit",
            each(without, |started| started.predicted),
            LIMIT_WITHOUT,
        ),
        row(
            "external.ready",
            "of that until it is ready; against the same",
            each(without, |started| started.ready),
            LIMIT_WITHOUT,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_stand_beside_their_limits() {
        let started = |ready, predicted| Started {
            ready: Duration::from_millis(ready),
            predicted: Duration::from_millis(predicted),
        };
        let with = [started(600, 700), started(700, 750), started(500, 800)];
        let rows = times(&with, &[started(90, 100)], &[Duration::from_millis(400)]);
        let of = |id: &str| {
            let row = rows.iter().find(|row| row.id == format!("start.{id}")).unwrap();
            (row.ours, row.peer, row.ratio)
        };
        assert_eq!(of("embedded"), (750.0, Some(1_500.0), Some(0.5)));
        assert_eq!(of("embedded.ready"), (600.0, Some(1_500.0), Some(0.4)));
        assert_eq!(of("external"), (100.0, Some(200.0), Some(0.5)));
        assert_eq!(of("database"), (400.0, Some(1_500.0), Some(400.0 / 1_500.0)));
    }
}
