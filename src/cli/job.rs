//! `actuary internal-job`: what a worker starts to carry one job out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use crate::app::{ChildArguments, Niceness, run_child};
use crate::error::{Context, Result};
use crate::telemetry::{self, LogSettings};

#[derive(Args)]
pub(super) struct InternalJob {
    job: Uuid,
    fence: i64,
    #[arg(long)]
    parent: i32,
    #[arg(long)]
    ingestion_memory: u64,
    #[arg(long)]
    niceness: Niceness,
    #[arg(long)]
    threads: NonZeroUsize,
    #[arg(long)]
    trainings_per_process: Option<NonZeroUsize>,
    #[arg(long)]
    temp_dir: PathBuf,
}

pub(super) fn run(arguments: InternalJob) -> Result<()> {
    let database_url = std::env::var("DATABASE_URL").context("reading DATABASE_URL")?;
    let level = std::env::var("ACTUARY_LOG").ok().filter(|level| !level.is_empty());
    telemetry::init(&LogSettings { level, ..LogSettings::default() }, "warn")?;
    run_child(ChildArguments {
        job: arguments.job,
        fence: arguments.fence,
        parent: arguments.parent,
        ingestion_memory: arguments.ingestion_memory,
        niceness: arguments.niceness,
        threads: arguments.threads,
        trainings_per_process: arguments.trainings_per_process,
        temp_dir: arguments.temp_dir,
        database_url,
    })
}
