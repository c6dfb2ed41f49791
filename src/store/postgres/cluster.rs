//! What lies in the data directory, and how a cluster is made.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, geteuid};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use super::account::{Account, name_of};
use super::binaries::Binaries;
use super::{EmbeddedSettings, PROBE, child, unavailable};
use crate::error::{Context, Error, Result};

pub(super) const SUPERUSER: &str = "actuary";
pub(super) const DATABASE: &str = "actuary";
/// Names the socket; nothing listens on it.
pub(super) const PORT: u16 = 5432;

/// Begins the name of what is only there while something is being made.
const TEMPORARY: &str = ".actuary-tmp-";
/// How long it is tried to remove what an earlier process left of it.
const LEFTOVERS: Duration = Duration::from_secs(2);

/// What lies where.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) root: PathBuf,
    pub(super) cluster: PathBuf,
    pub(super) password: PathBuf,
    pub(super) start_log: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) runtime: PathBuf,
}

impl Paths {
    pub(super) fn of(root: &Path) -> Self {
        Self {
            cluster: root.join("postgres"),
            password: root.join("postgres.password"),
            start_log: root.join("postgres-start.log"),
            lock: root.join("actuary.lock"),
            runtime: root.join("actuary.json"),
            root: root.to_path_buf(),
        }
    }

    /// Makes the directory if it is not there; one that is stays as it is.
    pub(super) fn create(root: &Path) -> Result<Self> {
        // PostgreSQL's user has to pass through what root makes, and needs to see none of it.
        let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
        let failed = || format!("making the data directory {}", root.display());
        let root = std::path::absolute(root).context(failed())?;
        create_missing(&root, mode).map_err(|error| {
            unavailable(format!(
                "The data directory {} can't be made ({error}): choose another, or make it \
                 yourself for this user",
                root.display()
            ))
        })?;
        Ok(Self::of(&std::fs::canonicalize(&root).context(failed())?))
    }

    pub(super) fn has_cluster(&self) -> bool {
        self.cluster.join("PG_VERSION").exists()
    }

    /// The major version that wrote the cluster, if there is one.
    pub(super) fn major(&self) -> Result<Option<u32>> {
        let file = self.cluster.join("PG_VERSION");
        match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| {
                unavailable(format!(
                    "{} does not say which PostgreSQL wrote the data: it is damaged; restore a \
                     backup",
                    file.display()
                ))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(format!("{} can't be read: {error}", file.display()))),
        }
    }

    pub(super) fn read_password(&self) -> Result<String> {
        let text = std::fs::read_to_string(&self.password).map_err(|error| {
            unavailable(format!(
                "The database's password can't be read from {file} ({error}): put the file back \
                 from a backup; or, with everything stopped and as {dir}'s owner, pipe ALTER ROLE \
                 {SUPERUSER} PASSWORD 'NEW' into `postgres --single -D {dir} postgres`, and write \
                 NEW into the file",
                file = self.password.display(),
                dir = self.cluster.display()
            ))
        })?;
        Ok(text.trim().to_owned())
    }

    /// Removes what an earlier process left half made. Only the owner of the lock may. What that
    /// process had started may still be writing there for a moment.
    pub(super) fn remove_leftovers(&self) {
        let deadline = Instant::now() + LEFTOVERS;
        let mut failure = self.try_remove_leftovers();
        while failure.is_err() && Instant::now() < deadline {
            std::thread::sleep(PROBE);
            failure = self.try_remove_leftovers();
        }
        if let Err(error) = failure {
            tracing::warn!(dir = %self.root.display(), %error, "a leftover can't be removed");
        }
    }

    fn try_remove_leftovers(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
                if entry.file_type()?.is_dir() {
                    std::fs::remove_dir_all(entry.path())?;
                } else {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

fn create_missing(dir: &Path, mode: u32) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        create_missing(parent, mode)?;
    }
    match DirBuilder::new().mode(mode).create(dir) {
        // The process's umask may have taken rights away.
        Ok(()) => std::fs::set_permissions(dir, Permissions::from_mode(mode)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a file that only this user can read: whole and durable, or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(dir)?.sync_all()
    };
    write().context(format!("writing {}", path.display()))
}

/// Makes the cluster beside its place and moves it there, so that it is there whole or not at all.
pub(super) fn initialise(
    settings: &EmbeddedSettings,
    paths: &Paths,
    account: &Account,
    binaries: &Binaries,
) -> Result<()> {
    tracing::info!(dir = %paths.cluster.display(), "initialising PostgreSQL");
    let password = random_password()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    let mut password_file =
        builder.tempfile_in(&paths.root).context("making a file for the password")?;
    password_file.write_all(password.as_bytes()).context("writing the password")?;
    account.give(password_file.path())?;
    let staging = builder
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&paths.root)
        .context("making a directory for the cluster")?;
    account.give(staging.path())?;
    let mut command =
        child::command(&settings.executable, account, staging.path(), &binaries.initdb());
    command
        .arg("--pgdata")
        .arg(staging.path())
        .arg("--pwfile")
        .arg(password_file.path())
        .args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8"])
        .args(["--locale", "C.UTF-8", "--locale-provider", "libc", "--lc-messages", "C"])
        .args(["--data-checksums", "--no-instructions"]);
    if !settings.sync_initdb {
        command.arg("--no-sync");
    }
    let output = command
        .output()
        .context(format!("executing {} to initialise PostgreSQL", settings.executable.display()))?;
    if !output.status.success() {
        return Err(unavailable(format!(
            "PostgreSQL could not be initialised in {}: {}",
            paths.root.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    write_private(&paths.password, &password)?;
    let made = staging.keep();
    std::fs::rename(&made, &paths.cluster)
        .and_then(|()| File::open(&paths.root)?.sync_all())
        .context(format!("moving {} to {}", made.display(), paths.cluster.display()))
}

fn random_password() -> Result<String> {
    let mut bytes = [0_u8; 32];
    OsRng.try_fill_bytes(&mut bytes).context("asking the system for random bytes")?;
    Ok(hex::encode(bytes))
}

/// A private directory for the socket, whose path stays far below the 107 bytes that the system
/// allows: named by a hash of the data directory and the user, the same at every start.
pub(super) fn socket_dir(paths: &Paths, account: &Account) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    hash.update(paths.root.as_os_str().as_encoded_bytes());
    hash.update(account.uid.as_raw().to_le_bytes());
    let name = format!("actuary-{}", &hex::encode(hash.finalize())[..16]);
    let runtime = if account.drops {
        Some(PathBuf::from("/run"))
    } else {
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| fits_url(dir))
    };
    let mut failures = Vec::new();
    for parent in runtime.into_iter().chain([PathBuf::from("/tmp")]) {
        match private_dir(&parent.join(&name), account) {
            Ok(dir) => return Ok(dir),
            Err(error) => failures.push(error.to_string()),
        }
    }
    Err(unavailable(format!("There is no place for PostgreSQL's socket: {}", failures.join("; "))))
}

/// Whether the path is short enough and means itself within a URL.
fn fits_url(dir: &Path) -> bool {
    dir.is_absolute()
        && dir.as_os_str().len() <= 60
        && dir
            .to_str()
            .is_some_and(|dir| dir.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c)))
}

/// The directory, made or found again. In a place where others may write too, one that somebody
/// else has put there is not trusted.
fn private_dir(dir: &Path, account: &Account) -> Result<PathBuf> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => account.give(dir)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let found = std::fs::symlink_metadata(dir).context(format!("{}", dir.display()))?;
            let owner = Uid::from(found.uid());
            if !found.is_dir() || (owner != account.uid && owner != geteuid()) {
                return Err(unavailable(format!(
                    "{} belongs to user {}: remove it",
                    dir.display(),
                    name_of(owner)
                )));
            }
            if found.mode() & 0o077 != 0 {
                return Err(unavailable(format!(
                    "{dir} is open to others: run `chmod 700 {dir}`",
                    dir = dir.display()
                )));
            }
            // A process that was killed between the two may have left it to root.
            if owner != account.uid {
                account.give(dir)?;
            }
        }
        Err(error) => return Err(Error::internal(format!("making {}", dir.display()), error)),
    }
    Ok(dir.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_never_repeat() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
    }

    #[test]
    fn directories_that_exist_keep_their_mode() {
        let temp = tempfile::tempdir().unwrap();
        let there = temp.path().join("there");
        std::fs::create_dir(&there).unwrap();
        std::fs::set_permissions(&there, Permissions::from_mode(0o755)).unwrap();
        create_missing(&there.join("made/below"), 0o700).unwrap();
        let mode = |dir: &Path| std::fs::metadata(dir).unwrap().mode() & 0o777;
        assert_eq!(mode(&there), 0o755);
        assert_eq!(mode(&there.join("made")), 0o700);
        assert_eq!(mode(&there.join("made/below")), 0o700);
    }

    #[test]
    fn private_files_are_written_whole_and_for_us_alone() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("secret");
        write_private(&file, "one").unwrap();
        write_private(&file, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_go_and_nothing_else_does() {
        let temp = tempfile::tempdir().unwrap();
        let paths = Paths::of(temp.path());
        std::fs::create_dir(temp.path().join(format!("{TEMPORARY}half"))).unwrap();
        std::fs::write(temp.path().join(format!("{TEMPORARY}half/file")), "x").unwrap();
        std::fs::write(temp.path().join(format!("{TEMPORARY}file")), "x").unwrap();
        std::fs::write(&paths.password, "x").unwrap();
        paths.remove_leftovers();
        assert!(paths.password.exists());
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_short_plain_paths_hold_the_socket() {
        assert!(fits_url(Path::new("/run/user/1000")));
        assert!(!fits_url(Path::new("relative")));
        assert!(!fits_url(Path::new("/run/with space")));
        assert!(!fits_url(Path::new(&format!("/{}", "x".repeat(60)))));
    }
}
