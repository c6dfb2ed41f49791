//! What other processes and connections change, heard through LISTEN.

use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::Store;
use super::connect::database_error;
use crate::error::{Code, Error, Result};

/// Something that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A key was made or revoked.
    Key,
    /// A model's settings or an alias.
    Registry,
    /// A version was deleted.
    Version,
    /// A job was queued, moved or made progress.
    Job(Uuid),
    /// Anything may have changed.
    Unknown,
}

/// A stream of changes on a connection of its own.
pub struct Changes(PgListener);

impl Store {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn changes(&self) -> Result<Changes> {
        let failed = || database_error("listening to changes");
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(failed())?;
        // What changes while nobody listens is never heard: who has lost the connection has to know it at once.
        listener.eager_reconnect(false);
        listener.listen_all(["actuary_change", "actuary_job"]).await.map_err(failed())?;
        Ok(Changes(listener))
    }
}

impl Changes {
    /// Waits for the next change.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the connection is lost: begin to listen anew, and take
    /// anything for changed.
    pub async fn next(&mut self) -> Result<Change> {
        let notification =
            self.0.try_recv().await.map_err(database_error("listening to changes"))?;
        let Some(n) = notification else {
            return Err(Error::new(Code::Unavailable, "the connection to the database was lost"));
        };
        Ok(match n.channel() {
            "actuary_change" => match n.payload() {
                "key" => Change::Key,
                "model" | "alias" => Change::Registry,
                "model_version" => Change::Version,
                _ => Change::Unknown,
            },
            _ => n.payload().parse().map_or(Change::Unknown, Change::Job),
        })
    }
}
