//! Predictions over HTTP beside their limits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::load::{Request, Turn, middle, ratio, turns};
use super::{Place, Row, Serve, median, timed};
use crate::app::{self, App, Peers};
use crate::cli::interruptible;
use crate::client::{Client, Source, outcome};
use crate::config::Flags;
use crate::domain::dataset::DataFormat;
use crate::domain::key::{NewKey, Scope};
use crate::domain::prediction::PredictionRequest;
use crate::domain::version::AliasTarget;
use crate::error::{Context, Error, Result};

/// Columns, and rows to train on: enough for a model, and it need not be a good one.
const COLUMNS: usize = 20;
const TRAINING_ROWS: usize = 2_000;
/// Rows of one request.
const SIZES: [usize; 2] = [1, 1_000];
const DATASET: &str = "bench";

/// A network that is measured.
struct Model {
    name: &'static str,
    /// Its part of the figures' ids; the named network has none.
    id: &'static str,
    text: &'static str,
    network: Option<Value>,
}

fn models() -> [Model; 2] {
    [
        Model {
            name: "bench-mlp",
            id: "",
            text: "20-64-64-1",
            network: Some(json!({"kind": "mlp", "hidden": [64, 64], "dropout": 0.0})),
        },
        Model { name: "bench-default", id: ".default", text: "default network", network: None },
    ]
}

pub(super) async fn run(flags: &Flags, options: &Serve) -> Result<Vec<Row>> {
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
    let mut rows = Vec::new();
    for model in models() {
        train(&client, &model).await?;
        rows.extend(measure_model(app, &client, &key, &model, options).await?);
    }
    Ok(rows)
}

async fn upload(client: &Client) -> Result<()> {
    let names: Vec<String> = (0..COLUMNS).map(|c| format!("x{c:02}")).collect();
    let mut csv = format!("{},y\n", names.join(","));
    for row in 0..TRAINING_ROWS {
        let values: Vec<String> = (0..COLUMNS).map(|c| value(row, c).to_string()).collect();
        let sum = value(row, 0) + value(row, 1) * value(row, 2);
        csv.push_str(&format!("{},{}\n", values.join(","), u8::from(sum > 0.0)));
    }
    let source = Source::Bytes(csv.into());
    let job = client.upload_dataset(DATASET, DataFormat::Csv, &[], source).await?;
    outcome(client.wait_for_job(job.id, |_| {}).await?).map(|_| ())
}

/// A number of about zero, with the digits that measurements have.
fn value(row: usize, column: usize) -> f64 {
    let mixed = (row * COLUMNS + column).wrapping_mul(2_654_435_761) % 4_000_037;
    (mixed as f64 - 2_000_018.0) / 1e6
}

fn body(rows: usize) -> Value {
    let row = |row: usize| -> Value {
        (0..COLUMNS)
            .map(|c| (format!("x{c:02}"), json!(value(row, c))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({"rows": (0..rows).map(row).collect::<Vec<_>>()})
}

async fn train(client: &Client, model: &Model) -> Result<()> {
    let mut spec = json!({"dataset": {"name": DATASET}, "target": "y", "epochs": 3, "seed": 1});
    if let Some(network) = &model.network {
        spec["network"] = network.clone();
    }
    let spec = serde_json::from_value(spec).context("making a training specification")?;
    let job = client.train(model.name, &spec).await?;
    outcome(client.wait_for_job(job.id, |_| {}).await?)?;
    let target = AliasTarget { version: 1, reason: None };
    client.move_alias(model.name, "champion", &target, None).await.map(|_| ())
}

async fn measure_model(
    app: &App,
    client: &Client,
    key: &str,
    model: &Model,
    options: &Serve,
) -> Result<Vec<Row>> {
    let mut answers = HashMap::new();
    for rows in SIZES {
        let request: PredictionRequest =
            serde_json::from_value(body(rows)).context("making a request")?;
        let answer = client.predict(model.name, &request).await?;
        answers.insert(rows, serde_json::to_vec(&answer).context("keeping an answer")?.into());
    }
    let peers = Peers { model: model.name.to_owned(), answers };
    let (url, server) = app::serve_bench(app, peers)?;
    let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| Error::internal("measuring", "no address"))?;
    let mut rows = Vec::new();
    for size in SIZES {
        rows.extend(measure_size(app, address, key, model, size, options).await?);
    }
    server.stop().await;
    Ok(rows)
}

async fn measure_size(
    app: &App,
    address: SocketAddr,
    key: &str,
    model: &Model,
    size: usize,
    options: &Serve,
) -> Result<Vec<Row>> {
    let asked = body(size);
    let bytes = serde_json::to_vec(&asked).context("making a request")?;
    let paths = [
        format!("/api/v1/models/{}/predictions", model.name),
        format!("/bench/constant/{size}"),
        format!("/bench/parsed/{size}"),
    ];
    let requests = paths.map(|path| Request::post(address, &path, key, &bytes));
    let time = Duration::from_secs_f64(options.seconds);
    let measured = turns(address, &requests, options.connections, time, options.rounds).await?;
    let [ours, constant, parsed] = measured.as_slice() else {
        return Err(Error::internal("measuring", "a turn is missing"));
    };
    let direct = direct(app, model, asked, size, time, options.rounds).await?;
    let id = |what: &str| format!("serve{}.{size}.{what}", model.id);
    let name = |what: &str| {
        let rows = if size == 1 {
            "1 row".to_owned()
        } else {
            format!("{} rows", super::super::output::grouped(size as u64))
        };
        format!("{}, {rows}: {what}", model.text)
    };
    let throughput = |turn: &Turn| turn.per_second;
    let row = |what: &str, text: &str, unit, figure: &dyn Fn(&Turn) -> f64, peer: &[Turn]| Row {
        id: id(what),
        name: name(text),
        unit,
        ours: middle(ours, figure),
        peer: Some(middle(peer, figure)),
        ratio: Some(ratio(ours, peer, figure)),
    };
    let milliseconds = |share: f64| move |turn: &Turn| turn.quantile(share) * 1e3;
    let scored = middle(ours, throughput) * size as f64;
    Ok(vec![
        row("constant", "against a constant answer", "requests/s", &throughput, constant),
        row("parsed", "against parsing alone", "requests/s", &throughput, parsed),
        row("p50", "median latency, against a constant answer", "ms", &milliseconds(0.5), constant),
        row(
            "p99",
            "99th percentile, against a constant answer",
            "ms",
            &milliseconds(0.99),
            constant,
        ),
        Row {
            id: id("model"),
            name: name("against the model without HTTP, one thread"),
            unit: "rows/s",
            ours: scored,
            peer: Some(direct),
            ratio: Some(scored / direct),
        },
    ])
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
