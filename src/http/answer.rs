//! What handlers answer.

use actix_web::http::header::{self, Accept, Header as _, HeaderName, HeaderValue, Quality};
use actix_web::{HttpResponse, web};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio_util::context::TokioContext;
use utoipa::ToSchema;

use super::extract::Call;
use super::problem::Failure;
use super::{API, State};
use crate::domain::analysis::AnalysisSummary;
use crate::domain::dataset::{Dataset, DatasetVersion};
use crate::domain::job::Job;
use crate::domain::key::Key;
use crate::domain::model::Model;
use crate::domain::page::Page;
use crate::domain::policy::{Policy, PolicyVersionSummary};
use crate::domain::reason::ReasonTableSummary;
use crate::domain::version::{AliasMove, VersionSummary};
use crate::error::{Code, Context as _, Error, Result};
use crate::service::Content;

pub(super) const JSON: &str = "application/json";
pub(super) const CSV: &str = "text/csv";
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What a handler returns.
pub(super) type Answer = Result<HttpResponse, Failure>;

/// For an answer of so many bytes there is room from the start.
const USUAL: usize = 512;

pub(super) fn ok(value: &impl Serialize) -> Answer {
    let mut bytes = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut bytes, value).context("writing an answer")?;
    let json = (header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    Ok(HttpResponse::Ok().insert_header(json).body(bytes))
}

/// How a table is given.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TableFormat {
    Json,
    Csv,
}

/// Whether a request wants CSV rather than JSON: a parameter says, else the best of `Accept`.
pub(super) fn wants_csv(call: &Call, what: &str) -> Result<bool> {
    let word = |word: &str| match word {
        "csv" => Some(TableFormat::Csv),
        "json" => Some(TableFormat::Json),
        _ => None,
    };
    if let Some(format) = call.query_word("format", word, &["csv", "json"])? {
        return Ok(matches!(format, TableFormat::Csv));
    }
    if call.request.headers().get(header::ACCEPT).is_none_or(|accept| accept.is_empty()) {
        return Ok(false);
    }
    let malformed = |_| Error::field(Code::InvalidRequest, "header Accept", "can't be read");
    let Accept(mut ranges) = Accept::parse(&call.request).map_err(malformed)?;
    ranges.retain(|range| range.quality != Quality::ZERO);
    let found = Accept(ranges).ranked().into_iter().find_map(|range| match range.essence_str() {
        "*/*" | "application/*" | JSON => Some(false),
        "text/*" | CSV => Some(true),
        _ => None,
    });
    found.ok_or_else(|| {
        Error::new(Code::NotAcceptable, format!("{what} is given as {JSON} or {CSV}"))
    })
}

impl Call {
    /// 202 with a job and where it is. `Prefer: wait=N` delays the same answer until the job has
    /// ended, or N seconds are over, or the server stops.
    pub(super) async fn accept(&self, job: Job) -> Answer {
        let mut response = HttpResponse::Accepted();
        response.insert_header((header::LOCATION, format!("{API}/jobs/{}", job.id)));
        let job = match self.wait() {
            Some(at_most) if !job.state.has_ended() => {
                response.insert_header((PREFERENCE_APPLIED, format!("wait={}", at_most.as_secs())));
                tokio::select! {
                    waited = self.service().wait_for_job(&self.caller, job.id, at_most) => waited?,
                    () = self.state.stopping.cancelled() => job,
                }
            }
            _ => job,
        };
        Ok(response.json(job))
    }

    /// 200 with what is stored, as a file of this name.
    pub(super) fn download(
        &self,
        content: Content,
        media_type: &str,
        (etag, file): (&str, &str),
    ) -> Answer {
        let mut response = HttpResponse::Ok();
        let disposition = format!("attachment; filename=\"{file}\"");
        response
            .content_type(media_type)
            .insert_header((header::ETAG, etag))
            .insert_header((header::CONTENT_DISPOSITION, disposition));
        if let Some(size) = content.size {
            response.no_chunking(size);
        }
        Ok(response.streaming(flow(content, self.state.clone())))
    }

    /// 200 with one page, and a link to the next one (RFC 8288).
    pub(super) fn list<T, P: From<Page<T>> + Serialize>(&self, page: Page<T>) -> Answer {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &page.next_cursor {
            let path = self.request.uri().path();
            let others = self.request.query_string().split('&');
            let others = others.filter(|p| !p.is_empty() && !p.starts_with("cursor="));
            let query: String = others.map(|p| format!("{p}&")).collect();
            let link = format!("<{path}?{query}cursor={cursor}>; rel=\"next\"");
            response.insert_header((header::LINK, link));
        }
        Ok(response.json(P::from(page)))
    }
}

/// The content piece by piece. An error breaks the answer off, which the client sees by its
/// missing end.
fn flow(
    content: Content,
    state: web::Data<State>,
) -> impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> {
    stream::unfold(Some((content, state)), |going| async {
        let (mut content, state) = going?;
        let runtime = state.runtime.clone();
        match TokioContext::new(content.next(), runtime).await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((content, state)))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a download broke off");
                Some((Err(std::io::Error::other("the download broke off")), None))
            }
        }
    })
}

/// Concrete pages: a generic one would be described once more for each item.
macro_rules! pages {
    ($($(#[doc = $doc:literal])+ $name:ident of $item:ty;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        pub(super) struct $name {
            pub(super) items: Vec<$item>,
            /// Where the next page starts: its `cursor`. Absent on the last page.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(super) next_cursor: Option<String>,
        }

        impl From<Page<$item>> for $name {
            fn from(page: Page<$item>) -> Self {
                Self { items: page.items, next_cursor: page.next_cursor }
            }
        }
    )+};
}

pages! {
    /// Datasets by name.
    DatasetPage of Dataset;
    /// Snapshots of a dataset, the newest first.
    DatasetVersionPage of DatasetVersion;
    /// Models by name.
    ModelPage of Model;
    /// Versions of a model, the newest first.
    ModelVersionPage of VersionSummary;
    /// Moves of an alias, the newest first.
    AliasMovePage of AliasMove;
    /// Analyses of a model, the newest first.
    AnalysisPage of AnalysisSummary;
    /// Jobs, the newest first.
    JobPage of Job;
    /// Reason tables of a model, the newest first.
    ReasonTablePage of ReasonTableSummary;
    /// Credit policies by name.
    PolicyPage of Policy;
    /// Versions of a credit policy, the newest first.
    PolicyVersionPage of PolicyVersionSummary;
    /// Keys, the newest first.
    KeyPage of Key;
}
