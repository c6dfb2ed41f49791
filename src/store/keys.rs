//! Keys, found by the SHA-256 of their secret.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, corrupt, page, page_start_at};
use crate::domain::key::{Key, Scope};
use crate::domain::page::{Page, PageQuery};
use crate::error::Result;

struct KeyRow {
    id: Uuid,
    project: String,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl KeyRow {
    fn into_key(self) -> Result<Key> {
        let scopes = self
            .scopes
            .iter()
            .map(|s| Scope::parse(s).ok_or_else(|| corrupt("a key's scopes", s)))
            .collect::<Result<_>>()?;
        Ok(Key {
            id: self.id,
            name: self.name,
            prefix: self.prefix,
            scopes,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

impl Store {
    /// The key of a secret's hash, with its project, when it is neither expired nor revoked.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn find_key(&self, sha256: &[u8]) -> Result<Option<(Key, String)>> {
        let row = sqlx::query_as!(
            KeyRow,
            "SELECT id, project, name, prefix, scopes, created_at, expires_at, revoked_at FROM key
             WHERE sha256 = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
            sha256
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("looking a key up"))?;
        row.map(|row| {
            let project = row.project.clone();
            Ok((row.into_key()?, project))
        })
        .transpose()
    }

    /// Keys of a project, newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_keys(&self, project: &str, query: &PageQuery) -> Result<Page<Key>> {
        let (limit, before) = page_start_at::<Uuid>(query)?;
        let rows = sqlx::query_as!(
            KeyRow,
            "SELECT id, project, name, prefix, scopes, created_at, expires_at, revoked_at FROM key
             WHERE project = $1 AND prefix <> '' AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3::bigint + 1",
            project,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing keys"))?;
        let keys = rows.into_iter().map(KeyRow::into_key).collect::<Result<_>>()?;
        Ok(page(keys, limit, |k: &Key| k.id.to_string()))
    }

    /// Whether a key that may manage keys was ever made.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn has_admin_key(&self) -> Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM key WHERE 'admin' = ANY (scopes)) AS "exists!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(database_error("looking for an admin key"))
    }
}

impl Store {
    /// Whether a key with the scope `admin` is neither revoked nor past its end.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn has_usable_admin_key(&self) -> Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM key WHERE 'admin' = ANY (scopes) AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > now())) AS "exists!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(database_error("looking for an admin key"))
    }
}

impl Tx {
    /// Adds a key by its secret's hash.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn insert_key(
        &mut self,
        project: &str,
        name: &str,
        scopes: &[Scope],
        expires_in_hours: Option<u32>,
        (prefix, sha256): (&str, &[u8]),
    ) -> Result<Key> {
        let scopes: Vec<String> = scopes.iter().map(|s| s.as_str().to_owned()).collect();
        let hours = expires_in_hours.map(f64::from);
        sqlx::query_as!(
            KeyRow,
            "INSERT INTO key (id, project, name, prefix, sha256, scopes, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 hour')
             RETURNING id, project, name, prefix, scopes, created_at, expires_at, revoked_at",
            Uuid::now_v7(),
            project,
            name,
            prefix,
            sha256,
            &scopes,
            hours
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("adding a key"))?
        .into_key()
    }

    /// Ends a key for good; one that has been revoked keeps its time.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn revoke_key(&mut self, project: &str, id: Uuid) -> Result<Option<Key>> {
        sqlx::query_as!(
            KeyRow,
            "UPDATE key SET revoked_at = coalesce(revoked_at, now())
             WHERE project = $1 AND id = $2 AND prefix <> ''
             RETURNING id, project, name, prefix, scopes, created_at, expires_at, revoked_at",
            project,
            id
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("revoking a key"))?
        .map(KeyRow::into_key)
        .transpose()
    }
}
