//! Jobs: watched, waited for, cancelled.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpResponse, get, mime, post, web};
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::Instant;
use tokio_util::context::TokioContext;
use uuid::Uuid;

use super::answer::{Answer, JobPage, ok};
use super::extract::{Call, both, shown};
use super::{State, examples, gate};
use crate::domain::job::{Job, JobEvent, JobEventKind, JobKind, JobState};
use crate::domain::page::PageQuery;
use crate::error::{Code, Error, Result};
use crate::service::JobFilter;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A silent stream says so often that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a client is to wait before it connects anew.
const RETRY: &str = "retry: 2000\n\n";

/// List jobs
///
/// The newest first, a page at a time; of one kind or in one state, if you like.
#[utoipa::path(
    tag = "jobs",
    params(
        ("kind" = Option<JobKind>, Query, description = "Only jobs of this kind"),
        ("state" = Option<JobState>, Query, description = "Only jobs in this state"),
        PageQuery,
    ),
    responses((status = 200, description = "A page of jobs", body = JobPage,
        example = examples::job_page))
)]
#[get("/api/v1/jobs")]
pub(super) async fn list_jobs(call: Call) -> Answer {
    let kinds = JobKind::ALL.map(JobKind::as_str);
    let states: Vec<&str> = JobState::ALL.iter().map(|s| s.as_str()).collect();
    let kind = call.query_word("kind", JobKind::parse, &kinds);
    let state = call.query_word("state", JobState::parse, &states);
    let ((kind, state), query) = both(both(kind, state), call.page())?;
    let page = call.service().list_jobs(&call.caller, JobFilter { kind, state }, &query).await?;
    call.list::<_, JobPage>(page)
}

/// Get a job
///
/// Its state and progress; once it is done its `result`, once it has failed its `error`.
#[utoipa::path(
    tag = "jobs",
    responses((status = 200, description = "The job", body = Job,
        example = examples::training_job))
)]
#[get("/api/v1/jobs/{job}")]
pub(super) async fn get_job(call: Call) -> Answer {
    ok(&call.service().get_job(&call.caller, call.id("job")?).await?)
}

/// Download a diverged training's checkpoint
///
/// The weights that it had before, as safetensors: those of the best epoch, whose names begin with
/// `best/`, and the last ones that were finite, `last/`; of a job whose `error` has a `checkpoint`,
/// which says until when they are kept. A training can go on from there with its `start`.
#[utoipa::path(
    tag = "jobs",
    params(("If-None-Match" = Option<String>, Header,
        description = "The `ETag` of what the client has already")),
    responses(
        (status = 200, description = "The weights",
            headers(("ETag" = String, description = "Names these bytes"),
                ("Content-Disposition" = String, description = "A file name")),
            content((String = "application/octet-stream"))),
        (status = 304, description = "The client has it already"),
    )
)]
#[get("/api/v1/jobs/{job}/checkpoint")]
pub(super) async fn get_job_checkpoint(call: Call) -> Answer {
    let id = call.id("job")?;
    let (checkpoint, content) = call.service().job_checkpoint(&call.caller, id).await?;
    let etag = format!("\"{}\"", checkpoint.sha256);
    if call.has_fresh(&etag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    let name = format!("{id}.safetensors");
    call.download(content, mime::APPLICATION_OCTET_STREAM.as_ref(), (&etag, &name))
}

/// Cancel a job
///
/// At once when it is queued, within about a second when it runs. To cancel one that is being
/// cancelled changes nothing.
#[utoipa::path(
    tag = "jobs",
    responses((status = 202, description = "The job as it is now", body = Job,
        example = examples::cancelled_job))
)]
#[post("/api/v1/jobs/{job}/cancel")]
pub(super) async fn cancel_job(call: Call) -> Answer {
    let (id, once) = (call.id("job")?, call.once(&[])?);
    let job = call.service().cancel_job(&call.caller, once.as_ref(), id).await?;
    call.accept(job).await
}

/// Follow a job
///
/// Server-sent events: `state`, `progress` and `log`, each with a `JobEvent` as its data and its
/// sequence number as its id. The stream begins with what has happened (after `Last-Event-ID`, if
/// that is sent) and ends after the state in which the job ends. A comment every 15 seconds keeps
/// it open.
#[utoipa::path(
    tag = "jobs",
    params(("Last-Event-ID" = Option<u64>, Header,
        description = "The id of the last event that the client has", maximum = 9_007_199_254_740_991u64)),
    responses((status = 200, description = "The stream of events", body = String,
        content_type = "text/event-stream", example = examples::event_stream))
)]
#[get("/api/v1/jobs/{job}/events")]
pub(super) async fn stream_job_events(call: Call) -> Answer {
    let id = call.id("job")?;
    let after = match call.header(&LAST_EVENT_ID)? {
        None => 0,
        Some(text) => text.parse().ok().filter(|n| *n < 1u64 << 53).ok_or_else(|| {
            let detail = format!("'{}' is not the id of an event", shown(text));
            Error::field(Code::InvalidRequest, "header Last-Event-ID", detail)
        })?,
    };
    call.service().get_job(&call.caller, id).await?;
    let follower = Follower {
        headers: call.request.headers().clone(),
        state: call.state.clone(),
        id,
        after,
        ended: false,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(follower.stream()))
}

/// Someone who follows a job.
struct Follower {
    /// With the key, which is checked again at each look, so that a revoked one ends the stream.
    headers: HeaderMap,
    state: web::Data<State>,
    id: Uuid,
    /// The last event that was sent.
    after: u64,
    ended: bool,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        let first = stream::iter([Ok(Bytes::from_static(RETRY.as_bytes()))]);
        let rest = stream::unfold(self, |mut follower| async move {
            let runtime = follower.state.runtime.clone();
            match TokioContext::new(follower.next(), runtime).await {
                Ok(text) => text.map(|text| (Ok(Bytes::from(text)), follower)),
                Err(error) => {
                    tracing::warn!(%error, job = %follower.id, "a stream of events ended early");
                    None
                }
            }
        });
        futures_util::StreamExt::chain(first, rest)
    }

    /// The next events as text, or a sign of life; none at the end.
    async fn next(&mut self) -> Result<Option<String>> {
        let service = &self.state.service;
        let silent_since = Instant::now();
        while !self.ended && !self.state.stopping.is_cancelled() {
            let caller = gate::authenticate(&self.headers, service).await?;
            // The state is read before the events: what an ended job did is then complete.
            let ended = service.get_job(&caller, self.id).await?.state.has_ended();
            let events = service.job_events(&caller, self.id, self.after).await?;
            if let Some(last) = events.last() {
                self.after = last.sequence;
                self.ended = events.iter().any(ends);
                return Ok(Some(events.iter().map(render).collect()));
            }
            if ended {
                break;
            }
            if silent_since.elapsed() >= KEEP_ALIVE {
                return Ok(Some(": still here\n\n".to_owned()));
            }
            tokio::select! {
                () = service.wait_for_job_change(self.id, KEEP_ALIVE) => {}
                () = self.state.stopping.cancelled() => {}
            }
        }
        Ok(None)
    }
}

fn ends(event: &JobEvent) -> bool {
    matches!(&event.event, JobEventKind::State(state) if state.state.has_ended())
}

/// An event in the format of the HTML standard, section 9.2.
fn render(event: &JobEvent) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.sequence, event.event.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::{LogEvent, StateEvent};

    fn event(kind: JobEventKind) -> JobEvent {
        JobEvent { sequence: 7, at: chrono::DateTime::UNIX_EPOCH, event: kind }
    }

    #[test]
    fn an_event_is_one_block_whatever_its_text() {
        let log = event(JobEventKind::Log(LogEvent { message: "a\n\nb".into() }));
        assert_eq!(
            render(&log),
            "id: 7\nevent: log\ndata: {\"sequence\":7,\"at\":\"1970-01-01T00:00:00Z\",\
             \"event\":{\"kind\":\"log\",\"message\":\"a\\n\\nb\"}}\n\n"
        );
        assert!(!ends(&log));
    }

    #[test]
    fn a_terminal_state_ends_the_stream() {
        for state in JobState::ALL {
            let told = event(JobEventKind::State(StateEvent { state: *state }));
            assert_eq!(ends(&told), state.has_ended());
        }
    }
}
