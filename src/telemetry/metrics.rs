//! Metrics: counted where things happen, rendered for Prometheus.
//!
//! Times are in seconds, sizes in bytes. Whoever counts uses the macros of the crate `metrics` and
//! the names in this file; before [`install`] they do nothing.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::{Context, Result};

/// Requests by `method`, `route` and `status`, until their answer begins.
pub const REQUEST_SECONDS: &str = "actuary_http_request_seconds";
pub const REQUESTS_IN_FLIGHT: &str = "actuary_http_requests_in_flight";
/// Rows of one request for predictions.
pub const PREDICTION_ROWS: &str = "actuary_prediction_rows";
/// Scoring by `place`: `inline` where the request arrived, `queue` on the thread that owns the
/// device.
pub const SCORING_SECONDS: &str = "actuary_scoring_seconds";
/// Rows that the thread which owns the device scored at once.
pub const SCORING_BATCH_ROWS: &str = "actuary_scoring_batch_rows";
pub const SCORING_QUEUE: &str = "actuary_scoring_queue";
/// Predictions that were made durable together.
pub const RECORDING_BATCH: &str = "actuary_recording_batch_predictions";
pub const MODELS_LOADED: &str = "actuary_models_loaded";
pub const MODELS_LOADED_BYTES: &str = "actuary_models_loaded_bytes";
/// By `kind` and `state`.
pub const JOBS: &str = "actuary_jobs";
pub const JOBS_OLDEST_QUEUED_SECONDS: &str = "actuary_jobs_oldest_queued_seconds";
pub const DATABASE_BYTES: &str = "actuary_database_bytes";
/// By `state`: `used`, `idle`.
pub const DATABASE_CONNECTIONS: &str = "actuary_database_connections";
/// By `device`: `cpu` is the machine's own memory.
pub const DEVICE_MEMORY_BYTES: &str = "actuary_device_memory_bytes";
pub const DEVICE_MEMORY_USED_BYTES: &str = "actuary_device_memory_used_bytes";
/// By `version`; always 1.
pub const BUILD_INFO: &str = "actuary_build_info";
pub const PROCESS_RESIDENT_BYTES: &str = "process_resident_memory_bytes";
pub const PROCESS_START_SECONDS: &str = "process_start_time_seconds";

const GAUGES: &[(&str, Unit, &str)] = &[
    (REQUESTS_IN_FLIGHT, Unit::Count, "Requests that are not answered yet"),
    (SCORING_QUEUE, Unit::Count, "Costly requests that wait or are being scored"),
    (MODELS_LOADED, Unit::Count, "Versions in memory"),
    (MODELS_LOADED_BYTES, Unit::Bytes, "Weights in memory"),
    (JOBS, Unit::Count, "Jobs by kind and state"),
    (JOBS_OLDEST_QUEUED_SECONDS, Unit::Seconds, "Age of the queued job that has waited longest"),
    (DATABASE_BYTES, Unit::Bytes, "Size of the database"),
    (DATABASE_CONNECTIONS, Unit::Count, "Connections to the database by state"),
    (DEVICE_MEMORY_BYTES, Unit::Bytes, "Memory of a device"),
    (DEVICE_MEMORY_USED_BYTES, Unit::Bytes, "Memory of a device in use, by any program"),
    (BUILD_INFO, Unit::Count, "The version that runs"),
    (PROCESS_RESIDENT_BYTES, Unit::Bytes, "Resident memory of the server's process"),
    (PROCESS_START_SECONDS, Unit::Seconds, "When the server was started, since the epoch"),
];

const HISTOGRAMS: &[(&str, Unit, &[f64], &str)] = &[
    (REQUEST_SECONDS, Unit::Seconds, SECONDS, "Time from a request to the start of its answer"),
    (PREDICTION_ROWS, Unit::Count, ROWS, "Rows of a request for predictions"),
    (SCORING_SECONDS, Unit::Seconds, SECONDS, "Time to score a batch"),
    (SCORING_BATCH_ROWS, Unit::Count, ROWS, "Rows that the thread of the device scored at once"),
    (RECORDING_BATCH, Unit::Count, ROWS, "Predictions that were made durable together"),
];

const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];
const ROWS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 2.5e4, 1e5];

/// How often what was counted is put into its buckets: it would pile up while nobody looks.
const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count, once for the process.
///
/// # Errors
/// [`crate::error::Error::Internal`] when something else counts already.
pub fn install() -> Result<()> {
    // Whoever comes second waits until it is done.
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| begin().map_err(|error| error.to_string()));
    installed.clone().context("beginning to count")
}

fn begin() -> Result<()> {
    let mut builder = PrometheusBuilder::new();
    for (name, _, buckets, _) in HISTOGRAMS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets)
            .context("naming buckets")?;
    }
    let handle = builder.install_recorder().context("installing the recorder")?;
    for (name, unit, description) in GAUGES {
        describe_gauge!(*name, *unit, *description);
    }
    for (name, unit, _, description) in HISTOGRAMS {
        describe_histogram!(*name, *unit, *description);
    }
    metrics::gauge!(BUILD_INFO, "version" => crate::code_version()).set(1.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    metrics::gauge!(PROCESS_START_SECONDS).set(now.unwrap_or_default().as_secs_f64());
    let upkeep = handle.clone();
    std::thread::Builder::new()
        .name("metrics".into())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                upkeep.run_upkeep();
            }
        })
        .context("starting the upkeep of metrics")?;
    let _ = HANDLE.set(handle);
    Ok(())
}

/// What was counted, in Prometheus's text format 0.0.4; empty before [`install`].
pub fn render() -> String {
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}
