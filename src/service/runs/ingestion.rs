//! An upload becomes a dataset's version.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use super::reporter::{Reporter, written};
use super::{Claim, Service};
use crate::domain::dataset::DatasetSource;
use crate::domain::job::{DatasetVersionResult, IngestionSpec, JobResult, Progress};
use crate::error::{Code, Error, Result};
use crate::frame::{self, Output};
use crate::store::NewDatasetVersion;

impl Service {
    pub(super) async fn ingest(&self, claim: &Claim, spec: &IngestionSpec) -> Result<()> {
        let upload =
            claim.upload.ok_or_else(|| Error::internal("reading an upload", "the job has none"))?;
        let source = self.spool(upload).await?;
        let temp_dir = self.0.settings.temp_dir.clone();
        let (reporter, task) = Reporter::start(self.store().clone(), claim.run);
        let (format, types) = (spec.format, spec.types.clone());
        let work = move |output: &dyn Output| {
            let mut progress = |progress| {
                reporter.step(Progress::Ingestion(progress));
                if reporter.lost() {
                    return Err(Error::new(Code::Unavailable, "the run was taken over"));
                }
                Ok(())
            };
            frame::ingest(&path(&source), format, &types, output, &temp_dir, &mut progress)
        };
        let (ingested, stored) = self.storing(work).await?;
        written(task).await?;
        let source = DatasetSource {
            format: spec.format,
            sha256: spec.upload_sha256.clone(),
            size_bytes: spec.upload_bytes,
            origin: None,
        };
        let mut tx = self.store().begin().await?;
        if !tx.hold_run(claim.run).await? {
            return Ok(());
        }
        let content = tx.finish_blob(&stored.blob).await?;
        let new = NewDatasetVersion {
            rows: ingested.rows,
            columns: &ingested.columns,
            source: &source,
            content,
            job: claim.run.job,
        };
        let version = tx.insert_dataset_version(&claim.project, &spec.dataset, new).await?;
        let result = DatasetVersionResult {
            location: format!("/api/v1/datasets/{}/versions/{version}", spec.dataset),
            dataset: spec.dataset.clone(),
            version,
            rows: ingested.rows,
        };
        if tx.finish_run(claim.run, &JobResult::DatasetVersion(result)).await? {
            tx.commit().await?;
        }
        Ok(())
    }
}

/// The way to a file that has no name, so that nothing is left of it when this process is killed.
pub(super) fn path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
