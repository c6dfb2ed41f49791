//! The composition root: settings become a running program, and a running program ends in order.

mod backup;
mod bench;
mod database;
mod doctor;
mod folding;
pub mod loan_book;
mod psql;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::task::JoinHandle;

use crate::config::Config;
use crate::domain::key::CreatedKey;
use crate::error::{Code, Context, Error, Result};
use crate::http;
use crate::jobs::{Worker, WorkerSettings};
use crate::service::{Service, ServiceSettings};
use crate::store::Store;
use crate::store::connect::{boot_check, connect, migrate};
use crate::store::postgres;

pub use backup::{BackedUp, Restored, backup, restore};
pub use bench::{Explained, arrow_stream, serve_bench, time_database};
use database::Database;
pub use doctor::{Finding, Health, examine, size};
pub use folding::{Folding, Served};
pub use psql::{Psql, create_day_key};

// What the command line reaches through here, since it names no layer below.
pub use crate::engine::{
    Device, Drawn, Rehearsal, device_memory, devices, elementwise_times, keep_kernels,
};
pub use crate::frame::column_names;
pub use crate::http::bench::Peers;
pub use crate::http::openapi::document as openapi;
pub use crate::jobs::Niceness;
pub use crate::jobs::child::{ChildArguments, run as run_child};
pub use crate::service::runs::GPU_TRAININGS;
pub use crate::store::postgres::{SUBCOMMAND as POSTGRES_SUBCOMMAND, become_postgres};

/// The database and the service over it, without a server: what commands need that look at or
/// change something and end.
pub struct Backend {
    pub service: Service,
    /// The first admin key, when [`Self::create_first_key`] made it.
    pub first_key: Option<CreatedKey>,
    store: Store,
    // The last to go.
    database: Database,
}

impl Backend {
    /// Opens the database (the external one, the embedded one of a running owner, or the embedded
    /// one as its owner), checks it and brings its schema up to date.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with the next step to take when there is no database to work with.
    pub async fn open(config: &Config) -> Result<Self> {
        Self::over(config, Database::open(config).await?).await
    }

    /// Opens the database of a server that runs on the same data directory, where one does.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn running(config: &Config) -> Result<Option<Self>> {
        match Database::running(config).await? {
            Some(database) => Self::over(config, database).await.map(Some),
            None => Ok(None),
        }
    }

    /// As [`Self::open`], as the owner of the embedded database; refused when another process is.
    ///
    /// # Errors
    /// [`Code::InUse`] when another process owns the data directory, and as [`Self::open`].
    pub async fn own(config: &Config) -> Result<Self> {
        Self::over(config, Database::own(config).await?).await
    }

    async fn over(config: &Config, database: Database) -> Result<Self> {
        let pool = connect(&database.url, &config.pool).await?;
        boot_check(&pool, database.is_embedded).await?;
        migrate(&pool).await?;
        let store = Store::new(pool);
        make_temp_dir(&config.service)?;
        let service = Service::new(store.clone(), config.service.clone());
        Ok(Self { service, first_key: None, store, database })
    }

    /// Where a server that runs on the same data directory can be reached.
    pub fn running_at(&self) -> Option<&str> {
        self.database.running_at.as_deref()
    }

    /// Makes the first admin key where there is none. To be done when nothing can fail any more
    /// before it is shown, since it is shown only once.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn create_first_key(&mut self) -> Result<()> {
        self.first_key = self.service.create_first_key().await?;
        Ok(())
    }

    /// Closes the connections, then the database if it is this process's.
    ///
    /// # Errors
    /// [`Error::Internal`] when a thread can't be waited for.
    pub async fn close(self) -> Result<()> {
        drop(self.service);
        self.store.close().await;
        self.database.close().await
    }
}

/// A running server with its worker.
pub struct App {
    backend: Backend,
    worker: Option<Worker>,
    address: SocketAddr,
    is_tls: bool,
    http: http::Handle,
    serving: JoinHandle<Result<()>>,
}

impl App {
    /// Starts everything, in the order in which each needs the other.
    ///
    /// # Errors
    /// Those of [`Backend::own`], and when the address can't be bound.
    pub async fn start(config: &Config) -> Result<Self> {
        let mut config = config.clone();
        // Before devices are looked for, which settles where their kernels are kept.
        config.service.keep_kernels();
        let wish = config.models_device;
        config.service.device = blocking(move || wish.resolve()).await.map_err(|error| {
            Error::field(Code::DeviceUnavailable, "models.device", error.to_string())
        })?;
        check_http(&config).await?;
        let mut backend = Backend::own(&config).await?;
        match Started::over(&config, &mut backend).await {
            Ok(Started { server, worker }) => {
                let (address, is_tls) = (server.address(), config.http.tls_cert.is_some());
                let http = server.handle();
                let serving = tokio::spawn(server.run());
                Ok(Self { backend, worker, address, is_tls, http, serving })
            }
            Err(error) => {
                // In order, or who listens to the database would miss it.
                if let Err(closing) = backend.close().await {
                    tracing::warn!(%closing, "what was started did not end well");
                }
                Err(error)
            }
        }
    }

    pub fn service(&self) -> &Service {
        &self.backend.service
    }

    /// The first admin key, when this start made it.
    pub fn first_key(&self) -> Option<&CreatedKey> {
        self.backend.first_key.as_ref()
    }

    /// Where the server is, as a URL.
    pub fn url(&self) -> String {
        url_of(self.address, self.is_tls)
    }

    /// Waits until the server ends by itself, which is an error.
    ///
    /// # Errors
    /// What ended it.
    pub async fn ended(&mut self) -> Result<()> {
        (&mut self.serving).await.context("serving")?
    }

    /// Ends in order: requests under way are answered, running jobs given back to the queue, the
    /// database stopped.
    ///
    /// # Errors
    /// The first step that failed; those after it were still taken.
    pub async fn stop(self) -> Result<()> {
        self.http.stop().await;
        let worker = self.worker;
        let given_back = blocking(move || {
            if let Some(worker) = worker {
                worker.stop();
            }
            Ok(())
        })
        .await;
        self.backend.close().await.and(given_back)
    }
}

/// What is started over a database.
struct Started {
    server: http::Server,
    worker: Option<Worker>,
}

impl Started {
    async fn over(config: &Config, backend: &mut Backend) -> Result<Self> {
        if config.service.device != Device::Cpu {
            let project = backend.service.operator()?.project;
            let loaded = backend.service.warm_up(&project).await?;
            tracing::info!(loaded, "champions are loaded");
        }
        let server = http::bind(config.http.clone(), backend.service.clone())?;
        let url = url_of(server.address(), config.http.tls_cert.is_some());
        backend.database.set_http_address(url)?;
        let worker = match config.worker_enabled {
            true => Some(start_worker(backend.database.url.clone(), config.worker.clone()).await?),
            false => None,
        };
        backend.create_first_key().await?;
        Ok(Self { server, worker })
    }
}

/// Checks the certificate and the address, before a database is made or started for them. Where a
/// server of the same data directory has the address, [`Backend::own`] says so.
async fn check_http(config: &Config) -> Result<()> {
    let settings = config.http.clone();
    match blocking(move || http::check(&settings)).await {
        Err(error) if error.code() == Code::AlreadyExists => {
            match Database::running(config).await? {
                Some(database) => database.close().await,
                None => Err(error),
            }
        }
        checked => checked,
    }
}

/// A worker alone, for a machine beside the server's.
///
/// # Errors
/// [`Code::Unavailable`] when the database can't be reached; [`Code::InvalidRequest`] when no
/// database is named.
pub async fn work(config: &Config) -> Result<Worker> {
    let postgres = config.postgres.clone();
    let url = match &config.database_url {
        Some(url) => url.clone(),
        None => {
            let attached = blocking(move || postgres::attach(&postgres)).await?;
            attached.map(|attached| attached.url).ok_or_else(|| {
                Error::new(
                    Code::InvalidRequest,
                    "a worker needs a database: set DATABASE_URL to an external PostgreSQL, or run \
                     'actuary serve' on this data directory first",
                )
            })?
        }
    };
    let pool = connect(&url, &config.pool).await?;
    boot_check(&pool, false).await?;
    migrate(&pool).await?;
    pool.close().await;
    make_temp_dir(&config.service)?;
    start_worker(url, config.worker.clone()).await
}

async fn start_worker(url: String, settings: WorkerSettings) -> Result<Worker> {
    blocking(move || Worker::start(url, settings)).await
}

fn make_temp_dir(settings: &ServiceSettings) -> Result<()> {
    let directory: &PathBuf = &settings.temp_dir;
    std::fs::create_dir_all(directory).context(format!("making {}", directory.display()))
}

fn url_of(address: SocketAddr, is_tls: bool) -> String {
    format!("{}://{address}", if is_tls { "https" } else { "http" })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("waiting for work on another thread")?
}
