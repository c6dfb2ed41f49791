//! `actuary worker`

use super::asked_to_stop;
use super::output::print;
use crate::app;
use crate::config::Config;
use crate::error::{Context, Result};

/// Runs jobs until it is asked to stop, then gives back those that run.
pub(super) async fn run(config: &Config) -> Result<()> {
    let worker = app::work(config).await?;
    print(&format!("running jobs, {} at once · Ctrl-C stops\n", config.worker.slots))?;
    let asked = asked_to_stop().await;
    tokio::task::spawn_blocking(move || worker.stop()).await.context("stopping the worker")?;
    asked
}
