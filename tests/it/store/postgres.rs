//! The embedded PostgreSQL: how it is made, owned, started and stopped.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use actuary::error::{Code, Error};
use actuary::store::connect::{PoolSettings, boot_check, connect};
use actuary::store::postgres::{Attached, Embedded, Opened, attach, open};
use sqlx::PgPool;

use crate::support::{Scratch, embedded_settings, postmaster_pid, socket_dir};

async fn pool(url: &str) -> PgPool {
    connect(url, &PoolSettings::default()).await.unwrap()
}

async fn shown(pool: &PgPool, setting: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(pool).await.unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refusal(started: Result<Embedded, Error>) -> String {
    let error = started.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    error.to_string()
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_stop_and_a_start() {
    let scratch = Scratch::new("restart");
    let settings = embedded_settings(&scratch.path().join("data"));
    let embedded = Embedded::start(&settings).unwrap();
    let (url, socket) = (embedded.url().to_owned(), socket_dir(embedded.url()));
    let first = pool(&url).await;
    sqlx::query("CREATE TABLE kept AS SELECT 42 AS answer").execute(&first).await.unwrap();
    first.close().await;
    let pid = postmaster_pid(&settings.data_dir);
    embedded.stop();
    assert!(!Path::new("/proc").join(pid.to_string()).exists(), "PostgreSQL has ended");
    assert!(!settings.data_dir.join("postgres/postmaster.pid").exists(), "and in order");
    assert!(!settings.data_dir.join("actuary.json").exists());
    assert!(!socket.exists());
    assert_eq!(attach(&settings).unwrap(), None);

    let embedded = Embedded::start(&settings).unwrap();
    assert_eq!(embedded.url(), url);
    let second = pool(&url).await;
    let answer: i32 =
        sqlx::query_scalar("SELECT answer FROM kept").fetch_one(&second).await.unwrap();
    assert_eq!(answer, 42);
}

#[tokio::test]
async fn the_server_is_durable_private_and_checked() {
    let scratch = Scratch::new("settings");
    let settings = embedded_settings(&scratch.path().join("data"));
    let embedded = Embedded::start(&settings).unwrap();
    let pool = pool(embedded.url()).await;
    boot_check(&pool, true).await.unwrap();
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C.UTF-8"),
        ("password_encryption", "scram-sha-256"),
        ("timezone", "UTC"),
    ] {
        assert_eq!(shown(&pool, setting).await, value, "{setting}");
    }
    let rules: Vec<String> = sqlx::query_scalar("SELECT auth_method FROM pg_hba_file_rules")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert!(!rules.is_empty() && rules.iter().all(|rule| rule == "scram-sha-256"), "{rules:?}");

    let socket = socket_dir(embedded.url());
    assert!(socket.as_os_str().len() < 80, "{socket:?}");
    assert_eq!(mode(&socket), 0o700);
    assert_eq!(mode(&settings.data_dir.join("postgres")), 0o700);
    for private in ["postgres.password", "actuary.json", "actuary.lock", "postgres-start.log"] {
        assert_eq!(mode(&settings.data_dir.join(private)), 0o600, "{private}");
    }
    assert_eq!(std::fs::read_dir(settings.data_dir.join("postgres/log")).unwrap().count(), 1);
    let names = std::fs::read_dir(&settings.data_dir).unwrap();
    let left = names.flatten().filter(|e| e.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0, "nothing temporary is left");
}

#[tokio::test]
async fn one_process_owns_and_the_others_attach() {
    let scratch = Scratch::new("owner");
    let settings = embedded_settings(&scratch.path().join("data"));
    assert_eq!(attach(&settings).unwrap(), None);
    assert!(!settings.data_dir.exists(), "to attach makes nothing");
    let Opened::Owned(mut embedded) = open(&settings).unwrap() else {
        panic!("nobody else owns it");
    };
    embedded.set_http_address("http://127.0.0.1:8420").unwrap();

    let twin = Embedded::start(&settings).unwrap_err();
    assert_eq!(twin.code(), Code::InUse);
    let own = format!("(pid {}, http://127.0.0.1:8420)", std::process::id());
    assert!(twin.to_string().contains(&own), "{twin}");

    let attached = attach(&settings).unwrap();
    let expected = Attached {
        url: embedded.url().to_owned(),
        http_address: Some("http://127.0.0.1:8420".to_owned()),
        owner_pid: std::process::id(),
    };
    assert_eq!(attached.as_ref(), Some(&expected));
    let Opened::Attached(opened) = open(&settings).unwrap() else {
        panic!("it is owned already");
    };
    assert_eq!(opened, expected);
    pool(&opened.url).await;
    drop(opened);
    pool(embedded.url()).await;
}

#[test]
fn directories_that_exist_keep_their_mode_and_owner() {
    let scratch = Scratch::new("modes");
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    set_mode(&data, 0o2775);
    let before = [scratch.path(), &data].map(|dir| {
        let found = std::fs::metadata(dir).unwrap();
        (found.mode(), found.uid(), found.gid())
    });
    Embedded::start(&embedded_settings(&data)).unwrap().stop();
    let after = [scratch.path(), &data].map(|dir| {
        let found = std::fs::metadata(dir).unwrap();
        (found.mode(), found.uid(), found.gid())
    });
    assert_eq!(before, after);
}

#[test]
fn a_directory_out_of_reach_is_named() {
    if !nix::unistd::geteuid().is_root() {
        return; // PostgreSQL then has the rights of this process.
    }
    let scratch = Scratch::new("reach");
    let closed = scratch.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    set_mode(&closed, 0o700);
    let settings = embedded_settings(&closed.join("data"));
    let refused = refusal(Embedded::start(&settings));
    let named = format!("can't enter {}", closed.display());
    assert!(refused.contains(&named) && refused.contains("chmod o+x"), "{refused}");
    assert_eq!(mode(&closed), 0o700);
    assert!(!settings.data_dir.join("postgres").exists());

    set_mode(&closed, 0o711);
    Embedded::start(&settings).unwrap().stop();
    set_mode(&closed, 0o700);
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains(&named), "{refused}");
}

#[test]
fn a_user_that_postgresql_can_not_run_as_is_refused() {
    let scratch = Scratch::new("users");
    let mut settings = embedded_settings(&scratch.path().join("data"));
    settings.run_as = Some("nobody-of-that-name".to_owned());
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("user nobody-of-that-name, who does not exist"), "{refused}");
    settings.run_as = Some("root".to_owned());
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("refuses to run as root"), "{refused}");
}

#[test]
fn missing_programs_and_foreign_versions_say_what_to_do() {
    let scratch = Scratch::new("missing");
    let mut settings = embedded_settings(&scratch.path().join("data"));
    settings.bin_dir = Some(scratch.path().join("no-programs"));
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("does not hold PostgreSQL's programs initdb"), "{refused}");

    settings.bin_dir = None;
    let cluster = settings.data_dir.join("postgres");
    std::fs::create_dir(&cluster).unwrap();
    std::fs::write(cluster.join("PG_VERSION"), "99\n").unwrap();
    if nix::unistd::geteuid().is_root() {
        let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
        nix::unistd::chown(&cluster, Some(user.uid), Some(user.gid)).unwrap();
    }
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("written by PostgreSQL 99, which is not installed"), "{refused}");
    assert!(refused.contains("the data stays as it is"), "{refused}");
    assert_eq!(std::fs::read_dir(&cluster).unwrap().count(), 1);
}

#[test]
fn a_lost_or_wrong_password_is_explained() {
    let scratch = Scratch::new("password");
    let settings = embedded_settings(&scratch.path().join("data"));
    Embedded::start(&settings).unwrap().stop();
    let file = settings.data_dir.join("postgres.password");
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "wrong").unwrap();
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("does not let this program in"), "{refused}");
    assert!(!settings.data_dir.join("postgres/postmaster.pid").exists(), "it is stopped again");
    std::fs::remove_file(&file).unwrap();
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("put the file back") && refused.contains("ALTER ROLE"), "{refused}");
    std::fs::write(&file, right).unwrap();
    Embedded::start(&settings).unwrap().stop();
}

#[test]
fn settings_that_postgresql_refuses_are_reported_with_its_words() {
    let scratch = Scratch::new("refused");
    let settings = embedded_settings(&scratch.path().join("data"));
    Embedded::start(&settings).unwrap().stop();
    let file = settings.data_dir.join("postgres/postgresql.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\nshared_buffers = 'much'\n")).unwrap();
    let refused = refusal(Embedded::start(&settings));
    assert!(refused.contains("invalid value for parameter \"shared_buffers\""), "{refused}");
}
