//! Metrics for Prometheus.

use actix_web::{HttpResponse, get};

use super::answer::Answer;
use super::examples;
use super::extract::Call;
use crate::telemetry::metrics;

const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Get metrics
///
/// Requests and their times, jobs and their queue, batch sizes, connections and memory, in
/// Prometheus's text format. While the database can't be reached the answer is 503: neither the
/// key nor the figures could be trusted.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "The metrics", body = String,
        content_type = "text/plain", example = examples::metrics_text))
)]
#[get("/metrics")]
pub(super) async fn get_metrics(call: Call) -> Answer {
    call.service().measure().await?;
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).body(metrics::render()))
}
