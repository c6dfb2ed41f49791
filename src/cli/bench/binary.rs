//! Predictions of rows that come and go as Arrow streams, beside the network alone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::generator::{Idle, Request, Turn, middle, ratio, turns};
use super::model::{Model, columns};
use super::server::address;
use super::{Row, Serve, median, timed};
use crate::app::{self, App, Peers};
use crate::client::Client;
use crate::domain::prediction::{ARROW_STREAM, PredictionRequest};
use crate::error::{Context, Error, Result};

/// Rows of a request.
const ROWS: usize = 1_000;

/// Rows a second of a model that the server has, `request` being the same rows as JSON.
pub(super) async fn measure(
    app: &App,
    client: &Client,
    key: &str,
    model: &Model,
    request: &PredictionRequest,
    options: &Serve,
) -> Result<Vec<Row>> {
    let name = model.name;
    let body = app::arrow_stream(ROWS, columns(ROWS))?;
    let answer = client.predict_arrow(name, body.clone().into(), None, false).await?;
    let peers = Peers { model: name.to_owned(), answers: HashMap::from([(ROWS, answer)]) };
    let (url, server) = app::serve_bench(app, peers)?;
    let (address, _) = address(&url)?;
    let paths = [format!("/api/v1/models/{name}/predictions"), format!("/bench/parsed/{ROWS}")];
    let post = |path: &String| Request::post_as(ARROW_STREAM, address, path, Some(key), &body);
    let requests: Vec<Request> = paths.iter().map(post).collect();
    let time = Duration::from_secs_f64(options.seconds);
    let measured =
        turns(&requests, options.connections, time, options.rounds, Idle::Sleeps).await?;
    server.stop().await;
    let [ours, parsed] = measured.as_slice() else {
        return Err(Error::internal("measuring", "a turn is missing"));
    };
    let floor = floor(app, name, request, time, options.rounds).await?;
    let rows = |turn: &Turn| turn.per_second * ROWS as f64;
    let row = |id: &str, text: &str, peer: f64, ratio: f64| Row {
        id: model.id_of(ROWS, &format!("binary{id}")),
        name: model.named(ROWS, &format!("as Arrow, {text}")),
        unit: "rows/s",
        ours: middle(ours, rows),
        peer: Some(peer),
        ratio: Some(ratio),
    };
    let scored = middle(ours, rows);
    Ok(vec![
        row("", "against the network alone, one thread", floor, scored / floor),
        row(".parsed", "against parsing alone", middle(parsed, rows), ratio(ours, parsed, rows)),
    ])
}

/// Rows a second that the network makes of a matrix that is ready.
async fn floor(
    app: &App,
    model: &str,
    request: &PredictionRequest,
    time: Duration,
    rounds: usize,
) -> Result<f64> {
    let service = app.service();
    let scoring = service.scoring(&service.operator()?, model, request).await?;
    let inputs = scoring.inputs()?;
    let measure = move || {
        let mut figures = Vec::new();
        for _ in 0..rounds.max(1) {
            let mut calls = 0_u64;
            let (took, outcome) = timed(|| {
                let end = Instant::now() + time / 4;
                while Instant::now() < end {
                    inputs.run()?;
                    calls += 1;
                }
                Ok::<_, Error>(())
            });
            outcome?;
            figures.push(calls as f64 * ROWS as f64 / took.as_secs_f64());
        }
        Ok(median(figures))
    };
    tokio::task::spawn_blocking(measure).await.context("waiting for a measurement")?
}
