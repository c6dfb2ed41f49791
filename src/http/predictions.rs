//! Predictions: made, recorded, replayed.

use actix_web::http::header::{self, Accept, Header as _, Quality};
use actix_web::{HttpResponse, get, mime, post};
use bytes::Bytes;

use super::answer::{Answer, ok};
use super::examples;
use super::extract::Call;
use crate::domain::prediction::{
    ARROW_STREAM, PredictionRecord, PredictionRequest, PredictionResponse, Replay,
};
use crate::error::{Code, Error, Result};
use crate::service::{Question, arrow_answer};

const JSON: &str = "application/json";

/// Predict rows
///
/// Scores up to 100,000 rows by a version of a model, its champion when none is named. The rows
/// come as objects (`rows`), as lists per column (`columns`), or as an Arrow IPC stream
/// (`application/vnd.apache.arrow.stream`) whose columns are the model's inputs, in any order:
/// numbers, texts (large ones, views and dictionaries too), dates and times of any width, unit and
/// zone, pictures as binary; NaN is missing, as null is; buffers are not compressed. A stream's
/// `version` and `record` are query parameters. Every unknown or missing column
/// and every wrong value is named at once. With `record`, or where the model's settings say so,
/// the answer is kept before it leaves.
///
/// With `reasons` the adverse answers of a table's two classes get up to four reasons each: the columns
/// that add most to the log odds of the adverse class, compared with approved applicants nearest above the
/// cut-off, of which each version carries a sample. Nothing is drawn, so that the same rows have the same
/// reasons. Codes and texts are those of the model's newest reason table, or of the one that is named; a
/// column without an entry is told by its value and what the approved mostly have: a range that three quarters
/// of those compared have at least, words that three fifths have, and nothing of the kind where too many lack a
/// value. What adds less than 5 % of what hurts most is no reason, and a favourable answer has none. With `explain` each answer is
/// explained as by the explanations endpoint. Both are for at most 1,000 rows of a JSON request.
///
/// `Accept: application/vnd.apache.arrow.stream` answers with such a stream, whatever the rows came
/// as: one batch with `label` (text) and a column `probabilities.CLASS` for each class, or with
/// `value` alone; `model`, `version`, `threshold` and `id` are in the schema's metadata.
#[utoipa::path(
    tag = "predictions",
    params(
        ("version" = Option<String>, Query, description = "Of an Arrow stream: a version's number \
            or an alias; `champion` when absent. In JSON it stands in the body"),
        ("record" = Option<bool>, Query, description = "Of an Arrow stream: whether the answer is \
            kept as an append-only record before it leaves. In JSON it stands in the body"),
    ),
    request_body(description = "The rows",
        content((PredictionRequest = "application/json", example = examples::prediction_request),
            (String = "application/vnd.apache.arrow.stream"))),
    responses((status = 200, description = "One prediction a row, in their order",
        content((PredictionResponse = "application/json", example = examples::prediction_response),
            (String = "application/vnd.apache.arrow.stream"))))
)]
#[post("/api/v1/models/{model}/predictions")]
pub(super) async fn create_prediction(mut call: Call) -> Answer {
    let format = accepted(&call)?;
    let predict = async |call: &Call, question: Question, bytes: &Bytes| {
        if format == Format::Arrow
            && let Some(wanted) = question.wanted()
        {
            let field = if wanted.reasons.is_some() { "/reasons" } else { "/explain" };
            let detail = "is answered in JSON only: leave it out, or accept application/json";
            return Err(Error::field(Code::InvalidRequest, field, detail));
        }
        let (once, model) = (call.once(bytes)?, call.name("model")?);
        call.service().predict(&call.caller, once.as_ref(), model, question).await
    };
    let answer = call.rows(predict).await?;
    match format {
        Format::Json => ok(&answer),
        Format::Arrow => {
            Ok(HttpResponse::Ok().content_type(ARROW_STREAM).body(arrow_answer(&answer)?))
        }
    }
}

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Arrow,
}

/// The format that `Accept` likes best; JSON where it says nothing.
fn accepted(call: &Call) -> Result<Format> {
    let given = call.request.headers().get(header::ACCEPT).map(|accept| accept.as_bytes());
    // What most requests say needs no grammar.
    if matches!(given.map(<[u8]>::trim_ascii), None | Some(b"" | b"*/*" | b"application/json")) {
        return Ok(Format::Json);
    }
    let malformed = |_| Error::field(Code::InvalidRequest, "header Accept", "can't be read");
    let Accept(mut ranges) = Accept::parse(&call.request).map_err(malformed)?;
    ranges.retain(|range| range.quality != Quality::ZERO);
    Accept(ranges).ranked().iter().find_map(format_of).ok_or_else(|| {
        Error::new(Code::NotAcceptable, format!("answers are given as {JSON} or {ARROW_STREAM}"))
    })
}

fn format_of(range: &mime::Mime) -> Option<Format> {
    match range.essence_str() {
        "*/*" | "application/*" | JSON => Some(Format::Json),
        ARROW_STREAM => Some(Format::Arrow),
        _ => None,
    }
}

/// Get a recorded prediction
///
/// What was asked, by which key, which version answered, and what.
#[utoipa::path(
    tag = "predictions",
    responses((status = 200, description = "The record", body = PredictionRecord,
        example = examples::prediction_record))
)]
#[get("/api/v1/predictions/{prediction}")]
pub(super) async fn get_prediction(call: Call) -> Answer {
    ok(&call.service().get_prediction(&call.caller, call.id("prediction")?).await?)
}

/// Replay a recorded prediction
///
/// Scores the recorded rows again by the version that answered, and compares; recorded reasons are found
/// again too. Changes nothing.
#[utoipa::path(
    tag = "predictions",
    responses((status = 200, description = "How the answer of now compares", body = Replay,
        example = examples::replay))
)]
#[post("/api/v1/predictions/{prediction}/replay")]
pub(super) async fn replay_prediction(call: Call) -> Answer {
    ok(&call.service().replay_prediction(&call.caller, call.id("prediction")?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_ranges_choose_a_format() {
        let format = |range: &str| format_of(&range.parse().unwrap());
        assert_eq!(format("application/*"), Some(Format::Json));
        assert_eq!(format("application/json; charset=utf-8"), Some(Format::Json));
        assert_eq!(format("application/vnd.apache.arrow.stream"), Some(Format::Arrow));
        assert_eq!(format("application/vnd.apache.arrow.file"), None);
        assert_eq!(format("text/*"), None);
    }
}
