//! What the program does: one file per noun. All front ends and workers call only this.

mod activations;
mod advice;
mod aliases;
mod analyses;
mod assessments;
mod binnings;
mod cache;
mod content;
mod cost;
mod counterfactuals;
mod datasets;
mod explanations;
mod flights;
mod forecasts;
mod idempotency;
mod investments;
mod jobs;
mod keys;
mod loaded;
mod loans;
mod metrics;
mod models;
mod policies;
mod portfolios;
mod predictions;
mod prices;
mod reasons;
mod recorder;
mod rejects;
mod risk;
pub mod runs;
mod scorecards;
mod scorer;
mod scores;
mod simplifications;
mod turns;
mod versions;
mod warming;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

pub use crate::engine::Relieved;
pub use crate::store::JobFilter;
pub use aliases::Precondition;
pub use content::Content;
pub use datasets::Upload;
pub use idempotency::Idempotency;
pub use predictions::{Inputs, Question, Scoring, Wanted, arrow_answer};
pub use reasons::reason_table_csv;
pub use scorecards::scorecard_csv;

use tokio::sync::Semaphore;

use crate::domain::cost::Rates;
use crate::engine::{self, Device, Explainer, Inspector};
use crate::error::{Code, Error, Result};
use crate::store::connect::{PoolSettings, connect};
use crate::store::{Change, Changes, Store};
use cache::Cache;
use content::blocking;
use flights::Flights;
use jobs::Watch;
use loaded::Loaded;
use recorder::Recorder;
use scorer::Scorer;
use turns::Turns;

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// Where files lie while they are worked on; they have no name there. In its folder `kernels` is
    /// kept what is compiled for a GPU, which is compiled again where it is lost.
    pub temp_dir: PathBuf,
    /// Loaded models are kept up to so many bytes of weights.
    pub model_cache_bytes: u64,
    /// Where models live that are too large to be scored where a request arrives.
    pub device: Device,
    /// What an hour of a device costs.
    pub rates: Rates,
    /// Networks that a job trains at once.
    pub threads: NonZeroUsize,
    /// After how many trainings a job ends with [`engine::Relieved`]; by the device where nothing is set.
    pub trainings_per_process: Option<NonZeroUsize>,
}

impl ServiceSettings {
    /// Has what is compiled for a GPU kept. Counts before a device is looked for.
    pub fn keep_kernels(&self) {
        engine::keep_kernels(&self.temp_dir.join("kernels"));
    }

    /// What a job's child needs, which serves nobody.
    pub fn for_child(temp_dir: PathBuf) -> Self {
        Self {
            temp_dir,
            model_cache_bytes: 0,
            device: Device::Cpu,
            rates: Rates::default(),
            threads: NonZeroUsize::MIN,
            trainings_per_process: None,
        }
    }
}

/// Everything the program does, behind one cheap handle.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    store: Store,
    settings: ServiceSettings,
    cache: Cache,
    /// Versions that are on their way into memory, by their model's row and their number.
    loading: Flights<(i64, u32), Arc<Loaded>>,
    explainers: Flights<(i64, u32), Arc<Explainer>>,
    inspectors: Flights<(i64, u32), Arc<Inspector>>,
    watch: Watch,
    recorder: Recorder,
    scorer: Scorer,
    /// Blobs that may be on their way into files at once.
    spooling: Semaphore,
    /// Networks that may be measured at once: two would slow each other down.
    probing: Turns,
    /// Long histories that may be in memory at once.
    forecasting: Turns,
    /// Explanations that may be made at once: each takes a core, and half of them are for others.
    explaining: Turns,
    /// Datasets whose columns may be binned at once: likewise.
    binning: Turns,
    /// Calculations of risk that may be made at once, likewise.
    calculating: Turns,
    /// Portfolios that may be sought at once: likewise.
    investing: Turns,
}

impl Service {
    /// A service over a migrated database. Must be called within a tokio runtime: it listens to
    /// changes and records predictions on tasks of its own, which end with the last handle.
    pub fn new(store: Store, settings: ServiceSettings) -> Self {
        settings.keep_kernels();
        let cache = Cache::new(settings.model_cache_bytes);
        let watch = Watch::new();
        let recorder = Recorder::start(store.clone());
        let scorer = Scorer::start(settings.device);
        let spooling = Semaphore::new(2);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let inner = Arc::new(Inner {
            store,
            settings,
            cache,
            loading: Flights::new(),
            explainers: Flights::new(),
            inspectors: Flights::new(),
            watch,
            recorder,
            scorer,
            spooling,
            probing: Turns::new(1, advice::BUSY),
            forecasting: Turns::new(2, forecasts::BUSY),
            explaining: Turns::new((cores / 2).max(1), explanations::BUSY),
            binning: Turns::new((cores / 2).max(1), binnings::BUSY),
            calculating: Turns::new((cores / 2).max(1), risk::BUSY),
            investing: Turns::new((cores / 2).max(1), investments::BUSY),
        });
        tokio::spawn(listen(Arc::downgrade(&inner), inner.store.clone()));
        Self(inner)
    }

    /// A service over the migrated database at a URL.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it can't be reached.
    pub async fn connect(url: &str, settings: ServiceSettings) -> Result<Self> {
        Ok(Self::new(Store::new(connect(url, &PoolSettings::default()).await?), settings))
    }

    /// Says that the current thread runs the tasks of the current runtime, as one that serves does, whatever others
    /// they enter: who waits there is told there. For speed alone.
    pub fn this_thread_runs_its_own_tasks() {
        recorder::this_thread_runs_its_own_tasks();
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    /// Whether requests can be served.
    ///
    /// # Errors
    /// [`Code::Unavailable`] while the database can't be reached.
    pub async fn ready(&self) -> Result<()> {
        self.store().ping().await
    }
}

/// Hears what changes and forgets what may be stale by it, for as long as the service lives.
/// While nothing can be heard, nothing is held in memory.
async fn listen(service: Weak<Inner>, store: Store) {
    const RETRY: Duration = Duration::from_millis(500);
    let deaf = Deaf(service);
    loop {
        match store.changes().await {
            Ok(changes) => match hear(&deaf.0, changes).await {
                Some(_) if store.is_closed() => return,
                Some(error) => tracing::warn!(%error, "can't hear changes"),
                None => return,
            },
            Err(_) if store.is_closed() => return,
            Err(error) => tracing::warn!(%error, "can't listen to changes"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Hears changes until that fails, which it tells; None when the service is gone.
async fn hear(service: &Weak<Inner>, mut changes: Changes) -> Option<Error> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let mut fresh = Instant::now();
    let inner = service.upgrade()?;
    inner.cache.hearing(true);
    // Jobs may have moved while nobody heard.
    inner.watch.note(Change::Unknown);
    drop(inner);
    loop {
        let heard = tokio::time::timeout(PATIENCE, changes.next()).await;
        let inner = service.upgrade()?;
        if fresh.elapsed() >= cache::KEEP {
            inner.cache.forget();
            fresh = Instant::now();
        }
        match heard {
            Err(_) => {}
            Ok(Ok(change)) => {
                inner.cache.note(change);
                inner.watch.note(change);
            }
            Ok(Err(error)) => {
                inner.cache.hearing(false);
                return Some(error);
            }
        }
    }
}

/// However listening ends, nothing is held in memory after it.
struct Deaf(Weak<Inner>);

impl Drop for Deaf {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.cache.hearing(false);
        }
    }
}

fn not_found(what: &str, name: &str) -> Error {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    Error::new(Code::NotFound, format!("there is no {what} {shown}"))
}
