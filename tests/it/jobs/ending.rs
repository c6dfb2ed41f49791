//! Jobs that are cancelled, and jobs whose process dies every time.

use std::time::{Duration, Instant};

use actuary::domain::job::JobState;
use actuary::domain::version::AliasTarget;
use actuary::error::Code;
use actuary::service::Precondition;

use super::{Bench, ENDLESS, MODEL, training};

#[tokio::test]
async fn a_running_training_is_cancelled_at_once() {
    let bench = Bench::new("cancel").await;
    let worker = bench.worker();
    bench.uploaded().await;
    let id = bench.train(training(ENDLESS)).await;
    bench.under_way(id).await;
    let processes = worker.jobs();
    assert_eq!(processes.len(), 1, "one slot");

    let asked = Instant::now();
    let job = bench.service.cancel_job(&bench.operator, None, id).await.unwrap();
    assert_eq!(job.state, JobState::CancelPending);
    let job = bench.ended(id).await;
    // About a second; more only where other tests keep the machine busy.
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    assert_eq!((job.state, &job.result, &job.error), (JobState::Cancelled, &None, &None));
    assert_eq!(bench.versions().await, 0);
    assert!(!worker.jobs().contains(&processes[0]), "its process has ended");

    let again = bench.service.cancel_job(&bench.operator, None, id).await.unwrap();
    assert_eq!(again.state, JobState::Cancelled, "to cancel twice changes nothing");
    let next = bench.train(training(1)).await;
    assert_eq!(bench.ended(next).await.state, JobState::Done, "the worker goes on");
}

#[tokio::test]
async fn a_queued_training_is_cancelled_without_a_worker() {
    let bench = Bench::new("cancel-queued").await;
    let job = bench.upload().await;
    let job = bench.service.cancel_job(&bench.operator, None, job.id).await.unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Cancelled, 0));
    let claimed = bench.store.claim("worker", Duration::from_secs(9)).await.unwrap();
    assert_eq!(claimed, None);
    let kept = sqlx::query_scalar::<_, Option<i64>>("SELECT upload FROM job WHERE id = $1");
    let kept = kept.bind(job.id).fetch_one(&bench.database.pool).await.unwrap();
    assert_eq!(kept, None, "nobody will read what was uploaded");
}

async fn fails_three_times(executable: &str, reason: &str) {
    let bench = Bench::new(&format!("dying{}", executable.replace('/', "-"))).await;
    let mut command = bench.command(&["serve"]);
    command.env("ACTUARY_WORKER_EXECUTABLE", executable);
    let server = bench.start(command);
    let id = bench.upload().await.id;
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Failed, 3));
    let error = job.error.unwrap();
    assert_eq!(error.code, Code::AttemptsExhausted);
    assert_eq!(error.detail, format!("attempt 3 of 3: {reason}"));
    let (states, lines) = bench.history(id).await;
    use JobState::{Failed, Queued, Running};
    assert_eq!(states, [Queued, Running, Queued, Running, Queued, Running, Failed]);
    let wanted = [1, 2].map(|attempt| format!("attempt {attempt} came to nothing: {reason}"));
    assert_eq!(lines, wanted);
    assert!(server.stop().success(), "the server lived on");
}

#[tokio::test]
async fn a_job_whose_process_always_dies_fails_with_the_reason() {
    fails_three_times("/bin/false", "its process met an error that the log names").await;
}

#[tokio::test]
async fn a_job_whose_process_can_not_be_started_fails_with_the_reason() {
    fails_three_times("/nowhere/actuary", "its process could not be started").await;
}

/// As a server with a GPU does when it starts.
#[tokio::test]
async fn the_versions_of_champions_are_loaded_ahead() {
    let bench = Bench::new("warming").await;
    let worker = bench.worker();
    bench.uploaded().await;
    let trained = bench.train(training(1)).await;
    bench.ended(trained).await;
    let project = &bench.operator.project;
    assert_eq!(bench.service.warm_up(project).await.unwrap(), 0, "no champion yet");
    let target = AliasTarget { version: 1, reason: None };
    bench
        .service
        .move_alias(&bench.operator, MODEL, "champion", target, Precondition::Absent)
        .await
        .unwrap();
    assert_eq!(bench.service.warm_up(project).await.unwrap(), 1);
    assert!(worker.stop().success());
}
