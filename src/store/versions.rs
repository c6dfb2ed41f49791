//! Versions of models.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Blob, Store, Tx, number, page, page_start_at, version_number};
use crate::domain::model::InputKind;
use crate::domain::page::{Page, PageQuery};
use crate::domain::version::{Version, VersionSummary};
use crate::error::{Code, Error, FieldError, Result};

/// A version that a run made; its number and time are set by the store.
pub struct NewVersion<'a> {
    pub version: Version,
    pub input_kind: InputKind,
    /// The fitted features.
    pub features: &'a RawValue,
    pub weights: Blob,
    pub background: Blob,
    pub job: Uuid,
}

/// What is needed to score with a version.
#[derive(Debug, Clone)]
pub struct Servable {
    pub version: Version,
    pub features: Box<RawValue>,
    /// The blob of the weights.
    pub weights: i64,
    /// That of what its answers are explained against; none of versions of earlier programs.
    pub background: Option<i64>,
    /// Row's number of the model.
    pub model: i64,
}

impl Store {
    /// Versions of a model, newest first.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_versions(
        &self,
        project: &str,
        model: &str,
        query: &PageQuery,
    ) -> Result<Page<VersionSummary>> {
        let (limit, before) = page_start_at::<i32>(query)?;
        let rows = sqlx::query!(
            r#"SELECT v.version, description AS "description: Json<Version>",
                coalesce(array_agg(a.name ORDER BY a.name) FILTER (WHERE a.name IS NOT NULL),
                    '{}') AS "aliases!"
               FROM model m JOIN model_version v ON v.model = m.id
               LEFT JOIN alias a ON a.model = m.id AND a.version = v.version
               WHERE project = $1 AND m.name = $2 AND ($3::int IS NULL OR v.version < $3)
               GROUP BY v.model, v.version ORDER BY v.version DESC LIMIT $4::bigint + 1"#,
            project,
            model,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing a model's versions"))?;
        let versions = rows
            .into_iter()
            .map(|row| {
                let version = row.description.0;
                let (metric, value) = version.metrics.main();
                VersionSummary {
                    task: version.signature.task,
                    network: version.provenance.spec.network_kind().to_owned(),
                    metric: metric.to_owned(),
                    value,
                    aliases: row.aliases,
                    created_at: version.created_at,
                    version: version_number(row.version),
                    model: version.model,
                }
            })
            .collect();
        Ok(page(versions, limit, |v: &VersionSummary| v.version.to_string()))
    }

    /// What is needed to score with a version.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn get_servable(
        &self,
        project: &str,
        model: &str,
        version: u32,
    ) -> Result<Option<Servable>> {
        let row = sqlx::query!(
            r#"SELECT m.id, description AS "description: Json<Version>",
                features AS "features: Json<Box<RawValue>>", weights, background
               FROM model m JOIN model_version v ON v.model = m.id
               WHERE project = $1 AND m.name = $2 AND version = $3"#,
            project,
            model,
            number(version)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a model's version"))?;
        Ok(row.map(|row| Servable {
            version: row.description.0,
            features: row.features.0,
            weights: row.weights,
            background: row.background,
            model: row.id,
        }))
    }

    /// A version as it is shown.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn get_version(
        &self,
        project: &str,
        model: &str,
        version: u32,
    ) -> Result<Option<Version>> {
        described(&self.pool, project, model, version).await
    }
}

async fn described(
    executor: impl PgExecutor<'_>,
    project: &str,
    model: &str,
    version: u32,
) -> Result<Option<Version>> {
    let row = sqlx::query_scalar!(
        r#"SELECT description AS "description: Json<Version>"
           FROM model m JOIN model_version v ON v.model = m.id
           WHERE project = $1 AND m.name = $2 AND version = $3"#,
        project,
        model,
        number(version)
    )
    .fetch_optional(executor)
    .await
    .map_err(database_error("finding a model's version"))?;
    Ok(row.map(|description| description.0))
}

impl Tx {
    /// Adds a version under the next number of its model, which is made when it is the first.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] when the model's newest version answers something else.
    pub async fn insert_version(&mut self, project: &str, new: NewVersion<'_>) -> Result<u32> {
        let mut version = new.version;
        let failed = || database_error("adding a model's version");
        let (model, next) = self
            .number_version(project, &version.model, version.signature.task, new.input_kind)
            .await?;
        self.check_answers(project, &version).await?;
        version.version = version_number(next);
        version.created_at = self.now().await?;
        let dataset = &version.provenance.spec.dataset;
        let added = sqlx::query!(
            "INSERT INTO model_version (model, version, description, features, weights, background,
                job, created_at, dataset, dataset_version)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, d.id, $9 FROM dataset d
             WHERE project = $10 AND name = $11",
            model,
            next,
            Json(&version) as _,
            Json(new.features) as _,
            new.weights.id,
            new.background.id,
            new.job,
            version.created_at,
            dataset.version.map(number),
            project,
            dataset.name
        )
        .execute(&mut *self.0)
        .await
        .map_err(failed())?;
        if added.rows_affected() == 1 {
            Ok(version.version)
        } else {
            Err(Error::internal("adding a model's version", "its dataset is gone"))
        }
    }

    /// Checks a version to come against the newest one of its model, which is held.
    async fn check_answers(&mut self, project: &str, version: &Version) -> Result<()> {
        let name = &version.model;
        let Some(held) = self.hold_model(project, name).await? else { return Ok(()) };
        let newest = described(&mut *self.0, project, name, held.model.latest_version).await?;
        let answers = version.signature.answers();
        match newest.and_then(|newest| answers.conflict(name, &newest.signature)) {
            Some(FieldError { pointer, detail }) => {
                Err(Error::field(Code::InvalidSpec, pointer, detail))
            }
            None => Ok(()),
        }
    }

    /// The transaction's time.
    async fn now(&mut self) -> Result<DateTime<Utc>> {
        sqlx::query_scalar!(r#"SELECT now() AS "now!""#)
            .fetch_one(&mut *self.0)
            .await
            .map_err(database_error("reading the clock"))
    }

    /// Deletes a version that no alias points at and no recorded prediction names. False when
    /// there is no such version.
    ///
    /// # Errors
    /// [`Code::InUse`] naming what uses it.
    pub async fn delete_version(
        &mut self,
        project: &str,
        model: &str,
        version: u32,
    ) -> Result<bool> {
        let failed = || database_error("deleting a model's version");
        let Some(row) = self.hold_model(project, model).await? else { return Ok(false) };
        // Whoever refers to it waits until this is decided, or has done so before it is looked for.
        let held = sqlx::query_scalar!(
            "SELECT 1 AS one FROM model_version WHERE model = $1 AND version = $2 FOR UPDATE",
            row.id,
            number(version)
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(failed())?;
        if held.is_none() {
            return Ok(false);
        }
        let user = sqlx::query_scalar!(
            r#"SELECT 'alias ' || name AS "user!" FROM alias WHERE model = $1 AND version = $2
               UNION ALL
               (SELECT 'recorded predictions' FROM prediction_reference
                WHERE model = $1 AND version = $2 LIMIT 1)
               UNION ALL
               (SELECT 'recorded assessment ' || id FROM assessment
                WHERE model = $1 AND version = $2 LIMIT 1)
               LIMIT 1"#,
            row.id,
            number(version)
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(failed())?;
        if let Some(user) = user {
            let detail = format!("version {version} of model {model} is held by {user}");
            return Err(Error::new(Code::InUse, detail));
        }
        sqlx::query!(
            "DELETE FROM model_version WHERE model = $1 AND version = $2",
            row.id,
            number(version)
        )
        .execute(&mut *self.0)
        .await
        .map_err(failed())?;
        Ok(true)
    }

    /// Whether a model has a version, which is kept until the commit.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn hold_version(&mut self, model: i64, version: u32) -> Result<bool> {
        sqlx::query_scalar!(
            "SELECT 1 AS one FROM model_version WHERE model = $1 AND version = $2 FOR KEY SHARE",
            model,
            number(version)
        )
        .fetch_optional(&mut *self.0)
        .await
        .map(|row| row.is_some())
        .map_err(database_error("holding a model's version"))
    }
}

/// What is said where a version was deleted before something could refer to it.
pub(super) fn deleted_meanwhile() -> Error {
    Error::new(Code::NotFound, "the version was deleted before its answer was recorded")
}
