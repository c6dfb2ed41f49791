//! Jobs as those who ask for them see them. What their runs write is in `runs.rs`.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, corrupt, page, page_start_at, unsigned};
use crate::domain::cost::Cost;
use crate::domain::job::{
    Job, JobError, JobEvent, JobEventKind, JobKind, JobResult, JobSpec, JobState, Progress,
    StateEvent,
};
use crate::domain::page::{Page, PageQuery};
use crate::error::Result;

/// A job to be queued.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    pub project: &'a str,
    pub kind: JobKind,
    pub subject: &'a str,
    pub spec: &'a JobSpec,
    /// The blob that was uploaded for it; of a training, that of the weights to begin with.
    pub upload: Option<i64>,
    pub created_by: Option<Uuid>,
}

/// Which jobs are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobFilter {
    pub kind: Option<JobKind>,
    pub state: Option<JobState>,
}

pub(super) struct JobRow {
    pub(super) id: Uuid,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) subject: String,
    pub(super) attempts: i32,
    pub(super) max_attempts: i32,
    pub(super) estimate: Option<Json<Cost>>,
    pub(super) progress: Option<Json<Progress>>,
    pub(super) result: Option<Json<JobResult>>,
    pub(super) error: Option<Json<JobError>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

impl JobRow {
    pub(super) fn into_job(self) -> Result<Job> {
        Ok(Job {
            id: self.id,
            kind: JobKind::parse(&self.kind).ok_or_else(|| corrupt("a job's kind", &self.kind))?,
            state: JobState::parse(&self.state)
                .ok_or_else(|| corrupt("a job's state", &self.state))?,
            subject: self.subject,
            attempts: self.attempts.unsigned_abs(),
            max_attempts: self.max_attempts.unsigned_abs(),
            estimate: self.estimate.map(|e| e.0),
            progress: self.progress.map(|p| p.0),
            result: self.result.map(|r| r.0),
            error: self.error.map(|e| e.0),
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}

impl Store {
    /// A job of a project.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_job(&self, project: &str, id: Uuid) -> Result<Option<Job>> {
        sqlx::query_as!(
            JobRow,
            r#"SELECT id, kind, state, subject, attempts, max_attempts,
                estimate AS "estimate: Json<Cost>", progress AS "progress: Json<Progress>",
                result AS "result: Json<JobResult>", error AS "error: Json<JobError>", created_at, started_at, finished_at
               FROM job WHERE project = $1 AND id = $2"#,
            project,
            id
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a job"))?
        .map(JobRow::into_job)
        .transpose()
    }

    /// The blob of what is kept of a job that diverged.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn job_checkpoint(&self, project: &str, id: Uuid) -> Result<Option<i64>> {
        sqlx::query_scalar!(
            "SELECT checkpoint FROM job WHERE project = $1 AND id = $2 AND state = 'failed'",
            project,
            id
        )
        .fetch_optional(&self.pool)
        .await
        .map(Option::flatten)
        .map_err(database_error("finding what is kept of a job"))
    }

    /// Lets go of what was kept of jobs that diverged so many days ago.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn sweep_checkpoints(&self, days: u32) -> Result<()> {
        sqlx::query!(
            "UPDATE job SET checkpoint = NULL WHERE state = 'failed' AND checkpoint IS NOT NULL
                AND finished_at < now() - $1::float8 * interval '1 day'",
            f64::from(days)
        )
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(database_error("letting go of what was kept of jobs"))
    }

    /// Jobs of a project, newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_jobs(
        &self,
        project: &str,
        filter: JobFilter,
        query: &PageQuery,
    ) -> Result<Page<Job>> {
        let (limit, before) = page_start_at::<Uuid>(query)?;
        let rows = sqlx::query_as!(
            JobRow,
            r#"SELECT id, kind, state, subject, attempts, max_attempts,
                estimate AS "estimate: Json<Cost>", progress AS "progress: Json<Progress>",
                result AS "result: Json<JobResult>", error AS "error: Json<JobError>", created_at, started_at, finished_at
               FROM job WHERE project = $1 AND ($2::text IS NULL OR kind = $2)
                AND ($3::text IS NULL OR state = $3) AND ($4::uuid IS NULL OR id < $4)
               ORDER BY id DESC LIMIT $5::bigint + 1"#,
            project,
            filter.kind.map(JobKind::as_str),
            filter.state.map(JobState::as_str),
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing jobs"))?;
        let jobs = rows.into_iter().map(JobRow::into_job).collect::<Result<_>>()?;
        Ok(page(jobs, limit, |j: &Job| j.id.to_string()))
    }

    /// What happened to a job after an event, in order, at most 1,000 events.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn job_events(&self, id: Uuid, after: u64) -> Result<Vec<JobEvent>> {
        let rows = sqlx::query!(
            r#"SELECT sequence, at, event AS "event: Json<JobEventKind>" FROM job_event
               WHERE job = $1 AND sequence > $2 ORDER BY sequence LIMIT 1000"#,
            id,
            i64::try_from(after).unwrap_or(i64::MAX)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("reading a job's events"))?;
        Ok(rows
            .into_iter()
            .map(|r| JobEvent { sequence: unsigned(r.sequence), at: r.at, event: r.event.0 })
            .collect())
    }

    /// Whether a sweep is waiting, running or was queued within the hour.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn has_recent_sweep(&self) -> Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM job WHERE kind = 'sweep' AND
                (finished_at IS NULL OR created_at > now() - interval '1 hour')) AS "exists!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(database_error("looking for a sweep"))
    }
}

impl Tx {
    /// Queues a job.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn insert_job(&mut self, job: NewJob<'_>) -> Result<Job> {
        let id = Uuid::now_v7();
        let row = sqlx::query_as!(
            JobRow,
            r#"INSERT INTO job (id, project, kind, subject, spec, upload, created_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               RETURNING id, kind, state, subject, attempts, max_attempts,
                estimate AS "estimate: Json<Cost>", progress AS "progress: Json<Progress>",
                result AS "result: Json<JobResult>", error AS "error: Json<JobError>", created_at, started_at, finished_at"#,
            id,
            job.project,
            job.kind.as_str(),
            job.subject,
            Json(job.spec) as _,
            job.upload,
            job.created_by
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("queueing a job"))?;
        self.add_job_event(id, &JobEventKind::State(StateEvent { state: JobState::Queued }))
            .await?;
        row.into_job()
    }

    /// A job that has failed, what it was to do, and the blob that is kept of it, which stays until the
    /// end of the transaction.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn hold_failed_job(
        &mut self,
        project: &str,
        id: Uuid,
    ) -> Result<Option<(JobSpec, Option<JobError>, Option<i64>)>> {
        sqlx::query!(
            r#"SELECT spec AS "spec: Json<JobSpec>", error AS "error: Json<JobError>", checkpoint
               FROM job WHERE project = $1 AND id = $2 AND state = 'failed' FOR SHARE"#,
            project,
            id
        )
        .fetch_optional(&mut *self.0)
        .await
        .map(|row| row.map(|row| (row.spec.0, row.error.map(|e| e.0), row.checkpoint)))
        .map_err(database_error("holding a job that has failed"))
    }

    /// Cancels a job: at once when it waits, else by asking its worker. Returns it as it is then;
    /// None when there is no such job, or it has ended or is being cancelled.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn cancel_job(&mut self, project: &str, id: Uuid) -> Result<Option<Job>> {
        let row = sqlx::query_as!(
            JobRow,
            r#"UPDATE job SET
                state = CASE state WHEN 'queued' THEN 'cancelled' ELSE 'cancel_pending' END,
                finished_at = CASE state WHEN 'queued' THEN now() END,
                upload = CASE state WHEN 'queued' THEN NULL ELSE upload END,
                checkpoint = CASE state WHEN 'queued' THEN NULL ELSE checkpoint END
               WHERE project = $1 AND id = $2 AND state IN ('queued', 'running')
               RETURNING id, kind, state, subject, attempts, max_attempts,
                estimate AS "estimate: Json<Cost>", progress AS "progress: Json<Progress>",
                result AS "result: Json<JobResult>", error AS "error: Json<JobError>", created_at, started_at, finished_at"#,
            project,
            id
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("cancelling a job"))?;
        let Some(job) = row.map(JobRow::into_job).transpose()? else { return Ok(None) };
        self.add_job_event(id, &JobEventKind::State(StateEvent { state: job.state })).await?;
        Ok(Some(job))
    }

    /// Adds an event behind the job's others.
    pub(super) async fn add_job_event(&mut self, id: Uuid, event: &JobEventKind) -> Result<()> {
        sqlx::query!(
            "WITH counted AS (UPDATE job SET events = events + 1 WHERE id = $1 RETURNING events)
             INSERT INTO job_event (job, sequence, event) SELECT $1, events, $2 FROM counted",
            id,
            Json(event) as _
        )
        .execute(&mut *self.0)
        .await
        .map(|_| ())
        .map_err(database_error("adding a job's event"))
    }
}
