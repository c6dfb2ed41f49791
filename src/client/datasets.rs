//! Datasets: uploaded, listed, read.

use std::path::PathBuf;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use uuid::Uuid;

use super::call::Body;
use super::form::FormPart;
use super::{Client, Content};
use crate::domain::dataset::{DataFormat, Dataset, DatasetVersion};
use crate::domain::job::Job;
use crate::domain::page::{Page, PageQuery};
use crate::domain::prediction::Row;
use crate::domain::schema::ColumnType;
use crate::error::Result;

/// What is uploaded.
#[derive(Debug, Clone)]
pub enum Source {
    /// Streamed from the disk.
    File(PathBuf),
    Bytes(Bytes),
    /// The parts of a form, its files streamed from the disk.
    Form(Vec<FormPart>),
}

#[derive(Deserialize)]
struct Preview {
    rows: Vec<Row>,
}

impl Client {
    /// Uploads a new version of a dataset; the job reads it in.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`](crate::error::Code::InvalidRequest) for a bad name or a file that
    /// can't be read, and what the server says.
    pub async fn upload_dataset(
        &self,
        name: &str,
        format: DataFormat,
        types: &[(String, ColumnType)],
        source: Source,
    ) -> Result<Job> {
        let types = (!types.is_empty()).then(|| types_text(types));
        let (media_type, body) = match source {
            Source::File(path) => (media_type(format).to_owned(), Body::File(path)),
            Source::Bytes(bytes) => (media_type(format).to_owned(), Body::Bytes(bytes)),
            Source::Form(parts) => {
                let boundary = Uuid::new_v4().simple().to_string();
                let media_type = format!("multipart/form-data; boundary={boundary}");
                (media_type, Body::Form(boundary, parts.into()))
            }
        };
        let call = self
            .call(Method::POST, &["datasets", name, "versions"])?
            .query("types", types)
            .body(&media_type, body)?;
        self.fetch(call).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_datasets(&self, query: &PageQuery) -> Result<Page<Dataset>> {
        self.page(&["datasets"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_dataset(&self, name: &str) -> Result<Dataset> {
        self.fetch(self.call(Method::GET, &["datasets", name])?).await
    }

    /// # Errors
    /// What the server says.
    pub async fn list_dataset_versions(
        &self,
        name: &str,
        query: &PageQuery,
    ) -> Result<Page<DatasetVersion>> {
        self.page(&["datasets", name, "versions"], query).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_dataset_version(&self, name: &str, version: u32) -> Result<DatasetVersion> {
        let version = version.to_string();
        self.fetch(self.call(Method::GET, &["datasets", name, "versions", &version])?).await
    }

    /// Some rows of a dataset, from `offset` on.
    ///
    /// # Errors
    /// What the server says.
    pub async fn preview_dataset(
        &self,
        name: &str,
        version: u32,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<Row>> {
        let version = version.to_string();
        let call = self
            .call(Method::GET, &["datasets", name, "versions", &version, "rows"])?
            .query("offset", Some(offset))
            .query("limit", Some(limit));
        Ok(self.fetch::<Preview>(call).await?.rows)
    }

    /// A dataset's whole content.
    ///
    /// # Errors
    /// What the server says.
    pub async fn dataset_content(
        &self,
        name: &str,
        version: u32,
        format: DataFormat,
    ) -> Result<Content> {
        let version = version.to_string();
        let call = self
            .call(Method::GET, &["datasets", name, "versions", &version, "content"])?
            .header(ACCEPT, media_type(format))?;
        let response = self.open(&call).await?;
        Ok(Content::new(self.clone(), response))
    }
}

/// `age:int64,region:string`.
fn types_text(types: &[(String, ColumnType)]) -> String {
    let pairs: Vec<_> =
        types.iter().map(|(name, kind)| format!("{name}:{}", kind.as_str())).collect();
    pairs.join(",")
}

fn media_type(format: DataFormat) -> &'static str {
    match format {
        DataFormat::Csv => "text/csv",
        DataFormat::JsonLines => "application/x-ndjson",
        DataFormat::Parquet => "application/vnd.apache.parquet",
        DataFormat::Form => "multipart/form-data",
    }
}
