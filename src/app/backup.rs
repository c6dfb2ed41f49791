//! Everything into one file, and back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Database, blocking};
use crate::config::{Config, FILE_NAME};
use crate::error::{Code, Error, Result};
use crate::store::Store;
use crate::store::backup::{self, Manifest};
use crate::store::connect::{boot_check, connect, migrate};
use crate::store::postgres;

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct BackedUp {
    pub manifest: Manifest,
    /// Size of the file.
    pub bytes: u64,
}

/// A backup that was put back.
#[derive(Debug, Clone)]
pub struct Restored {
    pub manifest: Manifest,
    /// Stored files (datasets, weights, checkpoints) whose SHA-256 was found right, and their size.
    pub blobs: u64,
    pub blob_bytes: u64,
}

/// Writes everything into a file, while a server works or not. The schema stays as it is, so that
/// a new program can back up before it changes anything.
///
/// # Errors
/// [`Code::AlreadyExists`] for a file that exists, [`Code::Unavailable`] with the next step to take
/// when the database or `pg_dump` fails.
pub async fn backup(
    config: &Config,
    file: PathBuf,
    written: impl FnMut(u64) + Send + 'static,
) -> Result<BackedUp> {
    let work = Work::begin();
    let written = work.telling(written);
    if config.database_url.is_none() && !has_cluster(config) {
        let detail = format!("{} holds nothing to back up", config.data_dir.display());
        return Err(Error::new(Code::NotFound, detail));
    }
    let database = Database::open(config).await?;
    let result = back_up(config, &database, file, written).await;
    closing(database, result).await
}

async fn back_up(
    config: &Config,
    database: &Database,
    file: PathBuf,
    written: impl FnMut(u64) -> Result<()> + Send + 'static,
) -> Result<BackedUp> {
    let pool = connect(&database.url, &config.pool).await?;
    let manifest = Manifest::of(&pool).await;
    pool.close().await;
    let manifest = manifest?;
    let (url, bin_dir) = (database.url.clone(), config.postgres.bin_dir.clone());
    blocking(move || {
        let bytes = backup::dump(&url, bin_dir.as_deref(), &manifest, &file, written)?;
        Ok(BackedUp { manifest, bytes })
    })
    .await
}

/// Puts a backup into an empty data directory or database. Nothing is touched before the whole
/// file was found sound; what is restored is brought to this program's schema, and every stored
/// file is read and held against its SHA-256.
///
/// # Errors
/// [`Code::InvalidData`] when the file is no sound backup; [`Code::AlreadyExists`] when the
/// database holds anything; [`Code::Unavailable`] with the next step to take when it fails: then
/// nothing was restored, unless the error says so.
pub async fn restore(
    config: &Config,
    file: PathBuf,
    checked: impl FnMut(u64) + Send + 'static,
) -> Result<Restored> {
    if let Some(found) = foreign(config) {
        return Err(not_empty(config, Some(&found)));
    }
    let work = Work::begin();
    let checked = work.telling(checked);
    let (manifest, file) = blocking(move || {
        let manifest = backup::verify(&file, checked)?;
        backup::check_schema(&manifest)?;
        Ok((manifest, file))
    })
    .await?;
    let database = Database::own(config).await.map_err(|error| match error.code() {
        Code::InUse => not_empty(config, None),
        _ => error,
    })?;
    let result = put_back(config, &database, manifest, file, work.going_on()).await;
    closing(database, result).await
}

async fn put_back(
    config: &Config,
    database: &Database,
    manifest: Manifest,
    file: PathBuf,
    going_on: impl FnMut() -> Result<()> + Send + 'static,
) -> Result<Restored> {
    let pool = connect(&database.url, &config.pool).await?;
    boot_check(&pool, database.is_embedded).await?;
    if backup::has_schema(&pool).await? {
        return Err(not_empty(config, None));
    }
    let server = backup::server_major(&pool).await?;
    let (url, bin_dir) = (database.url.clone(), config.postgres.bin_dir.clone());
    blocking(move || backup::load(&url, bin_dir.as_deref(), server, &file, going_on)).await?;
    let afterwards = |error: Error| {
        let detail = format!("the backup is back as it was made, but then: {error}");
        Error::new(Code::Unavailable, detail)
    };
    migrate(&pool).await.map_err(afterwards)?;
    let store = Store::new(pool);
    let (blobs, blob_bytes) = store.verify_blobs().await.map_err(afterwards)?;
    store.close().await;
    Ok(Restored { manifest, blobs, blob_bytes })
}

/// The name of something in the data directory that is not this program's: what an earlier attempt has
/// left may be there, since the database tells whether anything is in it, and what the settings name.
fn foreign(config: &Config) -> Option<String> {
    const OURS: [&str; 2] = [FILE_NAME, "lost+found"];
    if config.database_url.is_some() {
        return None;
    }
    let directory = &config.data_dir;
    let named = |name: &OsStr| {
        let mut values = config.effective().iter().filter_map(|setting| setting.value.as_deref());
        values.any(|value| {
            let below = Path::new(value).strip_prefix(directory).ok();
            below.and_then(|path| path.iter().next()) == Some(name)
        })
    };
    let entries =
        std::fs::read_dir(directory).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut foreign = entries.filter(|name| {
        !OURS.into_iter().chain(postgres::FILES).any(|ours| name == ours) && !named(name)
    });
    foreign.next().map(|name| name.to_string_lossy().into_owned())
}

fn not_empty(config: &Config, found: Option<&str>) -> Error {
    let place = match &config.database_url {
        Some(_) => "the database".to_owned(),
        None => format!("the data directory {}", config.data_dir.display()),
    };
    Error::new(
        Code::AlreadyExists,
        format!(
            "{place} is not empty{}, and a backup never replaces anything: restore into another",
            found.map_or_else(String::new, |name| format!(" (it holds {name})"))
        ),
    )
}

fn has_cluster(config: &Config) -> bool {
    let cluster: &Path = &config.postgres.data_dir;
    cluster.join("postgres").join("PG_VERSION").exists()
}

/// Work on threads that can't be dropped: they are told when nobody waits for them any more.
struct Work(Arc<AtomicBool>);

impl Work {
    fn begin() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// To be asked now and then: an error once the work is of no use.
    fn going_on(&self) -> impl FnMut() -> Result<()> + Send + 'static {
        let left = self.0.clone();
        move || match left.load(Ordering::Relaxed) {
            true => Err(Error::new(Code::Cancelled, "interrupted")),
            false => Ok(()),
        }
    }

    /// Tells how many bytes are done, and asks the same.
    fn telling(
        &self,
        mut tell: impl FnMut(u64) + Send + 'static,
    ) -> impl FnMut(u64) -> Result<()> + Send + 'static {
        let mut going_on = self.going_on();
        move |bytes| {
            tell(bytes);
            going_on()
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Closes the database whatever came of the work on it.
async fn closing<T>(database: Database, result: Result<T>) -> Result<T> {
    let closed = database.close().await;
    let value = result?;
    closed.map(|()| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    #[test]
    fn what_is_foreign_in_a_data_directory_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut flags = Flags::default();
        flags.values.insert("data_dir", dir.path().display().to_string());
        flags.values.insert("http.tls_key", dir.path().join("tls/key.pem").display().to_string());
        let config = Config::load(flags, &Environment::new()).unwrap();
        assert_eq!(foreign(&config), None);
        for ours in ["actuary.toml", "actuary.lock", "postgres.password", "tls", "tmp"] {
            std::fs::write(dir.path().join(ours), "").unwrap();
        }
        assert_eq!(foreign(&config), None);
        std::fs::write(dir.path().join("x"), "").unwrap();
        assert_eq!(foreign(&config).as_deref(), Some("x"));
        let refused = not_empty(&config, Some("x")).to_string();
        assert!(refused.contains("is not empty (it holds x)"), "{refused}");
    }
}
