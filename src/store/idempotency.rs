//! What was answered to a request with an Idempotency-Key. The answer is written by the
//! transaction that did what was asked for, so that one is never there without the other.

use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx};
use crate::error::{Code, Error, Result};

/// What an Idempotency-Key stands for.
#[derive(Debug)]
pub enum Earlier {
    /// Nothing yet: go on.
    None,
    /// A request that was answered so.
    Answer(Box<RawValue>),
}

impl Tx {
    /// Holds an Idempotency-Key of a key until the commit and reads what was answered to it.
    ///
    /// # Errors
    /// [`Code::IdempotencyConflict`] while another request with it runs,
    /// [`Code::IdempotencyMismatch`] when it was used for a request with another fingerprint.
    pub async fn hold_idempotency_key(
        &mut self,
        key: Uuid,
        idempotency_key: &str,
        fingerprint: &[u8; 32],
    ) -> Result<Earlier> {
        let failed = || database_error("looking an Idempotency-Key up");
        let held = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1)) AS "held!""#,
            format!("{key} {idempotency_key}")
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(failed())?;
        if !held {
            return Err(Error::new(
                Code::IdempotencyConflict,
                "a request with this Idempotency-Key is running; try again when it has ended",
            ));
        }
        let row = sqlx::query!(
            r#"SELECT fingerprint, answer AS "answer: Json<Box<RawValue>>" FROM idempotency
               WHERE key = $1 AND idempotency_key = $2 AND created_at > now() - interval '24 hours'"#,
            key,
            idempotency_key
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(failed())?;
        match row {
            None => Ok(Earlier::None),
            Some(row) if row.fingerprint == fingerprint => Ok(Earlier::Answer(row.answer.0)),
            Some(_) => Err(Error::new(
                Code::IdempotencyMismatch,
                "this Idempotency-Key was used within 24 hours for a request with another method, \
                 path or body; take a new one",
            )),
        }
    }

    /// Keeps the answer to a held Idempotency-Key.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn keep_answer(
        &mut self,
        key: Uuid,
        idempotency_key: &str,
        fingerprint: &[u8; 32],
        answer: &RawValue,
    ) -> Result<()> {
        sqlx::query!(
            "INSERT INTO idempotency (key, idempotency_key, fingerprint, answer)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (key, idempotency_key) DO UPDATE
                SET fingerprint = $3, answer = $4, created_at = now()",
            key,
            idempotency_key,
            fingerprint,
            Json(answer) as _
        )
        .execute(&mut *self.0)
        .await
        .map(|_| ())
        .map_err(database_error("keeping an answer"))
    }
}

impl Store {
    /// Removes answers older than 24 hours; returns their number.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn sweep_idempotency(&self) -> Result<u64> {
        sqlx::query!("DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'")
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(database_error("sweeping answers"))
    }
}
