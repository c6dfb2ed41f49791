//! The uploaded file.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::OnProgress;
use crate::domain::job::IngestionProgress;
use crate::error::{Code, Context, Error, Result};

const BUFFER_BYTES: usize = 256 << 10;
/// Bytes between two reports of progress.
const REPORT_BYTES: u64 = 4 << 20;

/// Beginnings of files that are no text, with the way out.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "is compressed with gzip; send it uncompressed"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; send it uncompressed"),
    (b"PK\x03\x04", "is a ZIP archive or an Excel workbook; save the sheet as CSV"),
    (b"PAR1", "is Parquet; send it with the type application/vnd.apache.parquet"),
    (b"\xff\xfe", "is UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16; save it as UTF-8"),
];

/// A text file after its byte order mark.
///
/// # Errors
/// [`Code::InvalidData`] for an empty file and for what begins as another format does.
pub(super) fn open_text(path: &Path) -> Result<BufReader<File>> {
    let mut file = open(path)?;
    let mut start = Vec::new();
    (&mut file).take(4).read_to_end(&mut start).context("reading an upload")?;
    if let Some((_, problem)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(Error::new(Code::InvalidData, format!("the file {problem}")));
    }
    let text_start = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    file.seek(SeekFrom::Start(text_start)).context("reading an upload")?;
    Ok(BufReader::with_capacity(BUFFER_BYTES, file))
}

/// # Errors
/// [`Code::InvalidData`] for an empty file.
pub(super) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).context("opening an upload")?;
    if file.metadata().context("opening an upload")?.len() == 0 {
        return Err(Error::new(Code::InvalidData, "the file is empty"));
    }
    Ok(file)
}

/// Reports how far a pass is, every few megabytes.
pub(super) struct Reporter<'a> {
    on_progress: OnProgress<'a>,
    stage: &'static str,
    total_bytes: u64,
    reported: u64,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(
        on_progress: OnProgress<'a>,
        stage: &'static str,
        path: &Path,
    ) -> Result<Self> {
        let total_bytes = path.metadata().context("measuring an upload")?.len();
        Ok(Self { on_progress, stage, total_bytes, reported: 0 })
    }

    pub(super) fn reached(&mut self, rows: u64, bytes: u64) -> Result<()> {
        if bytes < self.reported + REPORT_BYTES {
            return Ok(());
        }
        self.report(rows, bytes)
    }

    pub(super) fn ended(&mut self, rows: u64) -> Result<()> {
        self.report(rows, self.total_bytes)
    }

    fn report(&mut self, rows: u64, bytes: u64) -> Result<()> {
        self.reported = bytes;
        (self.on_progress)(IngestionProgress {
            stage: self.stage.to_owned(),
            rows,
            bytes,
            total_bytes: self.total_bytes,
        })
    }
}
