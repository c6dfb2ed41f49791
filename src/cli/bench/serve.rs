//! Predictions over HTTP beside their limits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::generator::{Idle, Request, Turn, middle, once, ratio, turns};
use super::model::{Model, body, models, split_body, train, upload};
use super::server::address;
use super::{Peer, Place, Row, Serve, beside, binary, median, timed};
use crate::app::{self, App, Peers};
use crate::cli::interruptible;
use crate::client::Client;
use crate::config::Flags;
use crate::domain::key::{NewKey, Scope};
use crate::domain::prediction::PredictionRequest;
use crate::error::{Code, Context, Error, Result};

/// Rows of one request.
const SIZES: [usize; 2] = [1, 1_000];

pub(super) async fn run(flags: &Flags, options: &Serve) -> Result<Vec<Row>> {
    if let Some(peer) = &options.peer {
        // Before minutes are spent on ours.
        once(&peer.request()?)?;
    }
    let place = Place::new()?;
    let config = place.config(flags)?;
    let app = interruptible(App::start(&config)).await?;
    let result = interruptible(measure(&app, options)).await;
    let stopped = app.stop().await;
    let rows = result?;
    stopped.map(|()| rows)
}

async fn measure(app: &App, options: &Serve) -> Result<Vec<Row>> {
    let service = app.service();
    let operator = service.operator()?;
    let new =
        NewKey { name: "bench".into(), scopes: Scope::ALL.to_vec(), expires_in_hours: Some(24) };
    let key = service.create_key(&operator, None, new).await?.secret;
    let client = Client::new(&app.url(), &key)?;
    upload(&client).await?;
    let bench = Bench { app, client: &client, key: &key, options };
    let mut rows = Vec::new();
    for model in models() {
        train(&client, &model).await?;
        rows.extend(bench.model(&model).await?);
        if model.is_asked_in_arrow {
            let request = serde_json::from_value(body(1_000)).context("making a request")?;
            rows.extend(binary::measure(app, &client, &key, &model, &request, options).await?);
        }
    }
    Ok(rows)
}

struct Bench<'a> {
    app: &'a App,
    client: &'a Client,
    key: &'a str,
    options: &'a Serve,
}

impl Bench<'_> {
    async fn model(&self, model: &Model) -> Result<Vec<Row>> {
        let mut answers = HashMap::new();
        for rows in SIZES {
            let request: PredictionRequest =
                serde_json::from_value(body(rows)).context("making a request")?;
            let answer = self.client.predict(model.name, &request).await?;
            answers.insert(rows, serde_json::to_vec(&answer).context("keeping an answer")?.into());
        }
        let peers = Peers { model: model.name.to_owned(), answers };
        let (url, server) = app::serve_bench(self.app, peers)?;
        let (address, _) = address(&url)?;
        let mut rows = Vec::new();
        for size in SIZES {
            rows.extend(self.size(address, model, size).await?);
        }
        // One network tells how much of the machine training leaves.
        if model.id.is_empty() {
            let path = format!("/api/v1/models/{}/predictions", model.name);
            let bytes = serde_json::to_vec(&body(1)).context("making a request")?;
            let request = Request::post(address, &path, Some(self.key), &bytes);
            rows.push(beside::training(self.client, &request, self.options).await?);
        }
        server.stop().await;
        Ok(rows)
    }

    /// A prediction of so many rows, and the same with less work.
    fn requests(&self, address: SocketAddr, model: &Model, size: usize) -> Result<Vec<Request>> {
        let bytes = serde_json::to_vec(&body(size)).context("making a request")?;
        let paths = [
            format!("/api/v1/models/{}/predictions", model.name),
            format!("/bench/constant/{size}"),
            format!("/bench/parsed/{size}"),
        ];
        let post = |path: &String| Request::post(address, path, Some(self.key), &bytes);
        Ok(paths.iter().map(post).collect())
    }

    /// One row beside the same recorded and, of the first network, beside another program: in turns
    /// of their own, as the disk is busy for a while after what was recorded.
    async fn others(&self, address: SocketAddr, model: &Model) -> Result<Vec<Row>> {
        let options = self.options;
        let mut asked = body(1);
        asked["record"] = json!(true);
        let recorded = serde_json::to_vec(&asked).context("making a request")?;
        let path = format!("/api/v1/models/{}/predictions", model.name);
        let mut requests = self.requests(address, model, 1)?;
        requests.truncate(1);
        requests.push(Request::post(address, &path, Some(self.key), &recorded));
        let peer = options.peer.as_ref().filter(|_| model.id.is_empty());
        requests.extend(peer.map(Peer::request).transpose()?);
        let time = Duration::from_secs_f64(options.seconds);
        let measured =
            turns(&requests, options.connections, time, options.rounds, Idle::Sleeps).await?;
        let [ours, recorded, other @ ..] = measured.as_slice() else {
            return Err(Error::internal("measuring", "a turn is missing"));
        };
        let rate = |what: &str, text: &str, pair| {
            pair_row(model, 1, (what, text, "requests/s"), &|turn| turn.per_second, pair)
        };
        let mut rows = vec![rate("record", "recorded, against unrecorded", [recorded, ours])];
        if let (Some(other), Some(peer)) = (other.first(), peer) {
            rows.push(rate("peer", &format!("against {}", peer.peer_url), [ours, other]));
        }
        Ok(rows)
    }

    async fn size(&self, address: SocketAddr, model: &Model, size: usize) -> Result<Vec<Row>> {
        let options = self.options;
        let requests = self.requests(address, model, size)?;
        let time = Duration::from_secs_f64(options.seconds);
        let measured =
            turns(&requests, options.connections, time, options.rounds, Idle::Spins).await?;
        let direct = direct(self.app, model, body(size), size, time, options.rounds).await?;
        let row = |what: &str, text: &str, unit, figure: &dyn Fn(&Turn) -> f64, pair| {
            pair_row(model, size, (what, text, unit), figure, pair)
        };
        let rate = |what: &str, text: &str, pair| {
            row(what, text, "requests/s", &|turn: &Turn| turn.per_second, pair)
        };
        let milliseconds = |share: f64| move |turn: &Turn| turn.quantile(share) * 1e3;
        let [ours, constant, parsed] = measured.as_slice() else {
            return Err(Error::internal("measuring", "a turn is missing"));
        };
        let beside = [ours.as_slice(), constant];
        let scored = middle(ours, |turn| turn.per_second) * size as f64;
        let mut rows = vec![
            rate("constant", "against a constant answer", beside),
            rate("parsed", "against parsing alone", [ours, parsed]),
            row(
                "p50",
                "median latency, against a constant answer",
                "ms",
                &milliseconds(0.5),
                beside,
            ),
            row(
                "p99",
                "99th percentile, against a constant answer",
                "ms",
                &milliseconds(0.99),
                beside,
            ),
            Row {
                id: model.id_of(size, "model"),
                name: model.named(size, "against the model without HTTP, one thread"),
                unit: "rows/s",
                ours: scored,
                peer: Some(direct),
                ratio: Some(scored / direct),
            },
        ];
        if size == 1 {
            rows.extend(self.others(address, model).await?);
        }
        Ok(rows)
    }
}

/// A figure of ours beside a peer's: its id, what is said of it, and its unit.
fn pair_row(
    model: &Model,
    size: usize,
    (what, text, unit): (&str, &str, &'static str),
    figure: &dyn Fn(&Turn) -> f64,
    [ours, peer]: [&[Turn]; 2],
) -> Row {
    Row {
        id: model.id_of(size, what),
        name: model.named(size, text),
        unit,
        ours: middle(ours, figure),
        peer: Some(middle(peer, figure)),
        ratio: Some(ratio(ours, peer, figure)),
    }
}

impl Peer {
    fn request(&self) -> Result<Request> {
        let (address, path) = address(&self.peer_url)?;
        let body = match &self.peer_body {
            Some(file) => std::fs::read(file).map_err(|error| {
                let detail = format!("{} can't be read: {error}", file.display());
                Error::new(Code::InvalidRequest, detail)
            })?,
            None => serde_json::to_vec(&split_body()).context("making a request")?,
        };
        Ok(Request::post(address, &path, None, &body))
    }
}

/// Rows a second that the model scores when it is called directly.
async fn direct(
    app: &App,
    model: &Model,
    asked: Value,
    size: usize,
    time: Duration,
    rounds: usize,
) -> Result<f64> {
    let service = app.service();
    let request: PredictionRequest = serde_json::from_value(asked).context("making a request")?;
    let scoring = service.scoring(&service.operator()?, model.name, &request).await?;
    let measure = move || {
        let mut figures = Vec::new();
        for _ in 0..rounds.max(1) {
            let mut calls = 0_u64;
            let (took, outcome) = timed(|| {
                let end = std::time::Instant::now() + time / 4;
                while std::time::Instant::now() < end {
                    scoring.run()?;
                    calls += 1;
                }
                Ok::<_, Error>(())
            });
            outcome?;
            figures.push(calls as f64 * size as f64 / took.as_secs_f64());
        }
        Ok(median(figures))
    };
    tokio::task::spawn_blocking(measure).await.context("waiting for a measurement")?
}
