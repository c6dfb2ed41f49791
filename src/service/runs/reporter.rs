//! Reports a run's progress from the thread that works: steps are gathered and written a few
//! times a second, so that quick epochs don't wait for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::domain::job::Progress;
use crate::error::{Context, Result};
use crate::store::{RunRef, Store};

const PERIOD: Duration = Duration::from_millis(250);
/// Most steps in one write.
const GROUP: usize = 512;

/// Where the working thread says how far it is.
#[derive(Clone)]
pub(super) struct Reporter {
    steps: mpsc::UnboundedSender<Progress>,
    lost: Arc<AtomicBool>,
}

impl Reporter {
    /// Starts to report; the task ends, with everything written, once all reporters are dropped.
    pub(super) fn start(store: Store, run: RunRef) -> (Self, JoinHandle<Result<()>>) {
        let (steps, received) = mpsc::unbounded_channel();
        let lost = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(write(store, run, received, lost.clone()));
        (Self { steps, lost }, task)
    }

    pub(super) fn step(&self, progress: Progress) {
        // The writer only ends early when the run is lost.
        let _ = self.steps.send(progress);
    }

    /// Whether the run is no longer the job's, so that going on is in vain.
    pub(super) fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Waits until everything that was reported is written.
pub(super) async fn written(task: JoinHandle<Result<()>>) -> Result<()> {
    task.await.context("reporting progress")?
}

async fn write(
    store: Store,
    run: RunRef,
    mut steps: mpsc::UnboundedReceiver<Progress>,
    lost: Arc<AtomicBool>,
) -> Result<()> {
    let mut group = Vec::new();
    let mut is_open = true;
    while is_open || !group.is_empty() {
        if group.is_empty() {
            is_open = steps.recv_many(&mut group, GROUP).await > 0;
        }
        match store.run_progress(run, &group).await {
            Ok(true) => {}
            Ok(false) => {
                lost.store(true, Ordering::Relaxed);
                return Ok(());
            }
            // Progress is told again with the next step; the work itself must not fail by it.
            Err(error) => tracing::warn!(%error, "can't report progress"),
        }
        group.clear();
        is_open = is_open && gather(&mut steps, &mut group).await;
    }
    Ok(())
}

/// Gathers the steps of a period. False when there are no more: whoever works waits for the end of
/// this, and not for that of a period.
async fn gather(steps: &mut mpsc::UnboundedReceiver<Progress>, group: &mut Vec<Progress>) -> bool {
    let period = tokio::time::sleep(PERIOD);
    tokio::pin!(period);
    while group.len() < GROUP {
        tokio::select! {
            () = &mut period => return true,
            received = steps.recv_many(group, GROUP - group.len()) => if received == 0 {
                return false;
            },
        }
    }
    period.await;
    true
}
