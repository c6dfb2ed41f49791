//! The embedded PostgreSQL after a crash: what was committed is there, what was not is not, it
//! can be written, and it still stops and starts in order.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actuary::store::connect::{PoolSettings, connect};
use actuary::store::postgres::{Attached, Embedded, EmbeddedSettings, attach};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::PgPool;

use crate::support::{Scratch, embedded_settings, postmaster_pid, socket_dir};

const OWNER: &str = "ACTUARY_TEST_OWNER";

async fn pool(url: &str) -> PgPool {
    connect(url, &PoolSettings::default()).await.unwrap()
}

fn kill_at_once(pid: u32) {
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
}

fn within<T>(limit: Duration, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One row is committed, and one is left in a transaction that is open.
async fn write_two_rows(pool: &PgPool) -> sqlx::Transaction<'static, sqlx::Postgres> {
    sqlx::query("CREATE TABLE rows (name text)").execute(pool).await.unwrap();
    sqlx::query("INSERT INTO rows VALUES ('committed')").execute(pool).await.unwrap();
    let mut open = pool.begin().await.unwrap();
    sqlx::query("INSERT INTO rows VALUES ('open')").execute(&mut *open).await.unwrap();
    open
}

async fn check_rows(pool: &PgPool) {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM rows").fetch_all(pool).await.unwrap();
    assert_eq!(names, ["committed"]);
    sqlx::query("INSERT INTO rows VALUES ('after')").execute(pool).await.unwrap();
}

#[tokio::test]
async fn a_killed_postmaster_is_started_again() {
    let scratch = Scratch::new("postmaster");
    let settings = embedded_settings(&scratch.path().join("data"));
    let embedded = Embedded::start(&settings).unwrap();
    let before = pool(embedded.url()).await;
    let open = write_two_rows(&before).await;
    for _ in 0..2 {
        let old = postmaster_pid(&settings.data_dir);
        let killed = Instant::now();
        kill_at_once(old);
        let back = loop {
            if let Ok(pool) = connect(embedded.url(), &PoolSettings::default()).await {
                break pool;
            }
            assert!(killed.elapsed() < Duration::from_secs(15), "PostgreSQL is back in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_ne!(postmaster_pid(&settings.data_dir), old);
        check_rows(&back).await;
        sqlx::query("DELETE FROM rows WHERE name = 'after'").execute(&back).await.unwrap();
    }
    assert!(open.commit().await.is_err(), "what was open is lost, and its client hears of it");
    // The pool from before mends itself.
    check_rows(&before).await;
    embedded.stop();
    Embedded::start(&settings).unwrap().stop();
}

/// Not a test: what [`Owner`] executes. It owns a cluster until its standard input ends.
#[test]
#[ignore = "a part of other tests"]
fn owner_process() {
    let Some(dir) = std::env::var_os(OWNER) else {
        return;
    };
    let _embedded = Embedded::start(&embedded_settings(Path::new(&dir))).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Another process that owns a cluster.
struct Owner(Child);

impl Owner {
    fn spawn(settings: &EmbeddedSettings) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::postgres_crash::owner_process", "--ignored", "--nocapture"])
            .env(OWNER, &settings.data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn attached(&self, settings: &EmbeddedSettings) -> Attached {
        let found = || attach(settings).unwrap();
        within(Duration::from_secs(60), "the owner starts PostgreSQL", found)
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn postgresql_ends_with_its_killed_owner_and_starts_again() {
    let scratch = Scratch::new("killed-owner");
    let settings = embedded_settings(&scratch.path().join("data"));
    let owner = Owner::spawn(&settings);
    let attached = owner.attached(&settings);
    assert_eq!(attached.owner_pid, owner.0.id());
    let before = pool(&attached.url).await;
    let open = write_two_rows(&before).await;
    let postmaster = postmaster_pid(&settings.data_dir);

    let killed = Instant::now();
    owner.kill();
    assert_eq!(attach(&settings).unwrap(), None, "its files no longer count");
    // Started while the old one may still be going away.
    let embedded = Embedded::start(&settings).unwrap();
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    assert_ne!(postmaster_pid(&settings.data_dir), postmaster);
    assert_eq!(embedded.url(), attached.url);
    check_rows(&pool(embedded.url()).await).await;
    drop(open);
    embedded.stop();

    let owner = Owner::spawn(&settings);
    owner.attached(&settings);
    let postmaster = postmaster_pid(&settings.data_dir);
    owner.kill();
    let process = Path::new("/proc").join(postmaster.to_string());
    within(Duration::from_secs(2), "PostgreSQL ends", || (!is_running(&process)).then_some(()));
}

/// A process that nobody reaps stays listed, as a zombie.
fn is_running(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

#[test]
fn a_kill_while_the_cluster_is_made_leaves_nothing_in_the_way() {
    let scratch = Scratch::new("half-made");
    let settings = embedded_settings(&scratch.path().join("data"));
    let mut interrupted = 0;
    for milliseconds in [30, 150, 400, 700] {
        let owner = Owner::spawn(&settings);
        within(Duration::from_secs(30), "the owner begins", || {
            settings.data_dir.join("actuary.lock").exists().then_some(())
        });
        std::thread::sleep(Duration::from_millis(milliseconds));
        owner.kill();
        interrupted += i32::from(!settings.data_dir.join("postgres").exists());
    }
    assert!(interrupted > 0, "at least one kill came in time");
    Embedded::start(&settings).unwrap().stop();
    let names = std::fs::read_dir(&settings.data_dir).unwrap().flatten();
    let hidden = names.filter(|e| e.file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(hidden, 0, "what was half made is removed");
}

#[tokio::test]
async fn a_stale_pid_file_that_names_another_process_does_not_block() {
    let scratch = Scratch::new("stale");
    let settings = embedded_settings(&scratch.path().join("data"));
    let embedded = Embedded::start(&settings).unwrap();
    let file = settings.data_dir.join("postgres/postmaster.pid");
    let text = std::fs::read_to_string(&file).unwrap();
    let user = std::fs::metadata(settings.data_dir.join("postgres")).unwrap();
    let socket = socket_dir(embedded.url());
    let socket_lock = socket.join(".s.PGSQL.5432.lock");
    let lock_text = std::fs::read_to_string(&socket_lock).unwrap();
    embedded.stop();

    // A process of PostgreSQL's own user, which alone makes it wait.
    let mut sleep = Command::new("sleep");
    sleep.arg("60").current_dir("/");
    if nix::unistd::geteuid().is_root() {
        use std::os::unix::fs::MetadataExt;
        sleep.uid(user.uid()).gid(user.gid());
    }
    let mut stranger = sleep.spawn().unwrap();
    let put_back = |path: &Path, text: &str| {
        use std::os::unix::fs::MetadataExt;
        let rest = text.split_once('\n').unwrap().1;
        std::fs::write(path, format!("{}\n{rest}", stranger.id())).unwrap();
        std::os::unix::fs::chown(path, Some(user.uid()), Some(user.gid())).unwrap();
    };
    put_back(&file, &text);
    std::fs::create_dir(&socket).unwrap();
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    put_back(&socket_lock, &lock_text);

    let started = Instant::now();
    let embedded = Embedded::start(&settings).unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_ne!(postmaster_pid(&settings.data_dir), stranger.id());
    pool(embedded.url()).await;
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger is left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_process_that_does_not_end_with_its_killed_owner_holds_nobody_up() {
    let scratch = Scratch::new("stuck-backend");
    let settings = embedded_settings(&scratch.path().join("data"));
    let owner = Owner::spawn(&settings);
    let attached = owner.attached(&settings);
    let before = pool(&attached.url).await;
    let open = write_two_rows(&before).await;
    let backend: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&before).await.unwrap();
    kill(Pid::from_raw(backend), Signal::SIGSTOP).unwrap();
    owner.kill();
    let embedded = Embedded::start(&settings).unwrap();
    check_rows(&pool(embedded.url()).await).await;
    drop(open);
    embedded.stop();
}
