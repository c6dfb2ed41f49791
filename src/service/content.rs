//! What a dataset's version holds: a few rows, or all of it as Parquet or CSV.

use std::fs::File;
use std::io::{self, Seek, Write};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Service;
use crate::domain::dataset::DataFormat;
use crate::domain::key::Caller;
use crate::domain::prediction::Row;
use crate::error::{Code, Context, Error, Result};
use crate::frame;
use crate::store::BlobReader;

/// Most rows of one preview.
const MAX_PREVIEW: u32 = 1000;

/// What is stored, on its way out.
pub struct Content {
    /// Bytes to come, when known.
    pub size: Option<u64>,
    source: Source,
}

enum Source {
    Stored(BlobReader),
    Csv(mpsc::Receiver<Result<Bytes>>),
}

impl Content {
    /// The next bytes; None at the end.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stored bytes are damaged.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match &mut self.source {
            Source::Stored(reader) => reader.next().await,
            Source::Csv(receiver) => receiver.recv().await.transpose(),
        }
    }
}

impl Service {
    /// Rows of a dataset's version from `offset` on.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::InvalidRequest`] for more than 1,000 rows.
    pub async fn preview_dataset(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<Row>> {
        if limit == 0 || limit > MAX_PREVIEW {
            let detail = format!("{limit} is not from 1 to {MAX_PREVIEW}");
            return Err(Error::field(Code::InvalidRequest, "/limit", detail));
        }
        let (_, blob) = self.find_dataset_version(caller, name, version).await?;
        let file = self.spool(blob).await?;
        let limit = limit as usize;
        blocking(move || frame::preview(file, offset, limit)).await
    }

    /// All of a dataset's version.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::NotAcceptable`] for another format than Parquet and CSV.
    pub async fn dataset_content(
        &self,
        caller: &Caller,
        name: &str,
        version: u32,
        format: DataFormat,
    ) -> Result<Content> {
        let (_, blob) = self.find_dataset_version(caller, name, version).await?;
        match format {
            DataFormat::Parquet => self.stored(blob).await,
            DataFormat::Csv => {
                Ok(Content { size: None, source: Source::Csv(csv(self.spool(blob).await?)) })
            }
            DataFormat::JsonLines | DataFormat::Form => {
                let detail = "a dataset is given as Parquet or CSV";
                Err(Error::new(Code::NotAcceptable, detail))
            }
        }
    }

    /// A blob as it is stored.
    pub(super) async fn stored(&self, blob: i64) -> Result<Content> {
        let reader = self.store().read_blob(blob).await?;
        Ok(Content { size: Some(reader.size()), source: Source::Stored(reader) })
    }

    /// A blob in a file without a name, verified.
    pub(super) async fn spool(&self, blob: i64) -> Result<File> {
        // Each may be large: a few at a time, so that readers can't fill the disk.
        let _turn = self.0.spooling.acquire().await.context("waiting to read a blob")?;
        let file = tempfile::tempfile_in(&self.0.settings.temp_dir)
            .context(format!("making a file in {}", self.0.settings.temp_dir.display()))?;
        let mut file = self.store().copy_blob(blob, file).await?;
        file.rewind().context("rewinding a temporary file")?;
        Ok(file)
    }
}

/// Writes the file's rows as CSV into a channel, from a thread of its own that waits when nobody
/// reads and ends when nobody will.
fn csv(file: File) -> mpsc::Receiver<Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut out = ChannelWriter::new(sender.clone(), 64 << 10, |bytes| Ok(bytes.into()));
        let written = frame::write_csv(file, &mut out)
            .and_then(|()| out.flush().context("sending the last rows"));
        if let Err(error) = written
            && !sender.is_closed()
        {
            // The reader may leave just now.
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

/// Writes into a channel, from a thread that may block: pieces of a size, and what is left when it is flushed.
pub(super) struct ChannelWriter<T> {
    sender: mpsc::Sender<T>,
    piece: fn(Vec<u8>) -> T,
    size: usize,
    buffer: Vec<u8>,
}

impl<T> ChannelWriter<T> {
    pub(super) fn new(sender: mpsc::Sender<T>, size: usize, piece: fn(Vec<u8>) -> T) -> Self {
        Self { sender, piece, size, buffer: Vec::with_capacity(size) }
    }
}

impl<T> Write for ChannelWriter<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.size - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == self.size {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(self.size));
        send(&self.sender, (self.piece)(bytes))
    }
}

/// Sends from a thread that may block.
pub(super) fn send<T>(sender: &mpsc::Sender<T>, piece: T) -> io::Result<()> {
    let ended = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads on");
    sender.blocking_send(piece).map_err(ended)
}

/// Does what takes long on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("waiting for work on another thread")?
}
