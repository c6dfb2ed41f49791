//! Jobs: listed, looked at, waited for, cancelled.

use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use starlark::eval::Evaluator;
use starlark::values::Value;
use uuid::Uuid;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Lending, Object, alloc, object_of};
use super::super::progress::{analysis, assessment};
use super::super::text::grouped;
use super::data::page;
use super::training::trained;
use crate::client::{Client, outcome};
use crate::domain::job::{JobEvent, JobEventKind, JobKind, JobResult, JobState, Progress};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, Result};

/// The first thing that a job says comes within so long.
const FIRST: Duration = Duration::from_secs(30);
/// What has happened is told within so long after it.
const LISTENED: Duration = Duration::from_secs(2);
/// A job that says nothing for so long has said what it has to up to now.
const QUIET: Duration = Duration::from_millis(400);

/// `jobs(kind=None, state=None, limit=20)`.
pub(super) fn jobs<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let kinds = JobKind::ALL.map(JobKind::as_str);
    let kind = word(arguments, "kind", JobKind::parse, &kinds)?;
    let states: Vec<&str> = JobState::ALL.iter().map(|state| state.as_str()).collect();
    let state = word(arguments, "state", JobState::parse, &states)?;
    let query = page(arguments, 20)?;
    let found = context.wait(context.client().list_jobs(kind, state, &query))?.items;
    let values: Vec<Value<'v>> = found
        .into_iter()
        .map(|job| alloc(Object::Job(Box::new(job)), eval))
        .collect::<Result<_>>()?;
    Ok(eval.heap().alloc(values))
}

/// One of the words that an argument may be.
fn word<T>(
    arguments: &Arguments<'_>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Option<T>> {
    let Some(text) = arguments.text(name)? else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| {
        let near = did_you_mean(text, known.iter().copied());
        arguments.wrong(name, &format!("must be one of {}{near}", known.join(", ")))
    })
}

/// The job that an argument names.
pub(super) fn id_of(arguments: &Arguments<'_>, name: &str) -> Result<Uuid> {
    let value = arguments.needed(name)?;
    if let Some(Object::Job(job)) = object_of(value) {
        return Ok(job.id);
    }
    let id = value.unpack_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| arguments.unlike(name, "a job or its id", value))
}

/// `job(id)`.
pub(super) fn job<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let found = context.wait(context.client().get_job(id_of(arguments, "id")?))?;
    alloc(Object::Job(Box::new(found)), eval)
}

/// `wait(job)`.
pub(super) fn wait<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let found = context.wait(context.client().get_job(id_of(arguments, "job")?))?;
    let ended = if found.state.has_ended() { found } else { context.follow(&found)? };
    if ended.state == JobState::Cancelled {
        // Nobody interrupted this cell: someone cancelled the job.
        let detail = format!("job {} was cancelled, and made nothing", ended.id);
        return Err(Error::new(Code::JobEnded, detail));
    }
    if matches!(ended.kind, JobKind::Training | JobKind::Simplification) {
        let trained = trained(context, ended)?;
        return alloc(Object::Version(Box::new(trained)), eval);
    }
    match outcome(ended.clone())? {
        JobResult::DatasetVersion(made) => {
            let client = &context.client();
            let made = context.wait(client.get_dataset_version(&made.dataset, made.version))?;
            alloc(Object::Dataset(made), eval)
        }
        JobResult::Assessment(book) => alloc(Object::Lending(Box::new(Lending::Book(book))), eval),
        JobResult::RejectInference(made) => {
            alloc(Object::Lending(Box::new(Lending::Inferred(made))), eval)
        }
        JobResult::Analysis(made) => {
            let found = context.wait(context.client().get_analysis(&made.model, made.id))?;
            alloc(Object::Analysis(Box::new(found)), eval)
        }
        _ => alloc(Object::Job(Box::new(ended)), eval),
    }
}

/// What has happened to a job up to now: of one that runs, what the server tells at once.
pub(super) async fn past(client: &Client, id: Uuid) -> Result<Vec<JobEvent>> {
    let mut events = client.job_events(id, 0);
    let mut found = Vec::new();
    // The first may be far away, and one that runs may say something all the time.
    let mut patience = FIRST;
    let mut until = None;
    while let Ok(event) = tokio::time::timeout(patience, events.next()).await {
        patience = QUIET;
        if Instant::now() > *until.get_or_insert_with(|| Instant::now() + LISTENED) {
            break;
        }
        match event? {
            Some(event) => found.push(event),
            None => break,
        }
    }
    Ok(found)
}

/// `log(job)`.
pub(super) fn log<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let id = id_of(arguments, "job")?;
    let events = context.wait(past(&context.client(), id))?;
    let line = |event: &JobEvent| {
        let what = match &event.event {
            JobEventKind::State(state) => state.state.as_str().to_owned(),
            JobEventKind::Log(log) => log.message.clone(),
            JobEventKind::Progress(event) => told(&event.progress),
        };
        let at = event.at.format("%H:%M:%S").to_string();
        Json::from(Map::from_iter([("at".to_owned(), at.into()), ("what".to_owned(), what.into())]))
    };
    Ok(eval.heap().alloc(Json::Array(events.iter().map(line).collect())))
}

/// `tabm epoch 3/24 loss 0.4271 score 0.783`.
fn told(progress: &Progress) -> String {
    match progress {
        Progress::Ingestion(p) => format!("{} {} rows", p.stage, grouped(p.rows)),
        Progress::Analysis(p) => analysis(p),
        Progress::Assessment(p) => assessment(p),
        Progress::Training(p) => {
            let score = p.last.validation_metric.map(|m| format!(" score {m:.4}"));
            format!(
                "{} epoch {}/{} loss {:.4}{}",
                p.run,
                p.epoch,
                p.epochs,
                p.last.validation_loss,
                score.unwrap_or_default()
            )
        }
    }
}

/// `cancel(job)`.
pub(super) fn cancel<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let id = id_of(arguments, "job")?;
    let ended = context.change(async {
        context.client().cancel_job(id).await?;
        context.client().wait_for_job(id, |_| {}).await
    })?;
    match ended.state {
        JobState::Cancelled => alloc(Object::Job(Box::new(ended)), eval),
        state => Err(Error::new(
            Code::JobEnded,
            format!("job {id} was {} before it could be cancelled: job(\"{id}\")", state.as_str()),
        )),
    }
}
