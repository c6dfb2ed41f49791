//! Connecting, the check at start, and migrations.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actuary::error::Code;
use actuary::store::connect::{PoolSettings, boot_check, connect, migrate};
use actuary::store::postgres::Embedded;
use sqlx::PgPool;

use crate::support::{Scratch, database, embedded_settings};

async fn execute(pool: &PgPool, statement: &'static str) {
    sqlx::query(statement).execute(pool).await.unwrap();
}

async fn refusal(pool: &PgPool) -> String {
    let error = boot_check(pool, false).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    error.to_string()
}

#[tokio::test]
async fn each_test_has_its_own_migrated_database() {
    let (one, two) = (database().await, database().await);
    assert_ne!(one.url, two.url);
    execute(&one.pool, "CREATE TABLE here (id int)").await;
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('here')::text").fetch_one(&two.pool).await.unwrap();
    assert_eq!(there, None);
    let migrations: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(&two.pool)
        .await
        .unwrap();
    assert!(migrations > 0);
}

#[tokio::test]
async fn sessions_have_their_limits_and_their_name() {
    let database = database().await;
    for (setting, value) in [
        ("statement_timeout", "1min"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("application_name", "actuary"),
    ] {
        let shown: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&database.pool)
            .await
            .unwrap();
        assert_eq!(shown, value, "{setting}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let database = database().await;
    migrate(&database.pool).await.unwrap();
    execute(
        &database.pool,
        "INSERT INTO _sqlx_migrations VALUES (999999, 'later', now(), true, 'x', 0)",
    )
    .await;
    for _ in 0..2 {
        let refused = migrate(&database.pool).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        let text = refused.to_string();
        assert!(text.contains("its schema has version 999999, and this program knows"), "{text}");
        assert!(text.contains("Start that newer program, or restore"), "{text}");
    }
    execute(&database.pool, "DELETE FROM _sqlx_migrations WHERE version = 999999").await;
    // A refusal holds no lock that would keep the next one waiting.
    tokio::time::timeout(Duration::from_secs(30), migrate(&database.pool)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_modified_migration_is_refused() {
    let database = database().await;
    execute(&database.pool, "UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 1")
        .await;
    let refused = migrate(&database.pool).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.to_string().contains("migration 1 is not this program's"), "{refused}");
}

#[tokio::test]
async fn several_processes_may_migrate_at_once() {
    let database = database().await;
    execute(&database.pool, "DROP SCHEMA public CASCADE").await;
    execute(&database.pool, "CREATE SCHEMA public").await;
    let pool = &database.pool;
    let all = futures_util::future::join_all((0..4).map(|_| migrate(pool))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}

#[tokio::test]
async fn settings_that_lose_data_and_foreign_encodings_are_refused() {
    let database = database().await;
    boot_check(&database.pool, true).await.unwrap();
    let name: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&database.pool).await.unwrap();
    let url = database.url.replace(&format!("/{name}?"), &format!("/{name}_ascii?"));
    let create =
        format!("CREATE DATABASE {name}_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&database.pool).await.unwrap();
    let set = format!("ALTER DATABASE {name}_ascii SET synchronous_commit = off");
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&database.pool).await.unwrap();
    let pool = connect(&url, &PoolSettings::default()).await.unwrap();
    let refused = refusal(&pool).await;
    assert!(refused.contains("its encoding is SQL_ASCII"), "{refused}");
    assert!(refused.contains("synchronous_commit is off"), "{refused}");
}

/// A server that somebody else runs, with the given settings.
struct Foreign(Child);

impl Drop for Foreign {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_server_without_fsync_is_refused() {
    let scratch = Scratch::new("fsync");
    let settings = embedded_settings(&scratch.path().join("data"));
    let embedded = Embedded::start(&settings).unwrap();
    let pool = connect(embedded.url(), &PoolSettings::default()).await.unwrap();
    let bin: String = sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    let url = embedded.url().to_owned();
    embedded.stop();

    let cluster = settings.data_dir.join("postgres");
    let owner = std::fs::metadata(&cluster).unwrap();
    let mut command = Command::new(format!("{bin}/postgres"));
    command
        .arg("-D")
        .arg(&cluster)
        .args(["-c", "listen_addresses=", "-c", "unix_socket_directories=."])
        .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let _server = Foreign(command.spawn().unwrap());
    let (before, _) = url.split_once("?host=").unwrap();
    let url = format!("{before}?host={}", cluster.display());
    let deadline = Instant::now() + Duration::from_secs(15);
    let pool = loop {
        match connect(&url, &PoolSettings::default()).await {
            Ok(pool) => break pool,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let refused = refusal(&pool).await;
    assert!(refused.contains("fsync is off"), "{refused}");
    assert!(refused.contains("full_page_writes is off"), "{refused}");
    assert!(!refused.contains("synchronous_commit"), "{refused}");
}
