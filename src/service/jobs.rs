//! Jobs as those who ask for them see them.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{Content, Idempotency, JobFilter, Service, not_found};
use crate::domain::job::{Job, JobCheckpoint, JobEvent};
use crate::domain::key::Caller;
use crate::domain::page::{Page, PageQuery};
use crate::error::{Code, Error, Result};
use crate::store::Change;

/// A change can be missed between a look and a wait; no wait is longer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long the checkpoint of a job that diverged is kept.
pub(super) const CHECKPOINT_DAYS: u32 = 30;

/// Passes on which jobs moved.
pub(super) struct Watch(broadcast::Sender<Change>);

impl Watch {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(1024))
    }

    pub(super) fn note(&self, change: Change) {
        // Nobody may be waiting.
        let _ = self.0.send(change);
    }
}

impl Service {
    /// Jobs of the caller's project, newest first.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_jobs(
        &self,
        caller: &Caller,
        filter: JobFilter,
        query: &PageQuery,
    ) -> Result<Page<Job>> {
        let mut page = self.store().list_jobs(&caller.project, filter, query).await?;
        page.items = page.items.into_iter().map(|job| self.priced_job(job)).collect();
        Ok(page)
    }

    /// A job.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_job(&self, caller: &Caller, id: Uuid) -> Result<Job> {
        let job = self.store().get_job(&caller.project, id).await?;
        job.map(|job| self.priced_job(job)).ok_or_else(|| not_found("job", &id.to_string()))
    }

    /// What is kept of a training that diverged: its weights as safetensors.
    ///
    /// # Errors
    /// [`Code::NotFound`] saying whether there is no such job, nothing was kept of it, or it is gone.
    pub async fn job_checkpoint(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<(JobCheckpoint, Content)> {
        let job = self.get_job(caller, id).await?;
        let Some(checkpoint) = job.error.and_then(|error| error.checkpoint) else {
            let detail =
                format!("job {id} has no checkpoint: only a training that diverged has one");
            return Err(Error::new(Code::NotFound, detail));
        };
        match self.store().job_checkpoint(&caller.project, id).await? {
            Some(blob) => Ok((checkpoint, self.stored(blob).await?)),
            None => Err(Error::new(Code::NotFound, gone(id))),
        }
    }

    /// Cancels a job: at once when it waits, within about a second when it runs. Cancelling one
    /// that is being cancelled, or is, changes nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::JobEnded`] when it is done or failed.
    pub async fn cancel_job(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        id: Uuid,
    ) -> Result<Job> {
        let project = caller.project.clone();
        let cancelled = self
            .once(caller, once, |tx| Box::pin(async move { tx.cancel_job(&project, id).await }))
            .await?;
        if let Some(job) = cancelled {
            return Ok(self.priced_job(job));
        }
        let job = self.get_job(caller, id).await?;
        if matches!(job.state.as_str(), "cancelled" | "cancel_pending") {
            return Ok(job);
        }
        Err(Error::new(Code::JobEnded, format!("job {id} is {}", job.state.as_str())))
    }

    /// What happened to a job after an event, in order, at most 1,000 events.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn job_events(&self, caller: &Caller, id: Uuid, after: u64) -> Result<Vec<JobEvent>> {
        self.get_job(caller, id).await?;
        self.store().job_events(id, after).await
    }

    /// Waits until a job may have moved, at most a second.
    pub async fn wait_for_job_change(&self, id: Uuid, at_most: Duration) {
        let mut changes = self.0.watch.0.subscribe();
        let until = Instant::now() + at_most.min(LOOK_AGAIN);
        loop {
            match timeout_at(until, changes.recv()).await {
                Ok(Ok(Change::Job(moved))) if moved != id => {}
                Ok(Ok(Change::Job(_) | Change::Unknown)) | Ok(Err(_)) | Err(_) => return,
                Ok(Ok(_)) => {}
            }
        }
    }

    /// A job once it has ended, or as it is when the time is up.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn wait_for_job(&self, caller: &Caller, id: Uuid, at_most: Duration) -> Result<Job> {
        let until = Instant::now() + at_most;
        loop {
            let job = self.get_job(caller, id).await?;
            let left = until.saturating_duration_since(Instant::now());
            if job.state.has_ended() || left.is_zero() {
                return Ok(job);
            }
            self.wait_for_job_change(id, left).await;
        }
    }
}

/// That what was kept of a job is there no more.
pub(super) fn gone(id: Uuid) -> String {
    format!("the checkpoint of job {id} was removed, {CHECKPOINT_DAYS} days after it had failed")
}
