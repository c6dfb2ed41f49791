//! Counterfactuals.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::PREDICTION_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::counterfactual::{CounterfactualRequest, CounterfactualResponse};

/// Find the smallest changes that lead to another answer
///
/// Searches for each row how little of the columns that are marked as changeable has to change, each within
/// its bounds, direction and step, for a version (its champion when none is named) to answer as is sought:
/// the other of two classes, a class by name, or a probability or number beyond a bound. What is found was
/// scored by the version, whose answer stands beside it; that nothing smaller exists is not proven. The
/// size of a change is measured by how far the training rows lie apart, and changes of several columns add
/// up. Nothing is random: the same request is answered the same. At most 100 rows, and a minute; changes
/// nothing.
#[utoipa::path(
    tag = "explanations",
    request_body(content = CounterfactualRequest, description = "The rows, what may change, and the goal",
        example = examples::counterfactual_request),
    responses((status = 200, description = "What was found for each row",
        body = CounterfactualResponse, example = examples::counterfactual_response))
)]
#[post("/api/v1/models/{model}/counterfactuals")]
pub(super) async fn create_counterfactual(mut call: Call) -> Answer {
    let request = call.json::<CounterfactualRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().counterfactuals(&call.caller, call.name("model")?, request).await?)
}
