//! The worker: claims jobs, keeps their leases, runs each in a child process of this binary, so
//! that a crash, a leak or a lack of memory costs one attempt and never the server.

pub mod child;
mod niceness;
mod worker;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub use niceness::Niceness;
pub use worker::Worker;

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Jobs that run at once.
    pub slots: NonZeroUsize,
    /// How long a job stays a lost worker's.
    pub lease: Duration,
    /// The program whose `internal-job` carries a job out.
    pub executable: PathBuf,
    /// Address space of a child that reads an upload, in bytes: a file made to exhaust memory ends
    /// the child, not the machine.
    pub ingestion_memory: u64,
    /// How far jobs that train give way to whoever serves.
    pub niceness: Niceness,
    /// Networks that a job trains at once.
    pub threads: NonZeroUsize,
    /// After how many trainings of one job its child is replaced by another; by the device where nothing
    /// is set.
    pub trainings_per_process: Option<NonZeroUsize>,
    /// Where a child's files lie while it works.
    pub temp_dir: PathBuf,
}
