//! Who owns a data directory, and what it tells those who attach.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::cluster::{Paths, write_private};
use super::{PROBE, unavailable};
use crate::error::{Code, Context, Error, Result};

/// Those who attach hold the lock for an instant to see whether it is free.
const PATIENCE: Duration = Duration::from_secs(1);

/// The exclusive lock on a data directory; the system frees it when its holder ends, however it
/// does.
#[derive(Debug)]
pub(super) struct DataLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl DataLock {
    pub(super) fn take(paths: &Paths) -> Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&paths.lock)
            .map_err(|error| {
                unavailable(format!(
                    "{} can't be written ({error}): the data directory belongs to another user, \
                     or its disk is full or read-only",
                    paths.lock.display()
                ))
            })?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(PROBE);
                }
                Err(TryLockError::WouldBlock) => return Err(twin(paths)),
                Err(TryLockError::Error(error)) => {
                    return Err(error).context(format!("locking {}", paths.lock.display()));
                }
            }
        }
    }

    /// Whether some process owns the data directory.
    pub(super) fn is_held(paths: &Paths) -> Result<bool> {
        let file = match File::open(&paths.lock) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                return Err(unavailable(format!(
                    "{} can't be read ({error}): use the same user as the process that owns the \
                     data directory",
                    paths.lock.display()
                )));
            }
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => {
                Err(error).context(format!("looking at {}", paths.lock.display()))
            }
        }
    }
}

fn twin(paths: &Paths) -> Error {
    let who = match Runtime::read(paths) {
        Ok(Some(Runtime { owner_pid, http_address: Some(address), .. })) => {
            format!("pid {owner_pid}, {address}")
        }
        Ok(Some(Runtime { owner_pid, .. })) => format!("pid {owner_pid}"),
        _ => "it is just starting".to_owned(),
    };
    Error::new(
        Code::InUse,
        format!(
            "Another Actuary runs on the data directory {} ({who}): use that one, stop it, or \
             choose another data directory",
            paths.root.display()
        ),
    )
}

/// The runtime file: valid only while the lock is held, since its writer may have been killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Runtime {
    pub(super) owner_pid: u32,
    pub(super) url: String,
    pub(super) http_address: Option<String>,
}

impl Runtime {
    pub(super) fn new(url: String) -> Self {
        Self { owner_pid: std::process::id(), url, http_address: None }
    }

    pub(super) fn write(&self, paths: &Paths) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("writing the runtime file")?;
        write_private(&paths.runtime, &text)
    }

    /// `None` when there is no file.
    pub(super) fn read(paths: &Paths) -> Result<Option<Self>> {
        let bad = |why: String| {
            unavailable(format!("The runtime file {} {why}", paths.runtime.display()))
        };
        match std::fs::read(&paths.runtime) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| bad(format!("is of another version of this program: {error}"))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(bad(format!("can't be read: {error}"))),
        }
    }

    pub(super) fn remove(paths: &Paths) {
        if let Err(error) = std::fs::remove_file(&paths.runtime)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, "the runtime file can't be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_exclusive_seen_by_others_and_freed() {
        let temp = tempfile::tempdir().unwrap();
        let paths = Paths::of(temp.path());
        assert!(!DataLock::is_held(&paths).unwrap());
        let lock = DataLock::take(&paths).unwrap();
        assert!(DataLock::is_held(&paths).unwrap());
        let mut runtime = Runtime::new("postgres://".to_owned());
        runtime.http_address = Some("http://127.0.0.1:8420".to_owned());
        runtime.write(&paths).unwrap();
        let refused = DataLock::take(&paths).unwrap_err();
        assert_eq!(refused.code(), Code::InUse);
        let own = format!("pid {}, http://127.0.0.1:8420", std::process::id());
        assert!(refused.to_string().contains(&own), "{refused}");
        drop(lock);
        assert!(!DataLock::is_held(&paths).unwrap());
        DataLock::take(&paths).unwrap();
    }
}
