//! What the command line understands.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};

use super::backup::BackupFile;
use super::bench::Bench;
use super::demo::Demo;
use super::doctor::Doctor;
use super::job::InternalJob;
#[cfg(feature = "jupyter")]
use super::kernel::Kernel;
use super::keys::Keys;
use super::repl::Repl;
use super::run::Run;
use crate::config::Flags;
#[cfg(feature = "jupyter")]
use crate::error::{Code, Context, Error, Result};

static VERSION: LazyLock<String> = LazyLock::new(crate::code_version);

/// Train, version and serve neural models for lending, from one binary.
#[derive(Parser)]
#[command(name = "actuary", version = VERSION.as_str(), max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) settings: Settings,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Generate loans, train on them, and score the first applicants: a minute, no other step
    Demo(Demo),
    /// Explore, train and compare at a prompt
    Repl(Repl),
    /// Run a script or a notebook of the same cells
    Run(Run),
    /// A kernel for notebooks of Jupyter
    #[cfg(feature = "jupyter")]
    #[command(subcommand)]
    Kernel(Kernel),
    /// Serve the HTTP interface and run jobs
    Serve(Serve),
    /// Run jobs for a server that uses the same database
    Worker(WorkerSettings),
    /// Make, list and revoke API keys
    Keys(Keys),
    /// Write everything into one file, while a server works or not
    Backup(BackupFile),
    /// Put a backup into an empty data directory
    Restore(BackupFile),
    /// Look at everything that a server needs, and say what to do
    Doctor(Doctor),
    /// Measure this machine, each figure beside its limit or a peer
    Bench(Bench),
    /// Print every setting and where it comes from
    Config,
    /// Print the OpenAPI document
    Openapi,
    #[command(hide = true)]
    InternalJob(InternalJob),
}

/// Settings that every command has.
#[derive(Args)]
pub(super) struct Settings {
    /// Settings file [default: actuary.toml in the data directory, if there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    /// Where data is kept [default: /var/lib/actuary for root, else in the user's data directory]
    #[arg(long, global = true, value_name = "DIRECTORY", help_heading = "Settings")]
    data_dir: Option<PathBuf>,
    /// An external PostgreSQL instead of the embedded one (better: DATABASE_URL, which is not
    /// shown in the list of processes)
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    database_url: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or a filter
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Settings")]
    log: Option<String>,
    /// How it is logged: pretty or json
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Settings")]
    log_format: Option<String>,
}

impl Settings {
    /// The options that say the same to a process that starts in another folder.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for what must not stand in a file.
    #[cfg(feature = "jupyter")]
    pub(super) fn to_pass_on(&self) -> Result<Vec<String>> {
        if self.database_url.is_some() {
            let detail = "--database-url would stand in a file that others may read: set \
                          DATABASE_URL where Jupyter is started";
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        let mut options = Vec::new();
        for (name, path) in [("--config", &self.config), ("--data-dir", &self.data_dir)] {
            if let Some(path) = path {
                let path = std::path::absolute(path).context(format!("finding {name}"))?;
                options.extend([name.to_owned(), path.display().to_string()]);
            }
        }
        for (name, text) in [("--log", &self.log), ("--log-format", &self.log_format)] {
            if let Some(text) = text {
                options.extend([name.to_owned(), text.clone()]);
            }
        }
        Ok(options)
    }

    pub(super) fn flags(&self) -> Flags {
        let mut flags = Flags { file: self.config.clone(), ..Flags::default() };
        add(&mut flags, "data_dir", self.data_dir.as_ref().map(|p| p.display()));
        add(&mut flags, "database.url", self.database_url.as_ref());
        add(&mut flags, "log.level", self.log.as_ref());
        add(&mut flags, "log.format", self.log_format.as_ref());
        flags
    }
}

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) settings: ServeSettings,
}

#[derive(Args)]
pub(super) struct ServeSettings {
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
    /// Certificate chain (PEM); turns TLS on, together with --tls-key
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// A proxy ends TLS, so that an address beyond this machine may be plain
    #[arg(long)]
    behind_proxy: bool,
    /// Leave jobs to 'actuary worker'
    #[arg(long)]
    no_worker: bool,
    #[command(flatten)]
    worker: WorkerSettings,
}

impl ServeSettings {
    pub(super) fn add_to(&self, flags: &mut Flags) {
        add(flags, "http.address", self.address);
        add(flags, "http.tls_cert", self.tls_cert.as_ref().map(|p| p.display()));
        add(flags, "http.tls_key", self.tls_key.as_ref().map(|p| p.display()));
        add(flags, "http.behind_proxy", self.behind_proxy.then_some(true));
        add(flags, "worker.enabled", self.no_worker.then_some(false));
        self.worker.add_to(flags);
    }
}

#[derive(Args)]
pub(super) struct WorkerSettings {
    /// Jobs that run at once [default: 1]
    #[arg(long, value_name = "NUMBER")]
    slots: Option<usize>,
    /// Networks that one job trains at once: those of an ensemble, and the simpler ones beside them
    /// [default: 1]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<std::num::NonZeroUsize>,
}

impl WorkerSettings {
    pub(super) fn add_to(&self, flags: &mut Flags) {
        add(flags, "worker.slots", self.slots);
        add(flags, "worker.threads", self.threads);
    }
}

fn add(flags: &mut Flags, key: &'static str, value: Option<impl ToString>) {
    if let Some(value) = value {
        flags.values.insert(key, value.to_string());
    }
}
