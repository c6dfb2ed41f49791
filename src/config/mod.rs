//! The program's settings, put together from where they may stand: flag over environment over
//! file over default. Each layer declares its own settings; every value remembers its source.

mod file;
mod resolve;
mod settings;
mod value;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::cost::Rates;
use crate::engine::{Device, DeviceWish};
use crate::error::{Code, Error, Result};
use crate::http::HttpSettings;
use crate::jobs::{Niceness, WorkerSettings};
use crate::service::ServiceSettings;
use crate::store::connect::PoolSettings;
use crate::store::postgres::{EmbeddedSettings, default_data_dir};
use crate::telemetry::LogSettings;
use file::File;
use resolve::Resolver;

/// The file that is read when none is named, below the data directory.
pub const FILE_NAME: &str = "actuary.toml";
const FILE_VARIABLE: &str = "ACTUARY_CONFIG";

/// Most memory of a child that reads an upload.
const INGESTION_MEMORY: u64 = 4 << 30;
const LEASE: Duration = Duration::from_secs(30);
const MODEL_CACHE: u64 = 1 << 30;
/// More threads or processes than any machine runs: a slip of the pen, not a wish.
const MOST_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Every setting, and where it comes from.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    /// An external PostgreSQL; the embedded one when absent.
    pub database_url: Option<String>,
    pub pool: PoolSettings,
    pub postgres: EmbeddedSettings,
    pub http: HttpSettings,
    /// Where a server keeps large models; its service is told which device that is.
    pub models_device: DeviceWish,
    pub service: ServiceSettings,
    /// Whether `serve` runs jobs, too.
    pub worker_enabled: bool,
    pub worker: WorkerSettings,
    pub log: LogSettings,
    effective: Vec<Effective>,
    unknown_variables: Vec<String>,
}

/// A setting as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    pub key: &'static str,
    /// None where nothing is set; a secret is masked.
    pub value: Option<String>,
    pub source: Source,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag,
    /// The variable.
    Environment(String),
    /// File and line.
    File(String),
    Default,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(variable) => f.write_str(variable),
            Self::File(place) => f.write_str(place),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The settings file.
    pub file: Option<PathBuf>,
    /// Text by key.
    pub values: BTreeMap<&'static str, String>,
}

/// The environment by variable.
pub type Environment = BTreeMap<String, String>;

/// The process's environment, as far as it is text.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

impl Config {
    /// Puts the settings together.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every bad value with its place.
    pub fn load(flags: Flags, environment: &Environment) -> Result<Self> {
        let named = flags.file.clone().or_else(|| set(environment, FILE_VARIABLE).map(Into::into));
        let file = named.as_deref().map(File::read).transpose()?;
        let found_by_name = file.is_some();
        let mut from = Resolver::new(flags, environment, file);
        let data_dir = from.data_dir(default_data_dir)?;
        if !found_by_name {
            let path = data_dir.join(FILE_NAME);
            if path.exists() {
                let file = File::read(&path)?;
                if let Some((_, line)) = file.values.get("data_dir") {
                    return Err(Error::field(
                        Code::InvalidRequest,
                        file.place(*line),
                        format!(
                            "data_dir can't be set in the file that is found in it; give \
                             --data-dir, or name the file with --config {}",
                            path.display()
                        ),
                    ));
                }
                from.read(file);
            }
        }
        Self::resolve(from, data_dir)
    }

    fn resolve(mut from: Resolver<'_>, data_dir: PathBuf) -> Result<Self> {
        let mut temp_dir = data_dir.join("tmp");
        from.set("temp_dir", &mut temp_dir);
        let mut database_url = None;
        from.set("database.url", &mut database_url);
        let mut pool = PoolSettings::default();
        // One is the worker's or a transaction's while a request needs another.
        from.set_within("database.connections", &mut pool.max_connections, 2..);
        let mut postgres = EmbeddedSettings::new(&data_dir);
        from.set("postgres.bin_dir", &mut postgres.bin_dir);
        from.set("postgres.run_as", &mut postgres.run_as);
        let http = http(&mut from);
        let mut models_device = DeviceWish::Auto;
        from.set("models.device", &mut models_device);
        let mut service = ServiceSettings {
            temp_dir: temp_dir.clone(),
            model_cache_bytes: MODEL_CACHE,
            device: Device::Cpu,
            rates: Rates::default(),
            threads: NonZeroUsize::MIN,
            trainings_per_process: None,
        };
        from.set("models.cache_bytes", &mut service.model_cache_bytes);
        from.set("cost.currency", &mut service.rates.currency);
        from.set("cost.cpu_hour", &mut service.rates.cpu_hour);
        from.set("cost.cuda_hour", &mut service.rates.cuda_hour);
        let mut worker_enabled = true;
        from.set("worker.enabled", &mut worker_enabled);
        let mut worker = WorkerSettings {
            slots: NonZeroUsize::MIN,
            lease: LEASE,
            executable: postgres.executable.clone(),
            ingestion_memory: INGESTION_MEMORY,
            niceness: Niceness::default(),
            threads: NonZeroUsize::MIN,
            trainings_per_process: None,
            temp_dir,
        };
        from.set_within("worker.slots", &mut worker.slots, ..=MOST_THREADS);
        from.set("worker.lease_seconds", &mut worker.lease);
        from.set("worker.executable", &mut worker.executable);
        from.set("worker.ingestion_memory_bytes", &mut worker.ingestion_memory);
        from.set("worker.niceness", &mut worker.niceness);
        from.set_within("worker.threads", &mut worker.threads, ..=MOST_THREADS);
        from.set("worker.trainings_per_process", &mut worker.trainings_per_process);
        let mut log = LogSettings::default();
        from.set("log.format", &mut log.format);
        from.set("log.level", &mut log.level);
        let unknown_variables = from.unknown_variables();
        let effective = from.finish()?;
        Ok(Self {
            data_dir,
            database_url,
            pool,
            postgres,
            http,
            models_device,
            service,
            worker_enabled,
            worker,
            log,
            effective,
            unknown_variables,
        })
    }

    /// Every setting with its source, in the order of the file; secrets are masked.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }

    /// What is to be said of each variable that is named as a setting would be and is none. It is no
    /// error, as it is in a file: others name variables so, too, such as Kubernetes after a service.
    pub fn unknown_variables(&self) -> &[String] {
        &self.unknown_variables
    }

    /// Where a setting comes from.
    pub fn source(&self, key: &str) -> &Source {
        self.effective.iter().find(|e| e.key == key).map_or(&Source::Default, |e| &e.source)
    }
}

fn http(from: &mut Resolver<'_>) -> HttpSettings {
    let mut http = HttpSettings::default();
    from.set("http.address", &mut http.address);
    from.set("http.tls_cert", &mut http.tls_cert);
    from.set("http.tls_key", &mut http.tls_key);
    from.set("http.behind_proxy", &mut http.behind_proxy);
    from.set_within("http.workers", &mut http.workers, ..=Some(MOST_THREADS));
    from.set_within("http.max_connections", &mut http.max_connections, 1..);
    from.set_within("http.upload_limit_bytes", &mut http.upload_limit_bytes, 1..);
    from.set_within("http.body_idle_seconds", &mut http.body_idle_seconds, 1..);
    from.set("http.body_min_bytes_per_second", &mut http.body_min_bytes_per_second);
    from.set("http.shutdown_seconds", &mut http.shutdown_seconds);
    http
}

/// A variable that is set to something.
fn set<'a>(environment: &'a Environment, variable: &str) -> Option<&'a str> {
    environment.get(variable).map(String::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
