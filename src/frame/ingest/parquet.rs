//! Parquet: untrusted, so its own account of itself is checked before it is believed, and a
//! batch is decoded at a time. Its types are kept, or converted where others are declared.

mod slices;

use std::fmt::Display;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

use super::columns::{check_names, declared, no_rows};
use super::faults::{Faults, fault};
use super::sink::{Sink, rows_at_a_time};
use super::source::{Reporter, open};
use super::{Ingested, MAX_COLUMNS, MAX_RECORD, OnProgress, Output};
use crate::domain::job::IngestionProgress;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Context, Error, Result};
use crate::frame::builder::Value;
use crate::frame::cells::{Cells, misfit};
use crate::frame::shown;
use crate::frame::time::{YEARS, format_timestamp};

/// Most bytes of a file's account of itself.
const MAX_FOOTER: u32 = 16 << 20;
/// Bytes that a decoded batch may take, by the file's own account.
const BATCH_BYTES: i64 = 16 << 20;
/// Most rows and row groups that a file may claim: a few kilobytes can claim any number.
const MAX_ROWS: i64 = 1_000_000_000;
const MAX_GROUPS: usize = 100_000;

pub(super) fn ingest(
    input: &Path,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    temp_dir: &Path,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    // The decoder panics on some malformed files; for the caller that is one more bad file.
    let read = AssertUnwindSafe(|| read(input, types, output, temp_dir, progress));
    catch_unwind(read).unwrap_or_else(|_| Err(invalid("the file is not valid Parquet")))
}

fn read(
    input: &Path,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    temp_dir: &Path,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let upload = Upload::open(input)?;
    let names = upload.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    check_names(&names, |at| format!("column {}", at + 1))?;
    let declared = declared(&names, types)?.into_iter().zip(&upload.columns);
    let kinds = declared.map(|(d, c)| d.unwrap_or(c.kind)).collect::<Vec<_>>();
    let mut sink = Sink::create(output, names.iter().cloned().zip(kinds.clone()).collect())?;
    let batches = upload.batches(input, temp_dir, progress)?;
    let mut reporter = Reporter::new(progress, "writing", input)?;
    let mut faults = Faults::default();
    let mut scratch = Scratch::default();
    let mut rows = 0;
    for arrays in batches {
        let arrays = arrays?;
        for at in 0..arrays.first().map_or(0, |array| array.len()) {
            rows += 1;
            for (position, array) in arrays.iter().enumerate() {
                let read = read_value(array, at, kinds[position], &mut scratch);
                sink.push(position, *read.as_ref().unwrap_or(&Value::Null));
                if let Err(problem) = read {
                    let name = shown(&names[position]);
                    faults.add(format!("row {rows}, column {name}"), problem)?;
                }
            }
            sink.end_row(faults.is_empty())?;
        }
        // The decoder does not tell how many bytes it has read.
        let share = rows as f64 / upload.rows.max(1) as f64;
        reporter.reached(rows, (upload.bytes as f64 * share) as u64)?;
    }
    faults.check()?;
    if rows == 0 {
        return Err(no_rows());
    }
    reporter.ended(rows)?;
    sink.finish()
}

/// A Parquet file whose account of itself was checked.
struct Upload {
    columns: Vec<Source>,
    rows: i64,
    bytes: u64,
    file: File,
    metadata: ArrowReaderMetadata,
}

pub(super) fn column_names(input: &Path) -> Result<Vec<String>> {
    Ok(Upload::open(input)?.columns.into_iter().map(|column| column.name).collect())
}

/// The columns' next values, as the arrow types that [`value`] reads.
type Batches = Box<dyn Iterator<Item = Result<Vec<ArrayRef>>>>;

/// A column as the file holds it.
#[derive(Clone)]
struct Source {
    name: String,
    kind: ColumnType,
    /// The arrow type that its batches are brought to.
    plain: DataType,
}

impl Upload {
    fn open(input: &Path) -> Result<Self> {
        let file = open(input)?;
        let bytes = footer_checked(&file)?;
        // The embedded arrow schema is left aside: it only adds ways in which a file can lie.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let loaded = ArrowReaderMetadata::load(&file, options.clone()).map_err(unreadable)?;
        check_metadata(loaded.metadata(), bytes)?;
        let columns = sources(loaded.schema())?;
        // Views share a text that is repeated; copies of it could take any amount of memory.
        let fields = loaded.schema().fields().iter().map(|f| match f.data_type() {
            DataType::Utf8 => Arc::new(f.as_ref().clone().with_data_type(DataType::Utf8View)),
            DataType::Binary => Arc::new(f.as_ref().clone().with_data_type(DataType::BinaryView)),
            _ => f.clone(),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let hinted =
            ArrowReaderMetadata::try_new(loaded.metadata().clone(), options.with_schema(schema))
                .map_err(unreadable)?;
        let rows = loaded.metadata().file_metadata().num_rows();
        Ok(Self { columns, rows, bytes, file, metadata: hinted })
    }

    /// All rows, a batch of bounded memory at a time.
    fn batches(
        &self,
        input: &Path,
        temp_dir: &Path,
        progress: &mut dyn FnMut(IngestionProgress) -> Result<()>,
    ) -> Result<Batches> {
        let slices = slices::plan(self.metadata.metadata());
        match slices.as_slice() {
            [all] => self.slice(all.clone()),
            _ => {
                let reporter = Reporter::new(progress, "slicing", input)?;
                slices::abreast(self, &slices, temp_dir, reporter)
            }
        }
    }

    /// All rows of some columns.
    fn slice(&self, columns: Range<usize>) -> Result<Batches> {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.file.try_clone().context("reading an upload")?,
            self.metadata.clone(),
        )
        .with_projection(ProjectionMask::roots(schema, columns.clone()))
        .with_batch_size(batch_rows(metadata))
        .build()
        .map_err(unreadable)?;
        let columns = self.columns[columns].to_vec();
        Ok(Box::new(reader.map(move |batch| plain(&batch.map_err(unreadable)?, &columns))))
    }
}

/// The size of a file that ends as Parquet does, with a footer that is small enough to be read.
fn footer_checked(file: &File) -> Result<u64> {
    let bytes = file.metadata().context("measuring an upload")?.len();
    let mut tail = [0; 8];
    let start = bytes.checked_sub(12).ok_or_else(|| invalid("the file is not Parquet"))?;
    file.read_exact_at(&mut tail, start + 4).context("reading an upload")?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != *b"PAR1" {
        return Err(invalid("the file is not Parquet: it does not end with PAR1"));
    }
    let footer = u32::from_le_bytes([a, b, c, d]);
    if u64::from(footer) > start || footer > MAX_FOOTER {
        let detail = format!("the file's footer claims {footer} bytes, and {MAX_FOOTER} are read");
        return Err(invalid(detail));
    }
    Ok(bytes)
}

/// Rows decoded at a time: fewer where rows are long.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let groups = metadata.row_groups().iter();
    let longest = groups.map(|g| g.total_byte_size() / g.num_rows().max(1)).max().unwrap_or(1);
    let rows = usize::try_from(BATCH_BYTES / longest.max(1)).unwrap_or(1);
    rows.clamp(1, rows_at_a_time(metadata.file_metadata().schema_descr().num_columns()))
}

fn check_metadata(metadata: &ParquetMetaData, bytes: u64) -> Result<()> {
    let (rows, groups) = (metadata.file_metadata().num_rows(), metadata.row_groups());
    if !(0..=MAX_ROWS).contains(&rows) || groups.len() > MAX_GROUPS {
        let detail = format!(
            "the file claims {rows} rows in {} row groups; {MAX_ROWS} in {MAX_GROUPS} are read",
            groups.len()
        );
        return Err(invalid(detail));
    }
    let leaves = metadata.file_metadata().schema_descr().num_columns();
    if leaves > MAX_COLUMNS {
        let detail = format!("the file has {leaves} columns, and a dataset at most {MAX_COLUMNS}");
        return Err(invalid(detail));
    }
    let in_groups = groups.iter().try_fold(0_i64, |sum, group| sum.checked_add(group.num_rows()));
    if in_groups != Some(rows) || groups.iter().any(|g| g.num_rows() < 0) {
        return Err(invalid(
            "the file is not valid Parquet: its row groups don't add up to its rows",
        ));
    }
    for chunk in groups.iter().flat_map(|g| g.columns()) {
        let name = shown(chunk.column_path().parts().first().map_or("", String::as_str));
        match chunk.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => {}
            other => {
                let detail = format!(
                    "column {name} is compressed by {other}; write it with snappy, zstd or none"
                );
                return Err(invalid(detail));
            }
        }
        if !u64::try_from(chunk.compressed_size()).is_ok_and(|size| size <= bytes) {
            let detail = format!("the file is not valid Parquet: column {name} is larger than it");
            return Err(invalid(detail));
        }
    }
    Ok(())
}

/// The columns of a flat schema.
fn sources(schema: &Schema) -> Result<Vec<Source>> {
    let mut faults = Faults::default();
    let mut sources = Vec::new();
    for field in schema.fields() {
        let name = field.name().trim().to_owned();
        match supported(field.data_type()) {
            Some((kind, plain)) => sources.push(Source { name, kind, plain }),
            None => {
                let detail = format!(
                    "has the type {}, and a column holds booleans, numbers, text, dates, times or images; drop or convert it",
                    shown(&field.data_type().to_string())
                );
                faults.add(format!("column {}", shown(&name)), detail)?;
            }
        }
    }
    faults.check()?;
    Ok(sources)
}

/// What a type becomes: a column's type, and the one arrow type that values are taken from.
fn supported(data_type: &DataType) -> Option<(ColumnType, DataType)> {
    use DataType::*;
    Some(match data_type {
        Boolean => (ColumnType::Bool, Boolean),
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => {
            (ColumnType::Int64, Int64)
        }
        Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..)
        | Decimal256(..) => (ColumnType::Float64, Float64),
        Utf8 | LargeUtf8 | Utf8View => (ColumnType::String, Utf8View),
        Binary | LargeBinary | BinaryView => (ColumnType::Image, BinaryView),
        Date32 | Date64 => (ColumnType::Timestamp, Timestamp(TimeUnit::Microsecond, None)),
        Timestamp(_, zone) => {
            (ColumnType::Timestamp, Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        Null => (ColumnType::String, Null),
        _ => return None,
    })
}

/// A batch's columns as the arrow types that [`value`] reads.
fn plain(batch: &RecordBatch, columns: &[Source]) -> Result<Vec<ArrayRef>> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let pairs = batch.columns().iter().zip(columns);
    let cast = pairs.map(|(array, column)| {
        cast_with_options(array, &column.plain, &options).map_err(|error| {
            let place = format!("column {}", shown(&column.name));
            fault(place, format!("holds a value out of range: {}", shown(&error.to_string())))
        })
    });
    cast.collect()
}

/// A value's buffers while it is read.
#[derive(Default)]
struct Scratch {
    cells: Cells,
    text: String,
}

/// One value of a column as one of the declared type.
fn read_value<'a>(
    array: &'a ArrayRef,
    at: usize,
    kind: ColumnType,
    scratch: &'a mut Scratch,
) -> Result<Value<'a>, String> {
    match array.as_binary_view_opt() {
        None => convert(value(array, at)?, kind, scratch),
        Some(array) if array.is_null(at) => Ok(Value::Null),
        Some(array) if kind == ColumnType::Image => scratch.cells.image(array.value(at)),
        Some(_) => Err(format!("is an image or other bytes, which can't become {}", kind.as_str())),
    }
}

/// One value of a column that is no image; NaN is how data frames write a missing one.
fn value(array: &ArrayRef, at: usize) -> Result<Value<'_>, String> {
    if array.is_null(at) {
        return Ok(Value::Null);
    }
    match array.data_type() {
        DataType::Boolean => Ok(Value::Bool(array.as_boolean().value(at))),
        DataType::Int64 => Ok(Value::Int(array.as_primitive::<Int64Type>().value(at))),
        DataType::Float64 => match array.as_primitive::<Float64Type>().value(at) {
            v if v.is_nan() => Ok(Value::Null),
            v if v.is_finite() => Ok(Value::Float(v)),
            v => Err(format!("{v} is not a finite number")),
        },
        DataType::Timestamp(..) => {
            match array.as_primitive::<TimestampMicrosecondType>().value(at) {
                v if YEARS.contains(&v) => Ok(Value::Time(v)),
                _ => Err("is a time outside the years 1 to 9999".to_owned()),
            }
        }
        DataType::Utf8View => match array.as_string_view().value(at) {
            v if v.len() > MAX_RECORD => Err(format!("is longer than {} MiB", MAX_RECORD >> 20)),
            v if v.contains('\0') => Err(misfit(ColumnType::String, v.as_bytes())),
            v => Ok(Value::Text(v)),
        },
        _ => Ok(Value::Null),
    }
}

/// A value as one of the declared type, through its text.
fn convert<'a>(
    value: Value<'a>,
    kind: ColumnType,
    scratch: &'a mut Scratch,
) -> Result<Value<'a>, String> {
    let Scratch { cells, text: scratch } = scratch;
    let text = match (value, kind) {
        (Value::Null, _)
        | (Value::Bool(_), ColumnType::Bool)
        | (Value::Int(_), ColumnType::Int64)
        | (Value::Float(_), ColumnType::Float64)
        | (Value::Text(_), ColumnType::String)
        | (Value::Time(_), ColumnType::Timestamp)
        | (Value::Image(_), _) => return Ok(value),
        (Value::Text(v), _) => v,
        (Value::Bool(v), _) => write(scratch, v),
        (Value::Int(v), _) => write(scratch, v),
        (Value::Float(v), _) => write(scratch, format_args!("{v:?}")),
        (Value::Time(v), _) => write(scratch, format_timestamp(v)),
    };
    match kind {
        ColumnType::String => Ok(Value::Text(text)),
        _ => cells.read(kind, text.as_bytes()),
    }
}

fn write(scratch: &mut String, value: impl Display) -> &str {
    scratch.clear();
    scratch.push_str(&value.to_string());
    scratch
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::InvalidData, detail)
}

/// What the decoder says of a malformed file.
fn unreadable(error: impl Display) -> Error {
    const LENGTH: usize = 200;
    let text = error.to_string();
    let text = text.chars().filter(|c| !c.is_control()).take(LENGTH).collect::<String>();
    invalid(format!("the file is not valid Parquet: {text}"))
}

#[cfg(test)]
mod tests;
