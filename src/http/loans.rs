//! Loans that were made, and applicants who were refused one.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::{JSON_LIMIT, PREDICTION_LIMIT};
use super::examples;
use super::extract::Call;
use crate::domain::job::Job;
use crate::domain::loan::{ExpectedLossRequest, ExpectedLossResponse};
use crate::domain::reject::RejectInferenceRequest;

/// Calculate expected losses of loans
///
/// Puts each loan into its stage of impairment (IFRS 9, 5.5) and says what it is expected to lose: in stage
/// 1 by defaults within twelve months; in stage 2, from 30 days past due on or where the probability of
/// default has risen by a ratio and by an amount, over the whole term; in stage 3, from 90 days on, as in
/// default. Month by month the loss is the discounted exposure x LGD x the probability of a default then,
/// whose hazard is constant from the twelve-month probability unless a term structure is given; the drawn
/// amount falls by annuity, linearly, or at the end. Scenarios are weighted. Illustrative, not an
/// accounting opinion. At most 10,000 loans; changes nothing.
#[utoipa::path(
    tag = "loans",
    request_body(content = ExpectedLossRequest, description = "The loans",
        example = examples::expected_loss_request),
    responses((status = 200, description = "Stage and expected loss of each loan, and sums",
        body = ExpectedLossResponse, example = examples::expected_loss_response))
)]
#[post("/api/v1/loans/expected-losses")]
pub(super) async fn create_expected_losses(mut call: Call) -> Answer {
    let request = call.json::<ExpectedLossRequest>(PREDICTION_LIMIT).await?.value;
    ok(&call.service().expected_losses(request).await?)
}

/// Infer outcomes of refused applicants
///
/// Queues reject inference by parcelling: a dataset whose rows without an outcome are refused applicants
/// becomes the next version of another, in which each has one, drawn with a seed. In each band of the
/// model's score the refused default `factor` times as often as the accepted. That is an assumption which no
/// data can test, and it can make a model worse; nothing infers anything unless it is asked for here. The
/// column `inferred` says where an outcome was drawn: leave it out of a training, and measure no model on
/// such rows. The job's result has every band.
#[utoipa::path(
    tag = "loans",
    request_body(content = RejectInferenceRequest, description = "Which dataset, by which model, and \
        what is assumed", example = examples::reject_inference_request),
    responses((status = 202, description = "The job that draws", body = Job,
        example = examples::reject_inference_job))
)]
#[post("/api/v1/loans/reject-inferences")]
pub(super) async fn create_reject_inference(mut call: Call) -> Answer {
    let body = call.json::<RejectInferenceRequest>(JSON_LIMIT).await?;
    let once = call.once(&body.bytes)?;
    let job = call.service().infer_rejects(&call.caller, once.as_ref(), body.value).await?;
    call.accept(job).await
}
