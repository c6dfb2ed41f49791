//! Predictions: made, recorded, replayed.

use actix_web::{get, post};
use bytes::Bytes;

use super::answer::{Answer, ok};
use super::examples;
use super::extract::Call;
use crate::domain::prediction::{PredictionRecord, PredictionRequest, PredictionResponse, Replay};

/// Predict rows
///
/// Scores up to 100,000 rows by a version of a model, its champion when none is named. The rows
/// come as objects (`rows`) or as lists per column (`columns`). Every unknown or missing column
/// and every wrong value is named at once. With `record`, or where the model's settings say so,
/// the answer is kept before it leaves.
#[utoipa::path(
    tag = "predictions",
    request_body(content = PredictionRequest, description = "The rows",
        example = examples::prediction_request),
    responses((status = 200, description = "One prediction a row, in their order",
        body = PredictionResponse, example = examples::prediction_response))
)]
#[post("/api/v1/models/{model}/predictions")]
pub(super) async fn create_prediction(mut call: Call) -> Answer {
    let predict = async |call: &Call, request: PredictionRequest, bytes: &Bytes| {
        let (once, model) = (call.once(bytes)?, call.name("model")?);
        call.service().predict(&call.caller, once.as_ref(), model, request).await
    };
    ok(&call.rows(predict).await?)
}

/// Get a recorded prediction
///
/// What was asked, by which key, which version answered, and what.
#[utoipa::path(
    tag = "predictions",
    responses((status = 200, description = "The record", body = PredictionRecord,
        example = examples::prediction_record))
)]
#[get("/api/v1/predictions/{prediction}")]
pub(super) async fn get_prediction(call: Call) -> Answer {
    ok(&call.service().get_prediction(&call.caller, call.id("prediction")?).await?)
}

/// Replay a recorded prediction
///
/// Scores the recorded rows again by the version that answered, and compares. Changes nothing.
#[utoipa::path(
    tag = "predictions",
    responses((status = 200, description = "How the answer of now compares", body = Replay,
        example = examples::replay))
)]
#[post("/api/v1/predictions/{prediction}/replay")]
pub(super) async fn replay_prediction(call: Call) -> Answer {
    ok(&call.service().replay_prediction(&call.caller, call.id("prediction")?).await?)
}
