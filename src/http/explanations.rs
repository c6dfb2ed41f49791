//! Explanations of answers.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::PREDICTION_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::explanation::{ExplanationRequest, ExplanationResponse};

/// Explain answers
///
/// Says of each row what each of its columns adds to the answer of a version, its champion when none is
/// named: attributions that lead from what reference rows are answered on average (`base`) to what this
/// one is (`value`), on the scale of log odds or of the target. They are gradients along ways through
/// the whole network, for any network and kind of input, or Shapley values of columns and groups of them
/// (`shapley`: tables and windows, of few rows at once); nothing but the rows is sent, since a version
/// carries its reference rows, and the same rows have the same attributions. `gap` is how far they miss
/// adding up, `holds` whether that is little. At most 1,000 answers, and a minute; changes nothing.
#[utoipa::path(
    tag = "explanations",
    request_body(content = ExplanationRequest, description = "The rows, and what is explained",
        example = examples::explanation_request),
    responses((status = 200, description = "An explanation for each row",
        body = ExplanationResponse, example = examples::explanation_response))
)]
#[post("/api/v1/models/{model}/explanations")]
pub(super) async fn create_explanation(mut call: Call) -> Answer {
    let request = call.json::<ExplanationRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().explain(&call.caller, call.name("model")?, request).await?)
}
