//! Aliases and their history, which is only ever added to.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, number, page, page_start_at, unsigned, version_number};
use crate::domain::page::{Page, PageQuery};
use crate::domain::version::{Alias, AliasMove};
use crate::error::Result;

impl Store {
    /// Aliases of a model by name, those that were removed left out.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn list_aliases(&self, project: &str, model: &str) -> Result<Vec<Alias>> {
        let rows = sqlx::query!(
            r#"SELECT a.name, a.version AS "version!", revision, moved_at
               FROM model m JOIN alias a ON a.model = m.id
               WHERE project = $1 AND m.name = $2 AND a.version IS NOT NULL ORDER BY a.name"#,
            project,
            model
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing aliases"))?;
        Ok(rows
            .into_iter()
            .map(|r| Alias {
                model: model.to_owned(),
                alias: r.name,
                version: version_number(r.version),
                revision: unsigned(r.revision),
                moved_at: r.moved_at,
            })
            .collect())
    }

    /// Moves of an alias, newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_alias_moves(
        &self,
        project: &str,
        model: &str,
        alias: &str,
        query: &PageQuery,
    ) -> Result<Page<AliasMove>> {
        let (limit, before) = page_start_at::<i64>(query)?;
        let rows = sqlx::query_as!(
            MoveRow,
            "SELECT alias, revision, version, previous, moved_at, moved_by, reason
             FROM model m JOIN alias_move h ON h.model = m.id
             WHERE project = $1 AND m.name = $2 AND alias = $3
                AND ($4::bigint IS NULL OR revision < $4)
             ORDER BY revision DESC LIMIT $5::bigint + 1",
            project,
            model,
            alias,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("reading an alias's history"))?;
        let moves = rows.into_iter().map(MoveRow::into_move).collect();
        Ok(page(moves, limit, |m: &AliasMove| m.revision.to_string()))
    }

    /// The last move of an alias up to an instant: what it pointed at then.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn alias_at(
        &self,
        project: &str,
        model: &str,
        alias: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<AliasMove>> {
        let row = sqlx::query_as!(
            MoveRow,
            "SELECT alias, revision, version, previous, moved_at, moved_by, reason
             FROM model m JOIN alias_move h ON h.model = m.id
             WHERE project = $1 AND m.name = $2 AND alias = $3 AND moved_at <= $4
             ORDER BY revision DESC LIMIT 1",
            project,
            model,
            alias,
            at
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("reading an alias's history"))?;
        Ok(row.map(MoveRow::into_move))
    }
}

struct MoveRow {
    alias: String,
    revision: i64,
    version: Option<i32>,
    previous: Option<i32>,
    moved_at: DateTime<Utc>,
    moved_by: Uuid,
    reason: Option<String>,
}

impl MoveRow {
    fn into_move(self) -> AliasMove {
        AliasMove {
            alias: self.alias,
            revision: unsigned(self.revision),
            version: self.version.map(version_number),
            previous: self.previous.map(version_number),
            moved_at: self.moved_at,
            moved_by: self.moved_by,
            reason: self.reason,
        }
    }
}

impl Tx {
    /// Revision and version of an alias of a model that is held; None when it never was.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_alias(
        &mut self,
        model: i64,
        alias: &str,
    ) -> Result<Option<(u64, Option<u32>)>> {
        let row = sqlx::query!(
            "SELECT revision, version FROM alias WHERE model = $1 AND name = $2",
            model,
            alias
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("reading an alias"))?;
        Ok(row.map(|r| (unsigned(r.revision), r.version.map(version_number))))
    }

    /// The version that an alias of a held model pointed at before its last move.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn previous_of_alias(&mut self, model: i64, alias: &str) -> Result<Option<u32>> {
        let row = sqlx::query_scalar!(
            "SELECT previous FROM alias_move WHERE model = $1 AND alias = $2
             ORDER BY revision DESC LIMIT 1",
            model,
            alias
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("reading an alias's history"))?;
        Ok(row.flatten().map(version_number))
    }

    /// Points an alias of a held model at a version, or at none, and adds the move to the history.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn move_alias(
        &mut self,
        model: i64,
        alias: &str,
        version: Option<u32>,
        moved_by: Uuid,
        reason: Option<&str>,
    ) -> Result<AliasMove> {
        let failed = || database_error("moving an alias");
        let previous = self.get_alias(model, alias).await?.and_then(|(_, version)| version);
        let moved = sqlx::query!(
            "INSERT INTO alias (model, name, version, revision, moved_at)
             VALUES ($1, $2, $3, 1, clock_timestamp())
             ON CONFLICT (model, name) DO UPDATE SET version = $3, revision = alias.revision + 1,
                moved_at = greatest(clock_timestamp(), alias.moved_at + interval '1 microsecond')
             RETURNING revision, moved_at",
            model,
            alias,
            version.map(number)
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(failed())?;
        let row = sqlx::query_as!(
            MoveRow,
            "INSERT INTO alias_move (model, alias, revision, version, previous, moved_at, moved_by,
                reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             RETURNING alias, revision, version, previous, moved_at, moved_by, reason",
            model,
            alias,
            moved.revision,
            version.map(number),
            previous.map(number),
            moved.moved_at,
            moved_by,
            reason
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(failed())?;
        Ok(row.into_move())
    }
}
