//! Datasets and their snapshots.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Blob, Store, Tx, number, page, page_start, page_start_at, unsigned, version_number};
use crate::domain::dataset::{Dataset, DatasetSource, DatasetVersion};
use crate::domain::page::{Page, PageQuery};
use crate::domain::schema::ColumnSummary;
use crate::error::{Code, Error, Result};

/// A snapshot that a run made.
#[derive(Debug, Clone)]
pub struct NewDatasetVersion<'a> {
    pub rows: u64,
    pub columns: &'a [ColumnSummary],
    pub source: &'a DatasetSource,
    pub content: Blob,
    pub job: Uuid,
}

struct VersionRow {
    dataset: String,
    version: i32,
    rows: i64,
    columns: Json<Vec<ColumnSummary>>,
    source: Json<DatasetSource>,
    sha256: Vec<u8>,
    size: i64,
    job: Uuid,
    created_at: DateTime<Utc>,
}

impl VersionRow {
    fn into_version(self) -> DatasetVersion {
        DatasetVersion {
            dataset: self.dataset,
            version: version_number(self.version),
            rows: unsigned(self.rows),
            columns: self.columns.0,
            sha256: hex::encode(self.sha256),
            size_bytes: unsigned(self.size),
            source: self.source.0,
            created_at: self.created_at,
            job: self.job,
        }
    }
}

impl Store {
    /// Datasets of a project by name.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_datasets(&self, project: &str, query: &PageQuery) -> Result<Page<Dataset>> {
        let (limit, after) = page_start(query)?;
        let rows = sqlx::query!(
            r#"SELECT name, created_at, (SELECT max(version) FROM dataset_version v
                WHERE v.dataset = d.id) AS "latest!"
               FROM dataset d WHERE project = $1 AND ($2::text IS NULL OR name > $2)
                AND EXISTS (SELECT FROM dataset_version v WHERE v.dataset = d.id)
               ORDER BY name LIMIT $3::bigint + 1"#,
            project,
            after,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing datasets"))?;
        let datasets = rows
            .into_iter()
            .map(|r| Dataset {
                name: r.name,
                latest_version: version_number(r.latest),
                created_at: r.created_at,
            })
            .collect();
        Ok(page(datasets, limit, |d: &Dataset| d.name.clone()))
    }

    /// A dataset that has a snapshot.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn get_dataset(&self, project: &str, name: &str) -> Result<Option<Dataset>> {
        let row = sqlx::query!(
            r#"SELECT name, d.created_at, max(version) AS "latest!"
               FROM dataset d JOIN dataset_version v ON v.dataset = d.id
               WHERE project = $1 AND name = $2 GROUP BY d.id"#,
            project,
            name
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a dataset"))?;
        Ok(row.map(|r| Dataset {
            name: r.name,
            latest_version: version_number(r.latest),
            created_at: r.created_at,
        }))
    }

    /// Snapshots of a dataset, newest first.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_dataset_versions(
        &self,
        project: &str,
        name: &str,
        query: &PageQuery,
    ) -> Result<Page<DatasetVersion>> {
        let (limit, before) = page_start_at::<i32>(query)?;
        let rows = sqlx::query_as!(
            VersionRow,
            r#"SELECT d.name AS dataset, version, rows, columns AS "columns: Json<Vec<ColumnSummary>>",
                source AS "source: Json<DatasetSource>", sha256 AS "sha256!", size, job, v.created_at
               FROM dataset d JOIN dataset_version v ON v.dataset = d.id
               JOIN blob b ON b.id = v.content
               WHERE project = $1 AND d.name = $2 AND ($3::int IS NULL OR version < $3)
               ORDER BY version DESC LIMIT $4::bigint + 1"#,
            project,
            name,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing a dataset's versions"))?;
        let versions = rows.into_iter().map(VersionRow::into_version).collect();
        Ok(page(versions, limit, |v: &DatasetVersion| v.version.to_string()))
    }

    /// A snapshot with its content's blob; the newest when `version` is None.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn get_dataset_version(
        &self,
        project: &str,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<(DatasetVersion, i64)>> {
        let row = sqlx::query!(
            r#"SELECT d.name AS dataset, version, rows, columns AS "columns: Json<Vec<ColumnSummary>>",
                source AS "source: Json<DatasetSource>", sha256 AS "sha256!", size, job, v.created_at,
                content
               FROM dataset d JOIN dataset_version v ON v.dataset = d.id
               JOIN blob b ON b.id = v.content
               WHERE project = $1 AND d.name = $2 AND ($3::int IS NULL OR version = $3)
               ORDER BY version DESC LIMIT 1"#,
            project,
            name,
            version.map(number)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a dataset's version"))?;
        Ok(row.map(|r| {
            let content = r.content;
            let row = VersionRow {
                dataset: r.dataset,
                version: r.version,
                rows: r.rows,
                columns: r.columns,
                source: r.source,
                sha256: r.sha256,
                size: r.size,
                job: r.job,
                created_at: r.created_at,
            };
            (row.into_version(), content)
        }))
    }
}

impl Tx {
    /// Adds a snapshot under the next number of its dataset, which is made when it is the first.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn insert_dataset_version(
        &mut self,
        project: &str,
        name: &str,
        new: NewDatasetVersion<'_>,
    ) -> Result<u32> {
        let dataset = sqlx::query!(
            "INSERT INTO dataset (project, name, last_version) VALUES ($1, $2, 1)
             ON CONFLICT (project, name) DO UPDATE SET last_version = dataset.last_version + 1
             RETURNING id, last_version",
            project,
            name
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("numbering a dataset's version"))?;
        sqlx::query!(
            "INSERT INTO dataset_version (dataset, version, rows, columns, source, content, job)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            dataset.id,
            dataset.last_version,
            i64::try_from(new.rows).unwrap_or(i64::MAX),
            Json(new.columns) as _,
            Json(new.source) as _,
            new.content.id,
            new.job
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error("adding a dataset's version"))?;
        Ok(version_number(dataset.last_version))
    }

    /// Keeps a snapshot from being deleted until the commit. None when there is no such snapshot.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn hold_dataset_version(
        &mut self,
        project: &str,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<u32>> {
        let row = sqlx::query_scalar!(
            "SELECT version FROM dataset d JOIN dataset_version v ON v.dataset = d.id
             WHERE project = $1 AND name = $2 AND ($3::int IS NULL OR version = $3)
             ORDER BY version DESC LIMIT 1 FOR KEY SHARE OF v",
            project,
            name,
            version.map(number)
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("holding a dataset's version"))?;
        Ok(row.map(version_number))
    }

    /// Deletes a snapshot that no model version was trained on and no unfinished job waits for.
    /// False when there is no such snapshot.
    ///
    /// # Errors
    /// [`Code::InUse`] naming what uses it.
    pub async fn delete_dataset_version(
        &mut self,
        project: &str,
        name: &str,
        version: u32,
    ) -> Result<bool> {
        let failed = || database_error("deleting a dataset's version");
        let held = sqlx::query!(
            "SELECT dataset, version FROM dataset d JOIN dataset_version v ON v.dataset = d.id
             WHERE project = $1 AND name = $2 AND version = $3 FOR UPDATE OF v",
            project,
            name,
            number(version)
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(failed())?;
        let Some(held) = held else { return Ok(false) };
        let user = sqlx::query_scalar!(
            r#"SELECT 'version ' || v.version || ' of model ' || m.name AS "user!"
               FROM model_version v JOIN model m ON m.id = v.model
               WHERE dataset = $1 AND dataset_version = $2
               UNION ALL
               SELECT 'job ' || id FROM job
               WHERE project = $3 AND finished_at IS NULL
                AND (kind = 'training' AND spec #>> '{spec,dataset,name}' = $4
                    AND (spec #>> '{spec,dataset,version}')::int = $2
                 OR kind = 'analysis' AND spec #>> '{dataset,name}' = $4
                    AND (spec #>> '{dataset,version}')::int = $2)
               LIMIT 1"#,
            held.dataset,
            held.version,
            project,
            name
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(failed())?;
        if let Some(user) = user {
            let detail = format!("version {version} of dataset {name} is used by {user}");
            return Err(Error::new(Code::InUse, detail));
        }
        sqlx::query!(
            "DELETE FROM dataset_version WHERE dataset = $1 AND version = $2",
            held.dataset,
            held.version
        )
        .execute(&mut *self.0)
        .await
        .map_err(failed())?;
        Ok(true)
    }
}
