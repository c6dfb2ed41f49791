//! Columns while they grow.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};

use super::image::EncodedImage;
use crate::domain::schema::ColumnType;

/// One value on its way into a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    /// Microseconds since 1970 in UTC.
    Time(i64),
    Image(&'a EncodedImage),
}

/// A column of one of the types while values are added to it.
#[derive(Debug)]
pub(super) enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    String(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Image(BinaryBuilder),
}

impl ColumnBuilder {
    pub(super) fn new(kind: ColumnType, rows: usize) -> Self {
        match kind {
            ColumnType::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            ColumnType::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            ColumnType::Float64 => Self::Float64(Float64Builder::with_capacity(rows)),
            ColumnType::String => Self::String(StringBuilder::with_capacity(rows, rows * 8)),
            ColumnType::Timestamp => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            ),
            ColumnType::Image => Self::Image(BinaryBuilder::with_capacity(rows, rows * 8)),
        }
    }

    /// Adds a value of the column's own type, or a null.
    pub(super) fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Bool(b), Value::Bool(v)) => b.append_value(v),
            (Self::Int64(b), Value::Int(v)) => b.append_value(v),
            (Self::Float64(b), Value::Float(v)) => b.append_value(v),
            (Self::String(b), Value::Text(v)) => b.append_value(v),
            (Self::Timestamp(b), Value::Time(v)) => b.append_value(v),
            (Self::Image(b), Value::Image(v)) => b.append_value(v.bytes()),
            (builder, value) => {
                debug_assert_eq!(value, Value::Null, "a value of another type");
                builder.push_null();
            }
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Bool(b) => b.append_null(),
            Self::Int64(b) => b.append_null(),
            Self::Float64(b) => b.append_null(),
            Self::String(b) => b.append_null(),
            Self::Timestamp(b) => b.append_null(),
            Self::Image(b) => b.append_null(),
        }
    }

    /// The values up to now; the builder starts anew.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int64(b) => Arc::new(b.finish()),
            Self::Float64(b) => Arc::new(b.finish()),
            Self::String(b) => Arc::new(b.finish()),
            Self::Timestamp(b) => Arc::new(b.finish()),
            Self::Image(b) => Arc::new(b.finish()),
        }
    }
}
