//! Jobs: listed, looked at, waited for, cancelled.

use starlark::eval::Evaluator;
use starlark::values::Value;
use uuid::Uuid;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, alloc, object_of};
use super::data::page;
use super::training::trained;
use crate::client::outcome;
use crate::domain::job::{JobKind, JobResult, JobState};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, Result};

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
    let found = context.wait(context.client.list_jobs(kind, state, &query))?.items;
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
fn id_of(arguments: &Arguments<'_>, name: &str) -> Result<Uuid> {
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
    let found = context.wait(context.client.get_job(id_of(arguments, "id")?))?;
    alloc(Object::Job(Box::new(found)), eval)
}

/// `wait(job)`.
pub(super) fn wait<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let found = context.wait(context.client.get_job(id_of(arguments, "job")?))?;
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
            let client = &context.client;
            let made = context.wait(client.get_dataset_version(&made.dataset, made.version))?;
            alloc(Object::Dataset(made), eval)
        }
        _ => alloc(Object::Job(Box::new(ended)), eval),
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
        context.client.cancel_job(id).await?;
        context.client.wait_for_job(id, |_| {}).await
    })?;
    match ended.state {
        JobState::Cancelled => alloc(Object::Job(Box::new(ended)), eval),
        state => Err(Error::new(
            Code::JobEnded,
            format!("job {id} was {} before it could be cancelled: job(\"{id}\")", state.as_str()),
        )),
    }
}
