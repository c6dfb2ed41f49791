//! Versions made simpler.

use actix_web::post;

use super::answer::Answer;
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::job::Job;
use crate::domain::simplification::SimplificationSpec;

/// Simplify a version
///
/// Queues the making of a new version from one that is there, by pruning, distillation or
/// quantisation. The job's `result` links the new version, whose `simplification` holds its metrics,
/// size and latency beside its parent's, and what quality was lost.
#[utoipa::path(
    tag = "versions",
    request_body(content = SimplificationSpec, description = "What is made simpler, and how",
        example = examples::simplification_spec),
    responses((status = 202, description = "The job that makes it", body = Job,
        example = examples::simplification_job))
)]
#[post("/api/v1/models/{model}/simplifications")]
pub(super) async fn create_simplification(mut call: Call) -> Answer {
    let body = call.json::<SimplificationSpec>(JSON_LIMIT).await?;
    let (once, model) = (call.once(&body.bytes)?, call.name("model")?);
    let job = call.service().simplify(&call.caller, once.as_ref(), model, body.value).await?;
    call.accept(job).await
}
