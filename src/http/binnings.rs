//! Columns of a dataset by what each tells of an outcome.

use actix_web::post;

use super::answer::{Answer, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::binning::{BinningAnswer, BinningRequest};

/// Bin columns of a dataset
///
/// Puts columns into bins against an outcome of two classes, as the network `scorecard` does, and tells of
/// each bin rows, the share of the adverse class, weight of evidence and information value, and of each column
/// its information value, the greatest first: which columns are worth a place in a model. Numbers and
/// timestamps are cut by a tree, whose cuts are merged exactly to the greatest information value that the
/// number of bins, their least share and the trend allow (Siddiqi 2006); categories are put together by their
/// rates; bins of one class alone are bins as others; missing values are a bin of their own. A column that has
/// no bins says why. Over all rows of the dataset: what a model is to be tested on should be kept out. At most
/// 1,000 columns, 50 million values, and a minute; changes nothing.
#[utoipa::path(
    tag = "loans",
    request_body(content = BinningRequest, description = "Which columns against which outcome, and how they are \
        cut", example = examples::binning_request),
    responses((status = 200, description = "The columns in bins, by their information value",
        body = BinningAnswer, example = examples::binning))
)]
#[post("/api/v1/loans/binnings")]
pub(super) async fn create_binning(mut call: Call) -> Answer {
    let request = call.json::<BinningRequest>(JSON_LIMIT).await?.value;
    ok(&call.service().bin_columns(&call.caller, request).await?)
}
