//! A frame becomes a dataset's version: what is known of its columns is found as for an upload.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::ingestion::path;
use super::storing::Stored;
use super::{Claim, Service};
use crate::domain::dataset::{DataFormat, DatasetOrigin, DatasetSource};
use crate::error::{Context, Result};
use crate::frame::{self, Frame, Ingested, Output};
use crate::store::{NewDatasetVersion, Tx};

/// A dataset's version that is stored and still to be named.
pub(super) struct Derived {
    pub(super) ingested: Ingested,
    stored: Stored,
    source: DatasetSource,
}

impl Service {
    /// Stores a frame as the content of a dataset's version.
    pub(super) async fn derive(&self, frame: Frame, origin: DatasetOrigin) -> Result<Derived> {
        let temp_dir = self.0.settings.temp_dir.clone();
        let work = move |output: &dyn Output| {
            let bytes = frame.to_parquet()?;
            drop(frame);
            let mut input = tempfile::tempfile_in(&temp_dir)
                .context(format!("making a file in {}", temp_dir.display()))?;
            input.write_all(&bytes).context("writing a temporary file")?;
            let source = DatasetSource {
                format: DataFormat::Parquet,
                sha256: hex::encode(Sha256::digest(&bytes)),
                size_bytes: bytes.len() as u64,
                origin: Some(origin),
            };
            drop(bytes);
            let format = DataFormat::Parquet;
            let ingested =
                frame::ingest(&path(&input), format, &[], output, &temp_dir, &mut |_| Ok(()))?;
            Ok((ingested, source))
        };
        let ((ingested, source), stored) = self.storing(work).await?;
        Ok(Derived { ingested, stored, source })
    }
}

impl Derived {
    /// Names it as the next version of a dataset, and gives its number.
    pub(super) async fn name(&self, tx: &mut Tx, claim: &Claim, dataset: &str) -> Result<u32> {
        let content = tx.finish_blob(&self.stored.blob).await?;
        let new = NewDatasetVersion {
            rows: self.ingested.rows,
            columns: &self.ingested.columns,
            source: &self.source,
            content,
            job: claim.run.job,
        };
        tx.insert_dataset_version(&claim.project, dataset, new).await
    }
}
