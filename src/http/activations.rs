//! Activations of rows.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::PREDICTION_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::activation::{ActivationRequest, ActivationResponse};

/// Look at activations
///
/// Says of each row what every layer of a version, its champion when none is named, makes of it: small
/// layers in full, large ones in short unless they are named. Of a version with attention each head's map
/// is answered, a line for each place that looks, and the attention flow through all blocks (rollout): both
/// show where a network looks, which is no attribution; use explanations for what an answer is owed to. At
/// most 200 rows or windows, a million numbers, and a minute; changes nothing. Statistics over a whole
/// dataset are an analysis of the kind `activations`.
#[utoipa::path(
    tag = "explanations",
    request_body(content = ActivationRequest, description = "The rows, and what is looked at",
        example = examples::activation_request),
    responses((status = 200, description = "The activations of each row",
        body = ActivationResponse, example = examples::activation_response))
)]
#[post("/api/v1/models/{model}/activations")]
pub(super) async fn create_activations(mut call: Call) -> Answer {
    let request = call.json::<ActivationRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().observe(&call.caller, call.name("model")?, request).await?)
}
