//! Analyses of models.

use actix_web::{get, post};

use super::answer::{AnalysisPage, Answer, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::{Call, both};
use crate::domain::analysis::{Analysis, AnalysisKind, AnalysisRequest};
use crate::domain::job::Job;
use crate::domain::page::PageQuery;

/// Analyse a model
///
/// Queues an analysis of a version, its champion when none is named: how it answers over many rows, its
/// own test rows or those of a dataset. `importance` says how much worse it answers when a column is
/// shuffled; `dependence` how its answers change with a column while all others stay; `surrogate` gives a
/// tree of rules and a line that answer nearly as it does, and how nearly; `activations` which units of
/// its layers are dead or saturated, and which rows activate each most; `fairness` how its decisions fall
/// on the groups of a column that it does not read (monitoring, not a legal opinion); `rolling_origin` how
/// its forecasts would have done, trained anew as time went on. The job's `progress`
/// tells how far it is, its `result` links what was found, which is kept. The same request finds the same numbers.
#[utoipa::path(
    tag = "analyses",
    request_body(content = AnalysisRequest, description = "What is looked at, and what for",
        example = examples::analysis_request),
    responses((status = 202, description = "The job that analyses", body = Job,
        example = examples::analysis_job))
)]
#[post("/api/v1/models/{model}/analyses")]
pub(super) async fn create_analysis(mut call: Call) -> Answer {
    let body = call.json::<AnalysisRequest>(JSON_LIMIT).await?;
    let (once, model) = (call.once(&body.bytes)?, call.name("model")?);
    let job = call.service().analyse(&call.caller, once.as_ref(), model, body.value).await?;
    call.accept(job).await
}

/// List analyses of a model
///
/// The newest first, a page at a time, without what they found; of one kind, if you like.
#[utoipa::path(
    tag = "analyses",
    params(
        ("kind" = Option<AnalysisKind>, Query, description = "Only analyses of this kind"),
        PageQuery,
    ),
    responses((status = 200, description = "A page of analyses", body = AnalysisPage,
        example = examples::analysis_page))
)]
#[get("/api/v1/models/{model}/analyses")]
pub(super) async fn list_analyses(call: Call) -> Answer {
    let kinds: Vec<&str> = AnalysisKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let model = call.name("model")?;
    let kind = call.query_word("kind", AnalysisKind::parse, &kinds);
    let (kind, query) = both(kind, call.page())?;
    let page = call.service().list_analyses(&call.caller, model, kind, &query).await?;
    call.list::<_, AnalysisPage>(page)
}

/// Get an analysis of a model
///
/// What was asked, over which rows, and what was found.
#[utoipa::path(
    tag = "analyses",
    responses((status = 200, description = "The analysis", body = Analysis,
        example = examples::analysis))
)]
#[get("/api/v1/models/{model}/analyses/{analysis}")]
pub(super) async fn get_analysis(call: Call) -> Answer {
    let (model, id) = (call.name("model")?, call.id("analysis")?);
    ok(&call.service().get_analysis(&call.caller, model, id).await?)
}
