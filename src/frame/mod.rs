//! Tables of typed columns: the only place that knows arrow, parquet and csv.

mod answers;
mod builder;
mod cells;
mod form;
mod image;
mod ingest;
mod parquet;
mod plain;
mod prices;
mod query;
mod reasons;
mod rows;
mod scorecard;
mod tally;
pub mod telling;
mod texts;
mod time;

use std::borrow::Cow;
use std::sync::Arc;

use self::plain::Plain;
use crate::domain::schema::{Column, ColumnType};
use crate::error::{Code, Context, Error, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};

pub use self::answers::write_answers;
pub use self::form::FormWriter;
#[cfg(test)]
pub(crate) use self::image::tests::grey as grey_png;
pub use self::image::{ImageShape, MAX_IMAGE_BYTES, MAX_IMAGE_SIDE, image_pixels, image_size};
pub use self::ingest::{
    Ingested, MAX_COLUMNS, MAX_RECORD, OnProgress, Output, column_names, ingest,
};
pub use self::parquet::{preview, read_parquet, read_parquet_rows, stored_text, write_csv};
pub use prices::{Prices, Returns, prices, prices_columns};
pub use query::{query, query_in_order};
pub use reasons::{read_reason_entries, write_reason_entries};
pub use rows::RowReader;
pub use scorecard::write_scorecard;
pub use texts::texts_as_csv;
pub use time::{format_timestamp, parse_timestamp};

/// A table in memory: columns of one length, each of one of the types.
#[derive(Debug, Clone)]
pub struct Frame {
    columns: Arc<[Column]>,
    held: Held,
}

/// How its values are held.
#[derive(Debug, Clone)]
enum Held {
    Arrays(RecordBatch),
    /// As they were read from plain rows.
    Plain(Arc<Plain>),
}

/// The values of one column, for building a [`Frame`]; None is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Bool(Vec<Option<bool>>),
    Int64(Vec<Option<i64>>),
    Float64(Vec<Option<f64>>),
    String(Vec<Option<String>>),
    /// Microseconds since 1970 in UTC.
    Timestamp(Vec<Option<i64>>),
    /// PNG or JPEG.
    Image(Vec<Option<Vec<u8>>>),
}

impl Values {
    fn into_array(self) -> ArrayRef {
        match self {
            Self::Bool(v) => Arc::new(BooleanArray::from(v)),
            Self::Int64(v) => Arc::new(Int64Array::from(v)),
            Self::Float64(v) => Arc::new(Float64Array::from(v)),
            Self::String(v) => Arc::new(StringArray::from(v)),
            Self::Timestamp(v) => Arc::new(TimestampMicrosecondArray::from(v).with_timezone("UTC")),
            Self::Image(v) => Arc::new(v.iter().map(|v| v.as_deref()).collect::<BinaryArray>()),
        }
    }

    pub fn kind(&self) -> ColumnType {
        match self {
            Self::Bool(_) => ColumnType::Bool,
            Self::Int64(_) => ColumnType::Int64,
            Self::Float64(_) => ColumnType::Float64,
            Self::String(_) => ColumnType::String,
            Self::Timestamp(_) => ColumnType::Timestamp,
            Self::Image(_) => ColumnType::Image,
        }
    }
}

impl Frame {
    /// A frame of named columns, all of `rows` values.
    ///
    /// # Errors
    /// [`Error::Internal`] when the lengths differ.
    pub fn new(rows: usize, columns: Vec<(String, Values)>) -> Result<Self> {
        let described = columns
            .iter()
            .map(|(name, values)| Column {
                name: name.clone(),
                kind: values.kind(),
                nullable: true,
            })
            .collect::<Vec<_>>();
        let arrays = columns.into_iter().map(|(_, values)| values.into_array()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(arrow_schema(&described), arrays, &options)
            .context("building a frame")?;
        Ok(Self::of(described.into(), batch))
    }

    /// Of arrays of the columns' types.
    fn of(columns: Arc<[Column]>, batch: RecordBatch) -> Self {
        Self { columns, held: Held::Arrays(batch) }
    }

    /// Its columns as arrays.
    fn batch(&self) -> Result<&RecordBatch> {
        match &self.held {
            Held::Arrays(batch) => Ok(batch),
            Held::Plain(plain) => plain.batch(),
        }
    }

    pub fn rows(&self) -> usize {
        match &self.held {
            Held::Arrays(batch) => batch.num_rows(),
            Held::Plain(plain) => plain.rows(),
        }
    }

    /// Bytes that its values take; where arrays share a buffer, it counts with each of them.
    pub fn bytes(&self) -> usize {
        match &self.held {
            Held::Arrays(batch) => batch.get_array_memory_size(),
            Held::Plain(plain) => plain.bytes(),
        }
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Where a column stands. It is looked for at `hint` first: who reads a frame by a signature
    /// finds each column in its place without a search.
    fn position(&self, hint: usize, name: &str) -> Result<usize> {
        if self.columns.get(hint).is_some_and(|column| column.name == name) {
            return Ok(hint);
        }
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| no_column(name))
    }

    /// A column by its name.
    fn array(&self, name: &str) -> Result<&ArrayRef> {
        self.array_at(self.position(0, name)?)
    }

    fn array_at(&self, position: usize) -> Result<&ArrayRef> {
        if let Held::Plain(plain) = &self.held
            && let Some(array) = plain.array(position)
        {
            return Ok(array);
        }
        self.batch().map(|batch| batch.column(position))
    }

    /// A column as numbers, NaN where missing: booleans as 0 and 1, timestamps as microseconds.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column and one of texts or images.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.numbers_near(0, name).map(Cow::into_owned)
    }

    /// The same, borrowed where that can be; the column may be at position `hint`.
    ///
    /// # Errors
    /// As [`Frame::numbers`].
    pub fn numbers_near(&self, hint: usize, name: &str) -> Result<Cow<'_, [f64]>> {
        let position = self.position(hint, name)?;
        if let Held::Plain(plain) = &self.held
            && let Some(numbers) = plain.numbers(position)
        {
            return Ok(numbers);
        }
        let array = self.array_at(position)?;
        if let Some(numbers) = array.as_primitive_opt::<Float64Type>()
            && numbers.null_count() == 0
        {
            return Ok(Cow::Borrowed(numbers.values()));
        }
        let numbers = match array.data_type() {
            DataType::Boolean => {
                array.as_boolean().iter().map(|v| v.map_or(f64::NAN, f64::from)).collect()
            }
            DataType::Int64 => array
                .as_primitive::<Int64Type>()
                .iter()
                .map(|v| v.map_or(f64::NAN, |v| v as f64))
                .collect(),
            DataType::Float64 => {
                array.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect()
            }
            DataType::Timestamp(..) => array
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|v| v.map_or(f64::NAN, |v| v as f64))
                .collect(),
            _ => {
                return Err(Error::new(
                    Code::InvalidRequest,
                    format!("column {name} holds texts or images, not numbers"),
                ));
            }
        };
        Ok(Cow::Owned(numbers))
    }

    /// A timestamp column as microseconds since 1970 in UTC.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column or one of another type.
    pub fn timestamps(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let position = self.position(0, name)?;
        let is_time = self.columns.get(position).is_some_and(|c| c.kind == ColumnType::Timestamp);
        if let Held::Plain(plain) = &self.held
            && is_time
            && let Some(times) = plain.whole_numbers(position)
        {
            return Ok(times);
        }
        self.array_at(position)?
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map(|a| a.iter().collect())
            .ok_or_else(|| {
                Error::new(Code::InvalidRequest, format!("column {name} holds no timestamps"))
            })
    }

    /// A text column.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column or one of another type.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<&str>>> {
        self.array(name)?
            .as_string_opt::<i32>()
            .map(|a| a.iter().collect())
            .ok_or_else(|| Error::new(Code::InvalidRequest, format!("column {name} holds no text")))
    }

    /// A column of images, encoded as they were sent.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column or one of another type.
    pub fn images(&self, name: &str) -> Result<Vec<Option<&[u8]>>> {
        self.array(name)?.as_binary_opt::<i32>().map(|a| a.iter().collect()).ok_or_else(|| {
            Error::new(Code::InvalidRequest, format!("column {name} holds no images"))
        })
    }

    /// A column as the text that names each value: `1`, `true`, `0.5`, `north`.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column and one of images.
    pub fn labels(&self, name: &str) -> Result<Vec<Option<String>>> {
        let array = self.array(name)?;
        Ok(match array.data_type() {
            DataType::Boolean => {
                array.as_boolean().iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Int64 => {
                array.as_primitive::<Int64Type>().iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Float64 => array
                .as_primitive::<Float64Type>()
                .iter()
                .map(|v| v.map(|v| v.to_string()))
                .collect(),
            DataType::Timestamp(..) => array
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|v| v.map(format_timestamp))
                .collect(),
            DataType::Utf8 => {
                array.as_string::<i32>().iter().map(|v| v.map(str::to_owned)).collect()
            }
            _ => {
                let detail = format!("column {name} holds images, which have no names");
                return Err(Error::new(Code::InvalidRequest, detail));
            }
        })
    }

    /// Frames of the same columns one below the other.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is none or their columns differ.
    pub fn concat(frames: &[&Self]) -> Result<Self> {
        let first =
            frames.first().ok_or_else(|| Error::internal("putting frames together", "none"))?;
        let batches = frames.iter().map(|frame| frame.batch()).collect::<Result<Vec<_>>>()?;
        let batch = arrow::compute::concat_batches(&first.batch()?.schema(), batches)
            .context("putting frames together")?;
        Ok(Self::of(first.columns.clone(), batch))
    }

    /// One of the columns, which shares the memory of this frame.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column.
    pub fn only(&self, name: &str) -> Result<Self> {
        let at = self.position(0, name)?;
        let batch = self.batch()?.project(&[at]).context("taking a column")?;
        Ok(Self::of(vec![self.columns[at].clone()].into(), batch))
    }

    /// So many rows from a position on, which share the memory of this frame: as many of them as
    /// there are.
    ///
    /// # Errors
    /// [`Error::Internal`] where no arrays can be made of it.
    pub fn part(&self, start: usize, rows: usize) -> Result<Self> {
        let start = start.min(self.rows());
        let batch = self.batch()?.slice(start, rows.min(self.rows() - start));
        Ok(Self::of(self.columns.clone(), batch))
    }

    /// The same rows with other values of one column, of its type.
    ///
    /// # Errors
    /// [`Error::Internal`] for an unknown column, values of another type, or of another length.
    pub fn with_values(&self, name: &str, values: Values) -> Result<Self> {
        const SETTING: &str = "setting a column's values";
        let at = self.columns.iter().position(|c| c.name == name && c.kind == values.kind());
        let at = at.ok_or_else(|| Error::internal(SETTING, format!("no such column: {name}")))?;
        let mut arrays = self.batch()?.columns().to_vec();
        arrays[at] = values.into_array();
        let columns: Vec<Column> =
            self.columns.iter().map(|column| Column { nullable: true, ..column.clone() }).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows()));
        let batch = RecordBatch::try_new_with_options(arrow_schema(&columns), arrays, &options)
            .context(SETTING)?;
        Ok(Self::of(columns.into(), batch))
    }

    /// The same rows with further columns behind the others.
    ///
    /// # Errors
    /// [`Error::Internal`] for a name that is taken, and values of another number.
    pub fn with_columns(&self, further: Vec<(String, Values)>) -> Result<Self> {
        const ADDING: &str = "adding columns to a frame";
        let mut columns = self.columns.to_vec();
        let mut arrays = self.batch()?.columns().to_vec();
        for (name, values) in further {
            if columns.iter().any(|column| column.name == name) {
                return Err(Error::internal(ADDING, format!("there is a column {name}")));
            }
            columns.push(Column { name, kind: values.kind(), nullable: true });
            arrays.push(values.into_array());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows()));
        let batch = RecordBatch::try_new_with_options(arrow_schema(&columns), arrays, &options)
            .context(ADDING)?;
        Ok(Self::of(columns.into(), batch))
    }

    /// The same with other values in columns of these names, which stay of their types.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for an unknown column; [`Error::Internal`] for values of another type
    /// or number, and missing ones where none may be.
    pub fn replaced(&self, columns: Vec<(&str, Values)>) -> Result<Self> {
        let mut arrays = self.batch()?.columns().to_vec();
        for (name, values) in columns {
            arrays[self.position(0, name)?] = values.into_array();
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows()));
        let batch = RecordBatch::try_new_with_options(self.batch()?.schema(), arrays, &options)
            .context("replacing columns of a frame")?;
        Ok(Self::of(self.columns.clone(), batch))
    }

    /// The rows at these positions, in this order.
    ///
    /// # Errors
    /// [`Error::Internal`] when a position is out of range.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        let indices = UInt64Array::from_iter_values(rows.iter().map(|&r| r as u64));
        let batch =
            arrow::compute::take_record_batch(self.batch()?, &indices).context("taking rows")?;
        Ok(Self::of(self.columns.clone(), batch))
    }
}

fn no_column(name: &str) -> Error {
    Error::new(Code::InvalidRequest, format!("there is no column {name}"))
}

fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::String => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Image => DataType::Binary,
    }
}

/// The column type that an arrow type stands for in stored datasets.
fn column_type(data_type: &DataType) -> Option<ColumnType> {
    ColumnType::ALL.iter().copied().find(|&kind| arrow_type(kind) == *data_type)
}

fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let fields = columns
        .iter()
        .map(|c| Field::new(&c.name, arrow_type(c.kind), c.nullable))
        .collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

/// The beginning of a text as an error may show it.
fn shown(text: &str) -> String {
    const LENGTH: usize = 40;
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(LENGTH).collect();
    if text.chars().count() > LENGTH {
        shown.push_str("...");
    }
    shown
}
