//! Plain rows to a [`Frame`]: the numbers of all columns share one buffer, since an array that owns its
//! numbers costs more than one number.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, NullBufferBuilder, PrimitiveArray};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};

use super::{Cells, Column, ColumnBuilder, ColumnType, Frame, OTHER_COLUMNS, RowReader, Value};
use crate::domain::prediction::PlainRows;
use crate::error::{Code, Error, Result};

/// Rows whose cells are read before those of the next: one after the other their columns would be far
/// apart in memory.
const BLOCK: usize = 64;

/// A column while its values are read.
enum Filling {
    /// Numbers of 64 bits, which begin at this one of the buffer.
    Words(usize, NullBufferBuilder),
    Builder(ColumnBuilder),
}

impl RowReader {
    /// Rows as they stand in a body.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] where a name or a value does not fit, without naming it: that is for
    /// [`RowReader::rows`] and [`RowReader::columns`], which know how the body was written.
    pub fn plain(&self, plain: &PlainRows) -> Result<Frame> {
        let unfit = || Error::new(Code::InvalidRows, OTHER_COLUMNS);
        let positions = self.positions(plain).ok_or_else(unfit)?;
        let rows = plain.rows();
        let mut count = 0;
        let filling = |column: &Column| match column.kind {
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => {
                count += rows;
                Filling::Words(count - rows, NullBufferBuilder::new(rows))
            }
            kind => Filling::Builder(ColumnBuilder::new(kind, rows)),
        };
        let mut fillings = self.columns.iter().map(filling).collect::<Vec<_>>();
        let mut words = vec![0_u64; count];
        let mut cells = Cells::default();
        for start in (0..rows).step_by(BLOCK) {
            let columns = self.columns.iter().zip(&positions).zip(&mut fillings);
            for ((column, &position), filling) in columns {
                for (row, cell) in (start..).zip(plain.column(position, start).take(BLOCK)) {
                    let value = cells.fit(column, cell).map_err(|_| unfit())?;
                    filling.push(&mut words, row, value);
                }
            }
        }
        let words = Buffer::from_vec(words);
        let fields = self.schema.fields().iter().zip(fillings);
        let arrays = fields.map(|(field, filling)| filling.finish(&words, rows, field.data_type()));
        self.assembled(rows, arrays.collect())
    }

    /// Where each column of the signature stands among the names; None unless they are the same.
    fn positions(&self, plain: &PlainRows) -> Option<Vec<usize>> {
        let names = plain.names();
        if names.len() != self.columns.len() {
            return None;
        }
        let mut positions = vec![usize::MAX; names.len()];
        for (position, name) in names.enumerate() {
            // Mostly they are sent in the model's order.
            let at = match self.columns.get(position) {
                Some(column) if column.name == name => position,
                _ => self.position(name)?,
            };
            if std::mem::replace(positions.get_mut(at)?, position) != usize::MAX {
                return None;
            }
        }
        Some(positions)
    }
}

impl Filling {
    fn push(&mut self, words: &mut [u64], row: usize, value: Value<'_>) {
        let (start, nulls) = match self {
            Self::Words(start, nulls) => (*start, nulls),
            Self::Builder(builder) => return builder.push(value),
        };
        let word = match value {
            Value::Int(number) | Value::Time(number) => number.cast_unsigned(),
            Value::Float(number) => number.to_bits(),
            // Only a null is of another type.
            _ => return nulls.append_null(),
        };
        words[start + row] = word;
        nulls.append_non_null();
    }

    fn finish(self, words: &Buffer, rows: usize, data_type: &DataType) -> ArrayRef {
        let (start, mut nulls) = match self {
            Self::Words(start, nulls) => (start, nulls),
            Self::Builder(mut builder) => return builder.finish(),
        };
        fn array<T: ArrowPrimitiveType>(
            words: &Buffer,
            (start, rows): (usize, usize),
            nulls: &mut NullBufferBuilder,
        ) -> PrimitiveArray<T> {
            PrimitiveArray::new(ScalarBuffer::new(words.clone(), start, rows), nulls.finish())
        }
        let place = (start, rows);
        match data_type {
            DataType::Int64 => Arc::new(array::<Int64Type>(words, place, &mut nulls)),
            DataType::Timestamp(..) => Arc::new(
                array::<TimestampMicrosecondType>(words, place, &mut nulls)
                    .with_data_type(data_type.clone()),
            ),
            _ => Arc::new(array::<Float64Type>(words, place, &mut nulls)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytestring::ByteString;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::prediction::PlainCell;
    use crate::domain::schema::Cell;
    use crate::frame::rows::tests::signature;

    /// Plain rows of the signature's names in some order, and what the general way makes of them.
    fn both(order: &[usize], cells: &[Vec<Cell>], by_row: bool) -> [Option<Frame>; 2] {
        let (mut text, mut names, mut plain) = (String::new(), Vec::new(), Vec::new());
        let mut span = |part: &str| {
            let start = text.len() as u32;
            text.push_str(part);
            start..text.len() as u32
        };
        let (signature, rows) = (signature(), cells[0].len());
        names.extend(order.iter().map(|at| span(&signature[*at].name)));
        for at in 0..order.len() * rows {
            let (column, row) = match by_row {
                true => (at % order.len(), at / order.len()),
                false => (at / rows, at % rows),
            };
            plain.push(match &cells[order[column]][row] {
                Cell::Null => PlainCell::Null,
                Cell::Bool(truth) => PlainCell::Bool(*truth),
                Cell::Int(number) => PlainCell::Int(*number),
                Cell::Float(number) => PlainCell::Float(*number),
                Cell::Text(part) => PlainCell::Text(span(part)),
            });
        }
        let text = ByteString::from(text);
        let plain = match by_row {
            true => PlainRows::by_row(text, names, plain),
            false => PlainRows::by_column(text, names, plain),
        };
        let plain = plain.unwrap();
        let reader = RowReader::new(&signature);
        [reader.plain(&plain).ok(), reader.columns(&plain.to_columns()).ok()]
    }

    fn cell_of(kind: ColumnType) -> BoxedStrategy<Cell> {
        let float = proptest::num::f64::NORMAL | proptest::num::f64::ZERO;
        let own = match kind {
            ColumnType::Float64 => {
                prop_oneof![float.prop_map(Cell::Float), any::<i64>().prop_map(Cell::Int)].boxed()
            }
            ColumnType::Int64 => {
                prop_oneof![any::<i64>().prop_map(Cell::Int), Just(Cell::Float(-3.0))].boxed()
            }
            ColumnType::Bool => any::<bool>().prop_map(Cell::Bool).boxed(),
            ColumnType::Timestamp => Just(Cell::Text("2026-01-31T12:00:00.5Z".to_owned())).boxed(),
            _ => "[a-z]{0,3}".prop_map(Cell::Text).boxed(),
        };
        prop_oneof![4 => own, 1 => Just(Cell::Null)].boxed()
    }

    /// One that fits some of the columns.
    fn some_cell() -> impl Strategy<Value = Cell> {
        proptest::sample::select(vec![
            Cell::Int(1),
            Cell::Int(2),
            Cell::Float(0.5),
            Cell::Float(f64::INFINITY),
            Cell::Bool(true),
            Cell::Text("x".to_owned()),
            Cell::Text("\0".to_owned()),
        ])
    }

    proptest! {
        /// Values and refusals are those of the general way.
        #[test]
        fn plain_rows_are_read_as_columns_are(
            (mut cells, order, by_row) in (1_usize..200).prop_flat_map(|rows| {
                let columns = signature().into_iter().map(move |column| {
                    proptest::collection::vec(cell_of(column.kind), rows)
                });
                let order = Just((0..5).collect::<Vec<usize>>()).prop_shuffle();
                (columns.collect::<Vec<_>>(), order, any::<bool>())
            }),
            other in proptest::option::of((0_usize..5, 0_usize..200, some_cell())),
        ) {
            if let Some((column, row, cell)) = other {
                let rows = cells[0].len();
                cells[column][row % rows] = cell;
            }
            let [plain, general] = both(&order, &cells, by_row);
            prop_assert_eq!(plain.is_some(), general.is_some());
            if let (Some(plain), Some(general)) = (plain, general) {
                prop_assert_eq!(plain.batch, general.batch);
            }
        }
    }

    #[test]
    fn other_columns_are_refused() {
        let cells = |count| vec![vec![Cell::Null]; count];
        assert!(both(&[0, 1, 2, 3, 4], &cells(5), true).iter().all(Option::is_some));
        // Of one column twice the general way knows nothing: in a map it stands once.
        for order in [&[0, 1, 2, 3][..], &[0, 1, 2, 3, 3], &[0, 1, 2, 3, 4, 4]] {
            let [plain, _] = both(order, &cells(5), true);
            assert!(plain.is_none(), "{order:?}");
        }
    }
}
