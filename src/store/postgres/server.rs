//! Starting the cluster, and stopping it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::account::Account;
use super::binaries::Binaries;
use super::cluster::{DATABASE, PORT, Paths, SUPERUSER};
use super::pidfile::{Holder, holder, is_ready, is_stopping};
use super::{child, unavailable};
use crate::error::{Context, Error, Result};

/// What holds whatever `postgresql.conf` says: nothing reaches the server but through its private
/// socket, and what it has acknowledged is durable. The rest is left to that file.
const SETTINGS: [&str; 15] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "timezone=UTC",
    "log_timezone=UTC",
    "logging_collector=on",
    "log_destination=stderr",
    "log_directory=log",
    "log_filename=postgres-%Y%m%d-%H%M%S.log",
    "log_file_mode=0600",
    "log_rotation_age=0",
    "log_rotation_size=10MB",
    "log_line_prefix=%m [%p] %a: ",
];
const KEPT_LOGS: usize = 5;

/// How often the server is asked whether it is ready, and tried again when it refused for now.
const KNOCK: Duration = Duration::from_millis(20);
const RETRY: Duration = Duration::from_millis(200);
/// How often a long recovery is reported.
const REPORT: Duration = Duration::from_secs(10);
/// How long a connection, a fast shutdown and an immediate one may take.
const CONNECT: Duration = Duration::from_secs(5);
const FAST_SHUTDOWN: Duration = Duration::from_secs(30);
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(10);

/// All that is needed to start the cluster, however often.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) executable: PathBuf,
    pub(super) start_timeout: Duration,
    pub(super) paths: Paths,
    pub(super) account: Account,
    pub(super) binaries: Binaries,
    pub(super) socket_dir: PathBuf,
    pub(super) password: String,
}

/// The running server; dropping it stops it in order.
pub(super) struct Postmaster(Child);

impl Postmaster {
    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Whether it ended within the time. The signal can't hit a stranger: the number stays the
    /// child's until it is reaped, which only happens here.
    fn end(&mut self, signal: Signal, within: Duration) -> bool {
        if self.exited().is_some() {
            return true;
        }
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if self.exited().is_some() {
                return true;
            }
            std::thread::sleep(KNOCK);
        }
        false
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if self.end(Signal::SIGINT, FAST_SHUTDOWN) {
            return;
        }
        tracing::warn!("PostgreSQL did not shut down in time; ending it at once");
        if !self.end(Signal::SIGQUIT, IMMEDIATE_SHUTDOWN) {
            self.end(Signal::SIGKILL, IMMEDIATE_SHUTDOWN);
        }
    }
}

/// Why one start did not succeed.
enum Refusal {
    /// Something that passes: what an earlier server left behind is still going away.
    ForNow(Error),
    Final(Error),
}

/// What the server says to one who wants to connect.
enum Answer {
    Ready,
    NotYet,
    Refused(sqlx::Error),
}

impl Server {
    /// Starts the server and waits until it answers. An earlier one that is still going away when the time is over
    /// is ended at once, and waited for once more: one of its processes may be stuck.
    pub(super) fn launch(&self, runtime: &Runtime, stopping: &AtomicBool) -> Result<Postmaster> {
        let mut deadline = Instant::now() + self.start_timeout;
        let mut is_last = false;
        loop {
            self.prune_logs();
            let refusal = match self.attempt(runtime, stopping) {
                Ok(postmaster) => return Ok(postmaster),
                Err(Refusal::Final(error)) => return Err(error),
                Err(Refusal::ForNow(error)) => error,
            };
            if stopping.load(Ordering::Relaxed) {
                return Err(refusal);
            }
            if Instant::now() >= deadline {
                if is_last || !self.end_left_behind() {
                    return Err(refusal);
                }
                is_last = true;
                deadline = Instant::now() + self.start_timeout;
            }
            std::thread::park_timeout(RETRY);
        }
    }

    /// Ends at once what an earlier owner left behind, where it stops and does not come to an end: what was
    /// committed is durable. False where there is no such server; one that does not stop is left alone.
    fn end_left_behind(&self) -> bool {
        let Holder::Postgres(pid) = holder(&self.paths.cluster) else { return false };
        let Some(number) =
            i32::try_from(pid).ok().filter(|_| is_stopping(&self.paths.cluster, pid))
        else {
            return false;
        };
        tracing::warn!(pid, "an earlier PostgreSQL does not come to its end; ending it at once");
        match kill(Pid::from_raw(number), Signal::SIGQUIT) {
            // It may have ended just now.
            Ok(()) | Err(Errno::ESRCH) => true,
            Err(error) => {
                tracing::warn!(pid, %error, "it can't be ended");
                false
            }
        }
    }

    fn attempt(&self, runtime: &Runtime, stopping: &AtomicBool) -> Result<Postmaster, Refusal> {
        let stranger = match holder(&self.paths.cluster) {
            Holder::Nobody => None,
            Holder::Stranger(pid) => Some(pid),
            Holder::Postgres(pid) => {
                return Err(Refusal::ForNow(unavailable(format!(
                    "PostgreSQL (pid {pid}) runs on {} though no Actuary owns it: stop it with \
                     `kill -INT {pid}`, then start again",
                    self.paths.cluster.display()
                ))));
            }
        };
        let mut postmaster = self.spawn(stranger).map_err(Refusal::Final)?;
        let mut reported = Instant::now();
        loop {
            if let Some(status) = postmaster.exited() {
                return Err(self.explain(status));
            }
            if is_ready(&self.paths.cluster, postmaster.0.id()) {
                match self.knock(runtime) {
                    Answer::Ready => return Ok(postmaster),
                    Answer::NotYet => {}
                    Answer::Refused(error) => {
                        return Err(Refusal::Final(unavailable(format!(
                            "PostgreSQL in {} does not let this program in: {error}",
                            self.paths.root.display()
                        ))));
                    }
                }
            }
            if stopping.load(Ordering::Relaxed) {
                return Err(Refusal::Final(unavailable("PostgreSQL is to stop while it starts")));
            }
            // Recovery from a crash takes the time it needs; to break it off would not help.
            if reported.elapsed() > REPORT {
                tracing::info!(log = %self.log_dir().display(), "PostgreSQL is still starting");
                reported = Instant::now();
            }
            std::thread::park_timeout(KNOCK);
        }
    }

    fn spawn(&self, stranger: Option<u32>) -> Result<Postmaster> {
        let file = &self.paths.start_log;
        let log = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(file)
            .context(format!("writing {}", file.display()))?;
        let failed = || format!("executing {} to start PostgreSQL", self.executable.display());
        let mut command = child::command(
            &self.executable,
            &self.account,
            &self.paths.cluster,
            &self.binaries.postgres(),
        );
        command
            .arg("-D")
            .arg(&self.paths.cluster)
            .args(["-p", &PORT.to_string()])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", self.socket_dir.display()))
            .args(SETTINGS.iter().flat_map(|setting| ["-c", *setting]))
            .stdout(log.try_clone().context(failed())?)
            .stderr(log);
        if kernel_reports_syncfs_errors() {
            // Recovery begins by making every file durable: one by one that takes seconds.
            command.args(["-c", "recovery_init_sync_method=syncfs"]);
        }
        if let Some(pid) = stranger {
            tracing::warn!(pid, "postmaster.pid names a process that is not PostgreSQL's");
            // The numbers of its forebears don't hold PostgreSQL back.
            command.env("PG_GRANDPARENT_PID", pid.to_string());
        }
        Ok(Postmaster(command.spawn().context(failed())?))
    }

    /// Why it ended before it answered.
    fn explain(&self, status: ExitStatus) -> Refusal {
        let mut said = tail(&self.paths.start_log);
        // Once its own log has begun, the reason is there.
        if let Some(newest) = self.logs().pop()
            && !said.contains("FATAL")
        {
            said = format!("{said}\n{}", tail(&newest));
        }
        let error = unavailable(format!(
            "PostgreSQL did not start ({status}): {}; its log is in {}",
            said.trim(),
            self.log_dir().display()
        ));
        // A dead server's processes still answer, or still hold its memory, for a moment.
        if said.contains("lock file") || said.contains("shared memory block") {
            Refusal::ForNow(error)
        } else {
            Refusal::Final(error)
        }
    }

    fn knock(&self, runtime: &Runtime) -> Answer {
        let connecting = async {
            let connection = PgConnection::connect_with(&self.options()).await?;
            connection.close().await
        };
        match runtime.block_on(async { timeout(CONNECT, connecting).await }) {
            Ok(Ok(())) => Answer::Ready,
            // It is about to be ready, or to stop.
            Ok(Err(sqlx::Error::Database(error))) if error.code().as_deref() == Some("57P03") => {
                Answer::NotYet
            }
            Ok(Err(error @ sqlx::Error::Database(_))) => Answer::Refused(error),
            _ => Answer::NotYet,
        }
    }

    /// Makes the program's own database where there is none yet.
    pub(super) fn ensure_database(&self, runtime: &Runtime) -> Result<()> {
        let ensure = async {
            let mut connection = PgConnection::connect_with(&self.options()).await?;
            let there: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                    .bind(DATABASE)
                    .fetch_one(&mut connection)
                    .await?;
            if !there {
                let create = format!("CREATE DATABASE {DATABASE}");
                sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await?;
            }
            connection.close().await
        };
        runtime.block_on(ensure).context("making the database")
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(PORT)
            .username(SUPERUSER)
            .password(&self.password)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
    }

    fn log_dir(&self) -> PathBuf {
        self.paths.cluster.join("log")
    }

    /// The cluster's logs, the newest last.
    fn logs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.log_dir()).into_iter().flatten().flatten();
        let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
        let mut logs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_log).collect();
        logs.sort();
        logs
    }

    pub(super) fn prune_logs(&self) {
        let logs = self.logs();
        for old in logs.iter().take(logs.len().saturating_sub(KEPT_LOGS)) {
            if let Err(error) = std::fs::remove_file(old) {
                tracing::warn!(path = %old.display(), %error, "an old log can't be removed");
            }
        }
    }
}

/// Linux does since 5.8; before that, a failed write could go unseen.
fn kernel_reports_syncfs_errors() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .is_ok_and(|release| is_since_5_8(&release))
}

fn is_since_5_8(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 8),
        _ => false,
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    const BYTES: u64 = 1500;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart() {
        for (release, since) in [
            ("6.18.44-fc-v782", true),
            ("5.8.0", true),
            ("5.4.0-200-generic", false),
            ("4.19", false),
            ("unknown", false),
        ] {
            assert_eq!(is_since_5_8(release), since, "{release}");
        }
    }

    #[test]
    fn a_tail_is_short_and_of_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let log = temp.path().join("a.log");
        std::fs::write(&log, format!("{}\nFATAL: the end\n", "x".repeat(5000))).unwrap();
        let tail = tail(&log);
        assert!(tail.len() <= 1500 && tail.ends_with("FATAL: the end"), "{tail}");
    }
}
