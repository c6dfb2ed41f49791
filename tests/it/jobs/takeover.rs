//! A job goes from one worker to another: when it is stopped in order, and when it is stuck.

use std::time::{Duration, Instant};

use actuary::domain::job::{Job, JobState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Bench, ENDLESS, PATIENCE, SECONDS, training};
use crate::support::{Program, family};

#[tokio::test]
async fn an_ordered_shutdown_gives_a_running_job_back_uncounted() {
    let bench = Bench::new("shutdown").await;
    let server = bench.start(bench.command(&["serve"]));
    bench.uploaded().await;
    let id = bench.train(training(SECONDS)).await;
    bench.under_way(id).await;

    let asked = Instant::now();
    let processes = family(server.pid());
    assert!(server.stop().success());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let left = processes.iter().filter(|pid| kill(**pid, None).is_ok()).count();
    assert_eq!(left, 0, "it leaves no process behind");
    let job = bench.job(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Queued, 0));

    let server = bench.start(bench.command(&["serve"]));
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 1), "{job:?}");
    let (states, lines) = bench.history(id).await;
    use JobState::{Done, Queued, Running};
    assert_eq!((states, lines), (vec![Queued, Running, Queued, Running, Done], vec![]));
    assert_eq!(bench.versions().await, 1);
    assert!(server.stop().success());
}

/// Waits until a lost run's processes have ended. One that a stopped worker does not reap has.
async fn gone(worker: &Program, processes: &[Pid]) {
    let deadline = Instant::now() + PATIENCE;
    while processes.iter().any(|pid| worker.jobs().contains(pid)) {
        assert!(Instant::now() < deadline, "the lost run's process ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(processes: &[Pid], signal: Signal) {
    for pid in processes {
        kill(*pid, signal).unwrap();
    }
}

const LOST: &str = "attempt 1 came to nothing: its worker was lost and the lease ran out";

#[tokio::test]
async fn a_stopped_worker_and_child_lose_their_job_and_change_nothing_when_they_wake() {
    let bench = Bench::new("stuck-both").await;
    let stuck = bench.worker();
    bench.uploaded().await;
    let id = bench.train(training(SECONDS)).await;
    bench.under_way(id).await;
    let orphans = stuck.jobs();
    let frozen = family(stuck.pid());
    signal(&frozen, Signal::SIGSTOP);

    let other = bench.worker();
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2), "{job:?}");
    let before = bench.history(id).await;
    assert_eq!(before.1, [LOST]);
    assert_eq!(bench.versions().await, 1);

    signal(&frozen, Signal::SIGCONT);
    gone(&stuck, &orphans).await;
    assert_eq!(bench.job(id).await, job);
    assert_eq!(bench.history(id).await, before);
    assert_eq!(bench.versions().await, 1);

    assert!(other.stop().success());
    let next = bench.train(training(1)).await;
    assert_eq!(bench.ended(next).await.state, JobState::Done, "the woken worker goes on");
    assert!(stuck.stop().success());
}

#[tokio::test]
async fn a_child_whose_worker_is_stuck_sees_that_its_run_is_lost_and_ends() {
    let bench = Bench::new("stuck-worker").await;
    let stuck = bench.worker();
    bench.uploaded().await;
    let id = bench.train(training(ENDLESS)).await;
    bench.under_way(id).await;
    let orphans = stuck.jobs();
    stuck.signal(Signal::SIGSTOP);

    let other = bench.worker();
    gone(&stuck, &orphans).await;
    let again = |job: &Job| job.attempts == 2 && job.state == JobState::Running;
    bench.until(id, "it is taken up again", again).await;
    assert_eq!(bench.history(id).await.1, [LOST]);

    stuck.signal(Signal::SIGCONT);
    let next = bench.train(training(1)).await;
    assert_eq!(bench.ended(next).await.state, JobState::Done, "the woken worker goes on");
    assert_eq!(bench.job(id).await.state, JobState::Running, "and leaves the lost job alone");
    bench.service.cancel_job(&bench.operator, None, id).await.unwrap();
    assert_eq!(bench.ended(id).await.state, JobState::Cancelled);
    assert!(other.stop().success() && stuck.stop().success());
}

#[tokio::test]
async fn a_worker_that_gets_no_answer_ends_its_run_before_the_lease_does() {
    let bench = Bench::new("no-answer").await;
    let mut command = bench.command(&["worker"]);
    command.env("ACTUARY_WORKER_LEASE_SECONDS", "6");
    let worker = bench.start(command);
    bench.uploaded().await;
    let id = bench.train(training(SECONDS)).await;
    bench.under_way(id).await;
    let processes = worker.jobs();

    // The renewal now waits for this lock, longer than the lease.
    let mut lock = bench.database.pool.begin().await.unwrap();
    let left: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM job
         WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_one(&mut *lock)
    .await
    .unwrap();
    let until = Instant::now() + Duration::from_secs_f64(left);
    gone(&worker, &processes).await;
    assert!(Instant::now() < until, "{:?} too late", until.elapsed());
    lock.rollback().await.unwrap();
    assert_eq!(bench.ended(id).await.state, JobState::Done, "the worker goes on");
    assert_eq!(bench.versions().await, 1);
    assert!(worker.stop().success());
}
