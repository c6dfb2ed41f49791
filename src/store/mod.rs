//! PostgreSQL: the only place that knows sqlx. One file per noun; reads are methods of [`Store`],
//! writes of [`Tx`], so that what belongs together is committed together.

mod aliases;
mod analyses;
mod assessments;
pub mod backup;
mod blobs;
mod changes;
pub mod connect;
mod datasets;
mod idempotency;
mod jobs;
mod keys;
mod metrics;
mod models;
mod policies;
pub mod postgres;
mod predictions;
mod reasons;
mod runs;
mod versions;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::{PgPool, Postgres, Transaction};

pub use analyses::NewAnalysis;
pub use assessments::NewAssessment;
pub use blobs::{Blob, BlobReader, BlobWriter, Unfinished};
pub use changes::{Change, Changes};
pub use datasets::NewDatasetVersion;
pub use idempotency::Earlier;
pub use jobs::{JobFilter, NewJob};
pub use models::ModelRow;
pub use predictions::{NewRecord, Recording};
pub use runs::{Claim, Lease, RunRef};
pub use versions::{NewVersion, Servable};

use crate::domain::page::{DEFAULT_LIMIT, MAX_LIMIT, Page, PageQuery};
use crate::error::{Code, Error, Result};
use connect::database_error;

/// The database behind everything.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Begins what is to be committed as one.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn begin(&self) -> Result<Tx> {
        // Boxed: it is 14 KB large, and would be moved about within every request's future.
        let begun = Box::pin(self.pool.begin()).await;
        Ok(Tx(begun.map_err(database_error("beginning a transaction"))?))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query!("SELECT 1 AS one")
            .fetch_one(&self.pool)
            .await
            .map(|_| ())
            .map_err(database_error("asking the database whether it is there"))
    }

    /// Whether [`Self::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// Closes the connections once they are free.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction; what it did is undone unless [`Tx::commit`] returns.
pub struct Tx(Transaction<'static, Postgres>);

impl Tx {
    /// Makes it durable.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't say whether it is.
    pub async fn commit(self) -> Result<()> {
        self.0.commit().await.map_err(database_error("committing"))
    }

    /// Undoes it, and lets go of what it holds before this returns.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn roll_back(self) -> Result<()> {
        self.0.rollback().await.map_err(database_error("rolling back"))
    }
}

/// A version's number as PostgreSQL has it; a number beyond its range names no version.
fn number(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

/// A stored number, which is never negative.
fn unsigned(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

fn version_number(stored: i32) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}

/// The checked limit of a page and the text that its cursor holds.
fn page_start(query: &PageQuery) -> Result<(i64, Option<String>)> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Error::field(
            Code::InvalidRequest,
            "/limit",
            format!("{limit} is not from 1 to {MAX_LIMIT}"),
        ));
    }
    let cursor = match &query.cursor {
        None => None,
        Some(text) => Some(
            URL_SAFE_NO_PAD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .filter(|text| !text.contains('\0'))
                .ok_or_else(bad_cursor)?,
        ),
    };
    Ok((i64::from(limit), cursor))
}

/// The same with a cursor that must be of a type.
fn page_start_at<T: std::str::FromStr>(query: &PageQuery) -> Result<(i64, Option<T>)> {
    let (limit, cursor) = page_start(query)?;
    let cursor = cursor.map(|text| text.parse().map_err(|_| bad_cursor())).transpose()?;
    Ok((limit, cursor))
}

fn bad_cursor() -> Error {
    Error::field(
        Code::InvalidRequest,
        "/cursor",
        "this is no cursor of this list; take next_cursor of the page before, or leave it out",
    )
}

/// Cuts `limit + 1` fetched items to a page.
fn page<T>(mut items: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = match items.last() {
        Some(last) if more => Some(URL_SAFE_NO_PAD.encode(cursor(last))),
        _ => None,
    };
    Page { items, next_cursor }
}

fn corrupt(what: &str, value: &str) -> Error {
    Error::internal(format!("reading {what}"), format!("unknown value '{value}' in the database"))
}
