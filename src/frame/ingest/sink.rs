//! Typed values to one Parquet file, with statistics on the way. Memory is bounded by cells and
//! bytes rather than by rows alone, so that wide tables and long texts take no more of it. A thread of
//! its own encodes what was read while more is read.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::Ingested;
use crate::domain::schema::{Column, ColumnType};
use crate::error::{Context, Error, Result};
use crate::frame::arrow_schema;
use crate::frame::builder::{ColumnBuilder, Value};
use crate::frame::tally::{Budget, Tally};

/// Most rows in a row group.
pub(super) const GROUP_ROWS: usize = 65_536;
/// Memory that a row group may take while it is written.
const GROUP_BYTES: usize = 48 << 20;
/// Most rows, cells and bytes of texts and images gathered before they are encoded.
const BATCH_ROWS: usize = 8_192;
const BATCH_CELLS: usize = 1 << 18;
const BATCH_TEXT: usize = 8 << 20;
/// Tables of more columns are written without dictionaries and by snappy: each column being
/// written would take 64 KiB for an empty dictionary and 10 KiB or more for zstd's state.
const WIDE: usize = 512;

struct SinkColumn {
    name: String,
    builder: ColumnBuilder,
    tally: Tally,
}

pub(super) struct Sink {
    columns: Vec<SinkColumn>,
    schema: SchemaRef,
    encoder: Encoder,
    budget: Budget,
    batch_rows: usize,
    /// Rows and bytes of texts and images in the builders.
    rows_held: usize,
    text_held: usize,
    rows: u64,
}

impl Sink {
    pub(super) fn create(output: &Path, columns: Vec<(String, ColumnType)>) -> Result<Self> {
        let batch_rows = rows_at_a_time(columns.len());
        let described = columns
            .iter()
            .map(|(name, kind)| Column { name: name.clone(), kind: *kind, nullable: true })
            .collect::<Vec<_>>();
        let schema = arrow_schema(&described);
        let file = File::create(output).context("creating a dataset's file")?;
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties(&columns)?))
            .context("creating a dataset's file")?;
        let columns = columns
            .into_iter()
            .map(|(name, kind)| SinkColumn {
                name,
                builder: ColumnBuilder::new(kind, batch_rows),
                tally: Tally::new(kind),
            })
            .collect();
        Ok(Self {
            columns,
            schema,
            encoder: Encoder::start(writer),
            budget: Budget::new(),
            batch_rows,
            rows_held: 0,
            text_held: 0,
            rows: 0,
        })
    }

    /// Adds a value of the column's own type or a null. Each column gets one value per row.
    pub(super) fn push(&mut self, at: usize, value: Value<'_>) {
        match value {
            Value::Text(text) => self.text_held += text.len(),
            Value::Image(image) => self.text_held += image.bytes().len(),
            _ => {}
        }
        let column = &mut self.columns[at];
        column.builder.push(value);
        column.tally.observe(value, &mut self.budget);
    }

    pub(super) fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        self.rows_held += 1;
        if self.rows_held == self.batch_rows || self.text_held >= BATCH_TEXT {
            self.encode()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        let arrays = self.columns.iter_mut().map(|c| c.builder.finish()).collect();
        (self.rows_held, self.text_held) = (0, 0);
        let batch =
            RecordBatch::try_new(self.schema.clone(), arrays).context("gathering columns")?;
        self.encoder.write(batch)
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<Ingested> {
        if self.rows_held > 0 {
            self.encode()?;
        }
        self.encoder.finish()?;
        let columns = self.columns.into_iter().map(|c| c.tally.finish(c.name)).collect();
        Ok(Ingested { rows: self.rows, columns })
    }
}

/// The thread that encodes.
struct Encoder {
    /// None once there is nothing more to come.
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Encoder {
    fn start(writer: ArrowWriter<File>) -> Self {
        // One waits while one is encoded, and the next one is gathered.
        let (batches, received) = sync_channel(1);
        let thread = std::thread::spawn(move || encode(writer, &received));
        Self { batches: Some(batches), thread: Some(thread) }
    }

    /// # Errors
    /// Why an earlier batch could not be written.
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        match &self.batches {
            Some(batches) if batches.send(batch).is_ok() => Ok(()),
            // The thread has ended before its time.
            _ => self.finish(),
        }
    }

    /// Waits until everything is written.
    fn finish(&mut self) -> Result<()> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Error::internal("writing a dataset", "the encoder panicked")),
            None => Err(Error::internal("writing a dataset", "the encoder has ended")),
        }
    }
}

impl Drop for Encoder {
    /// Nothing is written to the file any more when this is over.
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Who gave up has an error of its own.
            let _ = thread.join();
        }
    }
}

fn encode(mut writer: ArrowWriter<File>, batches: &Receiver<RecordBatch>) -> Result<()> {
    while let Ok(batch) = batches.recv() {
        writer.write(&batch).context("writing a dataset")?;
        if writer.memory_size() >= GROUP_BYTES {
            writer.flush().context("writing a dataset")?;
        }
    }
    writer.close().context("completing a dataset").map(|_| ())
}

fn properties(columns: &[(String, ColumnType)]) -> Result<WriterProperties> {
    let wide = columns.len() > WIDE;
    let compression = match wide {
        true => Compression::SNAPPY,
        false => Compression::ZSTD(ZstdLevel::try_new(1).context("compressing a dataset")?),
    };
    let builder = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(!wide)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        // Nobody prunes by them, and they stay in memory until the file is closed.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    // But for texts and images they tell how large a column becomes in memory.
    let long = |kind| matches!(kind, ColumnType::String | ColumnType::Image);
    let texts = columns.iter().filter(|(_, kind)| long(*kind));
    let builder = texts.fold(builder, |builder, (name, _)| {
        let path = ColumnPath::new(vec![name.clone()]);
        builder.set_column_statistics_enabled(path, EnabledStatistics::Chunk)
    });
    Ok(builder.build())
}

/// Rows of so many columns that are held at a time.
pub(super) fn rows_at_a_time(columns: usize) -> usize {
    (BATCH_CELLS / columns.max(1)).min(BATCH_ROWS)
}
