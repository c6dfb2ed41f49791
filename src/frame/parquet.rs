//! Stored datasets back from Parquet: whole columns, a page of rows, CSV.

use std::io::Write;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use super::image::to_base64;
use super::time::format_timestamp;
use super::{Frame, column_type};
use crate::domain::name::did_you_mean;
use crate::domain::prediction::Row;
use crate::domain::schema::{Cell, Column, ColumnType};
use crate::error::{Code, Context, Error, Result};

/// Rows and bytes decoded at a time where rows are streamed.
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: i64 = 16 << 20;
/// Most text or images that one column of a frame can hold: its offsets have 32 bits.
const MAX_COLUMN_TEXT: i64 = i32::MAX as i64;
/// Most text in a page of rows.
const MAX_PAGE_TEXT: usize = 64 << 20;

type Builder<R> = ParquetRecordBatchReaderBuilder<R>;

/// Whole columns of a stored dataset, in the order asked for; all columns when none are named.
/// `reader` is a `File` or `Bytes`.
///
/// # Errors
/// [`Code::InvalidRequest`] for a column that is not there, [`Code::InvalidData`] for a column
/// of more than 2 GiB of text or images, [`Error::Internal`] where the file can't be read.
pub fn read_parquet<R: ChunkReader + 'static>(
    reader: R,
    columns: Option<&[String]>,
) -> Result<Frame> {
    let builder = Builder::try_new(reader).context("opening a dataset")?;
    let stored = stored_columns(&builder)?;
    let positions = match columns {
        None => (0..stored.len()).collect::<Vec<_>>(),
        Some(names) => {
            names.iter().map(|name| position(&stored, name)).collect::<Result<Vec<_>>>()?
        }
    };
    let long = |at: usize| matches!(stored[at].kind, ColumnType::String | ColumnType::Image);
    for &at in positions.iter().filter(|&&at| long(at)) {
        check_text(builder.metadata(), at, &stored[at].name)?;
    }
    let rows = builder.metadata().file_metadata().num_rows();
    let mask = ProjectionMask::roots(builder.parquet_schema(), positions.iter().copied());
    // One batch for all rows saves a copy of them.
    let reader = builder
        .with_projection(mask)
        .with_batch_size(usize::try_from(rows).context("counting a dataset's rows")?)
        .build()
        .context("opening a dataset")?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().context("reading a dataset")?;
    let batch = match <[RecordBatch; 1]>::try_from(batches) {
        Ok([batch]) => batch,
        Err(batches) => concat_batches(&schema, &batches).context("joining a dataset's batches")?,
    };
    // Columns come in the order of the file, whichever order was asked for.
    let mut in_file = positions.clone();
    in_file.sort_unstable();
    in_file.dedup();
    let order = positions.iter().filter_map(|p| in_file.binary_search(p).ok()).collect::<Vec<_>>();
    let batch = batch.project(&order).context("ordering columns")?;
    Ok(Frame::of(positions.iter().map(|&p| stored[p].clone()).collect(), batch))
}

impl Frame {
    /// The frame as a file of Parquet, which [`read_parquet`] reads again.
    ///
    /// # Errors
    /// [`Error::Internal`] when it can't be written.
    pub fn to_parquet(&self) -> Result<Vec<u8>> {
        const WRITING: &str = "writing a frame";
        let mut bytes = Vec::new();
        let batch = self.batch()?;
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).context(WRITING)?;
        writer.write(batch).context(WRITING)?;
        writer.close().context(WRITING)?;
        Ok(bytes)
    }
}

/// Bytes of all texts and images in columns of a stored dataset. `reader` is a `File` or `Bytes`.
///
/// # Errors
/// As [`read_parquet`].
pub fn stored_text<R: ChunkReader + 'static>(reader: R, columns: &[String]) -> Result<u64> {
    let builder = Builder::try_new(reader).context("opening a dataset")?;
    let stored = stored_columns(&builder)?;
    let mut bytes = 0;
    for name in columns {
        bytes +=
            u64::try_from(text_bytes(builder.metadata(), position(&stored, name)?)).unwrap_or(0);
    }
    Ok(bytes)
}

/// All columns of some rows of a stored dataset, whose numbers ascend. `reader` is a `File` or
/// `Bytes`.
///
/// # Errors
/// [`Error::Internal`] where the file can't be read.
pub fn read_parquet_rows<R: ChunkReader + 'static>(reader: R, rows: &[usize]) -> Result<Frame> {
    let builder = Builder::try_new(reader).context("opening a dataset")?;
    let columns = stored_columns(&builder)?;
    let all = usize::try_from(builder.metadata().file_metadata().num_rows())
        .context("counting a dataset's rows")?;
    let runs = rows.chunk_by(|a, b| a + 1 == *b);
    let ranges = runs.filter_map(|run| Some(*run.first()?..run.last()? + 1));
    let selection = RowSelection::from_consecutive_ranges(ranges, all);
    let reader = builder
        .with_row_selection(selection)
        .with_batch_size(rows.len().max(1))
        .build()
        .context("opening a dataset")?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().context("reading a dataset")?;
    let batch = concat_batches(&schema, &batches).context("joining a dataset's batches")?;
    Ok(Frame::of(columns.into(), batch))
}

/// `limit` rows of a stored dataset from row `offset` on; row groups before them are not read.
///
/// # Errors
/// [`Code::InvalidRequest`] when they take more than 64 MiB, as images may;
/// [`Error::Internal`] where the file can't be read.
pub fn preview<R: ChunkReader + 'static>(reader: R, offset: u64, limit: usize) -> Result<Vec<Row>> {
    let builder = Builder::try_new(reader).context("opening a dataset")?;
    let columns = stored_columns(&builder)?;
    let mut skipped = 0;
    let mut groups = Vec::new();
    for (at, group) in builder.metadata().row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        if groups.is_empty() && skipped + rows <= offset {
            skipped += rows;
        } else {
            groups.push(at);
        }
    }
    let within = usize::try_from(offset - skipped).context("placing a page of rows")?;
    let at_once = batch_rows(builder.metadata());
    let reader = builder
        .with_row_groups(groups)
        .with_offset(within)
        .with_limit(limit)
        .with_batch_size(limit.clamp(1, at_once))
        .build()
        .context("opening a dataset")?;
    let mut rows = Vec::new();
    let mut text = 0;
    for batch in reader {
        let batch = batch.context("reading a dataset")?;
        for at in 0..batch.num_rows() {
            let mut row = Row::new();
            for (column, array) in columns.iter().zip(batch.columns()) {
                let cell = cell(array, at);
                text += if let Cell::Text(text) = &cell { text.len() } else { 0 };
                row.insert(column.name.clone(), cell);
            }
            rows.push(row);
            if text > MAX_PAGE_TEXT {
                let detail = format!(
                    "the first {} of these rows take more than {} MiB; ask for fewer at a time",
                    rows.len(),
                    MAX_PAGE_TEXT >> 20
                );
                return Err(Error::field(Code::InvalidRequest, "query limit", detail));
            }
        }
    }
    Ok(rows)
}

/// Writes a stored dataset as CSV (RFC 4180, UTF-8, lines ended by CRLF): a header line, missing
/// values as nothing, times as RFC 3339, images as base64. A name or a text that a spreadsheet
/// would take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return, and is
/// no number) gets an apostrophe before it (OWASP ASVS 5.0, 1.2.10).
///
/// # Errors
/// [`Error::Internal`] where the file can't be read or the writer fails.
pub fn write_csv<R: ChunkReader + 'static>(reader: R, writer: impl Write) -> Result<()> {
    let reader = open_batches(reader)?;
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
    for field in reader.schema().fields() {
        write_text(&mut csv, field.name())?;
    }
    csv.write_record(None::<&[u8]>).context("writing CSV")?;
    for batch in reader {
        let batch = batch.context("reading a dataset")?;
        for at in 0..batch.num_rows() {
            for array in batch.columns() {
                match cell(array, at) {
                    Cell::Null => csv.write_field("").context("writing CSV")?,
                    Cell::Bool(v) => csv.write_field(v.to_string()).context("writing CSV")?,
                    Cell::Int(v) => csv.write_field(v.to_string()).context("writing CSV")?,
                    Cell::Float(v) => csv.write_field(format!("{v:?}")).context("writing CSV")?,
                    Cell::Text(v) => write_text(&mut csv, &v)?,
                }
            }
            csv.write_record(None::<&[u8]>).context("writing CSV")?;
        }
    }
    csv.flush().context("writing CSV")
}

fn write_text<W: Write>(csv: &mut csv::Writer<W>, text: &str) -> Result<()> {
    let formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let written = if formula { csv.write_field(format!("'{text}")) } else { csv.write_field(text) };
    written.context("writing CSV")
}

fn open_batches<R: ChunkReader + 'static>(reader: R) -> Result<ParquetRecordBatchReader> {
    let builder = Builder::try_new(reader).context("opening a dataset")?;
    stored_columns(&builder)?;
    let at_once = batch_rows(builder.metadata());
    builder.with_batch_size(at_once).build().context("opening a dataset")
}

/// Rows decoded at a time: fewer where rows are long, as images make them.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let groups = metadata.row_groups().iter();
    let longest = groups.map(|g| g.total_byte_size() / g.num_rows().max(1)).max().unwrap_or(1);
    usize::try_from(BATCH_BYTES / longest.max(1)).unwrap_or(1).clamp(1, BATCH_ROWS)
}

/// The columns of a file that the ingestion wrote.
fn stored_columns<R: ChunkReader + 'static>(builder: &Builder<R>) -> Result<Vec<Column>> {
    let describe = |field: &arrow::datatypes::FieldRef| {
        let kind = column_type(field.data_type())
            .ok_or_else(|| format!("column {} is stored as {}", field.name(), field.data_type()))?;
        Ok(Column { name: field.name().clone(), kind, nullable: field.is_nullable() })
    };
    let columns = builder.schema().fields().iter().map(describe);
    columns.collect::<Result<_, String>>().context("reading a dataset's schema")
}

fn position(columns: &[Column], name: &str) -> Result<usize> {
    columns.iter().position(|c| c.name == name).ok_or_else(|| {
        let hint = did_you_mean(name, columns.iter().map(|c| c.name.as_str()));
        Error::new(Code::InvalidRequest, format!("there is no column {name}{hint}"))
    })
}

/// Refuses a column of texts or images that is too long to be held.
fn check_text(metadata: &ParquetMetaData, at: usize, name: &str) -> Result<()> {
    let bytes = text_bytes(metadata, at);
    if bytes <= MAX_COLUMN_TEXT {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidData,
        format!(
            "column {name} holds {} MiB of text or images, and {} can be loaded: leave it out or take fewer rows",
            bytes >> 20,
            MAX_COLUMN_TEXT >> 20
        ),
    ))
}

/// The length of all values of a column of texts or images, as the ingestion has written it down.
pub(super) fn text_bytes(metadata: &ParquetMetaData, at: usize) -> i64 {
    let groups = metadata.row_groups().iter();
    groups.filter_map(|group| group.column(at).unencoded_byte_array_data_bytes()).sum()
}

/// One value of a column of the types.
pub(super) fn cell(array: &dyn Array, at: usize) -> Cell {
    if array.is_null(at) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Bool(array.as_boolean().value(at)),
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(at)),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(at)),
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(at);
            Cell::Text(format_timestamp(micros))
        }
        DataType::Binary => Cell::Text(to_base64(array.as_binary::<i32>().value(at))),
        _ => Cell::Text(array.as_string::<i32>().value(at).to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests;
