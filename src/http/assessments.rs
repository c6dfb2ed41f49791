//! Assessments of applicants and of loan books under a credit policy.

use actix_web::{get, post};

use super::answer::{Answer, ok};
use super::body::{JSON_LIMIT, PREDICTION_LIMIT};
use super::examples;
use super::extract::Call;
use crate::domain::assessment::{
    AssessmentRecord, AssessmentReplay, AssessmentRequest, AssessmentResponse, LoanPortfolioRequest,
};
use crate::domain::job::Job;

/// Assess loan applications
///
/// Decides on each applicant by a credit policy: approve, refer to a person, or decline, with points,
/// probability of default and its interval, expected loss, the limit and the rate that can be offered, the
/// hard rules that hold, and at most four reasons wherever it was not approved: rules first, then what of
/// the score is furthest from that of approved applicants near the cut-off. A row has the columns that the
/// model reads and those that the policy names besides. With `counterfactuals` it is searched what of that
/// which the policy calls changeable would change the decision; each change was assessed again. With
/// `record` the answer is durable before it leaves. At most 1,000 rows, and a minute.
#[utoipa::path(
    tag = "loans",
    request_body(content = AssessmentRequest, description = "The applicants",
        example = examples::assessment_request),
    responses((status = 200, description = "What is decided on each applicant",
        body = AssessmentResponse, example = examples::assessment_response))
)]
#[post("/api/v1/loans/policies/{policy}/assessments")]
pub(super) async fn create_assessment(mut call: Call) -> Answer {
    let body = call.json::<AssessmentRequest>(PREDICTION_LIMIT).await?;
    let (once, policy) = (call.once(&body.bytes)?, call.name("policy")?);
    ok(&call.service().assess(&call.caller, once.as_ref(), policy, body.value).await?)
}

/// Assess a loan book
///
/// Queues the assessment of all rows of a dataset under a credit policy. What is found becomes the next
/// version of another dataset: all columns, and behind them decision, points, probability of default,
/// exposure, expected loss, limit, rate, rules and reasons; with `staging` also the stage of impairment and
/// what is set aside for it (illustrative, not an accounting opinion). The job's result has counts, sums,
/// the distribution of points, and sums by stage.
#[utoipa::path(
    tag = "loans",
    request_body(content = LoanPortfolioRequest, description = "Which dataset, and where to",
        example = examples::loan_portfolio_request),
    responses((status = 202, description = "The job that assesses", body = Job,
        example = examples::portfolio_job))
)]
#[post("/api/v1/loans/policies/{policy}/portfolios")]
pub(super) async fn create_portfolio(mut call: Call) -> Answer {
    let body = call.json::<LoanPortfolioRequest>(JSON_LIMIT).await?;
    let (once, policy) = (call.once(&body.bytes)?, call.name("policy")?);
    let (service, caller) = (call.service(), &call.caller);
    let job = service.assess_dataset(caller, once.as_ref(), policy, body.value).await?;
    call.accept(job).await
}

/// Get a recorded assessment
///
/// The rows as they were sent, by which key, which versions of policy and model decided, and what.
#[utoipa::path(
    tag = "loans",
    responses((status = 200, description = "The record", body = AssessmentRecord,
        example = examples::assessment_record))
)]
#[get("/api/v1/loans/assessments/{assessment}")]
pub(super) async fn get_assessment(call: Call) -> Answer {
    ok(&call.service().get_assessment(&call.caller, call.id("assessment")?).await?)
}

/// Replay a recorded assessment
///
/// Assesses the recorded rows again by the same versions of policy and model and the same reason table, and
/// compares. Changes nothing.
#[utoipa::path(
    tag = "loans",
    responses((status = 200, description = "How the assessment of now compares",
        body = AssessmentReplay, example = examples::assessment_replay))
)]
#[post("/api/v1/loans/assessments/{assessment}/replay")]
pub(super) async fn replay_assessment(call: Call) -> Answer {
    ok(&call.service().replay_assessment(&call.caller, call.id("assessment")?).await?)
}
