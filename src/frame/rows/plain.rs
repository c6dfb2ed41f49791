//! Plain rows to a [`Frame`].

use std::sync::Arc;

use super::{Cells, ColumnBuilder, ColumnType, Frame, OTHER_COLUMNS, RowReader, Value};
use crate::domain::prediction::PlainRows;
use crate::error::{Code, Error, Result};
use crate::frame::Held;
use crate::frame::plain::{Plain, PlainColumn};

/// Rows whose cells are read before those of the next: one after the other their columns would be far
/// apart in memory.
const BLOCK: usize = 64;

/// A column while its values are read.
enum Filling {
    /// Numbers of 64 bits, which begin at this one, and are real numbers or whole ones.
    Words(usize, bool),
    Builder(Box<ColumnBuilder>),
}

/// The numbers of all columns, column after column.
struct Words {
    words: Vec<u64>,
    /// Empty where none is missing.
    missing: Vec<bool>,
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
        let filling = |kind| match kind {
            ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => {
                count += rows;
                Filling::Words(count - rows, kind == ColumnType::Float64)
            }
            kind => Filling::Builder(Box::new(ColumnBuilder::new(kind, rows))),
        };
        let mut fillings: Vec<_> = self.columns.iter().map(|c| c.kind).map(filling).collect();
        let mut words = Words { words: vec![0; count], missing: Vec::new() };
        let mut cells = Cells::default();
        for start in (0..rows).step_by(BLOCK) {
            let columns = self.columns.iter().zip(&positions).zip(&mut fillings);
            for ((column, &position), filling) in columns {
                for row in start..rows.min(start + BLOCK) {
                    let cell = plain.cell(position, row);
                    let value = cells.fit(column, cell).map_err(|_| unfit())?;
                    match filling {
                        Filling::Words(first, are_real) => {
                            words.set(*first + row, *are_real, value)
                        }
                        Filling::Builder(builder) => builder.push(value),
                    }
                }
            }
        }
        let columns = fillings.into_iter().map(|filling| match filling {
            Filling::Words(first, are_real) => PlainColumn::Words(first, are_real),
            Filling::Builder(mut builder) => PlainColumn::Array(builder.finish()),
        });
        let Words { words, missing } = words;
        let plain = Plain::new(rows, self.schema.clone(), columns.collect(), words, missing);
        Ok(Frame { columns: self.columns.clone(), held: Held::Plain(Arc::new(plain)) })
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

impl Words {
    /// Sets a word of a column of real numbers, or of whole ones, to its value.
    #[inline]
    fn set(&mut self, at: usize, is_real: bool, value: Value<'_>) {
        self.words[at] = match value {
            Value::Int(number) | Value::Time(number) => number.cast_unsigned(),
            Value::Float(number) => number.to_bits(),
            // Only a null is of another type.
            _ => {
                self.missing.resize(self.words.len(), false);
                self.missing[at] = true;
                if is_real { f64::NAN.to_bits() } else { 0 }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use bytestring::ByteString;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::prediction::PlainCell;
    use crate::domain::schema::{Cell, Column};
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
            true => PlainRows::by_row(text, 0..0, names, plain),
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
            ColumnType::Timestamp => (1_u32..29, 0_u32..24)
                .prop_map(|(day, hour)| Cell::Text(format!("2026-01-{day:02}T{hour:02}:00:00.5Z")))
                .boxed(),
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
                prop_assert_eq!(plain.batch().unwrap(), general.batch().unwrap());
                // Also as what they are not.
                for Column { name, .. } in signature() {
                    let numbers = |frame: &Frame| {
                        let numbers = frame.numbers(&name).ok()?;
                        Some(numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>())
                    };
                    prop_assert_eq!(numbers(&plain), numbers(&general));
                    prop_assert_eq!(plain.timestamps(&name).ok(), general.timestamps(&name).ok());
                    prop_assert_eq!(plain.texts(&name).ok(), general.texts(&name).ok());
                    prop_assert_eq!(plain.labels(&name).ok(), general.labels(&name).ok());
                }
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
