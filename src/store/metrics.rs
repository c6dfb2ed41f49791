//! What the operator watches.

use chrono::{DateTime, Utc};

use super::connect::database_error;
use super::{Store, unsigned};
use crate::error::Result;

/// How busy the database is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// How long the first job that could be claimed has waited; 0 when none can.
    pub oldest_queued_seconds: f64,
    /// Size of the database.
    pub bytes: u64,
}

/// Connections of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    pub used: u32,
    pub idle: u32,
}

impl Store {
    /// Numbers of jobs by kind and state, of all projects, for the metrics.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn count_jobs(&self) -> Result<Vec<(String, String, u64)>> {
        let rows = sqlx::query!(
            r#"SELECT kind, state, count(*) AS "count!" FROM job GROUP BY kind, state"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("counting jobs"))?;
        Ok(rows.into_iter().map(|r| (r.kind, r.state, unsigned(r.count))).collect())
    }

    /// How busy the database is.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn load(&self) -> Result<Load> {
        let row = sqlx::query!(
            r#"SELECT coalesce((SELECT extract(epoch FROM now() - min(greatest(created_at, not_before)))
                    FROM job WHERE state = 'queued' AND not_before <= now()), 0)::float8
                AS "oldest_queued_seconds!", pg_database_size(current_database()) AS "bytes!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(database_error("measuring the database"))?;
        Ok(Load { oldest_queued_seconds: row.oldest_queued_seconds, bytes: unsigned(row.bytes) })
    }

    /// The database's time, and that of the newest job.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn clock(&self) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        let row = sqlx::query!(
            r#"SELECT clock_timestamp() AS "now!", max(created_at) AS newest FROM job"#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(database_error("reading the database's clock"))?;
        Ok((row.now, row.newest))
    }

    pub fn connections(&self) -> Connections {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        Connections { used: self.pool.size().saturating_sub(idle), idle }
    }
}
