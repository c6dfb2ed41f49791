//! One thread that claims jobs, watches over their children and renews their leases. It has its
//! own runtime and connections: training keeps the machine busy, and requests the server, but a
//! lease must never be lost by either.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::WorkerSettings;
use super::child::RELIEVED;
use crate::error::{Code, Context, Error, Result};
use crate::service::runs::{Lease, Queue, RunRef};

/// How often children are looked after while some run.
const TICK: Duration = Duration::from_millis(150);
/// How often the queue is looked at when nothing was heard.
const IDLE: Duration = Duration::from_secs(1);
const HOUSEKEEPING: Duration = Duration::from_secs(2);
const CANCELLED: &str = "it was cancelled";

/// A worker; it ends its children and gives their jobs back when it is stopped or dropped.
pub struct Worker {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts to work.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub fn start(database_url: String, settings: WorkerSettings) -> Result<Self> {
        let (stop, stopping) = watch::channel(false);
        let (started, outcome) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("worker".into())
            .spawn(move || run(database_url, settings, stopping, &started))
            .context("starting the worker's thread")?;
        outcome.recv().context("starting the worker")??;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the children, gives their jobs back to the queue and waits for it.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the worker's thread panicked");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(
    database_url: String,
    settings: WorkerSettings,
    stopping: watch::Receiver<bool>,
    started: &mpsc::Sender<Result<()>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime.context("starting the worker's runtime") {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        match Queue::connect(&database_url).await {
            Err(error) => {
                let _ = started.send(Err(error));
            }
            Ok(queue) => {
                let _ = started.send(Ok(()));
                let name = format!("{}-{}", std::process::id(), Uuid::now_v7());
                let children = Vec::new();
                let now = Instant::now();
                let supervisor =
                    Supervisor { queue, settings, database_url, name, children, house_kept: now };
                supervisor.work(stopping).await;
            }
        }
    });
}

/// A run and the process that carries it out.
struct Running {
    run: RunRef,
    process: Child,
    /// When the last renewal that succeeded was sent.
    renewed: Instant,
    /// When the next is due.
    renew_at: Instant,
    /// Why this worker has ended it.
    ended: Option<&'static str>,
}

struct Supervisor {
    queue: Queue,
    settings: WorkerSettings,
    database_url: String,
    name: String,
    children: Vec<Running>,
    house_kept: Instant,
}

impl Supervisor {
    async fn work(mut self, mut stopping: watch::Receiver<bool>) {
        let mut changes = None;
        while !*stopping.borrow() {
            if let Err(error) = in_time(self.settings.lease, self.turn()).await {
                tracing::warn!(%error, "the worker can't reach the queue");
            }
            self.end_overdue();
            if changes.is_none() {
                changes = in_time(self.settings.lease, self.queue.changes()).await.ok();
            }
            let wait = if self.children.is_empty() { IDLE } else { TICK };
            let heard = async {
                match &mut changes {
                    Some(changes) => changes.next().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopping.changed() => {}
                alive = heard => if !alive { changes = None },
            }
        }
        self.give_back().await;
    }

    /// Looks after what runs, the leases first, then takes up what waits.
    async fn turn(&mut self) -> Result<()> {
        self.renew().await;
        self.reap().await?;
        self.cancel().await?;
        if self.house_kept.elapsed() >= HOUSEKEEPING {
            self.house_kept = Instant::now();
            self.queue.keep_house().await?;
        }
        while self.children.len() < self.settings.slots.get() {
            let sent = Instant::now();
            let Some(run) = self.queue.claim(&self.name, self.settings.lease).await? else { break };
            match self.spawn(run) {
                Ok(process) => self.children.push(Running {
                    run,
                    process,
                    renewed: sent,
                    renew_at: sent + self.settings.lease / 5,
                    ended: None,
                }),
                Err(error) => {
                    tracing::error!(job = %run.job, %error, "can't start a job's process");
                    self.queue.end_attempt(run, "its process could not be started").await?;
                }
            }
        }
        Ok(())
    }

    fn spawn(&self, run: RunRef) -> Result<Child> {
        tracing::info!(job = %run.job, fence = run.fence, "job is taken up");
        let trainings = self.settings.trainings_per_process;
        Command::new(&self.settings.executable)
            .arg("internal-job")
            .arg(run.job.to_string())
            .arg(run.fence.to_string())
            .arg("--parent")
            .arg(std::process::id().to_string())
            .arg("--ingestion-memory")
            .arg(self.settings.ingestion_memory.to_string())
            .arg("--niceness")
            .arg(self.settings.niceness.to_string())
            .arg("--threads")
            .arg(self.settings.threads.to_string())
            .args(trainings.map(|number| format!("--trainings-per-process={number}")))
            .arg("--temp-dir")
            .arg(&self.settings.temp_dir)
            .env("DATABASE_URL", &self.database_url)
            .envs(self.driver_cache())
            // Its own group: an interrupt at the terminal is for this program, which ends or
            // cancels its jobs in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context(format!("starting {}", self.settings.executable.display()))
    }

    /// Where CUDA's driver keeps what it compiles: with the kernels that it is made of, unless the
    /// operator says where. By itself it asks for a home directory, which a service need not have.
    fn driver_cache(&self) -> Option<(&'static str, PathBuf)> {
        const VARIABLE: &str = "CUDA_CACHE_PATH";
        let is_set = std::env::var_os(VARIABLE).is_some();
        (!is_set).then(|| (VARIABLE, self.settings.temp_dir.join("kernels").join("driver")))
    }

    /// Ends the attempts of processes that have ended. One that ended well has written its end
    /// itself; one that could not is put back into the queue.
    async fn reap(&mut self) -> Result<()> {
        let mut index = 0;
        while index < self.children.len() {
            let running = &mut self.children[index];
            let status = match running.process.try_wait() {
                Ok(None) => {
                    index += 1;
                    continue;
                }
                Ok(Some(status)) => status,
                Err(error) => return Err(Error::internal("waiting for a job's process", error)),
            };
            let reason = reason(running.ended, status);
            tracing::info!(job = %running.run.job, %status, "job's process has ended");
            let relieved = running.ended.is_none() && status.code() == Some(RELIEVED);
            // Written before the process is forgotten, so that a database that is away just now
            // is asked again.
            match relieved {
                true => self.queue.release(running.run).await?,
                false => self.queue.end_attempt(running.run, &reason).await?,
            }
            self.children.swap_remove(index);
        }
        Ok(())
    }

    /// Renews the leases that are due.
    async fn renew(&mut self) {
        for running in &mut self.children {
            let sent = Instant::now();
            if sent < running.renew_at {
                continue;
            }
            match self.queue.renew(running.run, self.settings.lease).await {
                Ok(found) => {
                    running.renew_at = sent + self.settings.lease / 5;
                    // Where it is gone, its end was written and it leaves by itself, or it is
                    // another worker's: then it is overdue, and what it still writes is refused.
                    if found != Lease::Gone {
                        running.renewed = sent;
                    }
                    if found == Lease::CancelPending {
                        running.end(CANCELLED);
                    }
                }
                Err(error) => {
                    tracing::warn!(job = %running.run.job, %error, "can't renew a lease");
                    running.renew_at = sent + TICK * 4;
                }
            }
        }
    }

    /// Ends what was not renewed for so long that it may be another worker's soon.
    fn end_overdue(&mut self) {
        for running in &mut self.children {
            if running.renewed.elapsed() > self.settings.lease * 2 / 3 {
                running.end("its lease could not be renewed in time");
            }
        }
    }

    async fn cancel(&mut self) -> Result<()> {
        if self.children.is_empty() {
            return Ok(());
        }
        let jobs: Vec<Uuid> = self.children.iter().map(|running| running.run.job).collect();
        for job in self.queue.cancel_pending(&jobs).await? {
            for running in self.children.iter_mut().filter(|running| running.run.job == job) {
                running.end(CANCELLED);
            }
        }
        Ok(())
    }

    async fn give_back(&mut self) {
        for running in &mut self.children {
            running.kill();
            if let Err(error) = running.process.wait() {
                tracing::warn!(%error, "can't wait for a job's process");
            }
            // When the database is away, the lease runs out by itself.
            let released = in_time(self.settings.lease, self.queue.release(running.run)).await;
            if let Err(error) = released {
                tracing::warn!(job = %running.run.job, %error, "can't give a job back");
            }
        }
    }
}

impl Running {
    fn kill(&mut self) {
        if let Err(error) = self.process.kill() {
            tracing::warn!(%error, "can't end a job's process");
        }
    }

    fn end(&mut self, why: &'static str) {
        if self.ended.is_none() {
            self.ended = Some(why);
            self.kill();
        }
    }
}

/// What the database has to answer within a quarter of the lease: a worker that waits for it
/// without end would not see that its runs are overdue.
async fn in_time<T>(lease: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(lease / 4, work).await.unwrap_or_else(|_| {
        Err(Error::new(Code::Unavailable, "the database does not answer in time"))
    })
}

fn reason(ended: Option<&str>, status: ExitStatus) -> String {
    if let Some(ended) = ended {
        return ended.to_owned();
    }
    match (status.signal(), status.code()) {
        (Some(9), _) => "its process was killed, as the system does when memory is short".into(),
        (Some(6), _) => {
            "its process gave up, as it does when it reaches the limit of its memory".into()
        }
        (Some(signal), _) => format!("its process was ended by signal {signal}"),
        (None, Some(0)) => "its process ended without writing an end".into(),
        (None, _) => "its process met an error that the log names".into(),
    }
}
