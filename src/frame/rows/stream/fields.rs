//! Columns of an Arrow stream: which types are read, and for which inputs of a model.

use arrow::datatypes::{DataType, TimeUnit};
use arrow::ipc;

use crate::domain::schema::ColumnType;

/// A column as the stream holds it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    /// The type of its values.
    pub(super) values: DataType,
    /// Where batches hold keys instead: the number of the dictionary, and the type of the keys.
    pub(super) dictionary: Option<(i64, DataType)>,
}

impl Source {
    /// Reads how the stream describes a column.
    ///
    /// # Errors
    /// The name of a type that is not read.
    pub(super) fn read(field: &ipc::Field<'_>) -> Result<Self, String> {
        let values = plain(field).ok_or_else(|| said(field))?;
        let dictionary = match field.dictionary() {
            None => None,
            Some(_) if values == DataType::Null => return Err(said(field)),
            Some(dictionary) => {
                let keys = match dictionary.indexType() {
                    // What the format says of keys of no stated type.
                    None => DataType::Int32,
                    Some(keys) => {
                        int(keys.bitWidth(), keys.is_signed()).ok_or_else(|| said(field))?
                    }
                };
                Some((dictionary.id(), keys))
            }
        };
        let name = field.name().unwrap_or_default().to_owned();
        Ok(Self { name, values, dictionary })
    }

    /// What batches hold of it: its keys or its values.
    pub(super) fn stored(&self) -> &DataType {
        self.dictionary.as_ref().map_or(&self.values, |(_, keys)| keys)
    }
}

/// What is shown of a type that is not read.
fn said(field: &ipc::Field<'_>) -> String {
    let name = field.type_type().variant_name().unwrap_or("unknown").trim_end_matches('_');
    if field.dictionary().is_some() { format!("Dictionary of {name}") } else { name.to_owned() }
}

/// The types of one value a row that are read. A zone changes nothing in a time, which is counted
/// in UTC all the same.
fn plain(field: &ipc::Field<'_>) -> Option<DataType> {
    Some(match field.type_type() {
        ipc::Type::Null => DataType::Null,
        ipc::Type::Bool => DataType::Boolean,
        ipc::Type::Int => {
            let number = field.type_as_int()?;
            int(number.bitWidth(), number.is_signed())?
        }
        ipc::Type::FloatingPoint => match field.type_as_floating_point()?.precision() {
            ipc::Precision::HALF => DataType::Float16,
            ipc::Precision::SINGLE => DataType::Float32,
            ipc::Precision::DOUBLE => DataType::Float64,
            _ => return None,
        },
        ipc::Type::Decimal => {
            let decimal = field.type_as_decimal()?;
            let precision = u8::try_from(decimal.precision()).ok()?;
            let scale = i8::try_from(decimal.scale()).ok()?;
            match (decimal.bitWidth(), precision) {
                (32, 1..=9) => DataType::Decimal32(precision, scale),
                (64, 1..=18) => DataType::Decimal64(precision, scale),
                (128, 1..=38) => DataType::Decimal128(precision, scale),
                (256, 1..=76) => DataType::Decimal256(precision, scale),
                _ => return None,
            }
        }
        ipc::Type::Utf8 => DataType::Utf8,
        ipc::Type::LargeUtf8 => DataType::LargeUtf8,
        ipc::Type::Utf8View => DataType::Utf8View,
        ipc::Type::Binary => DataType::Binary,
        ipc::Type::LargeBinary => DataType::LargeBinary,
        ipc::Type::BinaryView => DataType::BinaryView,
        ipc::Type::Date => match field.type_as_date()?.unit() {
            ipc::DateUnit::DAY => DataType::Date32,
            ipc::DateUnit::MILLISECOND => DataType::Date64,
            _ => return None,
        },
        ipc::Type::Timestamp => {
            let unit = match field.type_as_timestamp()?.unit() {
                ipc::TimeUnit::SECOND => TimeUnit::Second,
                ipc::TimeUnit::MILLISECOND => TimeUnit::Millisecond,
                ipc::TimeUnit::MICROSECOND => TimeUnit::Microsecond,
                ipc::TimeUnit::NANOSECOND => TimeUnit::Nanosecond,
                _ => return None,
            };
            DataType::Timestamp(unit, None)
        }
        _ => return None,
    })
}

fn int(bits: i32, signed: bool) -> Option<DataType> {
    Some(match (bits, signed) {
        (8, true) => DataType::Int8,
        (16, true) => DataType::Int16,
        (32, true) => DataType::Int32,
        (64, true) => DataType::Int64,
        (8, false) => DataType::UInt8,
        (16, false) => DataType::UInt16,
        (32, false) => DataType::UInt32,
        (64, false) => DataType::UInt64,
        _ => return None,
    })
}

/// Whether values of a type can be values of a model's input.
pub(super) fn fits(kind: ColumnType, values: &DataType) -> bool {
    let number = values.is_numeric();
    let text = matches!(values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    *values == DataType::Null
        || match kind {
            ColumnType::Float64 | ColumnType::Int64 => number,
            ColumnType::Bool => number || *values == DataType::Boolean,
            ColumnType::String => text,
            ColumnType::Timestamp => {
                let date = matches!(values, DataType::Date32 | DataType::Date64);
                text || date || matches!(values, DataType::Timestamp(..))
            }
            ColumnType::Image => {
                let binary = matches!(
                    values,
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView
                );
                text || binary
            }
        }
}

/// What can be sent for a model's input, for an error.
pub(super) fn wanted(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Float64 => "send integers, floats or decimals",
        ColumnType::Int64 => "send integers, or floats that are whole numbers",
        ColumnType::Bool => "send booleans, or integers that are 0 or 1",
        ColumnType::String => "send utf8, large_utf8 or utf8_view, as it is or in a dictionary",
        ColumnType::Timestamp => "send timestamps, dates or text such as 2026-01-31T12:00:00Z",
        ColumnType::Image => "send a PNG or a JPEG as binary, or as text in base64",
    }
}
