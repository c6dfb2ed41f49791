//! Runs of jobs: claimed under a lease by the database's clock, every write fenced. A write whose
//! fence is no longer the job's changes nothing and says so.

use std::time::Duration;

use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Blob, Store, Tx};
use crate::domain::cost::Cost;
use crate::domain::job::{
    JobError, JobEventKind, JobResult, JobSpec, JobState, LogEvent, Progress, ProgressEvent,
    StateEvent,
};
use crate::error::{Code, Result};

/// One run of a job: the job and the token that fences its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunRef {
    pub job: Uuid,
    pub fence: i64,
}

/// What a run has to do.
#[derive(Debug, Clone)]
pub struct Claim {
    pub run: RunRef,
    pub project: String,
    pub spec: JobSpec,
    /// The blob that was uploaded for it; of a training, that of the weights to begin with.
    pub upload: Option<i64>,
    /// Where an earlier run got to.
    pub checkpoint: Option<i64>,
    pub created_by: Option<Uuid>,
    pub attempt: u32,
}

/// What a renewal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    Held,
    /// Held, but the job is to be cancelled.
    CancelPending,
    /// Ended by this run, or another run's by now.
    Gone,
}

impl Store {
    /// Takes up the oldest waiting job under a lease.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn claim(&self, worker: &str, lease: Duration) -> Result<Option<RunRef>> {
        let mut tx = self.begin().await?;
        let claimed = sqlx::query!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, fence = fence + 1,
                worker = $1, lease_until = clock_timestamp() + $2::float8 * interval '1 second',
                started_at = coalesce(started_at, now())
             WHERE id = (SELECT id FROM job WHERE state = 'queued' AND not_before <= now()
                ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING id, fence",
            worker,
            lease.as_secs_f64()
        )
        .fetch_optional(&mut *tx.0)
        .await
        .map_err(database_error("claiming a job"))?;
        let Some(claimed) = claimed else { return Ok(None) };
        tx.add_job_event(claimed.id, &state_event(JobState::Running)).await?;
        tx.commit().await?;
        Ok(Some(RunRef { job: claimed.id, fence: claimed.fence }))
    }

    /// What a run has to do; None when the run is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn load_run(&self, run: RunRef) -> Result<Option<Claim>> {
        let row = sqlx::query!(
            r#"SELECT project, spec AS "spec: Json<JobSpec>", upload, checkpoint, created_by, attempts
               FROM job WHERE id = $1 AND fence = $2 AND state IN ('running', 'cancel_pending')"#,
            run.job,
            run.fence
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("reading a run"))?;
        Ok(row.map(|row| Claim {
            run,
            project: row.project,
            spec: row.spec.0,
            upload: row.upload,
            checkpoint: row.checkpoint,
            created_by: row.created_by,
            attempt: row.attempts.unsigned_abs(),
        }))
    }

    /// Extends a run's lease from now on.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn renew(&self, run: RunRef, lease: Duration) -> Result<Lease> {
        let state = sqlx::query_scalar!(
            "UPDATE job SET lease_until = clock_timestamp() + $3::float8 * interval '1 second'
             WHERE id = $1 AND fence = $2 AND state IN ('running', 'cancel_pending')
             RETURNING state",
            run.job,
            run.fence,
            lease.as_secs_f64()
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("renewing a lease"))?;
        Ok(match state.as_deref() {
            None => Lease::Gone,
            Some("cancel_pending") => Lease::CancelPending,
            Some(_) => Lease::Held,
        })
    }

    /// Which of these runs are to be cancelled.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn cancel_pending(&self, jobs: &[Uuid]) -> Result<Vec<Uuid>> {
        sqlx::query_scalar!(
            "SELECT id FROM job WHERE id = ANY ($1) AND state = 'cancel_pending'",
            jobs
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("looking for jobs to cancel"))
    }

    /// Puts jobs whose lease ran out back into the queue, ends those that have no attempt left or
    /// were to be cancelled. Returns their number.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn requeue_expired(&self) -> Result<usize> {
        let expired = sqlx::query!(
            "SELECT id, fence FROM job WHERE lease_until < clock_timestamp() ORDER BY id LIMIT 100"
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("looking for leases that ran out"))?;
        for row in &expired {
            let run = RunRef { job: row.id, fence: row.fence };
            let mut tx = self.begin().await?;
            let still = sqlx::query_scalar!(
                "SELECT 1 AS one FROM job WHERE id = $1 AND fence = $2
                    AND lease_until < clock_timestamp() FOR UPDATE",
                run.job,
                run.fence
            )
            .fetch_optional(&mut *tx.0)
            .await
            .map_err(database_error("looking at a lease that ran out"))?;
            if still.is_some() {
                tx.end_attempt(run, "its worker was lost and the lease ran out").await?;
                tx.commit().await?;
            }
        }
        Ok(expired.len())
    }

    /// Notes how far a run came, step by step. False when the run is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn run_progress(&self, run: RunRef, steps: &[Progress]) -> Result<bool> {
        let Some(last) = steps.last() else { return Ok(true) };
        let mut tx = self.begin().await?;
        let updated = sqlx::query!(
            "UPDATE job SET progress = $3 WHERE id = $1 AND fence = $2
                AND state IN ('running', 'cancel_pending')",
            run.job,
            run.fence,
            Json(last) as _
        )
        .execute(&mut *tx.0)
        .await
        .map_err(database_error("noting a run's progress"))?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        for step in steps {
            let event = JobEventKind::Progress(ProgressEvent { progress: step.clone() });
            tx.add_job_event(run.job, &event).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Notes what a run is expected to take. False when it is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn run_estimate(&self, run: RunRef, estimate: &Cost) -> Result<bool> {
        sqlx::query!(
            "UPDATE job SET estimate = $3 WHERE id = $1 AND fence = $2
                AND state IN ('running', 'cancel_pending')",
            run.job,
            run.fence,
            Json(estimate) as _
        )
        .execute(&self.pool)
        .await
        .map(|updated| updated.rows_affected() == 1)
        .map_err(database_error("noting what a run is expected to take"))
    }

    /// Keeps a checkpoint. False when the run is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn run_checkpoint(&self, run: RunRef, written: &Blob) -> Result<bool> {
        let mut tx = self.begin().await?;
        if !tx.hold_run(run).await? {
            return Ok(false);
        }
        let blob = tx.finish_blob(written).await?;
        sqlx::query!("UPDATE job SET checkpoint = $2 WHERE id = $1", run.job, blob.id)
            .execute(&mut *tx.0)
            .await
            .map_err(database_error("keeping a checkpoint"))?;
        tx.commit().await?;
        Ok(true)
    }
}

impl Tx {
    /// Holds a run until the end of the transaction. False when it is no longer the job's or is to
    /// be cancelled.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn hold_run(&mut self, run: RunRef) -> Result<bool> {
        sqlx::query_scalar!(
            "SELECT 1 AS one FROM job WHERE id = $1 AND fence = $2 AND state = 'running' FOR UPDATE",
            run.job,
            run.fence
        )
        .fetch_optional(&mut *self.0)
        .await
        .map(|row| row.is_some())
        .map_err(database_error("holding a run"))
    }

    /// Adds a line to the job's log. False when the run is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn run_log(&mut self, run: RunRef, message: &str) -> Result<bool> {
        if !self.hold_run(run).await? {
            return Ok(false);
        }
        let event = JobEventKind::Log(LogEvent { message: message.to_owned() });
        self.add_job_event(run.job, &event).await?;
        Ok(true)
    }

    /// Ends a run well. False when it is no longer the job's or is to be cancelled.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn finish_run(&mut self, run: RunRef, result: &JobResult) -> Result<bool> {
        let updated = sqlx::query!(
            "UPDATE job SET state = 'done', result = $3, finished_at = clock_timestamp(),
                lease_until = NULL, checkpoint = NULL, upload = NULL
             WHERE id = $1 AND fence = $2 AND state = 'running'",
            run.job,
            run.fence,
            Json(result) as _
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error("finishing a run"))?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        self.add_job_event(run.job, &state_event(JobState::Done)).await?;
        Ok(true)
    }

    /// Ends a run, and its job, with an error that another attempt would meet again. `kept` is the
    /// blob of the error's checkpoint. False when the run is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn fail_run(
        &mut self,
        run: RunRef,
        error: &JobError,
        kept: Option<&Blob>,
    ) -> Result<bool> {
        self.end_run(run, JobState::Failed, Some(error), kept).await
    }

    /// Ends a run whose job was to be cancelled. False when the run is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn cancel_run(&mut self, run: RunRef) -> Result<bool> {
        self.end_run(run, JobState::Cancelled, None, None).await
    }

    async fn end_run(
        &mut self,
        run: RunRef,
        state: JobState,
        error: Option<&JobError>,
        kept: Option<&Blob>,
    ) -> Result<bool> {
        let updated = sqlx::query!(
            "UPDATE job SET state = $3, error = $4, finished_at = clock_timestamp(),
                lease_until = NULL, checkpoint = $5, upload = NULL
             WHERE id = $1 AND fence = $2 AND state IN ('running', 'cancel_pending')",
            run.job,
            run.fence,
            state.as_str(),
            error.map(Json) as _,
            kept.map(|blob| blob.id)
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error("ending a run"))?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        self.add_job_event(run.job, &state_event(state)).await?;
        Ok(true)
    }

    /// Ends an attempt that came to nothing: the job waits for the next one (2 s, then 4 s), or
    /// fails when none is left. One that was to be cancelled is. False when the run is no longer
    /// the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn end_attempt(&mut self, run: RunRef, reason: &str) -> Result<bool> {
        let row = sqlx::query!(
            "SELECT state, attempts, max_attempts FROM job WHERE id = $1 AND fence = $2
                AND state IN ('running', 'cancel_pending') FOR UPDATE",
            run.job,
            run.fence
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("looking at a run"))?;
        let Some(row) = row else { return Ok(false) };
        if row.state == "cancel_pending" {
            return self.cancel_run(run).await;
        }
        if row.attempts >= row.max_attempts {
            let detail = format!("attempt {} of {}: {reason}", row.attempts, row.max_attempts);
            let error = JobError::new(Code::AttemptsExhausted, detail, Vec::new());
            return self.fail_run(run, &error, None).await;
        }
        let message = format!("attempt {} came to nothing: {reason}", row.attempts);
        self.add_job_event(run.job, &JobEventKind::Log(LogEvent { message })).await?;
        self.requeue(run, f64::from(1 << row.attempts.clamp(0, 10)), 0).await?;
        Ok(true)
    }

    /// Gives a run back that its worker can't go on with, as when it is shut down; the attempt
    /// does not count. One that was to be cancelled is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn release_run(&mut self, run: RunRef) -> Result<()> {
        if !self.requeue(run, 0.0, 1).await? {
            self.cancel_run(run).await?;
        }
        Ok(())
    }

    /// False when the run is no longer the job's or is to be cancelled.
    async fn requeue(&mut self, run: RunRef, wait_seconds: f64, uncounted: i32) -> Result<bool> {
        let updated = sqlx::query!(
            "UPDATE job SET state = 'queued', lease_until = NULL, worker = NULL,
                attempts = attempts - $4,
                not_before = clock_timestamp() + $3::float8 * interval '1 second'
             WHERE id = $1 AND fence = $2 AND state = 'running'",
            run.job,
            run.fence,
            wait_seconds,
            uncounted
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error("putting a job back into the queue"))?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        self.add_job_event(run.job, &state_event(JobState::Queued)).await?;
        Ok(true)
    }
}

fn state_event(state: JobState) -> JobEventKind {
    JobEventKind::State(StateEvent { state })
}
