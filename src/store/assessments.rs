//! Recorded assessments, which are only ever added to.

use sqlx::types::Json;
use uuid::Uuid;

use super::connect::{database_error, database_error_or};
use super::versions::deleted_meanwhile;
use super::{Store, Tx, number, version_number};
use crate::domain::assessment::{Assessment, AssessmentRecord, ReasonBasis};
use crate::domain::prediction::Row;
use crate::error::{Error, Result};

/// An assessment to be recorded.
pub struct NewAssessment<'a> {
    pub id: Uuid,
    pub project: &'a str,
    pub key: Uuid,
    pub policy: &'a str,
    pub policy_version: u32,
    /// Row's number of the model.
    pub model: i64,
    pub version: u32,
    pub rows: &'a [Row],
    pub assessments: &'a [Assessment],
    pub basis: Option<&'a ReasonBasis>,
}

impl Store {
    /// A recorded assessment.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_assessment(
        &self,
        project: &str,
        id: Uuid,
    ) -> Result<Option<AssessmentRecord>> {
        let row = sqlx::query!(
            r#"SELECT a.id, at, key, p.name AS policy, policy_version, m.name AS model, version,
                rows AS "rows: Json<Vec<Row>>", assessments AS "assessments: Json<Vec<Assessment>>",
                basis AS "basis: Json<ReasonBasis>"
               FROM assessment a JOIN policy p ON p.id = a.policy JOIN model m ON m.id = a.model
               WHERE a.project = $1 AND a.id = $2"#,
            project,
            id
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding an assessment"))?;
        Ok(row.map(|row| AssessmentRecord {
            id: row.id,
            at: row.at,
            key: row.key,
            policy: row.policy,
            policy_version: version_number(row.policy_version),
            model: row.model,
            version: version_number(row.version),
            rows: row.rows.0,
            assessments: row.assessments.0,
            basis: row.basis.map(|basis| basis.0),
        }))
    }
}

impl Tx {
    /// Records an assessment.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`] when its version was deleted; [`Error::Internal`] when its policy is gone.
    pub async fn insert_assessment(&mut self, new: NewAssessment<'_>) -> Result<()> {
        const RECORDING: &str = "recording an assessment";
        let added = sqlx::query!(
            "INSERT INTO assessment (id, project, key, policy, policy_version, model, version, rows,
                assessments, basis)
             SELECT $1, $2, $3, p.id, $4, $5, $6, $7, $8, $9 FROM policy p
             WHERE project = $2 AND name = $10",
            new.id,
            new.project,
            new.key,
            number(new.policy_version),
            new.model,
            number(new.version),
            Json(new.rows) as _,
            Json(new.assessments) as _,
            new.basis.map(Json) as _,
            new.policy
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error_or(RECORDING, deleted_meanwhile))?;
        match added.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::internal(RECORDING, "its policy is gone")),
        }
    }
}
