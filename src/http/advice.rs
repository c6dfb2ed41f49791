//! Advice.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::advice::{Advice, AdviceRequest};

/// Get advice on a training and on services
///
/// Looks at a dataset, trains a few steps of each network that comes into question on a sample of
/// its rows (for about 8 seconds in all, one request at a time), and recommends a training: `spec`
/// can be posted as it stands to `/api/v1/models/{model}/versions`. The data decide; measured times
/// do where the `minutes` that are given would not suffice. Of more than 20 classes the 20 most
/// frequent are looked at for what categories tell of them. `services` say which service of this program
/// suits a loan book, a history of prices or an investor's universe, what to send it, and what the data lack
/// for it. Changes nothing.
#[utoipa::path(
    tag = "advice",
    request_body(content = AdviceRequest, description = "What is to be predicted from which data",
        example = examples::advice_request),
    responses((status = 200, description = "What is recommended, and why", body = Advice,
        example = examples::advice))
)]
#[post("/api/v1/advice")]
pub(super) async fn create_advice(mut call: Call) -> Answer {
    let request = call.json::<AdviceRequest>(JSON_LIMIT).await?.value;
    ok(&call.service().advise(&call.caller, request).await?)
}
