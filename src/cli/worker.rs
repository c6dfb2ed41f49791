//! `actuary worker`

use super::output::print;
use super::{asked_to_stop, interrupted};
use crate::app;
use crate::config::Config;
use crate::error::{Context, Result};

/// Runs jobs until it is asked to stop, then gives back those that run.
pub(super) async fn run(config: &Config) -> Result<()> {
    // One listener from first to last: a signal between two of them would be lost.
    let stop = asked_to_stop();
    tokio::pin!(stop);
    let worker = tokio::select! {
        worker = app::work(config) => worker?,
        asked = &mut stop => return asked.and(Err(interrupted())),
    };
    print(&format!("running jobs, {} at once · Ctrl-C stops\n", config.worker.slots))?;
    let asked = stop.await;
    tokio::task::spawn_blocking(move || worker.stop()).await.context("stopping the worker")?;
    asked
}
