//! The embedded PostgreSQL: found among what is installed, initialised, started, watched and
//! stopped by this program, with full durability.
//!
//! One process owns a data directory, by a lock that ends with it; every other process attaches
//! to what the owner runs. Below the data directory:
//!
//! | file | what it holds |
//! |---|---|
//! | `postgres/` | the cluster (its logs in `postgres/log/`), of the user PostgreSQL runs as |
//! | `postgres.password` | the password of the superuser `actuary` |
//! | `postgres-start.log` | what the last start said before the cluster's own log began |
//! | `actuary.lock` | locked by the owner for as long as it lives |
//! | `actuary.json` | where the owner's database and HTTP server are |

mod account;
mod binaries;
mod child;
mod cluster;
mod owner;
mod pidfile;
mod server;
mod supervisor;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};

pub use child::{SUBCOMMAND, become_postgres};

use account::Account;
use binaries::Binaries;
use cluster::Paths;
use owner::{DataLock, Runtime};
use server::Server;
use supervisor::Supervisor;

/// The oldest PostgreSQL that is supported.
pub const MIN_MAJOR: u32 = 15;

/// What the program keeps in a data directory, as the table above has it.
pub const FILES: [&str; 5] =
    ["postgres", "postgres.password", "postgres-start.log", "actuary.lock", "actuary.json"];

/// How often another process is looked at.
const PROBE: Duration = Duration::from_millis(50);

/// How the embedded PostgreSQL is run.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// Where the cluster and what belongs to it are kept.
    pub data_dir: PathBuf,
    /// Where `initdb` and `postgres` are; searched for when absent.
    pub bin_dir: Option<PathBuf>,
    /// The user PostgreSQL runs as when this process is root, which PostgreSQL refuses to be.
    pub run_as: Option<String>,
    /// The program whose hidden subcommand becomes PostgreSQL: this one, but in tests.
    pub executable: PathBuf,
    /// How long to wait for what an earlier PostgreSQL left behind, and for another owner that is
    /// starting. Recovery from a crash may take longer. An earlier one that is still stopping then is
    /// ended at once, and waited for as long again.
    pub start_timeout: Duration,
    /// Whether a new cluster is written through to the disk; only tests do without.
    pub sync_initdb: bool,
}

impl EmbeddedSettings {
    /// The defaults for a data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        // The link still leads to this program when an update has replaced its file.
        let link = Path::new("/proc/self/exe");
        let executable = if link.exists() {
            link.to_path_buf()
        } else {
            std::env::current_exe().unwrap_or_else(|_| PathBuf::from("actuary"))
        };
        Self {
            data_dir: data_dir.into(),
            bin_dir: None,
            run_as: None,
            executable,
            start_timeout: Duration::from_secs(15),
            sync_initdb: true,
        }
    }
}

/// `/var/lib/actuary` for root, else `actuary` in the user's XDG data directory.
///
/// # Errors
/// [`Code::Unavailable`] when neither `XDG_DATA_HOME` nor `HOME` says where that is.
pub fn default_data_dir() -> Result<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/actuary"));
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("actuary"))
        .ok_or_else(|| {
            unavailable(
                "There is no place to keep data: neither XDG_DATA_HOME nor HOME is set. \
                 Name a data directory",
            )
        })
}

/// The PostgreSQL that this process runs; dropping it stops it.
#[derive(Debug)]
pub struct Embedded {
    runtime: Runtime,
    paths: Paths,
    supervisor: Supervisor,
    // The last to go: who gets the lock next finds everything stopped.
    _lock: DataLock,
}

impl Embedded {
    /// Takes the data directory, makes the cluster if there is none, and starts it. Blocks until
    /// it answers, so async callers use `spawn_blocking`.
    ///
    /// # Errors
    /// [`Code::InUse`] when another process owns the data directory; [`Code::Unavailable`], with
    /// the next step to take, when PostgreSQL is not installed, has the wrong version, can't
    /// reach its directory, or does not start.
    pub fn start(settings: &EmbeddedSettings) -> Result<Self> {
        let paths = Paths::create(&settings.data_dir)?;
        let lock = DataLock::take(&paths)?;
        Runtime::remove(&paths);
        paths.remove_leftovers();
        let account = Account::choose(settings.run_as.as_deref(), &paths)?;
        let binaries = Binaries::find(settings.bin_dir.as_deref(), paths.major()?)?;
        if !paths.has_cluster() {
            cluster::initialise(settings, &paths, &account, &binaries)?;
        }
        let password = paths.read_password()?;
        let socket_dir = cluster::socket_dir(&paths, &account)?;
        let url = format!(
            "postgres://{user}:{password}@localhost:{port}/{database}?host={host}&sslmode=disable",
            user = cluster::SUPERUSER,
            port = cluster::PORT,
            database = cluster::DATABASE,
            host = socket_dir.display(),
        );
        let server = Server {
            executable: settings.executable.clone(),
            start_timeout: settings.start_timeout,
            paths: paths.clone(),
            account,
            binaries,
            socket_dir,
            password,
        };
        let supervisor = Supervisor::start(server)?;
        let runtime = Runtime::new(url);
        runtime.write(&paths)?;
        Ok(Self { runtime, paths, supervisor, _lock: lock })
    }

    /// Where the database is; stays the same when PostgreSQL is started again.
    pub fn url(&self) -> &str {
        &self.runtime.url
    }

    /// Tells those who attach where this process serves HTTP.
    ///
    /// # Errors
    /// [`Error::Internal`] when the runtime file can't be written.
    pub fn set_http_address(&mut self, address: impl Into<String>) -> Result<()> {
        self.runtime.http_address = Some(address.into());
        self.runtime.write(&self.paths)
    }

    /// Stops PostgreSQL in order; blocks until it has ended.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        Runtime::remove(&self.paths);
        self.supervisor.stop();
    }
}

/// The PostgreSQL that another process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub url: String,
    /// Where the owner serves HTTP, once it does.
    pub http_address: Option<String>,
    pub owner_pid: u32,
}

/// What the owner of the data directory runs; `None` when nobody owns it. Waits for an owner that
/// is still starting. Never starts or stops anything.
///
/// # Errors
/// [`Code::Unavailable`] when the owner is not ready in time, or its files can't be read.
pub fn attach(settings: &EmbeddedSettings) -> Result<Option<Attached>> {
    let paths = Paths::of(&settings.data_dir);
    let deadline = Instant::now() + settings.start_timeout;
    while DataLock::is_held(&paths)? {
        if let Some(runtime) = Runtime::read(&paths)? {
            return Ok(Some(Attached {
                url: runtime.url,
                http_address: runtime.http_address,
                owner_pid: runtime.owner_pid,
            }));
        }
        if Instant::now() > deadline {
            return Err(unavailable(format!(
                "Another Actuary has taken the data directory {} but its database is not ready; \
                 try again shortly",
                paths.root.display()
            )));
        }
        std::thread::sleep(PROBE);
    }
    Ok(None)
}

/// What [`open`] found or started.
#[derive(Debug)]
pub enum Opened {
    Owned(Embedded),
    Attached(Attached),
}

impl Opened {
    pub fn url(&self) -> &str {
        match self {
            Self::Owned(embedded) => embedded.url(),
            Self::Attached(attached) => &attached.url,
        }
    }
}

/// Attaches to the owner of the data directory, or becomes it.
///
/// # Errors
/// Those of [`attach`] and [`Embedded::start`].
pub fn open(settings: &EmbeddedSettings) -> Result<Opened> {
    loop {
        if let Some(attached) = attach(settings)? {
            return Ok(Opened::Attached(attached));
        }
        match Embedded::start(settings) {
            // Somebody else was faster.
            Err(error) if error.code() == Code::InUse => {}
            result => return result.map(Opened::Owned),
        }
    }
}

/// An installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    pub major: u32,
    pub directory: PathBuf,
}

/// The PostgreSQL that a start would take.
///
/// # Errors
/// [`Code::Unavailable`], with the next step to take, when there is none that fits the data.
pub fn installed(settings: &EmbeddedSettings) -> Result<Installed> {
    let data = Paths::of(&settings.data_dir).major()?;
    Ok(Binaries::find(settings.bin_dir.as_deref(), data)?.installed())
}

/// The directory of an installed `pg_dump` and `pg_restore` that fit a server of a major version:
/// of the same one if possible, else of the next newer one, since older ones refuse it.
///
/// # Errors
/// [`Code::Unavailable`] with the command that installs them.
pub fn client_programs(bin_dir: Option<&Path>, server: u32) -> Result<PathBuf> {
    binaries::clients(bin_dir, server)
}

/// What the operator can mend.
fn unavailable(detail: impl Into<String>) -> Error {
    Error::new(Code::Unavailable, detail)
}
