//! Forecasts.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::PREDICTION_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::forecast::{ForecastRequest, ForecastResponse};

/// Forecast series
///
/// Forecasts the rows after the newest ones of each series, by a version of a model, its champion
/// when none is named. The history comes in the body (`rows`) or is a stored `dataset`; of each
/// series so many rows are needed as the version reads (`signature.window.look_back`). Changes
/// nothing, and nothing is recorded.
#[utoipa::path(
    tag = "forecasts",
    request_body(content = ForecastRequest, description = "The history, and what is wanted",
        example = examples::forecast_request),
    responses((status = 200, description = "A forecast for each series and column",
        body = ForecastResponse, example = examples::forecast_response))
)]
#[post("/api/v1/models/{model}/forecasts")]
pub(super) async fn create_forecast(mut call: Call) -> Answer {
    let request = call.json::<ForecastRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().forecast(&call.caller, call.name("model")?, request).await?)
}
