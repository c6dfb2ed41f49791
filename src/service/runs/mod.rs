//! Runs of jobs: what a worker asks of the queue, and what its child carries out.

mod analysing;
mod assessing;
mod deriving;
mod fitting;
mod inferring;
mod ingestion;
mod reporter;
mod storing;

use std::time::Duration;

use uuid::Uuid;

pub use self::fitting::GPU_TRAININGS;
use super::jobs::CHECKPOINT_DAYS;
use super::{Service, blocking};
use crate::domain::job::{JobError, JobKind, JobResult, JobSpec, SweepResult};
use crate::error::{Code, Error, Result};
use crate::store::connect::{PoolSettings, connect};
use crate::store::{Changes, NewJob, Store};
pub use crate::store::{Claim, Lease, RunRef};

/// The queue as a worker sees it, over connections of its own: the lease of a running job must
/// not wait behind requests.
pub struct Queue {
    store: Store,
}

impl Queue {
    /// Connects to the queue.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn connect(url: &str) -> Result<Self> {
        let settings = PoolSettings { max_connections: 3, ..PoolSettings::default() };
        Ok(Self { store: Store::new(connect(url, &settings).await?) })
    }

    /// Begins to listen to new and cancelled jobs.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn changes(&self) -> Result<Changes> {
        self.store.changes().await
    }

    /// Takes up the oldest waiting job under a lease.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn claim(&self, worker: &str, lease: Duration) -> Result<Option<RunRef>> {
        self.store.claim(worker, lease).await
    }

    /// Extends a run's lease.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn renew(&self, run: RunRef, lease: Duration) -> Result<Lease> {
        self.store.renew(run, lease).await
    }

    /// Which of these jobs are to be cancelled.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn cancel_pending(&self, jobs: &[Uuid]) -> Result<Vec<Uuid>> {
        self.store.cancel_pending(jobs).await
    }

    /// Ends an attempt whose child came to nothing; nothing happens when the child has ended the
    /// run itself.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn end_attempt(&self, run: RunRef, reason: &str) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.end_attempt(run, reason).await?;
        tx.commit().await
    }

    /// Gives a run back, as when the worker is shut down; the attempt does not count.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn release(&self, run: RunRef) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.release_run(run).await?;
        tx.commit().await
    }

    /// What is to be done now and then: jobs whose lease ran out are put back, and once an hour a
    /// sweep is queued.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn keep_house(&self) -> Result<()> {
        self.store.requeue_expired().await?;
        if self.store.has_recent_sweep().await? {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        tx.insert_job(NewJob {
            project: "default",
            kind: JobKind::Sweep,
            subject: "storage",
            spec: &JobSpec::Sweep,
            upload: None,
            created_by: None,
        })
        .await?;
        tx.commit().await
    }
}

impl Service {
    /// What a run has to do; None when it is no longer the job's.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn load_run(&self, run: RunRef) -> Result<Option<Claim>> {
        self.store().load_run(run).await
    }

    /// Carries a run out to its end, which is written with what it made in one transaction. An
    /// error that another attempt would meet again ends the job.
    ///
    /// # Errors
    /// What another attempt may not meet again; the run is then still open.
    pub async fn carry_out(&self, claim: Claim) -> Result<()> {
        let run = claim.run;
        let outcome = match &claim.spec {
            JobSpec::Ingestion(spec) => self.ingest(&claim, spec).await,
            JobSpec::Training(spec) => self.fit(&claim, spec).await,
            JobSpec::Simplification(spec) => self.simplify_run(&claim, spec).await,
            JobSpec::Analysis(spec) => self.analyse_run(&claim, spec).await,
            JobSpec::Assessment(spec) => self.assess_run(&claim, spec).await,
            JobSpec::RejectInference(spec) => self.infer_rejects_run(&claim, spec).await,
            JobSpec::Sweep => self.sweep(run).await,
        };
        match outcome {
            Err(Error::Problem { code, detail, errors }) if code != Code::Unavailable => {
                let mut tx = self.store().begin().await?;
                tx.fail_run(run, &JobError::new(code, detail, errors), None).await?;
                tx.commit().await
            }
            outcome => outcome,
        }
    }

    async fn sweep(&self, run: RunRef) -> Result<()> {
        self.store().sweep_checkpoints(CHECKPOINT_DAYS).await?;
        let (blobs, bytes) = self.store().sweep_blobs().await?;
        let idempotency_records = self.store().sweep_idempotency().await?;
        let mut tx = self.store().begin().await?;
        let swept = SweepResult { blobs, bytes, idempotency_records };
        if tx.finish_run(run, &JobResult::Sweep(swept)).await? {
            tx.commit().await?;
        }
        Ok(())
    }
}
