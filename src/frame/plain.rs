//! Columns as plain rows are read into them: the numbers of all of them in one buffer, since an array
//! that owns its numbers costs more than one number. Arrays are made of them once somebody asks.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, RecordBatchOptions,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimestampMicrosecondType};

use crate::error::{Context, Result};

/// Columns of one length.
#[derive(Debug)]
pub(super) struct Plain {
    rows: usize,
    schema: SchemaRef,
    columns: Vec<PlainColumn>,
    /// Numbers of 64 bits, column after column; a missing real number is NaN.
    words: ScalarBuffer<u64>,
    /// Which of the words are missing; empty where none is.
    missing: Vec<bool>,
    batch: OnceLock<RecordBatch>,
}

#[derive(Debug)]
pub(super) enum PlainColumn {
    /// Its words begin at this one, and are real numbers or whole ones.
    Words(usize, bool),
    Array(ArrayRef),
}

impl Plain {
    /// Of columns of the schema's types, in its order, with as many words as they name.
    pub(super) fn new(
        rows: usize,
        schema: SchemaRef,
        columns: Vec<PlainColumn>,
        words: Vec<u64>,
        missing: Vec<bool>,
    ) -> Self {
        let words = ScalarBuffer::from(words);
        Self { rows, schema, columns, words, missing, batch: OnceLock::new() }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that its values take.
    pub(super) fn bytes(&self) -> usize {
        let arrays = self.columns.iter().map(|column| match column {
            PlainColumn::Words(..) => 0,
            PlainColumn::Array(array) => array.get_array_memory_size(),
        });
        self.words.inner().len() + self.missing.len() + arrays.sum::<usize>()
    }

    /// A column of numbers, NaN where missing; None of one that is held as an array.
    pub(super) fn numbers(&self, position: usize) -> Option<Cow<'_, [f64]>> {
        let &PlainColumn::Words(start, are_real) = self.columns.get(position)? else { return None };
        if are_real {
            let words = self.words.get(start..start + self.rows)?;
            return Some(Cow::Borrowed(bytemuck::cast_slice(words)));
        }
        let number = |whole: Option<i64>| whole.map_or(f64::NAN, |whole| whole as f64);
        Some(Cow::Owned(self.whole(start).map(number).collect()))
    }

    /// A column of whole numbers or times; None of one that is held as an array.
    pub(super) fn whole_numbers(&self, position: usize) -> Option<Vec<Option<i64>>> {
        let &PlainColumn::Words(start, _) = self.columns.get(position)? else { return None };
        Some(self.whole(start).collect())
    }

    fn whole(&self, start: usize) -> impl Iterator<Item = Option<i64>> {
        let words = self.words.iter().enumerate().skip(start).take(self.rows);
        let is_there = |at| !self.missing.get(at).is_some_and(|is_missing| *is_missing);
        words.map(move |(at, word)| is_there(at).then_some(word.cast_signed()))
    }

    /// A column that is held as an array.
    pub(super) fn array(&self, position: usize) -> Option<&ArrayRef> {
        match self.columns.get(position)? {
            PlainColumn::Words(..) => None,
            PlainColumn::Array(array) => Some(array),
        }
    }

    /// The same as arrays.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] where columns don't fit the schema.
    pub(super) fn batch(&self) -> Result<&RecordBatch> {
        if let Some(batch) = self.batch.get() {
            return Ok(batch);
        }
        let fields = self.schema.fields().iter().zip(&self.columns);
        let arrays = fields.map(|(field, column)| match column {
            PlainColumn::Words(start, _) => self.made(*start, field.data_type()),
            PlainColumn::Array(array) => array.clone(),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch =
            RecordBatch::try_new_with_options(self.schema.clone(), arrays.collect(), &options)
                .context("building a frame of rows")?;
        Ok(self.batch.get_or_init(|| batch))
    }

    fn made(&self, start: usize, data_type: &DataType) -> ArrayRef {
        match data_type {
            DataType::Int64 => Arc::new(self.primitive::<Int64Type>(start)),
            DataType::Timestamp(..) => Arc::new(
                self.primitive::<TimestampMicrosecondType>(start).with_data_type(data_type.clone()),
            ),
            _ => Arc::new(self.primitive::<Float64Type>(start)),
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&self, start: usize) -> PrimitiveArray<T> {
        let missing = self.missing.get(start..start + self.rows).unwrap_or_default();
        let nulls = missing
            .contains(&true)
            .then(|| missing.iter().map(|is_missing| !is_missing).collect::<NullBuffer>());
        let words = ScalarBuffer::new(self.words.inner().clone(), start, self.rows);
        PrimitiveArray::new(words, nulls)
    }
}
