//! Connecting to a database, checking that it can be trusted, and bringing its schema up to date.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use super::postgres::MIN_MAJOR;
use crate::error::{Code, Context, Error, Result};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How long a statement may take.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// How connections are pooled, and what a session may do.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    pub max_connections: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// What `pg_stat_activity` calls this program.
    pub application_name: String,
    /// How many prepared statements a connection keeps.
    pub statement_cache: usize,
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// When a transaction that does nothing is ended, so that it holds nothing for ever.
    pub idle_in_transaction_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            application_name: "actuary".to_owned(),
            statement_cache: 256,
            statement_timeout: STATEMENT_TIMEOUT,
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(60),
        }
    }
}

/// A pool of connections, of which one has been made.
///
/// # Errors
/// [`Code::Unavailable`] when the URL is none, or no connection can be made.
pub async fn connect(url: &str, settings: &PoolSettings) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        Error::new(
            Code::Unavailable,
            format!(
                "The database's URL can't be read ({error}): it has the form \
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            ),
        )
    })?;
    let milliseconds = |time: Duration| time.as_millis().to_string();
    let options = options
        .application_name(&settings.application_name)
        .statement_cache_capacity(settings.statement_cache)
        .options([
            ("statement_timeout", milliseconds(settings.statement_timeout)),
            ("lock_timeout", milliseconds(settings.lock_timeout)),
            (
                "idle_in_transaction_session_timeout",
                milliseconds(settings.idle_in_transaction_timeout),
            ),
        ]);
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        .connect_with(options.clone())
        .await;
    let error = match pool {
        Ok(pool) => return Ok(pool),
        // The pool waits for a database that is about to start, and forgets why none was there.
        Err(sqlx::Error::PoolTimedOut) => refusal(&options, settings.acquire_timeout).await,
        Err(error) => error,
    };
    Err(Error::new(
        Code::Unavailable,
        format!(
            "The database {} can't be reached: {error}. Check that it runs, and the host, user \
             and password in its URL",
            place(&options)
        ),
    ))
}

/// Why no connection can be made, by trying one.
async fn refusal(options: &PgConnectOptions, patience: Duration) -> sqlx::Error {
    match tokio::time::timeout(patience, PgConnection::connect_with(options)).await {
        Ok(Err(error)) => error,
        // It takes connections, but too slowly, or only now.
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut,
    }
}

/// Where the database is, without the password.
fn place(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{name} at {}", socket.display()),
        None => format!("{name} at {}:{}", options.get_host(), options.get_port()),
    }
}

/// What the server says about itself.
#[derive(Debug, sqlx::FromRow)]
struct Facts {
    version: i32,
    fsync: String,
    full_page_writes: String,
    synchronous_commit: String,
    encoding: String,
    data_checksums: String,
    standby: bool,
}

/// Refuses a database that is too old, or whose settings lose what it has acknowledged.
/// `embedded` also asks for the checksums that a cluster of our own always has.
///
/// # Errors
/// [`Code::Unavailable`] naming everything that is wrong and what to do about it.
pub async fn boot_check(pool: &PgPool, embedded: bool) -> Result<()> {
    let facts: Facts = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int AS version, \
         current_setting('fsync') AS fsync, \
         current_setting('full_page_writes') AS full_page_writes, \
         current_setting('synchronous_commit') AS synchronous_commit, \
         current_setting('server_encoding') AS encoding, \
         current_setting('data_checksums') AS data_checksums, \
         pg_is_in_recovery() AS standby",
    )
    .fetch_one(pool)
    .await
    .map_err(database_error("checking the database's settings"))?;
    let refusals = refusals(&facts, embedded);
    if refusals.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Code::Unavailable,
        format!("This database can't be used: {}", refusals.join("; ")),
    ))
}

fn refusals(facts: &Facts, embedded: bool) -> Vec<String> {
    let mut refusals = Vec::new();
    let major = facts.version / 10_000;
    if u32::try_from(major).is_ok_and(|major| major < MIN_MAJOR) {
        refusals.push(format!(
            "it is PostgreSQL {major}, and {MIN_MAJOR} or newer is needed: upgrade it"
        ));
    }
    let durable = [
        ("fsync", &facts.fsync),
        ("full_page_writes", &facts.full_page_writes),
        ("synchronous_commit", &facts.synchronous_commit),
    ];
    for (name, _) in durable.into_iter().filter(|(_, value)| *value == "off") {
        refusals.push(format!(
            "its setting {name} is off, so that a crash loses what it has acknowledged: run \
             `ALTER SYSTEM RESET {name}`, or take it out of postgresql.conf, and reload"
        ));
    }
    if facts.encoding != "UTF8" {
        refusals.push(format!(
            "its encoding is {}, and UTF8 is needed: make one with CREATE DATABASE ... ENCODING \
             'UTF8' TEMPLATE template0",
            facts.encoding
        ));
    }
    if facts.standby {
        refusals.push("it is a standby, which can't be written: give the primary's URL".to_owned());
    }
    if embedded && facts.data_checksums != "on" {
        refusals.push(
            "its data checksums are off, so that damage would stay unseen: stop everything and \
             run `pg_checksums --enable` on it"
                .to_owned(),
        );
    }
    refusals
}

/// Applies the migrations that the database lacks: each in a transaction of its own together with
/// the note that it was applied, under an advisory lock, so that several processes may try at once.
///
/// # Errors
/// [`Code::Unavailable`] when the database is of a newer or a modified program, or can't be
/// reached; [`Error::Internal`] when a migration fails.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    migrate_with(pool, &MIGRATOR).await
}

/// How far a database's schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrations {
    pub applied: usize,
    pub missing: usize,
}

/// How far the database's schema is; changes nothing.
///
/// # Errors
/// [`Code::Unavailable`] when the database is of a newer or a modified program, or can't be
/// reached.
pub async fn check_migrations(pool: &PgPool) -> Result<Migrations> {
    let known = MIGRATOR.iter().count();
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await
        .map_err(database_error("looking for migrations"))?;
    if !exists {
        return Ok(Migrations { applied: 0, missing: known });
    }
    let applied: Vec<(i64, Vec<u8>, bool)> =
        sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .fetch_all(pool)
            .await
            .map_err(database_error("listing migrations"))?;
    for (version, checksum, success) in &applied {
        let known = MIGRATOR.iter().find(|migration| migration.version == *version);
        let wrong = match known {
            _ if !success => MigrateError::Dirty(*version),
            None => MigrateError::VersionMissing(*version),
            Some(known) if *known.checksum != **checksum => MigrateError::VersionMismatch(*version),
            Some(_) => continue,
        };
        let mut connection =
            pool.acquire().await.map_err(database_error("looking at migrations"))?;
        return Err(explain(wrong, &mut connection, &MIGRATOR).await);
    }
    let applied = applied.len();
    Ok(Migrations { applied, missing: known.saturating_sub(applied) })
}

/// The newest migration that this program knows.
pub(super) fn newest_migration() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

async fn migrate_with(pool: &PgPool, migrator: &Migrator) -> Result<()> {
    // The lock is the session's and stays when a migration fails, so the connection must not go
    // back to the pool. Neither may a pool's time limits end a migration, or the wait for it.
    let unlimited = [("statement_timeout", "0"), ("lock_timeout", "0")];
    let options = (*pool.connect_options()).clone().options(unlimited);
    let mut connection = PgConnection::connect_with(&options)
        .await
        .map_err(database_error("connecting to migrate the database"))?;
    let migrated = match migrator.run_direct(None, &mut connection, false).await {
        Ok(()) => Ok(()),
        Err(error) => Err(explain(error, &mut connection, migrator).await),
    };
    connection.close().await.context("closing the connection that migrated the database")?;
    migrated
}

async fn explain(error: MigrateError, connection: &mut PgConnection, migrator: &Migrator) -> Error {
    let refused = |detail| Error::new(Code::Unavailable, detail);
    match error {
        MigrateError::VersionMissing(missing) => {
            let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
            let applied: Result<i64, _> =
                sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
                    .fetch_one(connection)
                    .await;
            let newest = applied.unwrap_or(missing);
            refused(if newest > known {
                format!(
                    "The database is of a newer Actuary: its schema has version {newest}, and \
                     this program knows versions up to {known}. Start that newer program, or \
                     restore the backup that was made before the update"
                )
            } else {
                format!(
                    "The database has had migration {missing}, which this program does not know: \
                     it was made by a modified program. Use that one, or another database"
                )
            })
        }
        MigrateError::VersionMismatch(version) => refused(format!(
            "The database's migration {version} is not this program's: one of them was modified \
             after it was applied. Use the program that made the database, or another database"
        )),
        MigrateError::Dirty(version) => {
            refused(format!("Migration {version} was left half applied. Restore a backup"))
        }
        MigrateError::Execute(error) => database_error("migrating the database")(error),
        MigrateError::ExecuteMigration(error, version) => {
            database_error(format!("applying migration {version}"))(error)
        }
        other => Error::internal("migrating the database", other),
    }
}

/// Makes of a failed statement what its caller is to see: that the database is away for now,
/// with the reason in the log alone, or that something is wrong here.
pub(crate) fn database_error(context: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| {
        let context = context.into();
        let Some(trouble) = passing(&error) else { return Error::internal(context, error) };
        // Closed by this program, which is about to end.
        if !matches!(error, sqlx::Error::PoolClosed) {
            tracing::warn!(context, %error, "the database {trouble}");
        }
        Error::new(Code::Unavailable, format!("The database {trouble} now; try again shortly"))
    }
}

/// The same of a statement that a foreign key forbids where somebody else was quicker than a check: then it is
/// `broken`.
pub(crate) fn database_error_or(
    context: impl Into<String>,
    broken: impl FnOnce() -> Error,
) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| match &error {
        sqlx::Error::Database(refused) if refused.is_foreign_key_violation() => broken(),
        _ => database_error(context)(error),
    }
}

/// What is wrong with the database for now; none where the statement is to blame.
fn passing(error: &sqlx::Error) -> Option<&'static str> {
    const AWAY: &str = "can't be reached";
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Some(AWAY),
        sqlx::Error::Database(error) => match &*error.code()? {
            // Shut down by the administrator, by a crash, not yet started; ended, as it was idle, in a
            // transaction or without one, or for too long in it; takes no connections.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" | "55000" => Some(AWAY),
            // A lock or a statement took too long; two that waited for each other.
            "55P03" | "57014" | "40P01" | "40001" => Some("is too busy"),
            "25006" => Some("takes no changes"),
            // The connection; resources.
            code if code.starts_with("08") || code.starts_with("53") => Some(AWAY),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Facts {
        Facts {
            version: 150_018,
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            synchronous_commit: "on".to_owned(),
            encoding: "UTF8".to_owned(),
            data_checksums: "off".to_owned(),
            standby: false,
        }
    }

    #[test]
    fn a_sound_database_is_accepted() {
        assert!(refusals(&sound(), false).is_empty());
        let local = Facts { synchronous_commit: "local".to_owned(), ..sound() };
        assert!(refusals(&local, false).is_empty());
        let embedded = Facts { data_checksums: "on".to_owned(), ..sound() };
        assert!(refusals(&embedded, true).is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let off = || "off".to_owned();
        let facts = Facts {
            version: 140_009,
            fsync: off(),
            full_page_writes: off(),
            synchronous_commit: off(),
            encoding: "LATIN1".to_owned(),
            data_checksums: off(),
            standby: true,
        };
        let refusals = refusals(&facts, true);
        let named = [
            "PostgreSQL 14",
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "LATIN1",
            "standby",
            "checksums",
        ];
        assert_eq!(refusals.len(), named.len());
        for (refusal, name) in refusals.iter().zip(named) {
            assert!(refusal.contains(name), "{refusal}");
        }
    }

    #[test]
    fn places_hide_the_password() {
        let options = PgConnectOptions::from_str("postgres://me:secret@db:5433/loans").unwrap();
        assert_eq!(place(&options), "loans at db:5433");
        let url = "postgres://me:secret@localhost/loans?host=/run/x";
        let options = PgConnectOptions::from_str(url).unwrap();
        assert_eq!(place(&options), "loans at /run/x");
    }

    #[tokio::test]
    async fn what_is_away_is_told_from_what_is_wrong() {
        let settings =
            PoolSettings { acquire_timeout: Duration::from_millis(200), ..PoolSettings::default() };
        let away = connect("postgres://me@localhost/x?host=/nowhere", &settings).await;
        let away = away.unwrap_err();
        assert_eq!(away.code(), Code::Unavailable);
        assert!(away.to_string().contains("x at /nowhere can't be reached"), "{away}");
        let refused = connect("postgres://me@127.0.0.1:1/x", &settings).await.unwrap_err();
        assert!(refused.to_string().contains("Connection refused"), "{refused}");
        let garbled = connect("not a url", &settings).await.unwrap_err();
        assert!(garbled.to_string().contains("postgres://USER"), "{garbled}");
        let timed_out = database_error("reading")(sqlx::Error::PoolTimedOut);
        assert_eq!(timed_out.code(), Code::Unavailable);
        let wrong = database_error("reading")(sqlx::Error::RowNotFound);
        assert_eq!(wrong.code(), Code::Internal);
    }
}
