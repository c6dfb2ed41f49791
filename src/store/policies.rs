//! Credit policies, whose versions are only ever added to.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, number, page, page_start, page_start_at, version_number};
use crate::domain::page::{Page, PageQuery};
use crate::domain::policy::{Policy, PolicyTerms, PolicyVersion, PolicyVersionSummary};
use crate::error::Result;

struct VersionRow {
    version: i32,
    terms: Json<PolicyTerms>,
    created_at: DateTime<Utc>,
    created_by: Uuid,
}

impl VersionRow {
    fn into_version(self, policy: &str) -> PolicyVersion {
        PolicyVersion {
            policy: policy.to_owned(),
            version: version_number(self.version),
            terms: self.terms.0,
            created_at: self.created_at,
            created_by: self.created_by,
        }
    }
}

impl Store {
    /// A policy.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_policy(&self, project: &str, name: &str) -> Result<Option<Policy>> {
        let row = sqlx::query!(
            "SELECT name, last_version, created_at FROM policy WHERE project = $1 AND name = $2",
            project,
            name
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a policy"))?;
        Ok(row.map(|row| Policy {
            name: row.name,
            latest_version: version_number(row.last_version),
            created_at: row.created_at,
        }))
    }

    /// Policies by name.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_policies(&self, project: &str, query: &PageQuery) -> Result<Page<Policy>> {
        let (limit, after) = page_start(query)?;
        let rows = sqlx::query!(
            "SELECT name, last_version, created_at FROM policy
             WHERE project = $1 AND ($2::text IS NULL OR name > $2)
             ORDER BY name LIMIT $3::bigint + 1",
            project,
            after,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing policies"))?;
        let policies = rows.into_iter().map(|row| Policy {
            name: row.name,
            latest_version: version_number(row.last_version),
            created_at: row.created_at,
        });
        Ok(page(policies.collect(), limit, |policy: &Policy| policy.name.clone()))
    }

    /// A version of a policy by its number, or the newest one.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_policy_version(
        &self,
        project: &str,
        name: &str,
        wanted: Option<u32>,
    ) -> Result<Option<PolicyVersion>> {
        let row = sqlx::query_as!(
            VersionRow,
            r#"SELECT version, terms AS "terms: Json<PolicyTerms>", v.created_at, v.created_by
               FROM policy p JOIN policy_version v ON v.policy = p.id
               WHERE project = $1 AND name = $2 AND ($3::int IS NULL OR version = $3)
               ORDER BY version DESC LIMIT 1"#,
            project,
            name,
            wanted.map(number)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a policy's version"))?;
        Ok(row.map(|row| row.into_version(name)))
    }

    /// Versions of a policy, the newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_policy_versions(
        &self,
        project: &str,
        name: &str,
        query: &PageQuery,
    ) -> Result<Page<PolicyVersionSummary>> {
        let (limit, before) = page_start_at::<i32>(query)?;
        let rows = sqlx::query!(
            r#"SELECT version, terms->>'model' AS "model!",
                coalesce(json_array_length(terms->'rules'), 0) AS "rules!", v.created_at,
                v.created_by
               FROM policy p JOIN policy_version v ON v.policy = p.id
               WHERE project = $1 AND name = $2 AND ($3::int IS NULL OR version < $3)
               ORDER BY version DESC LIMIT $4::bigint + 1"#,
            project,
            name,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing a policy's versions"))?;
        let versions = rows.into_iter().map(|row| PolicyVersionSummary {
            version: version_number(row.version),
            model: row.model,
            rules: version_number(row.rules),
            created_at: row.created_at,
            created_by: row.created_by,
        });
        let versions = versions.collect();
        Ok(page(versions, limit, |version: &PolicyVersionSummary| version.version.to_string()))
    }
}

impl Tx {
    /// Adds the next version of a policy.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn insert_policy_version(
        &mut self,
        project: &str,
        name: &str,
        terms: &PolicyTerms,
        created_by: Uuid,
    ) -> Result<PolicyVersion> {
        let policy = sqlx::query!(
            "INSERT INTO policy (project, name, last_version) VALUES ($1, $2, 1)
             ON CONFLICT (project, name) DO UPDATE SET last_version = policy.last_version + 1
             RETURNING id, last_version",
            project,
            name
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("numbering a policy's version"))?;
        let row = sqlx::query_as!(
            VersionRow,
            r#"INSERT INTO policy_version (policy, version, terms, created_by)
               VALUES ($1, $2, $3, $4)
               RETURNING version, terms AS "terms: Json<PolicyTerms>", created_at, created_by"#,
            policy.id,
            policy.last_version,
            Json(terms) as _,
            created_by
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("keeping a policy's version"))?;
        Ok(row.into_version(name))
    }
}
