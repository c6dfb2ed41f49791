//! Rows of a request to a [`Frame`], naming everything that does not fit.

mod plain;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use super::builder::{ColumnBuilder, Value};
use super::image::{EncodedImage, Images};
use super::time::parse_timestamp;
use super::{Frame, arrow_schema, shown};
use crate::domain::name::did_you_mean;
use crate::domain::prediction::{CellRef, Row};
use crate::domain::schema::{Cell, Column, ColumnType};
use crate::error::{Code, Context, Error, FieldError, Result};

/// Most fields named in one error.
const MAX_ERRORS: usize = 100;
const OTHER_COLUMNS: &str = "the columns don't fit the model's inputs";
/// Pixels of a request after which no more images are decoded: a few kilobytes hold millions.
const MAX_PIXELS: u64 = if cfg!(test) { 1 << 10 } else { 1 << 28 };

/// Reads rows by a model's signature. Build it once per version: it holds the columns in the
/// order of their names, in which the keys of a row come too.
#[derive(Debug, Clone)]
pub struct RowReader {
    columns: Arc<[Column]>,
    schema: SchemaRef,
    /// Positions of the columns, ordered by name.
    by_name: Vec<usize>,
}

impl RowReader {
    pub fn new(signature: &[Column]) -> Self {
        let mut by_name = (0..signature.len()).collect::<Vec<_>>();
        by_name.sort_by(|&a, &b| signature[a].name.cmp(&signature[b].name));
        Self { columns: signature.into(), schema: arrow_schema(signature), by_name }
    }

    /// Whether rows have images, which take long to read.
    pub fn has_images(&self) -> bool {
        self.columns.iter().any(|column| column.kind == ColumnType::Image)
    }

    /// Rows given as objects.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] with a pointer such as `/rows/2/age` for every unknown column, every
    /// missing one, every value of another type and every image that can't be read, 100 at most.
    pub fn rows(&self, rows: &[Row]) -> Result<Frame> {
        let mut builders = self.builders(rows.len());
        let mut misfits = Misfits::default();
        let mut cells = Cells::default();
        for (at, row) in rows.iter().enumerate() {
            let before = misfits.count;
            self.row(row, &mut builders, &mut cells, |name, problem| {
                misfits.add(|| FieldError::new(format!("/rows/{at}/{}", escape(name)), problem()));
            });
            misfits.rows += usize::from(misfits.count > before);
        }
        misfits.finish(rows.len())?;
        self.frame(rows.len(), builders)
    }

    /// Adds one row. Keys and columns are both walked in the order of their names.
    fn row(
        &self,
        row: &Row,
        builders: &mut [ColumnBuilder],
        read: &mut Cells,
        mut misfit: impl FnMut(&str, &dyn Fn() -> String),
    ) {
        let mut cells = row.iter().peekable();
        for &position in &self.by_name {
            let column = &self.columns[position];
            while let Some((name, _)) = cells.next_if(|(name, _)| **name < column.name) {
                misfit(name, &|| self.unknown(name));
            }
            match cells.next_if(|(name, _)| **name == column.name) {
                Some((_, cell)) => match read.fit(column, cell) {
                    Ok(value) => builders[position].push(value),
                    Err(why) => misfit(&column.name, &|| problem(column, cell, &why)),
                },
                None => misfit(&column.name, &|| missing(column)),
            }
        }
        for (name, _) in cells {
            misfit(name, &|| self.unknown(name));
        }
    }

    /// Rows given as one list per column.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] as [`RowReader::rows`] gives it, with pointers such as
    /// `/columns/age/2`, and for columns of different lengths.
    pub fn columns(&self, columns: &BTreeMap<String, Vec<Cell>>) -> Result<Frame> {
        let rows = self.check_columns(columns)?;
        let mut builders = self.builders(rows);
        let mut misfits = Misfits::default();
        let mut bad = vec![false; rows];
        let mut cells = Cells::default();
        for (column, builder) in self.columns.iter().zip(&mut builders) {
            for (at, cell) in columns.get(&column.name).into_iter().flatten().enumerate() {
                match cells.fit(column, cell) {
                    Ok(value) => builder.push(value),
                    Err(why) => {
                        bad[at] = true;
                        misfits.add(|| {
                            let pointer = format!("/columns/{}/{at}", escape(&column.name));
                            FieldError::new(pointer, problem(column, cell, &why))
                        });
                    }
                }
            }
        }
        misfits.rows = bad.iter().filter(|b| **b).count();
        misfits.finish(rows)?;
        self.frame(rows, builders)
    }

    /// The number of rows, when exactly the columns of the signature are there at one length.
    fn check_columns(&self, columns: &BTreeMap<String, Vec<Cell>>) -> Result<usize> {
        let pointer = |name: &str| format!("/columns/{}", escape(name));
        let mut errors = Vec::new();
        let mut length: Option<(&str, usize)> = None;
        for column in self.columns.iter() {
            let name = column.name.as_str();
            match (columns.get(name).map(Vec::len), length) {
                (None, _) => errors.push(FieldError::new(pointer(name), missing(column))),
                (Some(found), None) => length = Some((name, found)),
                (Some(found), Some((first, expected))) if found != expected => {
                    let detail = format!("has {found} values, but column {first} has {expected}");
                    errors.push(FieldError::new(pointer(name), detail));
                }
                _ => {}
            }
        }
        let unknown = columns.keys().filter(|name| self.position(name).is_none()).take(MAX_ERRORS);
        errors.extend(unknown.map(|name| FieldError::new(pointer(name), self.unknown(name))));
        if errors.is_empty() {
            return Ok(length.map_or(0, |(_, rows)| rows));
        }
        errors.truncate(MAX_ERRORS);
        Err(Error::fields(Code::InvalidRows, OTHER_COLUMNS, errors))
    }

    /// Where a column stands in the signature.
    fn position(&self, name: &str) -> Option<usize> {
        let by_name = |&position: &usize| self.columns[position].name.as_str().cmp(name);
        self.by_name.binary_search_by(by_name).ok().map(|at| self.by_name[at])
    }

    fn builders(&self, rows: usize) -> Vec<ColumnBuilder> {
        self.columns.iter().map(|c| ColumnBuilder::new(c.kind, rows)).collect()
    }

    fn frame(&self, rows: usize, mut builders: Vec<ColumnBuilder>) -> Result<Frame> {
        self.assembled(rows, builders.iter_mut().map(ColumnBuilder::finish).collect())
    }

    /// A frame of arrays of the signature's types.
    fn assembled(&self, rows: usize, arrays: Vec<ArrayRef>) -> Result<Frame> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .context("building a frame of rows")?;
        Ok(Frame::of(self.columns.clone(), batch))
    }

    fn unknown(&self, name: &str) -> String {
        let hint = did_you_mean(name, self.columns.iter().map(|c| c.name.as_str()));
        format!("is no column of the model{hint}")
    }
}

impl Frame {
    /// Rows as objects by a signature; see [`RowReader::rows`].
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every field that does not fit.
    pub fn from_rows(signature: &[Column], rows: &[Row]) -> Result<Self> {
        RowReader::new(signature).rows(rows)
    }

    /// Rows as one list per column by a signature; see [`RowReader::columns`].
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every field that does not fit.
    pub fn from_columns(
        signature: &[Column],
        columns: &BTreeMap<String, Vec<Cell>>,
    ) -> Result<Self> {
        RowReader::new(signature).columns(columns)
    }
}

/// What does not fit: the first hundred by name, all by number.
#[derive(Default)]
struct Misfits {
    errors: Vec<FieldError>,
    count: usize,
    /// Rows with at least one misfit.
    rows: usize,
}

impl Misfits {
    fn add(&mut self, describe: impl FnOnce() -> FieldError) {
        self.count += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(describe());
        }
    }

    fn finish(self, rows: usize) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let first = if self.count > self.errors.len() {
            format!("; the first {MAX_ERRORS} of {} fields are named", self.count)
        } else {
            String::new()
        };
        let detail = match rows {
            1 => format!("the row doesn't fit the model's inputs{first}"),
            _ => format!("{} of {rows} rows don't fit the model's inputs{first}", self.rows),
        };
        Err(Error::fields(Code::InvalidRows, detail, self.errors))
    }
}

/// Why a cell does not fit its column.
enum Misfit {
    /// It has another type.
    Type,
    /// It is text, and no image that can be read.
    Image(String),
}

/// Reads the cells of a request.
#[derive(Default)]
struct Cells {
    images: Images,
    /// Of the images up to now.
    pixels: u64,
}

impl Cells {
    /// A cell as a value of its column's type.
    #[inline]
    fn fit<'a>(
        &'a mut self,
        column: &Column,
        cell: impl Into<CellRef<'a>>,
    ) -> Result<Value<'a>, Misfit> {
        match (column.kind, cell.into()) {
            (ColumnType::Image, CellRef::Text(text)) => {
                self.image(text).map(Value::Image).map_err(Misfit::Image)
            }
            (_, cell) => fit(column, cell).ok_or(Misfit::Type),
        }
    }

    /// An image in base64.
    fn image(&mut self, text: &str) -> Result<&EncodedImage, String> {
        self.counted(|images| images.base64(text.as_bytes()))
    }

    /// An image as it is.
    fn image_bytes(&mut self, bytes: &[u8]) -> Result<&EncodedImage, String> {
        self.counted(|images| images.bytes(bytes))
    }

    fn counted(
        &mut self,
        read: impl FnOnce(&mut Images) -> Result<&EncodedImage, String>,
    ) -> Result<&EncodedImage, String> {
        if self.pixels > MAX_PIXELS {
            return Err(format!(
                "comes after more than {} million pixels; send fewer images at a time",
                MAX_PIXELS / 1_000_000
            ));
        }
        let image = read(&mut self.images)?;
        self.pixels += u64::from(image.height()) * u64::from(image.width());
        Ok(image)
    }
}

/// A cell as a value of its column's type, when it fits and is no image.
#[inline]
fn fit<'a>(column: &Column, cell: CellRef<'a>) -> Option<Value<'a>> {
    match (column.kind, cell) {
        (_, CellRef::Null) => column.nullable.then_some(Value::Null),
        (ColumnType::Float64, CellRef::Float(v)) => v.is_finite().then_some(Value::Float(v)),
        (ColumnType::Float64, CellRef::Int(v)) => Some(Value::Float(v as f64)),
        (ColumnType::Int64, CellRef::Int(v)) => Some(Value::Int(v)),
        (ColumnType::Int64, CellRef::Float(v)) => whole(v).map(Value::Int),
        (ColumnType::Bool, CellRef::Bool(v)) => Some(Value::Bool(v)),
        (ColumnType::Bool, CellRef::Int(v @ (0 | 1))) => Some(Value::Bool(v == 1)),
        (ColumnType::Bool, CellRef::Float(v)) if v == 0.0 || v == 1.0 => {
            Some(Value::Bool(v == 1.0))
        }
        (ColumnType::String, CellRef::Text(v)) => (!v.contains('\0')).then_some(Value::Text(v)),
        (ColumnType::Timestamp, CellRef::Text(v)) => parse_timestamp(v.as_bytes()).map(Value::Time),
        _ => None,
    }
}

/// A float that is a whole number of 64 bits.
pub(super) fn whole(value: f64) -> Option<i64> {
    // 2^63 itself is already out of range; both limits are exact in f64.
    let fits = value.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(63)).contains(&value);
    fits.then_some(value as i64)
}

fn missing(column: &Column) -> String {
    match column.nullable {
        true => "is missing; send null where it is unknown".to_owned(),
        false => "is missing".to_owned(),
    }
}

/// Why a cell does not fit its column, and what would.
fn problem(column: &Column, cell: &Cell, why: &Misfit) -> String {
    if let Misfit::Image(why) = why {
        return why.clone();
    }
    let instead = if column.nullable { "; send null where it is unknown" } else { "" };
    let value = match cell {
        Cell::Null => return "is null, but the model needs a value".to_owned(),
        Cell::Bool(v) => v.to_string(),
        Cell::Int(v) => v.to_string(),
        Cell::Float(v) if !v.is_finite() => return format!("{v} is not a finite number{instead}"),
        Cell::Float(v) => format!("{v:?}"),
        Cell::Text(v) => format!("'{}'", shown(v)),
    };
    match (column.kind, cell) {
        (ColumnType::Int64 | ColumnType::Float64, Cell::Text(v)) if v.parse::<f64>().is_ok() => {
            format!("{value} is text, not a number; send it without quotes")
        }
        (ColumnType::Float64, _) => format!("{value} is not a number{instead}"),
        (ColumnType::Int64, Cell::Float(_)) => {
            format!("{value} is not a whole number of 64 bits")
        }
        (ColumnType::Int64, _) => format!("{value} is not a whole number{instead}"),
        (ColumnType::Bool, _) => format!("{value} is neither true nor false{instead}"),
        (ColumnType::String, Cell::Text(_)) => {
            format!("{value} holds a NUL character, which no text may")
        }
        (ColumnType::String, _) => format!("{value} is not text; send it as \"{value}\""),
        (ColumnType::Image, _) => {
            format!("{value} is no image; send a PNG or a JPEG as text in base64{instead}")
        }
        (ColumnType::Timestamp, _) => {
            format!("{value} is not a time; send text such as 2026-01-31 or 2026-01-31T12:00:00Z")
        }
    }
}

/// A name inside a JSON pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
