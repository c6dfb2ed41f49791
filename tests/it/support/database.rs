//! A migrated database for each test, all in one embedded cluster of this process.

use std::sync::atomic::{AtomicU32, Ordering};

use actuary::store::connect::{PoolSettings, connect, migrate};
use actuary::store::postgres::Embedded;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::{Scratch, embedded_settings};

const TEMPLATE: &str = "actuary_template";
const CONNECTIONS: u32 = 4;
/// So many databases at once that their connections stay below the cluster's 100.
static SLOTS: Semaphore = Semaphore::const_new(20);

/// A fresh database with every migration applied. It is dropped when the test has passed, and
/// stays for a look when it failed, as long as the process lives.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    pub(crate) pool: PgPool,
    name: String,
    _slot: SemaphorePermit<'static>,
}

struct Cluster {
    embedded: Embedded,
    _scratch: Scratch,
}

impl Cluster {
    fn url(&self, database: &str) -> String {
        self.embedded.url().replacen("/actuary?", &format!("/{database}?"), 1)
    }
}

/// The cluster is never dropped: it ends with the process.
async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(async || {
            let start = || {
                let scratch = Scratch::new("cluster");
                let settings = embedded_settings(&scratch.path().join("data"));
                let embedded = Embedded::start(&settings).expect("an embedded cluster");
                Cluster { embedded, _scratch: scratch }
            };
            let cluster = tokio::task::spawn_blocking(start).await.expect("a started cluster");
            execute(cluster.embedded.url(), &format!("CREATE DATABASE {TEMPLATE}")).await;
            let pool = pool(&cluster.url(TEMPLATE)).await;
            migrate(&pool).await.expect("a migrated template");
            pool.close().await;
            cluster
        })
        .await
}

pub(crate) async fn database() -> TestDatabase {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let slot = SLOTS.acquire().await.expect("a slot");
    let cluster = cluster().await;
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
    execute(cluster.embedded.url(), &create).await;
    let url = cluster.url(&name);
    TestDatabase { pool: pool(&url).await, url, name, _slot: slot }
}

async fn pool(url: &str) -> PgPool {
    pool_of(CONNECTIONS, url).await
}

/// A pool of so many connections, as a server has more of them than most tests need.
pub(crate) async fn pool_of(connections: u32, url: &str) -> PgPool {
    let settings = PoolSettings { max_connections: connections, ..PoolSettings::default() };
    connect(url, &settings).await.expect("a pool")
}

async fn execute(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    connection.execute(AssertSqlSafe(statement.to_owned())).await.expect("a statement");
    connection.close().await.expect("a closed connection");
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let Some((before, rest)) = self.url.rsplit_once(&format!("/{}?", self.name)) else {
            return;
        };
        let url = format!("{before}/actuary?{rest}");
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // The test's own runtime can't be blocked on from within.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&url, &statement));
        });
        let _ = dropping.join();
    }
}
