//! Datasets: named, numbered, immutable snapshots of typed columns.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::schema::ColumnSummary;

/// A name under which snapshots are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dataset {
    #[schema(example = "loans")]
    pub name: String,
    /// Number of the newest snapshot.
    pub latest_version: u32,
    pub created_at: DateTime<Utc>,
}

/// One immutable snapshot of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetVersion {
    #[schema(example = "loans")]
    pub dataset: String,
    #[schema(example = 1)]
    pub version: u32,
    pub rows: u64,
    pub columns: Vec<ColumnSummary>,
    /// SHA-256 of the stored Parquet, in hexadecimal.
    pub sha256: String,
    /// Size of the stored Parquet in bytes.
    pub size_bytes: u64,
    pub source: DatasetSource,
    pub created_at: DateTime<Utc>,
    /// The job that made it.
    pub job: Uuid,
}

/// What was uploaded, or what a job made of another snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetSource {
    pub format: DataFormat,
    /// SHA-256 of the uploaded bytes, in hexadecimal; of a form as it is kept, without its boundary.
    pub sha256: String,
    /// Number of uploaded bytes; of a form as it is kept.
    pub size_bytes: u64,
    /// Of what a job made it; absent of an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<DatasetOrigin>,
}

/// The snapshot that another was made of, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetOrigin {
    pub dataset: DatasetRef,
    #[schema(example = "assessed by policy consumer 2, model default-risk 3")]
    pub how: String,
}

/// Formats that are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    /// Any delimiter, quoting, UTF-8 with or without BOM, a header line.
    Csv,
    /// One JSON object per line.
    JsonLines,
    Parquet,
    /// Images as the parts of a form (`multipart/form-data`), with what belongs to them.
    Form,
}

/// A dataset by name, with the snapshot's number or the newest one when that is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetRef {
    #[schema(example = "loans")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub version: Option<u32>,
}
