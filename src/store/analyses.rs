//! Analyses of models, which are only ever added to.

use sqlx::types::Json;
use uuid::Uuid;

use super::connect::database_error;
use super::{Store, Tx, corrupt, number, page, page_start_at, unsigned, version_number};
use crate::domain::analysis::{
    Analysis, AnalysisKind, AnalysisRequest, AnalysisResult, AnalysisSummary,
};
use crate::domain::dataset::DatasetRef;
use crate::domain::page::{Page, PageQuery};
use crate::error::{Error, Result};

/// What a run has found.
pub struct NewAnalysis<'a> {
    pub id: Uuid,
    pub model: &'a str,
    pub version: u32,
    /// With the number of the snapshot.
    pub dataset: &'a DatasetRef,
    pub rows: u64,
    pub request: &'a AnalysisRequest,
    pub result: &'a AnalysisResult,
    pub warnings: &'a [String],
    pub job: Uuid,
}

impl Store {
    /// An analysis of a model.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn get_analysis(
        &self,
        project: &str,
        model: &str,
        id: Uuid,
    ) -> Result<Option<Analysis>> {
        let row = sqlx::query!(
            r#"SELECT a.id, m.name AS model, version, dataset, dataset_version, rows,
                request AS "request: Json<AnalysisRequest>",
                result AS "result: Json<AnalysisResult>", warnings AS "warnings: Json<Vec<String>>",
                job, a.created_at
               FROM analysis a JOIN model m ON m.id = a.model
               WHERE project = $1 AND m.name = $2 AND a.id = $3"#,
            project,
            model,
            id
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error("finding an analysis"))?;
        Ok(row.map(|row| Analysis {
            id: row.id,
            model: row.model,
            version: version_number(row.version),
            dataset: row.dataset,
            dataset_version: version_number(row.dataset_version),
            rows: unsigned(row.rows),
            created_at: row.created_at,
            job: row.job,
            request: row.request.0,
            result: row.result.0,
            warnings: row.warnings.0,
        }))
    }

    /// Analyses of a model, of one kind or of all, the newest first.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a bad page.
    pub async fn list_analyses(
        &self,
        project: &str,
        model: &str,
        kind: Option<AnalysisKind>,
        query: &PageQuery,
    ) -> Result<Page<AnalysisSummary>> {
        let (limit, before) = page_start_at::<Uuid>(query)?;
        let rows = sqlx::query!(
            r#"SELECT a.id, m.name AS model, kind, version, dataset, dataset_version, rows, job,
                a.created_at
               FROM analysis a JOIN model m ON m.id = a.model
               WHERE project = $1 AND m.name = $2 AND ($3::text IS NULL OR kind = $3)
                AND ($4::uuid IS NULL OR a.id < $4)
               ORDER BY a.id DESC LIMIT $5::bigint + 1"#,
            project,
            model,
            kind.map(AnalysisKind::as_str),
            before,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(database_error("listing a model's analyses"))?;
        let analyses = rows.into_iter().map(|row| {
            let kind = AnalysisKind::parse(&row.kind);
            Ok(AnalysisSummary {
                id: row.id,
                kind: kind.ok_or_else(|| corrupt("an analysis's kind", &row.kind))?,
                model: row.model,
                version: version_number(row.version),
                dataset: row.dataset,
                dataset_version: version_number(row.dataset_version),
                rows: unsigned(row.rows),
                created_at: row.created_at,
                job: row.job,
            })
        });
        let analyses = analyses.collect::<Result<Vec<_>>>()?;
        Ok(page(analyses, limit, |analysis: &AnalysisSummary| analysis.id.to_string()))
    }
}

impl Tx {
    /// Adds an analysis.
    ///
    /// # Errors
    /// [`Error::Internal`] when its model is gone.
    pub async fn insert_analysis(&mut self, project: &str, new: NewAnalysis<'_>) -> Result<()> {
        const ADDING: &str = "adding an analysis";
        let added = sqlx::query!(
            "INSERT INTO analysis (id, model, version, kind, dataset, dataset_version, rows, request,
                result, warnings, job)
             SELECT $1, m.id, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM model m
             WHERE project = $11 AND name = $12",
            new.id,
            number(new.version),
            new.request.analysis.kind().as_str(),
            new.dataset.name,
            new.dataset.version.map_or(0, number),
            i64::try_from(new.rows).unwrap_or(i64::MAX),
            Json(new.request) as _,
            Json(new.result) as _,
            Json(new.warnings) as _,
            new.job,
            project,
            new.model
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error(ADDING))?;
        match added.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::internal(ADDING, "its model is gone")),
        }
    }
}
