//! A training that is interrupted ends with the weights of one that is not.

use std::io::{Seek, Write};
use std::time::Duration;

use actuary::domain::dataset::DataFormat;
use actuary::domain::job::{JobEvent, JobEventKind, JobState, Progress};
use actuary::engine::{self, CheckpointPolicy, Control, EpochReport, Hooks};
use actuary::error::{Code, Result};
use actuary::frame;

use super::{Bench, DATASET, SECONDS, training};
use crate::support::kill_at_once;

#[tokio::test]
async fn a_killed_training_is_taken_up_again_and_ends_with_the_same_weights() {
    let bench = Bench::new("killed-child").await;
    let worker = bench.worker();
    bench.uploaded().await;
    let whole = bench.train(training(SECONDS)).await;
    let broken = bench.train(training(SECONDS)).await;
    let whole = bench.ended(whole).await;
    assert_eq!((whole.state, whole.attempts), (JobState::Done, 1));

    bench.under_way(broken).await;
    let processes = worker.jobs();
    assert_eq!(processes.len(), 1, "one slot");
    kill_at_once(&processes);
    let job = bench.ended(broken).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2), "{job:?}");
    let (_, lines) = bench.history(broken).await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("attempt 1 came to nothing: its process was killed"), "{lines:?}");

    let (whole, broken) = (bench.version(&whole).await, bench.version(&job).await);
    assert_ne!(whole.version, broken.version);
    assert_eq!(whole.provenance.weights_sha256, broken.provenance.weights_sha256);
    assert_eq!(whole.metrics, broken.metrics);
    assert_eq!(bench.versions().await, 2);
    assert!(worker.stop().success());
}

/// Keeps the checkpoint of one epoch and stops after the next.
struct Interrupted {
    keep: u32,
    epoch: u32,
    checkpoint: Vec<u8>,
}

impl Hooks for Interrupted {
    fn epoch(&mut self, report: &EpochReport) -> Result<Control> {
        self.epoch = report.epoch;
        Ok(if report.epoch > self.keep { Control::Stop } else { Control::Continue })
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        // Comes before the report of its epoch.
        if self.epoch + 1 == self.keep {
            self.checkpoint = bytes.to_vec();
        }
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn checkpoint_policy(&self) -> CheckpointPolicy {
        let within_epoch = Duration::from_secs(3600);
        CheckpointPolicy { after_epoch: Duration::ZERO, within_epoch }
    }
}

/// What a run writes that is lost after its checkpoint of an epoch.
async fn checkpoint(bench: &Bench, keep: u32, epochs: u32) -> Vec<u8> {
    let parquet = DataFormat::Parquet;
    let mut content =
        bench.service.dataset_content(&bench.operator, DATASET, 1, parquet).await.unwrap();
    let mut file = tempfile::tempfile().unwrap();
    while let Some(bytes) = content.next().await.unwrap() {
        file.write_all(&bytes).unwrap();
    }
    file.rewind().unwrap();
    let frame = frame::read_parquet(file, None).unwrap();
    let mut spec = training(epochs);
    spec.dataset.version = Some(1);
    let mut hooks = Interrupted { keep, epoch: 0, checkpoint: Vec::new() };
    let stopped = engine::train(&frame, &spec, None, &mut hooks).unwrap_err();
    assert_eq!(stopped.code(), Code::Cancelled);
    hooks.checkpoint
}

#[tokio::test]
async fn a_job_goes_on_in_another_process_after_as_many_trainings_as_are_set() {
    let bench = Bench::new("relieved").await;
    let mut command = bench.command(&["worker"]);
    command.env("ACTUARY_WORKER_TRAININGS_PER_PROCESS", "1");
    let relieving = bench.start(command);
    bench.uploaded().await;
    let mut spec = training(2);
    spec.baselines = true;
    let broken = bench.train(spec.clone()).await;
    let broken = bench.ended(broken).await;
    assert!(relieving.stop().success());
    assert_eq!((broken.state, broken.attempts), (JobState::Done, 1), "{broken:?}");
    let events = bench.service.job_events(&bench.operator, broken.id, 0).await.unwrap();
    let started = |event: &JobEvent| {
        matches!(&event.event,
        JobEventKind::State(state) if state.state == JobState::Running)
    };
    assert!(events.iter().filter(|event| started(event)).count() > 1, "{events:?}");

    let worker = bench.worker();
    let whole = bench.train(spec).await;
    let whole = bench.ended(whole).await;
    let (broken, whole) = (bench.version(&broken).await, bench.version(&whole).await);
    assert_eq!(broken.provenance.weights_sha256, whole.provenance.weights_sha256);
    assert_eq!(broken.metrics, whole.metrics);
    assert!(worker.stop().success());
}

#[tokio::test]
async fn a_lost_run_is_taken_up_at_its_checkpoint_and_ends_with_the_same_weights() {
    const EPOCHS: u32 = 6;
    const KEPT: u32 = 3;
    let bench = Bench::new("checkpoint").await;
    let worker = bench.worker();
    bench.uploaded().await;
    let whole = bench.train(training(EPOCHS)).await;
    let whole = bench.ended(whole).await;
    assert!(worker.stop().success());

    let id = bench.train(training(EPOCHS)).await;
    let lease = Duration::from_millis(500);
    let run = loop {
        let run = bench.store.claim("a lost worker", lease).await.unwrap().unwrap();
        // The worker may have queued a sweep before it stopped.
        if run.job == id {
            break run;
        }
    };
    let bytes = checkpoint(&bench, KEPT, EPOCHS).await;
    let mut writer = bench.store.write_blob().await.unwrap();
    writer.write(&bytes).await.unwrap();
    let written = writer.complete().await.unwrap();
    assert!(bench.store.run_checkpoint(run, &written).await.unwrap());

    let worker = bench.worker();
    let job = bench.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2), "{job:?}");
    let events = bench.service.job_events(&bench.operator, id, 0).await.unwrap();
    let epochs: Vec<u32> = events
        .into_iter()
        .filter_map(|event| match event.event {
            JobEventKind::Progress(event) => match event.progress {
                Progress::Training(training) => Some(training.epoch),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let left: Vec<u32> = (KEPT + 1..=EPOCHS).collect();
    assert_eq!(epochs, left, "only what came after the checkpoint is done again");
    let (whole, resumed) = (bench.version(&whole).await, bench.version(&job).await);
    assert_eq!(whole.provenance.weights_sha256, resumed.provenance.weights_sha256);
    assert_eq!(whole.curve, resumed.curve);
    assert!(worker.stop().success());
}
