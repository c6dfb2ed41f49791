//! The one table of settings: where each may come from.

/// A setting by its key in the file.
#[derive(Debug)]
pub(super) struct Setting {
    /// `section.name` in the file.
    pub(super) key: &'static str,
    /// Environment variables, the first that is set counts.
    pub(super) env: &'static [&'static str],
    /// Never printed. May also be given as the path of a file that holds it: `key_file`,
    /// `VARIABLE_FILE`.
    pub(super) secret: bool,
}

macro_rules! table {
    ($($key:literal: $($env:literal)+ $(, secret $secret:literal)?;)*) => {
        pub(super) const SETTINGS: &[Setting] = &[
            $(Setting { key: $key, env: &[$($env),+], secret: false $(|| $secret)? },)*
        ];
    };
}

table! {
    "data_dir": "ACTUARY_DATA_DIR";
    "temp_dir": "ACTUARY_TEMP_DIR";
    "database.url": "ACTUARY_DATABASE_URL" "DATABASE_URL", secret true;
    "database.connections": "ACTUARY_DATABASE_CONNECTIONS";
    "postgres.bin_dir": "ACTUARY_POSTGRES_BIN_DIR";
    "postgres.run_as": "ACTUARY_POSTGRES_RUN_AS";
    "http.address": "ACTUARY_HTTP_ADDRESS";
    "http.tls_cert": "ACTUARY_HTTP_TLS_CERT";
    "http.tls_key": "ACTUARY_HTTP_TLS_KEY";
    "http.behind_proxy": "ACTUARY_HTTP_BEHIND_PROXY";
    "http.workers": "ACTUARY_HTTP_WORKERS";
    "http.max_connections": "ACTUARY_HTTP_MAX_CONNECTIONS";
    "http.upload_limit_bytes": "ACTUARY_HTTP_UPLOAD_LIMIT_BYTES";
    "http.body_idle_seconds": "ACTUARY_HTTP_BODY_IDLE_SECONDS";
    "http.body_min_bytes_per_second": "ACTUARY_HTTP_BODY_MIN_BYTES_PER_SECOND";
    "http.shutdown_seconds": "ACTUARY_HTTP_SHUTDOWN_SECONDS";
    "models.device": "ACTUARY_MODELS_DEVICE";
    "models.cache_bytes": "ACTUARY_MODELS_CACHE_BYTES";
    "cost.currency": "ACTUARY_COST_CURRENCY";
    "cost.cpu_hour": "ACTUARY_COST_CPU_HOUR";
    "cost.cuda_hour": "ACTUARY_COST_CUDA_HOUR";
    "worker.enabled": "ACTUARY_WORKER_ENABLED";
    "worker.slots": "ACTUARY_WORKER_SLOTS";
    "worker.lease_seconds": "ACTUARY_WORKER_LEASE_SECONDS";
    "worker.executable": "ACTUARY_WORKER_EXECUTABLE";
    "worker.ingestion_memory_bytes": "ACTUARY_WORKER_INGESTION_MEMORY_BYTES";
    "worker.niceness": "ACTUARY_WORKER_NICENESS";
    "worker.threads": "ACTUARY_WORKER_THREADS";
    "worker.trainings_per_process": "ACTUARY_WORKER_TRAININGS_PER_PROCESS";
    "log.format": "ACTUARY_LOG_FORMAT";
    "log.level": "ACTUARY_LOG" "RUST_LOG";
}

/// What the program's own variables begin with.
pub(super) const VARIABLE_PREFIX: &str = "ACTUARY_";

/// Variables with that prefix that are no settings: where the settings' file is, and what the REPL, the
/// examples and the tests read.
const OTHER_VARIABLES: [&str; 8] = [
    "ACTUARY_CONFIG",
    "ACTUARY_KEY",
    "ACTUARY_URL",
    "ACTUARY_BIN",
    "ACTUARY_COMMIT",
    "ACTUARY_CRASH_KILLS",
    "ACTUARY_CRASH_SEED",
    "ACTUARY_TEST_OWNER",
];

/// Every variable that something reads.
pub(super) fn variables() -> impl Iterator<Item = String> {
    let settings = SETTINGS.iter().flat_map(|setting| {
        let files = setting.env.iter().filter(|_| setting.secret);
        let files = files.map(|name| format!("{name}{}", FILE_SUFFIX.to_ascii_uppercase()));
        setting.env.iter().map(|name| (*name).to_owned()).chain(files)
    });
    settings.chain(OTHER_VARIABLES.map(str::to_owned))
}

/// The suffix of a key or variable that names a file with the secret.
pub(super) const FILE_SUFFIX: &str = "_file";

/// Whether a file may hold this key.
pub(super) fn find(key: &str) -> bool {
    file_keys().any(|known| known == key)
        || SETTINGS.iter().any(|s| s.secret && key.strip_suffix(FILE_SUFFIX) == Some(s.key))
}

pub(super) fn file_keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|s| s.key)
}

pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    file_keys().filter_map(|key| key.split_once('.')).map(|(section, _)| section)
}

pub(super) fn is_section(key: &str) -> bool {
    sections().any(|section| section == key)
}
