//! Models: names under which versions are kept.

use chrono::{DateTime, Utc};

use super::connect::database_error;
use super::{Store, Tx, corrupt, page, page_start, version_number};
use crate::domain::model::{InputKind, Model, Task};
use crate::domain::page::{Page, PageQuery};
use crate::error::{Code, Error, Result};

/// A model with its row's number.
#[derive(Debug, Clone)]
pub struct ModelRow {
    pub id: i64,
    pub model: Model,
}

struct Row {
    id: i64,
    name: String,
    task: String,
    input_kind: String,
    record: bool,
    latest: Option<i32>,
    created_at: DateTime<Utc>,
}

impl Row {
    fn into_model(self) -> Result<ModelRow> {
        Ok(ModelRow {
            id: self.id,
            model: Model {
                name: self.name,
                task: Task::parse(&self.task).ok_or_else(|| corrupt("a task", &self.task))?,
                input_kind: InputKind::parse(&self.input_kind)
                    .ok_or_else(|| corrupt("an input kind", &self.input_kind))?,
                latest_version: self.latest.map_or(0, version_number),
                record: self.record,
                created_at: self.created_at,
            },
        })
    }
}

impl Store {
    /// Models of a project by name.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_models(&self, project: &str, query: &PageQuery) -> Result<Page<Model>> {
        let (limit, after) = page_start(query)?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, name, task, input_kind, record, created_at,
                (SELECT max(version) FROM model_version v WHERE v.model = m.id) AS latest
             FROM model m WHERE project = $1 AND ($2::text IS NULL OR name > $2)
             ORDER BY name LIMIT $3::bigint + 1",
            project,
            after,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing models"))?;
        let models =
            rows.into_iter().map(|row| Ok(row.into_model()?.model)).collect::<Result<Vec<_>>>()?;
        Ok(page(models, limit, |m: &Model| m.name.clone()))
    }

    /// A model.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn get_model(&self, project: &str, name: &str) -> Result<Option<ModelRow>> {
        sqlx::query_as!(
            Row,
            "SELECT id, name, task, input_kind, record, created_at,
                (SELECT max(version) FROM model_version v WHERE v.model = m.id) AS latest
             FROM model m WHERE project = $1 AND name = $2",
            project,
            name
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding a model"))?
        .map(Row::into_model)
        .transpose()
    }
}

impl Tx {
    /// Holds a model against other changes until the commit, and reads it.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn hold_model(&mut self, project: &str, name: &str) -> Result<Option<ModelRow>> {
        sqlx::query_as!(
            Row,
            "SELECT id, name, task, input_kind, record, created_at,
                (SELECT max(version) FROM model_version v WHERE v.model = m.id) AS latest
             FROM model m WHERE project = $1 AND name = $2 FOR UPDATE",
            project,
            name
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("holding a model"))?
        .map(Row::into_model)
        .transpose()
    }

    /// Changes whether every prediction is recorded. None when there is no such model.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn set_model_record(
        &mut self,
        project: &str,
        name: &str,
        record: bool,
    ) -> Result<Option<Model>> {
        let row = sqlx::query_as!(
            Row,
            "UPDATE model m SET record = $3 WHERE project = $1 AND name = $2
             RETURNING id, name, task, input_kind, record, created_at,
                (SELECT max(version) FROM model_version v WHERE v.model = m.id) AS latest",
            project,
            name,
            record
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("changing a model's settings"))?;
        Ok(row.map(Row::into_model).transpose()?.map(|row| row.model))
    }

    /// The next version's number of a model, which is made when it is the first, and its row's
    /// number. The model is held until the commit.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] when the model's versions are for another task, or are of other inputs.
    pub(super) async fn number_version(
        &mut self,
        project: &str,
        name: &str,
        task: Task,
        input_kind: InputKind,
    ) -> Result<(i64, i32)> {
        let row = sqlx::query!(
            "INSERT INTO model (project, name, task, input_kind, last_version)
             VALUES ($1, $2, $3, $4, 1)
             ON CONFLICT (project, name) DO UPDATE SET last_version = model.last_version + 1
             RETURNING id, last_version, task, input_kind",
            project,
            name,
            task.as_str(),
            input_kind.as_str()
        )
        .fetch_one(&mut *self.0)
        .await
        .map_err(database_error("numbering a model's version"))?;
        if (row.task.as_str(), row.input_kind.as_str()) == (task.as_str(), input_kind.as_str()) {
            return Ok((row.id, row.last_version));
        }
        let held = self.hold_model(project, name).await?;
        if held.is_some_and(|held| held.model.latest_version == 0) {
            self.set_model_task(row.id, task, input_kind).await?;
            return Ok((row.id, row.last_version));
        }
        let detail = format!(
            "model {name} is for {} on {} inputs and this training is for {} on {}; take another name",
            row.task,
            row.input_kind,
            task.as_str(),
            input_kind.as_str()
        );
        Err(Error::field(Code::InvalidSpec, "/task", detail))
    }

    /// Makes a model without versions one for another task.
    async fn set_model_task(&mut self, model: i64, task: Task, inputs: InputKind) -> Result<()> {
        sqlx::query!(
            "UPDATE model SET task = $2, input_kind = $3 WHERE id = $1",
            model,
            task.as_str(),
            inputs.as_str()
        )
        .execute(&mut *self.0)
        .await
        .map(|_| ())
        .map_err(database_error("changing a model's task"))
    }
}
