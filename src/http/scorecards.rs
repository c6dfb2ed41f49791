//! Scorecards as tables of points.

use actix_web::http::header;
use actix_web::{HttpResponse, get};

use super::answer::{Answer, CSV, ok, wants_csv};
use super::examples;
use super::extract::Call;
use crate::domain::scorecard::{Scorecard, ScorecardQuery};
use crate::service::scorecard_csv;

/// Get a version's scorecard
///
/// The points of every bin of every column, on a scale of one's own: a row's score is the sum of the points
/// of the bins that it is in, and `points + points_to_double * log2(odds of the good outcome / odds)`. Beside
/// them each column's information value and coefficient with its standard error. Bins are exhaustive: values
/// that no training row had, and missing ones, have points as well. For versions of the network `scorecard`;
/// as CSV by `Accept: text/csv` or `format=csv`, a line for each bin.
#[utoipa::path(
    tag = "versions",
    params(ScorecardQuery,
        ("format" = Option<String>, Query, description = "`json` or `csv`; `Accept` decides when \
            absent")),
    responses((status = 200, description = "The scorecard",
        content((Scorecard = "application/json", example = examples::scorecard),
            (String = "text/csv", example = examples::scorecard_csv))))
)]
#[get("/api/v1/models/{model}/versions/{version}/scorecard")]
pub(super) async fn get_scorecard(call: Call) -> Answer {
    let as_csv = wants_csv(&call, "a scorecard")?;
    let (model, version) = (call.name("model")?, call.version()?);
    let plain = ScorecardQuery::default();
    let any = f64::MIN..=f64::MAX;
    let number = |name| call.query_number(name, any.clone());
    let is = |word: &str| word.parse::<bool>().ok();
    let query = ScorecardQuery {
        points: number("points")?.unwrap_or(plain.points),
        points_to_double: number("points_to_double")?.unwrap_or(plain.points_to_double),
        odds: number("odds")?.unwrap_or(plain.odds),
        rounded: call.query_word("rounded", is, &["true", "false"])?.unwrap_or(plain.rounded),
    };
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
