//! Series that have been forecast elsewhere, and prices beside the random walk, each with several
//! seeds. They are not part of this repository: ETT is Zhou et al.'s (2021, CC BY-ND 4.0), Brent
//! the EIA's, VIX and the exchange rates come from public collections.

use std::path::{Path, PathBuf};
use std::time::Instant;

use actuary::client::Client;
use actuary::domain::forecast::{BaselineKind, ForecastMetrics};
use actuary::domain::version::Metrics;
use actuary::error::{Error, Result};
use serde_json::{Value, json};

use crate::measure::{Outcome, note, train};
use crate::table::Table;

const SEEDS: u64 = 3;
const PART: &str = "part";

/// One way to forecast one series.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) file: PathBuf,
    rows: Rows,
    target: &'static str,
    /// Fields of the specification.
    spec: fn() -> Value,
    /// What others reach; the random walk of the same run where there is none.
    peer: Option<f64>,
}

/// Which rows of the file are taken, and how they fall into parts.
#[derive(Debug, Clone, Copy)]
enum Rows {
    /// Of all rows the first so many, by number: training, validation, test.
    Counted([usize; 3]),
    /// Those whose column says this; the newest 15 % test.
    Only(&'static str, &'static str),
    /// All; the newest 15 % test.
    All,
}

struct Known {
    name: &'static str,
    file: &'static str,
    rows: Rows,
    target: &'static str,
    spec: fn() -> Value,
    peer: Option<f64>,
}

/// Twelve months to train, four to validate and four to test, at 24 rows a day.
const ETT_PARTS: Rows = Rows::Counted([8640, 2880, 2880]);

/// Default settings; the protocol gives horizon, look-back and that all columns are forecast.
fn ett() -> Value {
    json!({"window": {
        "time": "date", "horizon": 96, "look_back": 336,
        "targets": ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL"],
    }})
}

/// Two layers of 50 over 30 steps of the series itself, as it is usually shown.
fn lstm_of_levels(time: &str) -> Value {
    json!({"network": {"kind": "lstm", "normalisation": "none"},
           "window": {"time": time, "look_back": 30},
           "parts": {"by": "time", "column": time, "validation": 0.15, "test": 0.15}})
}

/// The same, less the last value.
fn lstm_of_changes(time: &str) -> Value {
    json!({"network": {"kind": "lstm"}, "window": {"time": time, "look_back": 30},
           "parts": {"by": "time", "column": time, "validation": 0.15, "test": 0.15}})
}

/// What is trained when nothing is said.
fn default(time: &str) -> Value {
    json!({"window": {"time": time},
           "parts": {"by": "time", "column": time, "validation": 0.15, "test": 0.15}})
}

macro_rules! prices {
    ($([$name:literal, $file:literal, $rows:expr, $target:literal, $time:literal],)+) => {
        &[$(
            Known { name: concat!($name, "-lstm-levels"), file: $file, rows: $rows,
                target: $target, spec: || lstm_of_levels($time), peer: None },
            Known { name: concat!($name, "-lstm"), file: $file, rows: $rows, target: $target,
                spec: || lstm_of_changes($time), peer: None },
            Known { name: concat!($name, "-default"), file: $file, rows: $rows, target: $target,
                spec: || default($time), peer: None },
        )+]
    };
}

const PRICES: &[Known] = prices! {
    ["vix", "vix/vix-daily.csv.gz", Rows::All, "CLOSE", "DATE"],
    ["brent", "oil/brent-daily.csv", Rows::All, "Price", "Date"],
    ["yen", "fx_monthly/monthly.csv.gz", Rows::Only("Country", "Japan"), "Exchange rate", "Date"],
};

/// Peers: PatchTST (Nie et al. 2023), look-back 336.
const ETT: &[Known] = &[
    Known {
        name: "etth1",
        file: "ett_small/ETTh1.csv.gz",
        rows: ETT_PARTS,
        target: "OT",
        spec: ett,
        peer: Some(0.370),
    },
    Known {
        name: "etth2",
        file: "ett_small/ETTh2.csv.gz",
        rows: ETT_PARTS,
        target: "OT",
        spec: ett,
        peer: Some(0.274),
    },
];

/// The series of these names, or all where none are named.
pub(crate) fn known(folder: &Path, names: &[String]) -> Vec<Series> {
    let wanted = |known: &&Known| names.is_empty() || names.iter().any(|name| name == known.name);
    let series = ETT.iter().chain(PRICES).filter(wanted).map(|known| Series {
        name: known.name,
        file: folder.join(known.file),
        rows: known.rows,
        target: known.target,
        spec: known.spec,
        peer: known.peer,
    });
    series.collect()
}

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    ETT.iter().chain(PRICES).map(|known| known.name)
}

/// Trains with each seed on the rows of a series.
///
/// # Errors
/// Why the series could not be uploaded or trained on.
pub(crate) async fn measure(client: &Client, series: &Series) -> Result<Outcome> {
    let mut table = Table::read(&series.file)?;
    let mut spec = (series.spec)();
    let csv = match series.rows {
        Rows::Counted(counts) => {
            let parts = ["train", "validation", "test"].into_iter().zip(counts);
            let parts: Vec<&str> =
                parts.flat_map(|(part, count)| std::iter::repeat_n(part, count)).collect();
            spec["parts"] = json!({"by": "column", "column": PART});
            table.with_column(PART, &parts)?
        }
        Rows::Only(column, value) => {
            table.keep(column, value)?;
            table.with_column(PART, &vec![""; table.rows()])?
        }
        Rows::All => table.with_column(PART, &vec![""; table.rows()])?,
    };
    spec["target"] = json!(series.target);
    spec["task"] = json!("forecast");
    let (start, mut values, mut last) = (Instant::now(), Vec::new(), None);
    for seed in 0..SEEDS {
        note(&format!("{}: seed {} of {SEEDS}", series.name, seed + 1));
        let mut spec = spec.clone();
        spec["seed"] = json!(seed);
        let name = format!("quality-{}", series.name);
        let version = train(client, &name, csv.clone(), spec).await?;
        let Metrics::Forecast(metrics) = version.metrics else {
            return Err(Error::internal("training", "the version forecasts nothing"));
        };
        values.push(metrics.mse);
        last = Some(metrics);
    }
    note("");
    let metrics = last.ok_or_else(|| Error::internal("summarising", "no seed is done"))?;
    let walk = baseline(&metrics, BaselineKind::RandomWalk);
    let seconds = start.elapsed().as_secs_f64();
    let outcome = Outcome::of(series.name, "mse", &values, series.peer.or(walk), seconds);
    Ok(outcome.with_note(verdict(&metrics, &values)))
}

fn baseline(metrics: &ForecastMetrics, kind: BaselineKind) -> Option<f64> {
    metrics.baselines.iter().find(|baseline| baseline.kind == kind).map(|baseline| baseline.mse)
}

/// What the figures say of the random walk and of ridge regression.
fn verdict(metrics: &ForecastMetrics, values: &[f64]) -> String {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let r2 = baseline(metrics, BaselineKind::RandomWalk).map(|walk| 1.0 - mean / walk);
    let walk = metrics.baselines.iter().find(|b| b.kind == BaselineKind::RandomWalk);
    let p = walk.and_then(|walk| walk.diebold_mariano).map(|test| test.p_value);
    let beats = if metrics.beats_random_walk { "beats" } else { "does not beat" };
    let shown = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    format!(
        "{beats} the random walk (R2 {}, p {}); ridge {}",
        shown(r2, 3),
        shown(p, 3),
        shown(baseline(metrics, BaselineKind::Ridge), 4)
    )
}
