//! Datasets: upload, list, look into, download, delete.

use actix_web::http::header::{self, Accept, Header as _, HeaderValue};
use actix_web::{HttpResponse, delete, get, mime, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, DatasetPage, DatasetVersionPage, ok};
use super::body::unsupported;
use super::examples;
use super::extract::{Call, both, shown};
use super::form::{self, ImageForm};
use crate::domain::dataset::{DataFormat, Dataset, DatasetVersion};
use crate::domain::job::Job;
use crate::domain::name::did_you_mean;
use crate::domain::page::PageQuery;
use crate::domain::prediction::Row;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, FieldError, Result};

const CSV: &str = "text/csv";
const JSON_LINES: &str = "application/x-ndjson";
const PARQUET: &str = "application/vnd.apache.parquet";
const FORM: &str = "multipart/form-data";
const UPLOADS: &str =
    "text/csv, application/x-ndjson, application/vnd.apache.parquet or multipart/form-data";
/// Rows of a preview when no limit is given, and at most.
const PREVIEW_ROWS: u32 = 20;
const MAX_PREVIEW_ROWS: u32 = 1000;

/// List datasets
///
/// By name, a page at a time.
#[utoipa::path(
    tag = "datasets",
    params(PageQuery),
    responses((status = 200, description = "A page of datasets", body = DatasetPage,
        example = examples::dataset_page))
)]
#[get("/api/v1/datasets")]
pub(super) async fn list_datasets(call: Call) -> Answer {
    let page = call.service().list_datasets(&call.caller, &call.page()?).await?;
    call.list::<_, DatasetPage>(page)
}

/// Get a dataset
///
/// Its name and the number of its newest version.
#[utoipa::path(
    tag = "datasets",
    responses((status = 200, description = "The dataset", body = Dataset,
        example = examples::dataset))
)]
#[get("/api/v1/datasets/{dataset}")]
pub(super) async fn get_dataset(call: Call) -> Answer {
    ok(&call.service().get_dataset(&call.caller, call.name("dataset")?).await?)
}

/// List versions of a dataset
///
/// The newest first, a page at a time.
#[utoipa::path(
    tag = "datasets",
    params(PageQuery),
    responses((status = 200, description = "A page of versions", body = DatasetVersionPage,
        example = examples::dataset_version_page))
)]
#[get("/api/v1/datasets/{dataset}/versions")]
pub(super) async fn list_dataset_versions(call: Call) -> Answer {
    let (name, query) = (call.name("dataset")?, call.page()?);
    let page = call.service().list_dataset_versions(&call.caller, name, &query).await?;
    call.list::<_, DatasetVersionPage>(page)
}

/// Upload data
///
/// The body is the data as it is: CSV with a header line, one JSON object per line, Parquet, or a
/// form of images. It is stored while it comes in; a job then reads it, infers the column types and makes the
/// dataset's next version, which the job's `result` links. What can't be read is named by line
/// and column, or by part, in the job's `error`. In CSV, JSON lines and Parquet a column of PNGs or
/// JPEGs in base64 holds images too; the columns of a form are `file`, `image` and what its parts
/// name. A repeat with the same `Idempotency-Key` is recognised by the
/// bytes.
#[utoipa::path(
    tag = "datasets",
    params(("types" = Option<String>, Query,
        description = "Types that are wanted whatever the values look like, as \
            `age:int64,zip:string`; the types are `bool`, `int64`, `float64`, `string`, \
            `timestamp` and `image`")),
    request_body(description = "The data",
        content((String = "text/csv", example = examples::csv),
            (String = "application/x-ndjson", example = examples::json_lines),
            (String = "application/vnd.apache.parquet"),
            (ImageForm = "multipart/form-data", example = examples::image_form))),
    responses((status = 202, description = "The job that reads the data", body = Job,
        example = examples::ingestion_job))
)]
#[post("/api/v1/datasets/{dataset}/versions")]
pub(super) async fn create_dataset_version(mut call: Call) -> Answer {
    let format = match call.media_type().as_str() {
        CSV => DataFormat::Csv,
        JSON_LINES | "application/jsonl" | "application/jsonlines" => DataFormat::JsonLines,
        PARQUET => DataFormat::Parquet,
        FORM => DataFormat::Form,
        other => return Err(unsupported(other, UPLOADS).into()),
    };
    let once = call.once(&[])?;
    let types = column_types(call.query("types").unwrap_or_default())?;
    let name = call.name("dataset")?.to_owned();
    let limit = call.state.settings.upload_limit_bytes;
    let (service, caller) = (call.service().clone(), call.caller.clone());
    let mut pieces = call.pieces(limit)?;
    let mut upload = service.begin_upload(&caller, &name, format, types).await?;
    match format {
        DataFormat::Form => form::receive(call.request.headers(), pieces, &mut upload).await?,
        _ => {
            while let Some(piece) = pieces.next().await? {
                upload.write(&piece).await?;
            }
        }
    }
    let job = upload.finish(once.as_ref()).await?;
    call.accept(job).await
}

/// Reads `age:int64,zip:string`.
fn column_types(text: &str) -> Result<Vec<(String, ColumnType)>> {
    let mut types: Vec<(String, ColumnType)> = Vec::new();
    let mut problems = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let Some((column, kind)) = part.rsplit_once(':') else {
            problems.push(format!("'{}' is not column:type", shown(part)));
            continue;
        };
        if types.iter().any(|(name, _)| name == column) {
            problems.push(format!("column '{}' stands twice", shown(column)));
        } else if let Some(kind) = ColumnType::parse(kind) {
            types.push((column.to_owned(), kind));
        } else {
            let known = ColumnType::ALL.iter().map(|t| t.as_str());
            let list = known.clone().collect::<Vec<_>>().join(", ");
            let hint = did_you_mean(kind, known);
            problems.push(format!("'{}' is none of {list}{hint}", shown(kind)));
        }
    }
    if problems.is_empty() {
        return Ok(types);
    }
    let detail = "the column types can't be read";
    let errors = problems.into_iter().map(|p| FieldError::new("query types", p)).collect();
    Err(Error::fields(Code::InvalidRequest, detail, errors))
}

/// Get a version of a dataset
///
/// Its columns with their types and statistics, its size, checksum and source.
#[utoipa::path(
    tag = "datasets",
    responses((status = 200, description = "The version", body = DatasetVersion,
        example = examples::dataset_version))
)]
#[get("/api/v1/datasets/{dataset}/versions/{version}")]
pub(super) async fn get_dataset_version(call: Call) -> Answer {
    let (name, version) = (call.name("dataset")?, call.version()?);
    ok(&call.service().get_dataset_version(&call.caller, name, version).await?)
}

/// A few rows of a dataset's version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowPreview {
    /// Number of the first row, counted from 0.
    offset: u64,
    /// The rows, each with its values by column name.
    rows: Vec<Row>,
}

/// Look into a version of a dataset
///
/// A few rows from `offset` on; fewer than `limit` at the end.
#[utoipa::path(
    tag = "datasets",
    params(
        ("offset" = Option<u64>, Query, description = "Rows to skip (0 when absent)",
            maximum = 9_007_199_254_740_991u64),
        ("limit" = Option<u32>, Query, description = "Rows to give (20 when absent)",
            minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "The rows", body = RowPreview,
        example = examples::row_preview))
)]
#[get("/api/v1/datasets/{dataset}/versions/{version}/rows")]
pub(super) async fn preview_dataset_version(call: Call) -> Answer {
    let (name, version) = (call.name("dataset")?, call.version()?);
    let offset = call.query_number("offset", 0..=(1u64 << 53) - 1);
    let (offset, limit) = both(offset, call.query_number("limit", 1..=MAX_PREVIEW_ROWS))?;
    let (offset, limit) = (offset.unwrap_or(0), limit.unwrap_or(PREVIEW_ROWS));
    let rows = call.service().preview_dataset(&call.caller, name, version, offset, limit).await?;
    ok(&RowPreview { offset, rows })
}

/// Download a version of a dataset
///
/// All of it, as `Accept` asks: Parquet, which is what is stored, or CSV. The `ETag` never
/// changes, since a version does not.
#[utoipa::path(
    tag = "datasets",
    params(("If-None-Match" = Option<String>, Header,
        description = "The `ETag` of what the client has already")),
    responses(
        (status = 200, description = "The data",
            headers(("ETag" = String, description = "Names these bytes"),
                ("Content-Disposition" = String, description = "A file name")),
            content((String = "application/vnd.apache.parquet"),
                (String = "text/csv", example = examples::csv))),
        (status = 304, description = "The client has it already"),
    )
)]
#[get("/api/v1/datasets/{dataset}/versions/{version}/content")]
pub(super) async fn get_dataset_content(call: Call) -> Answer {
    let (name, version) = (call.name("dataset")?, call.version()?);
    let format = accepted_format(&call)?;
    let (media_type, extension) = match format {
        DataFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        _ => (PARQUET, "parquet"),
    };
    let found = call.service().get_dataset_version(&call.caller, name, version).await?;
    let etag = format!("\"{}.{extension}\"", found.sha256);
    if call.has_fresh(&etag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    let content = call.service().dataset_content(&call.caller, name, version, format).await?;
    let file = format!("{name}-{version}.{extension}");
    let mut response = call.download(content, media_type, (&etag, &file))?;
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The format that `Accept` likes best.
fn accepted_format(call: &Call) -> Result<DataFormat> {
    let given = call.request.headers().get(header::ACCEPT);
    if given.is_none_or(|accept| accept.as_bytes().trim_ascii().is_empty()) {
        return Ok(DataFormat::Parquet);
    }
    let malformed = |_| Error::field(Code::InvalidRequest, "header Accept", "can't be read");
    let accept = Accept::parse(&call.request).map_err(malformed)?;
    accept.ranked().iter().find_map(format_of).ok_or_else(|| {
        Error::new(Code::NotAcceptable, format!("the data is given as {PARQUET} or {CSV}"))
    })
}

fn format_of(range: &mime::Mime) -> Option<DataFormat> {
    match range.essence_str() {
        "*/*" | "application/*" | PARQUET => Some(DataFormat::Parquet),
        "text/*" | CSV => Some(DataFormat::Csv),
        _ => None,
    }
}

/// Delete a version of a dataset
///
/// Possible while no model version was trained on it and no job waits for it. Its number is not
/// given again.
#[utoipa::path(
    tag = "datasets",
    responses((status = 204, description = "It is deleted"))
)]
#[delete("/api/v1/datasets/{dataset}/versions/{version}")]
pub(super) async fn delete_dataset_version(call: Call) -> Answer {
    let (name, version) = (call.name("dataset")?, call.version()?);
    call.service().delete_dataset_version(&call.caller, name, version).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_types_are_read() {
        let types = column_types("age:int64,a:b:string").unwrap();
        assert_eq!(
            types,
            [("age".to_owned(), ColumnType::Int64), ("a:b".to_owned(), ColumnType::String)]
        );
        assert!(column_types("").unwrap().is_empty());
    }

    #[test]
    fn every_bad_column_type_is_named() {
        let Err(Error::Problem { errors, .. }) = column_types("age,zip:sting,a:bool,a:bool") else {
            panic!("accepted");
        };
        let details: Vec<&str> = errors.iter().map(|e| e.detail.as_str()).collect();
        assert_eq!(details[0], "'age' is not column:type");
        assert!(details[1].ends_with("did you mean string?"), "{}", details[1]);
        assert_eq!(details[2], "column 'a' stands twice");
    }

    #[test]
    fn media_ranges_choose_a_format() {
        let format = |range: &str| format_of(&range.parse().unwrap());
        assert_eq!(format("*/*"), Some(DataFormat::Parquet));
        assert_eq!(format("text/csv; q=0.5"), Some(DataFormat::Csv));
        assert_eq!(format("image/png"), None);
    }
}
