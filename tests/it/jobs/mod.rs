//! Jobs and those who carry them out, as processes that can be stopped and killed.

mod ending;
mod enqueue;
mod fencing;
mod niceness;
mod resuming;
mod takeover;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use actuary::domain::dataset::DataFormat;
use actuary::domain::job::{Job, JobEventKind, JobResult, JobState};
use actuary::domain::key::Caller;
use actuary::domain::training::TrainingSpec;
use actuary::domain::version::Version;
use actuary::service::{Service, ServiceSettings};
use actuary::store::Store;
use uuid::Uuid;

use crate::support::{Program, Scratch, TestDatabase, actuary, database};

/// How long anything may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
const DATASET: &str = "loans";
const MODEL: &str = "risk";
/// Epochs that take a few seconds, and as many as nobody waits for.
const SECONDS: u32 = 60;
const ENDLESS: u32 = 10_000;

/// A database with a service over it, on which jobs can be queued while no worker runs.
struct Bench {
    service: Service,
    operator: Caller,
    store: Store,
    database: TestDatabase,
    scratch: Scratch,
}

impl Bench {
    async fn new(name: &str) -> Self {
        let (database, scratch) = (database().await, Scratch::new(name));
        let store = Store::new(database.pool.clone());
        let settings = ServiceSettings::for_child(scratch.path().to_owned());
        let service = Service::new(store.clone(), settings);
        let operator = service.operator().unwrap();
        Self { service, operator, store, database, scratch }
    }

    fn data_dir(&self) -> &Path {
        self.scratch.path()
    }

    /// The program on this database, with short leases.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = actuary(self.data_dir());
        command
            .args(arguments)
            .env("DATABASE_URL", &self.database.url)
            .env("ACTUARY_WORKER_LEASE_SECONDS", "3")
            .env("ACTUARY_HTTP_ADDRESS", "127.0.0.1:0");
        command
    }

    fn start(&self, command: Command) -> Program {
        let mut program = Program::spawn(command, &self.data_dir().join("log"));
        program.first_line();
        program
    }

    fn worker(&self) -> Program {
        self.start(self.command(&["worker"]))
    }

    async fn upload(&self) -> Job {
        let begun = self.service.begin_upload(&self.operator, DATASET, DataFormat::Csv, Vec::new());
        let mut upload = begun.await.unwrap();
        upload.write(loans().as_bytes()).await.unwrap();
        upload.finish(None).await.unwrap()
    }

    /// Uploads the loans and waits until a worker has read them.
    async fn uploaded(&self) {
        let job = self.upload().await;
        let job = self.ended(job.id).await;
        assert_eq!(job.state, JobState::Done, "{job:?}");
    }

    async fn train(&self, spec: TrainingSpec) -> Uuid {
        self.service.train(&self.operator, None, MODEL, spec).await.unwrap().id
    }

    async fn job(&self, id: Uuid) -> Job {
        self.service.get_job(&self.operator, id).await.unwrap()
    }

    async fn until(&self, id: Uuid, what: &str, holds: impl Fn(&Job) -> bool) -> Job {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let job = self.job(id).await;
            if holds(&job) {
                return job;
            }
            assert!(Instant::now() < deadline, "{what} within {PATIENCE:?}: {job:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a training has got somewhere.
    async fn under_way(&self, id: Uuid) -> Job {
        let under_way = |job: &Job| job.state == JobState::Running && job.progress.is_some();
        self.until(id, "it is under way", under_way).await
    }

    async fn ended(&self, id: Uuid) -> Job {
        self.until(id, "it ends", |job| job.state.has_ended()).await
    }

    /// The version that a job made.
    async fn version(&self, job: &Job) -> Version {
        let Some(JobResult::ModelVersion(made)) = &job.result else { panic!("{job:?}") };
        self.service.get_version(&self.operator, MODEL, made.version).await.unwrap()
    }

    async fn versions(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM model_version");
        count.fetch_one(&self.database.pool).await.unwrap()
    }

    /// The states that a job went through, and the lines of its log.
    async fn history(&self, id: Uuid) -> (Vec<JobState>, Vec<String>) {
        let (mut states, mut lines) = (Vec::new(), Vec::new());
        let mut after = 0;
        loop {
            let events = self.service.job_events(&self.operator, id, after).await.unwrap();
            let Some(last) = events.last() else { return (states, lines) };
            after = last.sequence;
            for event in events {
                match event.event {
                    JobEventKind::State(event) => states.push(event.state),
                    JobEventKind::Log(event) => lines.push(event.message),
                    JobEventKind::Progress(_) => {}
                }
            }
        }
    }
}

/// Rows whose class follows from two of their columns, with some noise.
fn loans() -> String {
    let mut text = "income,amount,months,region,default\n".to_owned();
    let mut state = 7u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    for _ in 0..4_000 {
        let (income, amount, months) = (20 + draw(100), 1 + draw(60), 6 + draw(54));
        let region = ["north", "south", "east"][draw(3) as usize];
        let default = u32::from(amount * 100 / income + draw(40) > 70);
        text.push_str(&format!("{income},{amount}.5,{months},{region},{default}\n"));
    }
    text
}

/// A training of a perceptron that does not stop early.
fn training(epochs: u32) -> TrainingSpec {
    serde_json::from_value(serde_json::json!({
        "dataset": { "name": DATASET },
        "target": "default",
        "baselines": false,
        "network": { "kind": "mlp", "hidden": [64, 64], "dropout": 0.1 },
        "epochs": epochs,
        "batch_size": 64,
        "patience": 0,
        "seed": 11,
        "device": "cpu",
    }))
    .unwrap()
}
