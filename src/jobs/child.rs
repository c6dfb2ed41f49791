//! The child: carries one run out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use uuid::Uuid;

use super::Niceness;
use crate::domain::job::JobSpec;
use crate::error::{Context, Error, Result};
use crate::service::runs::RunRef;
use crate::service::{Relieved, Service, ServiceSettings};

/// How a child exits whose job another is to go on with, from its checkpoint: `EX_TEMPFAIL` of
/// `sysexits.h`.
pub(super) const RELIEVED: i32 = 75;

/// What a worker tells its child. The database's URL, which holds a password, is in the
/// environment.
#[derive(Debug, Clone)]
pub struct ChildArguments {
    pub job: Uuid,
    pub fence: i64,
    /// Process that must live as long as this one works.
    pub parent: i32,
    pub ingestion_memory: u64,
    pub niceness: Niceness,
    pub threads: NonZeroUsize,
    pub trainings_per_process: Option<NonZeroUsize>,
    pub temp_dir: PathBuf,
    pub database_url: String,
}

/// Carries a run out.
///
/// # Errors
/// What another attempt may not meet again.
pub fn run(arguments: ChildArguments) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("binding this process's life to its parent's")?;
    if getppid().as_raw() != arguments.parent {
        return Err(Error::internal("starting", "the worker is gone"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(carry_out(arguments))
}

async fn carry_out(arguments: ChildArguments) -> Result<()> {
    let settings = ServiceSettings {
        threads: arguments.threads,
        trainings_per_process: arguments.trainings_per_process,
        ..ServiceSettings::for_child(arguments.temp_dir)
    };
    let service = Service::connect(&arguments.database_url, settings).await?;
    let run = RunRef { job: arguments.job, fence: arguments.fence };
    let Some(claim) = service.load_run(run).await? else { return Ok(()) };
    match claim.spec {
        JobSpec::Ingestion(_) => {
            let limit = arguments.ingestion_memory;
            setrlimit(Resource::RLIMIT_AS, limit, limit).context("limiting the memory")?;
        }
        // A training takes every core that is left over, for minutes; whoever uploads waits for the end.
        _ => arguments.niceness.take()?,
    }
    match service.carry_out(claim).await {
        Err(Error::Internal { source, .. }) if source.is::<Relieved>() => {
            tracing::info!(job = %run.job, "this process has trained enough; another goes on");
            std::process::exit(RELIEVED)
        }
        outcome => outcome,
    }
}
