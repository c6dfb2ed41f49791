//! Datasets: uploaded, listed, looked into, deleted.

use sha2::{Digest, Sha256};

use super::{Idempotency, Service, not_found};
use crate::domain::dataset::{DataFormat, Dataset, DatasetRef, DatasetVersion};
use crate::domain::job::{IngestionSpec, Job, JobKind, JobSpec};
use crate::domain::key::Caller;
use crate::domain::name::check_name;
use crate::domain::page::{Page, PageQuery};
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, Result};
use crate::frame::FormWriter;
use crate::store::{BlobWriter, NewJob, Unfinished};

/// An upload that is being received: spooled to the database in chunks, never held whole.
pub struct Upload {
    service: Service,
    caller: Caller,
    dataset: String,
    format: DataFormat,
    types: Vec<(String, ColumnType)>,
    writer: Option<BlobWriter>,
    /// Lays out the parts of a form.
    form: FormWriter,
    unfinished: Unfinished,
}

impl Service {
    /// Begins an upload that becomes the next version of a dataset.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad name.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        dataset: &str,
        format: DataFormat,
        types: Vec<(String, ColumnType)>,
    ) -> Result<Upload> {
        check_name("/name", dataset)?;
        let writer = self.store().write_blob().await?;
        let unfinished = self.store().discarding(writer.id());
        Ok(Upload {
            service: self.clone(),
            caller: caller.clone(),
            dataset: dataset.to_owned(),
            format,
            types,
            writer: Some(writer),
            form: FormWriter::default(),
            unfinished,
        })
    }

    /// Datasets of the caller's project by name.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_datasets(&self, caller: &Caller, query: &PageQuery) -> Result<Page<Dataset>> {
        self.store().list_datasets(&caller.project, query).await
    }

    /// A dataset.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_dataset(&self, caller: &Caller, name: &str) -> Result<Dataset> {
        let found = self.store().get_dataset(&caller.project, name).await?;
        found.ok_or_else(|| not_found("dataset", name))
    }

    /// Versions of a dataset, newest first.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::InvalidRequest`] for a bad page.
    pub async fn list_dataset_versions(
        &self,
        caller: &Caller,
        name: &str,
        query: &PageQuery,
    ) -> Result<Page<DatasetVersion>> {
        self.get_dataset(caller, name).await?;
        self.store().list_dataset_versions(&caller.project, name, query).await
    }

    /// A version of a dataset.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_dataset_version(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
    ) -> Result<DatasetVersion> {
        Ok(self.find_dataset_version(caller, name, version).await?.0)
    }

    /// A version of a dataset and the blob of its Parquet.
    pub(super) async fn find_dataset_version(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
    ) -> Result<(DatasetVersion, i64)> {
        let found = self.store().get_dataset_version(&caller.project, name, Some(version)).await?;
        found.ok_or_else(|| not_found("version", &format!("{version} of dataset {name}")))
    }

    /// A dataset's version that a request names at `pointer`, and the blob of its Parquet.
    ///
    /// # Errors
    /// `code` where there is none.
    pub(super) async fn named_dataset(
        &self,
        caller: &Caller,
        asked: &DatasetRef,
        code: Code,
        pointer: &str,
    ) -> Result<(DatasetVersion, i64)> {
        let DatasetRef { name, version } = asked;
        let found = self.store().get_dataset_version(&caller.project, name, *version).await?;
        found.ok_or_else(|| no_dataset(asked, code, pointer))
    }

    /// Deletes a version of a dataset that nothing uses.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::InUse`] naming a model version trained on it or a job that
    /// waits for it.
    pub async fn delete_dataset_version(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
    ) -> Result<()> {
        let mut tx = self.store().begin().await?;
        if !tx.delete_dataset_version(&caller.project, name, version).await? {
            return Err(not_found("version", &format!("{version} of dataset {name}")));
        }
        tx.commit().await
    }
}

impl Upload {
    /// Receives bytes.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.write(bytes).await,
            None => Err(Error::internal("receiving an upload", "it is over")),
        }
    }

    /// Begins a part of a form, by its name and its file's name.
    ///
    /// # Errors
    /// [`Code::InvalidData`] for a name that is too long; those of [`Upload::write`].
    pub async fn begin_part(&mut self, name: &str, file: Option<&str>) -> Result<()> {
        let bytes = self.form.begin(name, file)?;
        self.write(&bytes).await
    }

    /// Receives bytes of a part.
    ///
    /// # Errors
    /// Those of [`Upload::write`].
    pub async fn write_part(&mut self, bytes: &[u8]) -> Result<()> {
        let bytes = self.form.write(bytes);
        if bytes.is_empty() { Ok(()) } else { self.write(&bytes).await }
    }

    /// Ends a part.
    ///
    /// # Errors
    /// Those of [`Upload::write`].
    pub async fn end_part(&mut self) -> Result<()> {
        let bytes = self.form.end();
        self.write(&bytes).await
    }

    /// Ends the upload: what was received is durable, and the job that turns it into a dataset's
    /// version is queued.
    ///
    /// # Errors
    /// [`Code::InvalidData`] when nothing was received.
    pub async fn finish(mut self, once: Option<&Idempotency>) -> Result<Job> {
        let writer =
            self.writer.take().ok_or_else(|| Error::internal("ending an upload", "it is over"))?;
        if writer.size() == 0 {
            return Err(Error::new(Code::InvalidData, "the body is empty: send the data in it"));
        }
        let written = writer.complete().await?;
        let once = once.map(|once| Idempotency {
            key: once.key.clone(),
            fingerprint: Sha256::new()
                .chain_update(once.fingerprint)
                .chain_update(written.sha256)
                .finalize()
                .into(),
        });
        let (caller, dataset) = (self.caller.clone(), self.dataset.clone());
        let spec = JobSpec::Ingestion(IngestionSpec {
            dataset: self.dataset.clone(),
            format: self.format,
            types: std::mem::take(&mut self.types),
            upload_sha256: written.hex(),
            upload_bytes: written.size,
        });
        let job = self
            .service
            .once(&self.caller, once.as_ref(), |tx| {
                Box::pin(async move {
                    let blob = tx.finish_blob(&written).await?;
                    tx.insert_job(NewJob {
                        project: &caller.project,
                        kind: JobKind::Ingestion,
                        subject: &dataset,
                        spec: &spec,
                        upload: Some(blob.id),
                        created_by: Some(caller.key),
                    })
                    .await
                })
            })
            .await;
        drop(self.unfinished);
        job
    }
}

/// What is said of a dataset that a request names at `pointer` where there is none.
pub(super) fn no_dataset(asked: &DatasetRef, code: Code, pointer: &str) -> Error {
    let detail = match asked.version {
        None => format!("there is no dataset {}; upload it first", asked.name),
        Some(version) => format!("there is no version {version} of dataset {}", asked.name),
    };
    Error::field(code, pointer, detail)
}
