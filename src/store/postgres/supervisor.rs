//! Watching the server, and starting it again when it dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::server::{Postmaster, Server};
use crate::error::{Context, Result};

/// How often the server is looked at, and its old logs.
const WATCH: Duration = Duration::from_millis(100);
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
/// A server that has run for so long did not fail for how it was started.
const STABLE: Duration = Duration::from_secs(60);
/// How long one that can't be started again is left alone at most.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// The thread that the server is a child of: the server ends when this thread does.
#[derive(Debug)]
pub(super) struct Supervisor {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Returns once the server answers and the database is there.
    pub(super) fn start(server: Server) -> Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        let flag = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || match begin(&server, &flag) {
                Ok((runtime, postmaster)) => {
                    let _ = sender.send(Ok(()));
                    supervise(&server, &runtime, postmaster, &flag);
                    let _ = std::fs::remove_dir(&server.socket_dir);
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            })
            .context("starting the thread that watches PostgreSQL")?;
        let started = receiver.recv().context("waiting for PostgreSQL to start")?;
        started.map(|()| Self { stopping, thread: Some(thread) })
    }

    /// Stops the server in order, and waits until it has ended.
    pub(super) fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread that watched PostgreSQL panicked");
            }
        }
    }
}

fn begin(server: &Server, stopping: &AtomicBool) -> Result<(Runtime, Postmaster)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a runtime to ask PostgreSQL whether it is ready")?;
    let postmaster = server.launch(&runtime, stopping)?;
    server.ensure_database(&runtime)?;
    Ok((runtime, postmaster))
}

/// Keeps the server running until it is to stop; it is stopped when this returns.
fn supervise(
    server: &Server,
    runtime: &Runtime,
    mut postmaster: Postmaster,
    stopping: &AtomicBool,
) {
    let mut since = Instant::now();
    let mut tidied = Instant::now();
    let mut failures = 0_u32;
    while !stopping.load(Ordering::Relaxed) {
        if let Some(status) = postmaster.exited() {
            // One that keeps dying soon after its start is not helped by haste.
            failures = if since.elapsed() > STABLE { 0 } else { failures + 1 };
            tracing::error!(%status, "PostgreSQL ended on its own and is started again");
            let Some(again) = relaunch(server, runtime, stopping, &mut failures) else {
                return;
            };
            postmaster = again;
            since = Instant::now();
            tracing::info!("PostgreSQL is back");
        }
        if tidied.elapsed() > HOUSEKEEPING {
            server.prune_logs();
            tidied = Instant::now();
        }
        std::thread::park_timeout(WATCH);
    }
}

/// Tries until it runs, ever more slowly; `None` when it is to stop.
fn relaunch(
    server: &Server,
    runtime: &Runtime,
    stopping: &AtomicBool,
    failures: &mut u32,
) -> Option<Postmaster> {
    loop {
        let until = Instant::now() + back_off(*failures);
        while Instant::now() < until && !stopping.load(Ordering::Relaxed) {
            std::thread::park_timeout(WATCH);
        }
        if stopping.load(Ordering::Relaxed) {
            return None;
        }
        match server.launch(runtime, stopping) {
            Ok(postmaster) => return Some(postmaster),
            Err(error) => {
                *failures = failures.saturating_add(1);
                tracing::error!(%error, "PostgreSQL can't be started again yet");
            }
        }
    }
}

/// At once for the first two, then 0.5, 1, 2 s and so on.
fn back_off(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => Duration::from_millis(250).saturating_mul(1 << n.min(10) >> 1).min(LONGEST_BACK_OFF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_grows_to_its_limit() {
        let times: Vec<u128> = (0..6).map(|n| back_off(n).as_millis()).collect();
        assert_eq!(times, [0, 0, 500, 1000, 2000, 4000]);
        assert_eq!(back_off(u32::MAX), LONGEST_BACK_OFF);
    }
}
