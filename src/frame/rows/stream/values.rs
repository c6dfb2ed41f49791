//! Arrays of a stream as those of a frame.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Float64Array, Int64Array,
    PrimitiveArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt64Type,
};

use super::super::{Cells, Misfit, problem, whole};
use super::too_much_text;
use crate::domain::schema::{Cell, Column, ColumnType};
use crate::error::{Context, Error, Result};
use crate::frame::arrow_type;
use crate::frame::builder::{ColumnBuilder, Value};
use crate::frame::image::EncodedImage;
use crate::frame::time::{YEARS, parse_timestamp};

/// Is told the row of a value that does not fit, and why it does not.
pub(super) type OnMisfit<'a> = &'a mut dyn FnMut(usize, &dyn Fn() -> String);

/// A column of a stream as an array of its input's type, which the type of the column fits. Of the
/// bytes that texts may take it leaves fewer in `left`.
///
/// # Errors
/// [`crate::error::Code::TooLarge`] when they take more.
pub(super) fn convert(
    column: &Column,
    array: &ArrayRef,
    left: &mut usize,
    cells: &mut Cells,
    misfit: OnMisfit<'_>,
) -> Result<ArrayRef> {
    if let Some(bytes) = text_bytes(array) {
        *left = left.checked_sub(bytes).ok_or_else(too_much_text)?;
    }
    let converted = match column.kind {
        _ if *array.data_type() == DataType::Null => {
            new_null_array(&arrow_type(column.kind), array.len())
        }
        ColumnType::Float64 => floats(array, column, misfit)?,
        ColumnType::Int64 => ints(array, column, misfit)?,
        ColumnType::Bool => bools(array, column, misfit)?,
        ColumnType::String => texts(array, column, misfit)?,
        ColumnType::Timestamp => times(array, column, misfit)?,
        ColumnType::Image => images(array, cells, misfit)?,
    };
    if !column.nullable
        && let Some(nulls) = converted.nulls()
    {
        for at in (0..nulls.len()).filter(|&at| nulls.is_null(at)) {
            misfit(at, &|| said(column, &Cell::Null));
        }
    }
    Ok(converted)
}

/// Bytes that the values of a column of texts or images take when each stands for itself.
fn text_bytes(array: &ArrayRef) -> Option<usize> {
    let bytes = |offsets: Option<(i64, i64)>| {
        offsets.and_then(|(first, last)| usize::try_from(last - first).ok()).unwrap_or(0)
    };
    let ends = |offsets: &[i32]| Some((i64::from(*offsets.first()?), i64::from(*offsets.last()?)));
    let long_ends = |offsets: &[i64]| Some((*offsets.first()?, *offsets.last()?));
    // The first 32 bits of a view are its length.
    let views = |views: &[u128]| views.iter().map(|view| *view as u32 as usize).sum();
    Some(match array.data_type() {
        DataType::Utf8 => bytes(ends(array.as_string::<i32>().value_offsets())),
        DataType::Binary => bytes(ends(array.as_binary::<i32>().value_offsets())),
        DataType::LargeUtf8 => bytes(long_ends(array.as_string::<i64>().value_offsets())),
        DataType::LargeBinary => bytes(long_ends(array.as_binary::<i64>().value_offsets())),
        DataType::Utf8View => views(array.as_string_view().views()),
        DataType::BinaryView => views(array.as_binary_view().views()),
        _ => return None,
    })
}

/// Why a value does not fit, in the words that JSON's rows get.
fn said(column: &Column, cell: &Cell) -> String {
    problem(column, cell, &Misfit::Type)
}

/// Any numbers as floats.
fn as_floats(array: &ArrayRef) -> Result<Float64Array> {
    let cast = match array.data_type() {
        DataType::Float64 => array.clone(),
        _ => cast(array, &DataType::Float64).context("casting a column of a stream")?,
    };
    Ok(cast.as_primitive::<Float64Type>().clone())
}

fn floats(array: &ArrayRef, column: &Column, misfit: OnMisfit<'_>) -> Result<ArrayRef> {
    const EXPONENT: u64 = 0x7ff << 52;
    let numbers = as_floats(array)?;
    // Written without a way out, so that many are looked at at once.
    let any = numbers
        .values()
        .iter()
        .fold(false, |any, number| any | (number.to_bits() & EXPONENT == EXPONENT));
    if !any {
        return Ok(Arc::new(numbers));
    }
    let finite = numbers.iter().enumerate().map(|(at, number)| {
        let number = number.filter(|number| !number.is_nan())?;
        if number.is_infinite() {
            misfit(at, &|| said(column, &Cell::Float(number)));
        }
        Some(number)
    });
    Ok(Arc::new(finite.collect::<Float64Array>()))
}

fn ints(array: &ArrayRef, column: &Column, misfit: OnMisfit<'_>) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Int64 => Ok(array.clone()),
        DataType::UInt64 => {
            let numbers = array.as_primitive::<UInt64Type>();
            mapped::<_, Int64Type, _>(numbers, |at, number| {
                i64::try_from(number).unwrap_or_else(|_| {
                    misfit(at, &|| format!("{number} is not a whole number of 64 bits"));
                    0
                })
            })
        }
        other if other.is_integer() => {
            cast(array, &DataType::Int64).context("casting a column of a stream")
        }
        other => {
            // Beyond 2^53 a decimal has lost digits by now.
            let most = if other.is_decimal() { 2_f64.powi(53) } else { f64::INFINITY };
            let numbers = as_floats(array)?;
            let numbers = numbers.iter().enumerate().map(|(at, number)| {
                let number = number.filter(|number| !number.is_nan())?;
                let found = whole(number).filter(|_| number.abs() <= most);
                if found.is_none() {
                    misfit(at, &|| said(column, &Cell::Float(number)));
                }
                Some(found.unwrap_or(0))
            });
            Ok(Arc::new(numbers.collect::<Int64Array>()))
        }
    }
}

fn bools(array: &ArrayRef, column: &Column, misfit: OnMisfit<'_>) -> Result<ArrayRef> {
    if *array.data_type() == DataType::Boolean {
        return Ok(array.clone());
    }
    let is_float = array.data_type().is_floating();
    let numbers = as_floats(array)?;
    let bools = numbers.iter().enumerate().map(|(at, number)| {
        let number = number.filter(|number| !number.is_nan())?;
        if number != 0.0 && number != 1.0 {
            // As it was sent.
            let cell = whole(number).filter(|_| !is_float).map_or(Cell::Float(number), Cell::Int);
            misfit(at, &|| said(column, &cell));
        }
        Some(number == 1.0)
    });
    Ok(Arc::new(bools.collect::<BooleanArray>()))
}

fn texts(array: &ArrayRef, column: &Column, misfit: OnMisfit<'_>) -> Result<ArrayRef> {
    let array = match array.data_type() {
        DataType::Utf8 => array.clone(),
        _ => cast(array, &DataType::Utf8).context("casting a column of a stream")?,
    };
    let texts = array.as_string::<i32>();
    if texts.value_data().contains(&0) {
        for (at, text) in texts.iter().enumerate() {
            if let Some(text) = text.filter(|text| text.contains('\0')) {
                misfit(at, &|| said(column, &Cell::Text(text.to_owned())));
            }
        }
    }
    Ok(array)
}

fn times(array: &ArrayRef, column: &Column, misfit: OnMisfit<'_>) -> Result<ArrayRef> {
    const DAY: i64 = 86_400_000_000;
    let times = match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            for (at, time) in times.iter().enumerate() {
                if let Some(time) = time.filter(|time| !YEARS.contains(time)) {
                    misfit(at, &|| outside(time));
                }
            }
            times.clone()
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            scaled::<TimestampSecondType>(array, |time| time.checked_mul(1_000_000), misfit)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled::<TimestampMillisecondType>(array, |time| time.checked_mul(1_000), misfit)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            scaled::<TimestampNanosecondType>(array, |time| Some(time.div_euclid(1_000)), misfit)
        }
        DataType::Date32 => {
            scaled::<Date32Type>(array, |day| i64::from(day).checked_mul(DAY), misfit)
        }
        DataType::Date64 => scaled::<Date64Type>(array, |time| time.checked_mul(1_000), misfit),
        _ => {
            let texts = viewed(array, &DataType::Utf8View)?;
            let times = texts.as_string_view().iter().enumerate().map(|(at, text)| {
                let text = text?;
                let time = parse_timestamp(text.as_bytes());
                if time.is_none() {
                    misfit(at, &|| said(column, &Cell::Text(text.to_owned())));
                }
                Some(time.unwrap_or(0))
            });
            times.collect::<TimestampMicrosecondArray>()
        }
    };
    Ok(Arc::new(times.with_timezone("UTC")))
}

/// Times in microseconds.
fn scaled<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    scale: impl Fn(T::Native) -> Option<i64>,
    misfit: OnMisfit<'_>,
) -> TimestampMicrosecondArray
where
    T::Native: Display,
{
    let times = array.as_primitive::<T>().iter().enumerate().map(|(at, time)| {
        let time = time?;
        let scaled = scale(time).filter(|scaled| YEARS.contains(scaled));
        if scaled.is_none() {
            misfit(at, &|| outside(time));
        }
        Some(scaled.unwrap_or(0))
    });
    times.collect()
}

fn outside(time: impl Display) -> String {
    format!("{time} since 1970 is a time outside the years 1 to 9999")
}

fn images(array: &ArrayRef, cells: &mut Cells, misfit: OnMisfit<'_>) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::new(ColumnType::Image, array.len());
    let is_text =
        matches!(array.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let kind = if is_text { DataType::Utf8View } else { DataType::BinaryView };
    let views = viewed(array, &kind)?;
    for at in 0..views.len() {
        let read = match views.is_null(at) {
            true => Ok(Value::Null),
            false if is_text => cells.image(views.as_string_view().value(at)).map(Value::Image),
            false => cells.image_bytes(views.as_binary_view().value(at)).map(Value::Image),
        };
        match read {
            Ok(value) => builder.push(value),
            Err(why) => {
                misfit(at, &|| why.clone());
                // No frame is made of it; until then the lengths must agree.
                builder.push(Value::Image(&EncodedImage::default()));
            }
        }
    }
    Ok(builder.finish())
}

fn viewed(array: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    cast(array, kind).context("casting a column of a stream")
}

/// Each value by itself; a null stays one.
fn mapped<T: ArrowPrimitiveType, U: ArrowPrimitiveType, F>(
    array: &PrimitiveArray<T>,
    mut map: F,
) -> Result<ArrayRef, Error>
where
    F: FnMut(usize, T::Native) -> U::Native,
{
    let mapped = array.iter().enumerate().map(|(at, value)| value.map(|value| map(at, value)));
    Ok(Arc::new(mapped.collect::<PrimitiveArray<U>>()))
}
