//! Batches of columns to Parquet, with their statistics, by a thread of its own: meanwhile more is read.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::domain::schema::{Column, ColumnType};
use crate::error::{Context, Error, Result};
use crate::frame::tally::{Budget, Tally};

/// Most rows in a row group.
pub(super) const GROUP_ROWS: usize = 65_536;
/// Memory that a row group may take while it is written.
const GROUP_BYTES: usize = 48 << 20;
/// Tables of more columns are written without dictionaries and by snappy: each column being
/// written would take 64 KiB for an empty dictionary and 10 KiB or more for zstd's state.
const WIDE: usize = 512;
/// Fewer first rows don't tell whether values repeat.
const TELLING: usize = 1_000;

/// The thread that encodes and gathers statistics.
pub(super) struct Encoder {
    /// None once there is nothing more to come.
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<Vec<Tally>>>>,
    /// Set where what is written is of no use.
    given_up: Arc<AtomicBool>,
}

impl Encoder {
    pub(super) fn start(
        output: Box<dyn Write + Send>,
        schema: SchemaRef,
        columns: Vec<Column>,
    ) -> Self {
        // One waits while one is encoded, and the next one is gathered.
        let (batches, received) = sync_channel(1);
        let given_up = Arc::new(AtomicBool::new(false));
        let no_more = given_up.clone();
        let thread =
            std::thread::spawn(move || encode(output, schema, &columns, &received, &no_more));
        Self { batches: Some(batches), thread: Some(thread), given_up }
    }

    /// # Errors
    /// Why an earlier batch could not be written.
    pub(super) fn write(&mut self, batch: RecordBatch) -> Result<()> {
        match &self.batches {
            Some(batches) if batches.send(batch).is_ok() => Ok(()),
            // The thread has ended before its time.
            _ => self.finish().map(|_| ()),
        }
    }

    /// What is written is of no use: the thread ends with what it does now, and is given nothing more.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Waits until everything is written. Returns the statistics of each column.
    pub(super) fn finish(&mut self) -> Result<Vec<Tally>> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Ok(_))) if self.has_given_up() => {
                Err(Error::internal("writing a dataset", "it was given up"))
            }
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Error::internal("writing a dataset", "the encoder panicked")),
            None => Err(Error::internal("writing a dataset", "the encoder has ended")),
        }
    }
}

impl Drop for Encoder {
    /// Nothing is written to the file any more when this is over.
    fn drop(&mut self) {
        self.give_up();
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Who gave up has an error of its own.
            let _ = thread.join();
        }
    }
}

fn encode(
    output: Box<dyn Write + Send>,
    schema: SchemaRef,
    columns: &[Column],
    batches: &Receiver<RecordBatch>,
    given_up: &AtomicBool,
) -> Result<Vec<Tally>> {
    let mut tallies = columns.iter().map(|column| Tally::new(column.kind)).collect::<Vec<_>>();
    let mut budget = Budget::new();
    let mut observe = |batch: &RecordBatch, tallies: &mut [Tally]| {
        let columns = tallies.iter_mut().zip(batch.columns());
        columns.for_each(|(tally, values)| tally.observe(values, &mut budget));
    };
    let is_wanted = || !given_up.load(Ordering::Relaxed);
    let receive = || batches.recv().ok().filter(|_| is_wanted());
    let first = receive();
    if let Some(batch) = &first {
        observe(batch, &mut tallies);
    }
    let rows = first.as_ref().map_or(0, RecordBatch::num_rows);
    let repeats = |at: usize| rows < TELLING || tallies[at].distinct() * 2 <= rows as u64;
    let properties = properties(columns, repeats)?;
    let mut writer = ArrowWriter::try_new(output, schema, Some(properties))
        .context("creating a dataset's file")?;
    let mut next = first;
    while let Some(batch) = next {
        writer.write(&batch).context("writing a dataset")?;
        if writer.memory_size() >= GROUP_BYTES {
            writer.flush().context("writing a dataset")?;
        }
        next = receive();
        if let Some(batch) = &next {
            observe(batch, &mut tallies);
        }
    }
    if is_wanted() {
        writer.close().context("completing a dataset")?;
    }
    Ok(tallies)
}

/// How columns are written, by whether the first rows of one repeat themselves.
fn properties(columns: &[Column], repeats: impl Fn(usize) -> bool) -> Result<WriterProperties> {
    let wide = columns.len() > WIDE;
    let compression = match wide {
        true => Compression::SNAPPY,
        false => Compression::ZSTD(ZstdLevel::try_new(1).context("compressing a dataset")?),
    };
    let mut builder = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(!wide)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        // Nobody prunes by them, and they stay in memory until the file is closed.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    for (at, column) in columns.iter().enumerate() {
        let path = || ColumnPath::new(vec![column.name.clone()]);
        // But for texts and images they tell how large a column becomes in memory.
        if matches!(column.kind, ColumnType::String | ColumnType::Image) {
            builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::Chunk);
        }
        // A dictionary of numbers that are mostly different takes longer to make than to go without,
        // and saves little; of texts it saves much.
        if !wide && column.kind != ColumnType::String && !repeats(at) {
            builder = builder.set_column_dictionary_enabled(path(), false);
        }
    }
    Ok(builder.build())
}
