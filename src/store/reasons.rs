//! Reason tables of models, which are only ever added to.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, corrupt, number, page, page_start_at, version_number};
use crate::domain::page::{Page, PageQuery};
use crate::domain::reason::{ReasonEntry, ReasonTable, ReasonTableSummary, TableColumn};
use crate::domain::schema::ColumnType;
use crate::error::Result;

struct TableRow {
    number: i32,
    entries: Json<Vec<ReasonEntry>>,
    created_at: DateTime<Utc>,
    created_by: Uuid,
}

impl TableRow {
    fn into_table(self, model: &str) -> ReasonTable {
        ReasonTable {
            model: model.to_owned(),
            number: version_number(self.number),
            entries: self.entries.0,
            created_at: self.created_at,
            created_by: self.created_by,
        }
    }
}

impl Store {
    /// A reason table of a model by its number, or the newest one.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_reason_table(
        &self,
        project: &str,
        model: &str,
        wanted: Option<u32>,
    ) -> Result<Option<ReasonTable>> {
        let row = sqlx::query_as!(
            TableRow,
            r#"SELECT number, entries AS "entries: Json<Vec<ReasonEntry>>", t.created_at,
                t.created_by
               FROM model m JOIN reason_table t ON t.model = m.id
               WHERE project = $1 AND m.name = $2 AND ($3::int IS NULL OR number = $3)
               ORDER BY number DESC LIMIT 1"#,
            project,
            model,
            wanted.map(number)
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a reason table"))?;
        Ok(row.map(|row| row.into_table(model)))
    }

    /// Reason tables of a model, the newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_reason_tables(
        &self,
        project: &str,
        model: &str,
        query: &PageQuery,
    ) -> Result<Page<ReasonTableSummary>> {
        let (limit, before) = page_start_at::<i32>(query)?;
        let rows = sqlx::query!(
            r#"SELECT number, json_array_length(entries) AS "entries!", t.created_at, t.created_by
               FROM model m JOIN reason_table t ON t.model = m.id
               WHERE project = $1 AND m.name = $2 AND ($3::int IS NULL OR number < $3)
               ORDER BY number DESC LIMIT $4::bigint + 1"#,
            project,
            model,
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing reason tables"))?;
        let tables = rows.into_iter().map(|row| ReasonTableSummary {
            number: version_number(row.number),
            entries: version_number(row.entries),
            created_at: row.created_at,
            created_by: row.created_by,
        });
        Ok(page(tables.collect(), limit, |table: &ReasonTableSummary| table.number.to_string()))
    }

    /// The columns that versions of a model read, by name, with the types that they have there.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn list_input_columns(&self, project: &str, model: &str) -> Result<Vec<TableColumn>> {
        let rows = sqlx::query!(
            r#"SELECT i->>'name' AS "name!", array_agg(DISTINCT i->>'type') AS "kinds!: Vec<String>"
               FROM model m JOIN model_version v ON v.model = m.id
                CROSS JOIN json_array_elements(v.description->'signature'->'inputs') AS i
               WHERE project = $1 AND m.name = $2 GROUP BY 1 ORDER BY 1"#,
            project,
            model
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing a model's columns"))?;
        rows.into_iter()
            .map(|row| {
                let kinds = row.kinds.iter().map(|kind| {
                    ColumnType::parse(kind).ok_or_else(|| corrupt("a column's type", kind))
                });
                Ok(TableColumn { name: row.name, kinds: kinds.collect::<Result<_>>()? })
            })
            .collect()
    }
}

impl Tx {
    /// Adds a reason table to a model that is held, under the next number.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn insert_reason_table(
        &mut self,
        (id, model): (i64, &str),
        entries: &[ReasonEntry],
        created_by: Uuid,
    ) -> Result<ReasonTable> {
        let row = sqlx::query_as!(
            TableRow,
            r#"INSERT INTO reason_table (model, number, entries, created_by)
               SELECT $1, coalesce(max(number), 0) + 1, $2, $3 FROM reason_table WHERE model = $1
               RETURNING number, entries AS "entries: Json<Vec<ReasonEntry>>", created_at,
                created_by"#,
            id,
            Json(entries) as _,
            created_by
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("keeping a reason table"))?;
        Ok(row.into_table(model))
    }
}
