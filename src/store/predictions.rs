//! Recorded predictions, which are only ever added to.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres};
use tokio::time::timeout;
use uuid::Uuid;

use super::connect::{database_error, database_error_or};
use super::versions::deleted_meanwhile;
use super::{Store, Tx, number, version_number};
use crate::domain::prediction::{Prediction, PredictionRecord, Row};
use crate::domain::reason::Reasons;
use crate::error::{Code, Error, Result};

const RECORDING: &str = "recording predictions";

/// An answer to be recorded. What is JSON is given as it is to be kept.
#[derive(Debug, Clone)]
pub struct NewRecord {
    pub id: Uuid,
    pub project: String,
    pub key: Uuid,
    /// Row's number of the model.
    pub model: i64,
    pub version: u32,
    /// A list of [`Row`]s as JSON.
    pub rows: String,
    /// A list of [`Prediction`]s as JSON.
    pub predictions: String,
    pub threshold: Option<f64>,
    /// [`Reasons`] as JSON.
    pub reasons: Option<String>,
}

impl NewRecord {
    fn reference(&self) -> Reference {
        (self.model, self.version, self.key)
    }

    /// Bytes of what is JSON.
    pub fn bytes(&self) -> usize {
        let reasons = self.reasons.as_ref().map_or(0, String::len);
        self.rows.len() + self.predictions.len() + reasons
    }
}

/// A connection for those who record one group of answers after the other. To take one from the pool and to
/// put it back each asks the database whether it is there, which takes as long as to record an answer.
pub struct Recording {
    store: Store,
    held: Option<Held>,
    /// How long a statement is waited for.
    patience: Duration,
}

struct Held {
    connection: PoolConnection<Postgres>,
    since: Instant,
    /// What is there to refer to for sure: a trigger keeps all that was ever put there.
    referred: HashSet<Reference>,
}

/// What a record refers to: the model's row, its version and a key.
type Reference = (i64, u32, Uuid);

impl Store {
    /// A recorded answer.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn get_prediction(
        &self,
        project: &str,
        id: Uuid,
    ) -> Result<Option<PredictionRecord>> {
        let row = sqlx::query!(
            r#"SELECT p.id, at, key, m.name AS model, version, rows AS "rows: Json<Vec<Row>>",
                predictions AS "predictions: Json<Vec<Prediction>>", threshold,
                reasons AS "reasons: Json<Box<Reasons>>"
               FROM prediction p JOIN model m ON m.id = p.model
               WHERE p.project = $1 AND p.id = $2"#,
            project,
            id
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a prediction"))?;
        Ok(row.map(|r| PredictionRecord {
            id: r.id,
            at: r.at,
            key: r.key,
            model: r.model,
            version: version_number(r.version),
            rows: r.rows.0,
            predictions: r.predictions.0,
            threshold: r.threshold,
            reasons: r.reasons.map(|reasons| reasons.0),
        }))
    }

    /// To record answers by. A statement is waited for no longer than `patience`: the host of a database may be
    /// lost without a word.
    pub fn recording(&self, patience: Duration) -> Recording {
        Recording { store: self.clone(), held: None, patience }
    }
}

impl Recording {
    /// Takes a connection, unless it has one.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn hold(&mut self) -> Result<()> {
        self.held = Some(self.taken().await?);
        Ok(())
    }

    /// The connection that it has, or one of the pool.
    async fn taken(&mut self) -> Result<Held> {
        if let Some(held) = self.held.take() {
            return Ok(held);
        }
        let connection = self.store.pool.acquire().await.map_err(database_error(RECORDING))?;
        Ok(Held { connection, since: Instant::now(), referred: HashSet::new() })
    }

    /// Records answers, and nothing else: one statement, which is durable when this returns well.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached, or does not answer; [`Code::NotFound`] when a
    /// version was deleted that one of them names, and [`Code::Internal`] when one of them can't be written: then
    /// none is.
    pub async fn record(&mut self, records: &[NewRecord]) -> Result<()> {
        let mut held = self.taken().await?;
        let Ok(outcome) = timeout(self.patience, held.record(records)).await else {
            // The pool would ask it whether it is there, and wait.
            drop(held.connection.detach());
            tracing::warn!("the database does not answer");
            return Err(Error::new(
                Code::Unavailable,
                "The database does not answer now; try again shortly",
            ));
        };
        // After a failure the pool tells whether it is of use still.
        self.held = outcome.is_ok().then_some(held);
        outcome
    }

    /// For how long it has had the connection that it has.
    pub fn held(&self) -> Option<Duration> {
        self.held.as_ref().map(|held| held.since.elapsed())
    }

    /// Gives the connection back until there are further answers.
    pub fn rest(&mut self) {
        self.held = None;
    }

    /// The same where it has had it for so long.
    pub fn rest_after(&mut self, most: Duration) {
        if self.held().is_some_and(|held| held >= most) {
            self.rest();
        }
    }
}

impl Held {
    async fn record(&mut self, records: &[NewRecord]) -> Result<()> {
        let references = records.iter().map(NewRecord::reference);
        let new: Vec<_> = references.filter(|r| !self.referred.contains(r)).collect();
        insert(&mut self.connection, records, !new.is_empty()).await?;
        self.referred.extend(new);
        Ok(())
    }
}

impl Tx {
    /// Records answers.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached; [`Code::NotFound`] when a version was deleted
    /// that one of them names.
    pub async fn insert_predictions(&mut self, records: &[NewRecord]) -> Result<()> {
        insert(&mut self.0, records, true).await
    }
}

/// Inserts records, and what they refer to where it may not be there yet; that in one order, or two of them could
/// wait for each other.
async fn insert(
    connection: &mut PgConnection,
    records: &[NewRecord],
    refers_to_new: bool,
) -> Result<()> {
    let ids: Vec<Uuid> = records.iter().map(|r| r.id).collect();
    let projects: Vec<&str> = records.iter().map(|r| r.project.as_str()).collect();
    let keys: Vec<Uuid> = records.iter().map(|r| r.key).collect();
    let models: Vec<i64> = records.iter().map(|r| r.model).collect();
    let versions: Vec<i32> = records.iter().map(|r| number(r.version)).collect();
    // As text, since what is sent as JSON is taken for jsonb, which does not keep numbers as they were written.
    let rows: Vec<&str> = records.iter().map(|r| r.rows.as_str()).collect();
    let predictions: Vec<&str> = records.iter().map(|r| r.predictions.as_str()).collect();
    let thresholds: Vec<Option<f64>> = records.iter().map(|r| r.threshold).collect();
    let reasons: Vec<Option<&str>> = records.iter().map(|r| r.reasons.as_deref()).collect();
    macro_rules! statement {
        ($text:literal) => {
            sqlx::query!(
                $text,
                &ids,
                &projects as _,
                &keys,
                &models,
                &versions,
                &rows as _,
                &predictions as _,
                &thresholds as _,
                &reasons as _
            )
        };
    }
    let statement = if refers_to_new {
        statement!(
            "WITH reference AS (
                 INSERT INTO prediction_reference (project, key, model, version)
                 SELECT DISTINCT project, key, model, version
                 FROM unnest($2::text[], $3::uuid[], $4::bigint[], $5::int[])
                    AS r (project, key, model, version)
                 ORDER BY model, version, key
                 ON CONFLICT DO NOTHING)
             INSERT INTO prediction (id, project, key, model, version, rows, predictions, threshold,
                reasons)
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::int[],
                $6::text[]::json[], $7::text[]::json[], $8::float8[], $9::text[]::json[])"
        )
    } else {
        statement!(
            "INSERT INTO prediction (id, project, key, model, version, rows, predictions, threshold,
                reasons)
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::int[],
                $6::text[]::json[], $7::text[]::json[], $8::float8[], $9::text[]::json[])"
        )
    };
    statement
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(database_error_or(RECORDING, deleted_meanwhile))
}
