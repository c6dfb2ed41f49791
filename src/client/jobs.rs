//! Jobs: looked at, followed, cancelled.

use reqwest::Method;
use uuid::Uuid;

use super::events::Events;
use super::{Client, Content};
use crate::domain::job::{Job, JobEvent, JobKind, JobResult, JobState};
use crate::domain::page::{Page, PageQuery};
use crate::error::{Code, Error, Result};

impl Client {
    /// Jobs, the newest first; of one kind or in one state, if wanted.
    ///
    /// # Errors
    /// What the server says.
    pub async fn list_jobs(
        &self,
        kind: Option<JobKind>,
        state: Option<JobState>,
        query: &PageQuery,
    ) -> Result<Page<Job>> {
        let call = self
            .call(Method::GET, &["jobs"])?
            .query("kind", kind.map(JobKind::as_str))
            .query("state", state.map(JobState::as_str));
        self.page_of(call, query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_job(&self, id: Uuid) -> Result<Job> {
        self.fetch(self.call(Method::GET, &["jobs", &id.to_string()])?).await
    }

    /// The weights that a training had before it diverged, as safetensors.
    ///
    /// # Errors
    /// What the server says.
    pub async fn job_checkpoint(&self, id: Uuid) -> Result<Content> {
        let call = self.call(Method::GET, &["jobs", &id.to_string(), "checkpoint"])?;
        let response = self.open(&call).await?;
        Ok(Content::new(self.clone(), response))
    }

    /// Asks a job to stop.
    ///
    /// # Errors
    /// [`Code::JobEnded`] when it is over, and what else the server says.
    pub async fn cancel_job(&self, id: Uuid) -> Result<Job> {
        self.fetch(self.call(Method::POST, &["jobs", &id.to_string(), "cancel"])?).await
    }

    /// What happens to a job after the event `after`, as it happens.
    pub fn job_events(&self, id: Uuid, after: u64) -> Events {
        Events::new(self.clone(), id, after)
    }

    /// Waits until a job has ended and tells what happens to it meanwhile.
    ///
    /// # Errors
    /// What the server says; a failed job is no error here, see [`outcome`].
    pub async fn wait_for_job(&self, id: Uuid, mut note: impl FnMut(&JobEvent)) -> Result<Job> {
        let mut events = self.job_events(id, 0);
        while let Some(event) = events.next().await? {
            note(&event);
        }
        self.get_job(id).await
    }
}

/// What an ended job made.
///
/// # Errors
/// Why it failed, or [`Code::Cancelled`].
pub fn outcome(job: Job) -> Result<JobResult> {
    match (job.state, job.result, job.error) {
        (JobState::Done, Some(result), _) => Ok(result),
        (JobState::Failed, _, Some(e)) => Err(Error::fields(e.code, e.detail, e.errors)),
        (JobState::Cancelled, ..) => {
            Err(Error::new(Code::Cancelled, format!("job {} was cancelled", job.id)))
        }
        (state, ..) => Err(Error::internal(
            format!("reading job {}", job.id),
            format!("it is {} without a result or a reason", state.as_str()),
        )),
    }
}
