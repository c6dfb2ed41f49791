//! Wide files, some columns at a time.
//!
//! Reading a column takes a page of it and its dictionary in memory, and most writers let each
//! grow to 1 MiB: a hundred columns at once take more than a child may. So a wide file is first
//! written again with short pages, slice by slice of its columns, and read from there with all
//! slices side by side.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::{Batches, Source, Upload, batch_rows, unreadable};
use crate::error::{Context, Result};
use crate::frame::ingest::source::Reporter;

/// Memory that reading may take by the estimate of [`column_bytes`]; little in tests, so that they
/// need no large files.
const SLICE_BYTES: i64 = if cfg!(test) { 8 << 20 } else { 96 << 20 };
/// Memory that reading one column takes at most, when its writer keeps to the usual pages.
const COLUMN_BYTES: i64 = 2 << 20;
/// Length of a page of a slice, and rows after which that is looked at.
const PAGE_BYTES: usize = 8 << 10;
const PAGE_CHECK_ROWS: usize = 128;
/// Memory that a row group of a slice may take while it is written.
const GROUP_BYTES: usize = if cfg!(test) { 1 << 20 } else { 16 << 20 };

/// Columns that are read at once: all of them where that takes little memory.
pub(super) fn plan(metadata: &ParquetMetaData) -> Vec<Range<usize>> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    let mut slices = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for column in 0..columns {
        let more = column_bytes(metadata, column);
        if bytes + more > SLICE_BYTES && column > start {
            slices.push(start..column);
            (start, bytes) = (column, 0);
        }
        bytes += more;
    }
    slices.push(start..columns);
    slices
}

/// Memory that reading a column takes, by the file's own account.
fn column_bytes(metadata: &ParquetMetaData, column: usize) -> i64 {
    let sizes = metadata.row_groups().iter().map(|g| g.column(column).uncompressed_size());
    sizes.max().unwrap_or(0).clamp(0, COLUMN_BYTES)
}

/// All rows of an upload, read slice by slice and given side by side.
pub(super) fn abreast(
    upload: &Upload,
    slices: &[Range<usize>],
    temp_dir: &Path,
    mut reporter: Reporter<'_>,
) -> Result<Batches> {
    let rows_at_once = batch_rows(upload.metadata.metadata());
    let mut readers = Vec::new();
    for (done, slice) in slices.iter().enumerate() {
        let columns = &upload.columns[slice.clone()];
        let file = tempfile::tempfile_in(temp_dir)
            .context(format!("making a file in {}", temp_dir.display()))?;
        let mut writer = Writer::new(file, columns)?;
        let mut rows = 0;
        for arrays in upload.slice(slice.clone())? {
            rows += writer.write(arrays?)?;
            let share = rows as f64 / upload.rows.max(1) as f64;
            let share = (done as f64 + share) / slices.len() as f64;
            reporter.reached(rows, (upload.bytes as f64 * share) as u64)?;
        }
        if i64::try_from(rows) != Ok(upload.rows) {
            let columns = format!("columns {} to {}", slice.start + 1, slice.end);
            return Err(unreadable(format!("{columns} hold {rows} of {} rows", upload.rows)));
        }
        let file = writer.0.into_inner().context("slicing an upload")?;
        readers.push(
            ParquetRecordBatchReaderBuilder::try_new(file)
                .and_then(|builder| builder.with_batch_size(rows_at_once).build())
                .context("reading a slice")?,
        );
    }
    Ok(Box::new(std::iter::from_fn(move || {
        let mut arrays = Vec::new();
        for reader in &mut readers {
            match reader.next()? {
                Ok(batch) => arrays.extend(batch.columns().iter().cloned()),
                Err(error) => return Some(Err(unreadable(error))),
            }
        }
        Some(Ok(arrays))
    })))
}

/// Writes a slice.
struct Writer(ArrowWriter<File>, Arc<Schema>);

impl Writer {
    fn new(file: File, columns: &[Source]) -> Result<Self> {
        let fields = columns
            .iter()
            .enumerate()
            .map(|(i, c)| Field::new(i.to_string(), c.plain.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_write_batch_size(PAGE_CHECK_ROWS)
            .set_max_row_group_row_count(None)
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))
            .context("slicing an upload")?;
        Ok(Self(writer, schema))
    }

    fn write(&mut self, arrays: Vec<ArrayRef>) -> Result<u64> {
        let batch = RecordBatch::try_new(self.1.clone(), arrays).context("slicing an upload")?;
        self.0.write(&batch).context("slicing an upload")?;
        if self.0.memory_size() >= GROUP_BYTES {
            self.0.flush().context("slicing an upload")?;
        }
        Ok(batch.num_rows() as u64)
    }
}
