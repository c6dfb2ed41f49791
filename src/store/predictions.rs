//! Recorded predictions, which are only ever added to.

use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, number, version_number};
use crate::domain::prediction::{Prediction, PredictionRecord, Row};
use crate::domain::reason::Reasons;
use crate::error::Result;

/// An answer to be recorded.
#[derive(Debug, Clone)]
pub struct NewRecord {
    pub id: Uuid,
    pub project: String,
    pub key: Uuid,
    /// Row's number of the model.
    pub model: i64,
    pub version: u32,
    pub rows: Vec<Row>,
    pub predictions: Vec<Prediction>,
    pub threshold: Option<f64>,
    pub reasons: Option<Box<Reasons>>,
}

impl Store {
    /// A recorded answer.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
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

    /// Records answers, and nothing else: one statement, which is durable when this returns well.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn record_predictions(&self, records: &[NewRecord]) -> Result<()> {
        insert(&self.pool, records).await
    }
}

impl Tx {
    /// Records answers.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn insert_predictions(&mut self, records: &[NewRecord]) -> Result<()> {
        insert(&mut *self.0, records).await
    }
}

async fn insert(executor: impl PgExecutor<'_>, records: &[NewRecord]) -> Result<()> {
    let ids: Vec<Uuid> = records.iter().map(|r| r.id).collect();
    let projects: Vec<&str> = records.iter().map(|r| r.project.as_str()).collect();
    let keys: Vec<Uuid> = records.iter().map(|r| r.key).collect();
    let models: Vec<i64> = records.iter().map(|r| r.model).collect();
    let versions: Vec<i32> = records.iter().map(|r| number(r.version)).collect();
    let rows: Vec<_> = records.iter().map(|r| Json(&r.rows)).collect();
    let predictions: Vec<_> = records.iter().map(|r| Json(&r.predictions)).collect();
    let thresholds: Vec<Option<f64>> = records.iter().map(|r| r.threshold).collect();
    let reasons: Vec<_> = records.iter().map(|r| r.reasons.as_ref().map(Json)).collect();
    sqlx::query!(
        "INSERT INTO prediction (id, project, key, model, version, rows, predictions, threshold,
                reasons)
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::int[],
                $6::json[], $7::json[], $8::float8[], $9::json[])",
        &ids,
        &projects as _,
        &keys,
        &models,
        &versions,
        rows as _,
        predictions as _,
        &thresholds as _,
        reasons as _
    )
    .execute(executor)
    .await
    .map(|_| ())
    .map_err(database_error("recording predictions"))
}
