//! Scorecards as tables of points.

use actix_web::http::header;
use actix_web::{HttpResponse, get};

use super::answer::{Answer, CSV, TableFormat, ok, wants_csv};
use super::examples;
use super::extract::Call;
use crate::domain::scorecard::{Scorecard, ScorecardQuery};
use crate::error::{Code, Error, FieldError, Result};
use crate::service::scorecard_csv;

/// Get a version's scorecard
///
/// The points of every bin of every column, on a scale of one's own: a row's score is the sum of the points
/// of the bins that it is in, and `points + points_to_double * log2(odds of the favourable class / odds)`. Which
/// class is adverse is the positive one, unless `adverse` says otherwise, as a policy does. Beside them each column's information value and coefficient with its standard error. Bins are exhaustive: values
/// that no training row had, and missing ones, have points as well. For versions of the network `scorecard`;
/// as CSV by `Accept: text/csv` or `format=csv`, a line for each bin.
#[utoipa::path(
    tag = "versions",
    params(ScorecardQuery,
        ("format" = Option<TableFormat>, Query, description = "`json` or `csv`; `Accept` decides when \
            absent")),
    responses((status = 200, description = "The scorecard",
        content((Scorecard = "application/json", example = examples::scorecard),
            (String = "text/csv", example = examples::scorecard_csv))))
)]
#[get("/api/v1/models/{model}/versions/{version}/scorecard")]
pub(super) async fn get_scorecard(call: Call) -> Answer {
    let as_csv = wants_csv(&call, "a scorecard")?;
    let (model, version) = (call.name("model")?, call.version()?);
    let query = scale(&call)?;
    let found = call.service().get_scorecard(&call.caller, model, version, &query).await?;
    if !as_csv {
        return ok(&found);
    }
    let disposition = format!("attachment; filename=\"{model}-{version}-scorecard.csv\"");
    Ok(HttpResponse::Ok()
        .content_type(CSV)
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .body(scorecard_csv(&found)?))
}

/// The scale that a request asks for; every parameter that can't be read is named.
fn scale(call: &Call) -> Result<ScorecardQuery> {
    let mut unread = Vec::new();
    let mut query = ScorecardQuery::default();
    for (name, slot) in [
        ("points", &mut query.points),
        ("points_to_double", &mut query.points_to_double),
        ("odds", &mut query.odds),
    ] {
        match call.query_real(name) {
            Ok(number) => *slot = number.unwrap_or(*slot),
            Err(error) => unread.push(error),
        }
    }
    let is = |word: &str| word.parse::<bool>().ok();
    match call.query_word("rounded", is, &["true", "false"]) {
        Ok(rounded) => query.rounded = rounded.unwrap_or(query.rounded),
        Err(error) => unread.push(error),
    }
    query.adverse = call.query("adverse").map(str::to_owned);
    let errors: Vec<FieldError> = unread
        .into_iter()
        .flat_map(|error| match error {
            Error::Problem { errors, .. } => errors,
            error => vec![FieldError::new("", error.to_string())],
        })
        .collect();
    match errors.is_empty() {
        true => Ok(query),
        false => {
            let detail = "the scale of points can't be read";
            Err(Error::fields(Code::InvalidRequest, detail, errors))
        }
    }
}
