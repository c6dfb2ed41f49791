//! A run whose lease ran out changes nothing any more, whatever it tries.

use std::time::Duration;

use actuary::domain::job::{
    IngestionProgress, JobError, JobResult, JobState, Progress, SweepResult,
};
use actuary::error::Code;
use actuary::store::{Lease, RunRef};

use super::Bench;

const LONG: Duration = Duration::from_secs(600);

fn progress() -> Progress {
    let stage = "reading".to_owned();
    Progress::Ingestion(IngestionProgress { stage, rows: 1, bytes: 1, total_bytes: 2 })
}

fn result() -> JobResult {
    JobResult::Sweep(SweepResult { blobs: 0, bytes: 0, idempotency_records: 0 })
}

fn error() -> JobError {
    JobError::new(Code::InvalidData, "stale".into(), Vec::new())
}

impl Bench {
    async fn claim(&self, lease: Duration) -> Option<RunRef> {
        self.store.claim("a worker", lease).await.unwrap()
    }

    /// Lets the leases run out.
    async fn run_out(&self) {
        let pass = sqlx::query("UPDATE job SET lease_until = now() WHERE lease_until IS NOT NULL");
        pass.execute(&self.database.pool).await.unwrap();
    }

    /// Lets the pause before the next attempt be over.
    async fn skip_pause(&self) {
        let skip = sqlx::query("UPDATE job SET not_before = now() WHERE state = 'queued'");
        skip.execute(&self.database.pool).await.unwrap();
    }

    /// Everything of the job but the time of its lease, and its events.
    async fn image(&self, run: RunRef) -> (String, Vec<JobState>, Vec<String>) {
        let row = sqlx::query_scalar(
            "SELECT (to_jsonb(job) - 'lease_until')::text FROM job WHERE id = $1",
        );
        let row = row.bind(run.job).fetch_one(&self.database.pool).await.unwrap();
        let (states, lines) = self.history(run.job).await;
        (row, states, lines)
    }

    /// Tries every write that a run can make; all must be refused.
    async fn write_everything(&self, stale: RunRef) {
        let store = &self.store;
        assert_eq!(store.renew(stale, LONG).await.unwrap(), Lease::Gone);
        assert!(store.load_run(stale).await.unwrap().is_none());
        assert!(!store.run_progress(stale, &[progress()]).await.unwrap());
        let mut writer = store.write_blob().await.unwrap();
        writer.write(b"a checkpoint").await.unwrap();
        let written = writer.complete().await.unwrap();
        assert!(!store.run_checkpoint(stale, &written).await.unwrap());

        let mut tx = store.begin().await.unwrap();
        assert!(!tx.hold_run(stale).await.unwrap());
        assert!(!tx.run_log(stale, "stale").await.unwrap());
        assert!(!tx.finish_run(stale, &result()).await.unwrap());
        assert!(!tx.fail_run(stale, &error(), None).await.unwrap());
        assert!(!tx.cancel_run(stale).await.unwrap());
        assert!(!tx.end_attempt(stale, "stale").await.unwrap());
        tx.release_run(stale).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_lost_its_lease_is_refused_every_write() {
    let bench = Bench::new("fencing").await;
    bench.upload().await;
    let first = bench.claim(LONG).await.unwrap();
    bench.run_out().await;
    assert_eq!(bench.store.requeue_expired().await.unwrap(), 1);
    assert_eq!(bench.claim(LONG).await, None, "the next attempt waits");

    let queued = bench.image(first).await;
    bench.write_everything(first).await;
    assert_eq!(bench.image(first).await, queued, "while it waits for the next run");

    bench.skip_pause().await;
    let second = bench.claim(LONG).await.unwrap();
    assert_eq!((second.job, second.fence), (first.job, first.fence + 1));
    let running = bench.image(first).await;
    bench.write_everything(first).await;
    assert_eq!(bench.image(first).await, running, "while the next run is at work");

    assert_eq!(bench.store.renew(second, LONG).await.unwrap(), Lease::Held);
    let mut tx = bench.store.begin().await.unwrap();
    assert!(tx.finish_run(second, &result()).await.unwrap());
    tx.commit().await.unwrap();
    let done = bench.image(first).await;
    for run in [first, second] {
        bench.write_everything(run).await;
        assert_eq!(bench.image(first).await, done, "once it is done, also by the run itself");
    }
    let job = bench.job(first.job).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2));
}

#[tokio::test]
async fn a_run_whose_job_is_to_be_cancelled_can_not_finish_it() {
    let bench = Bench::new("fencing-cancel").await;
    let id = bench.upload().await.id;
    let run = bench.claim(LONG).await.unwrap();
    bench.service.cancel_job(&bench.operator, None, id).await.unwrap();
    assert_eq!(bench.store.renew(run, LONG).await.unwrap(), Lease::CancelPending);
    assert_eq!(bench.store.cancel_pending(&[id]).await.unwrap(), [id]);
    let mut tx = bench.store.begin().await.unwrap();
    assert!(!tx.hold_run(run).await.unwrap());
    assert!(!tx.finish_run(run, &result()).await.unwrap());
    assert!(tx.end_attempt(run, "killed").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(bench.job(id).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn leases_that_run_out_cost_attempts_until_the_job_fails() {
    let bench = Bench::new("leases").await;
    let id = bench.upload().await.id;
    for attempt in 1..=3 {
        let run = bench.claim(LONG).await.unwrap();
        assert_eq!(run.fence, attempt);
        assert_eq!(bench.store.requeue_expired().await.unwrap(), 0, "not before it has run out");
        bench.run_out().await;
        assert_eq!(bench.store.requeue_expired().await.unwrap(), 1);
        assert_eq!(bench.store.requeue_expired().await.unwrap(), 0);
        bench.skip_pause().await;
    }
    let job = bench.job(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Failed, 3));
    let error = job.error.unwrap();
    assert_eq!(error.code, Code::AttemptsExhausted);
    assert!(error.detail.starts_with("attempt 3 of 3: its worker was lost"), "{}", error.detail);
}

#[tokio::test]
async fn many_who_claim_at_once_get_different_jobs() {
    let bench = Bench::new("claims").await;
    for _ in 0..8 {
        bench.upload().await;
    }
    let claims = (0..12).map(|_| bench.claim(LONG));
    let claims = futures_util::future::join_all(claims).await;
    let mut jobs: Vec<_> = claims.into_iter().flatten().map(|run| run.job).collect();
    while let Some(run) = bench.claim(LONG).await {
        jobs.push(run.job);
    }
    jobs.sort();
    let count = jobs.len();
    jobs.dedup();
    assert_eq!((count, jobs.len()), (8, 8));
}
