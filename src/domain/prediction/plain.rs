//! Rows as most programs send them, kept as they stand in the body: one list for all cells, no name and
//! no text copied. A request of one row would else spend more time on maps and lists of one than on its
//! answer.

#[cfg(test)]
use std::collections::BTreeMap;
use std::ops::Range;

use bytestring::ByteString;

use super::Row;
use crate::domain::schema::Cell;
use crate::error::{Context as _, Result};

/// Rows that all have the same columns, in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainRows {
    text: ByteString,
    names: Vec<Span>,
    cells: Vec<PlainCell>,
    rows: usize,
    /// Where the rows stand as a list of objects; None where they came as columns.
    list: Option<Span>,
    /// How far the cells of a column, and of a row, are from each other.
    steps: (usize, usize),
}

/// Where a text stands in the body.
pub type Span = Range<u32>;

/// A cell whose text is held by somebody else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellOf<T> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(T),
}

/// A cell with its text still in the body.
pub type PlainCell = CellOf<Span>;
pub type CellRef<'a> = CellOf<&'a str>;

impl<T> CellOf<T> {
    #[inline]
    fn map_text<'a, U>(&'a self, text: impl FnOnce(&'a T) -> U) -> CellOf<U> {
        match self {
            Self::Null => CellOf::Null,
            Self::Bool(truth) => CellOf::Bool(*truth),
            Self::Int(number) => CellOf::Int(*number),
            Self::Float(number) => CellOf::Float(*number),
            Self::Text(held) => CellOf::Text(text(held)),
        }
    }
}

impl PlainRows {
    /// Of cells row after row, and where they stand as a list of objects; None where they are no rows of
    /// so many names.
    pub fn by_row(
        text: ByteString,
        list: Span,
        names: Vec<Span>,
        cells: Vec<PlainCell>,
    ) -> Option<Self> {
        let rows = whole_rows(names.len(), cells.len())?;
        let steps = (names.len(), 1);
        Some(Self { text, names, cells, rows, list: Some(list), steps })
    }

    /// Of cells column after column; None where they are no columns of one length.
    pub fn by_column(text: ByteString, names: Vec<Span>, cells: Vec<PlainCell>) -> Option<Self> {
        let rows = whole_rows(names.len(), cells.len())?;
        Some(Self { text, names, cells, rows, list: None, steps: (1, rows) })
    }

    /// The number of rows, which is not 0.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns in their order; it is not sure that they differ.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|span| self.at(span))
    }

    /// The cell of a column, by its position, and a row.
    ///
    /// # Panics
    /// When there is no such cell.
    #[inline]
    pub fn cell(&self, position: usize, row: usize) -> CellRef<'_> {
        let (next, column) = self.steps;
        self.cells[position * column + row * next].map_text(|span| self.at(span))
    }

    fn column(&self, position: usize) -> impl Iterator<Item = CellRef<'_>> {
        (0..self.rows).map(move |row| self.cell(position, row))
    }

    /// The same as one list per column.
    #[cfg(test)]
    pub(crate) fn to_columns(&self) -> BTreeMap<String, Vec<Cell>> {
        let columns = self.names().enumerate().map(|(position, name)| {
            (name.to_owned(), self.column(position).map(Cell::from).collect())
        });
        columns.collect()
    }

    /// The same as objects.
    pub fn to_rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::new(); self.rows];
        for (position, name) in self.names().enumerate() {
            for (row, cell) in rows.iter_mut().zip(self.column(position)) {
                row.insert(name.to_owned(), cell.into());
            }
        }
        rows
    }

    /// The same as a JSON list of objects, as it was sent where it was one that is not mostly white space.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when it can't be written.
    pub fn to_json(&self) -> Result<String> {
        match &self.list {
            Some(list) if list.len() <= self.ample() => Ok(self.at(list).to_owned()),
            _ => serde_json::to_string(&self.to_rows()).context("writing rows"),
        }
    }

    /// Bytes that rows are written in, with room for indents and the digits of numbers.
    fn ample(&self) -> usize {
        const AROUND: usize = 64;
        let names: usize = self.names().map(str::len).sum();
        let texts = self.cells.iter().map(|cell| match cell {
            PlainCell::Text(text) => text.len(),
            _ => 0,
        });
        (self.cells.len() + 1) * AROUND + self.rows * names + texts.sum::<usize>()
    }

    fn at(&self, span: &Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// How many rows so many cells of so many columns are.
fn whole_rows(columns: usize, cells: usize) -> Option<usize> {
    let rows = cells.checked_div(columns)?;
    (rows > 0 && rows * columns == cells).then_some(rows)
}

impl<'a> From<&'a Cell> for CellRef<'a> {
    fn from(cell: &'a Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Bool(truth) => Self::Bool(*truth),
            Cell::Int(number) => Self::Int(*number),
            Cell::Float(number) => Self::Float(*number),
            Cell::Text(text) => Self::Text(text),
        }
    }
}

impl From<CellRef<'_>> for Cell {
    fn from(cell: CellRef<'_>) -> Self {
        match cell {
            CellRef::Null => Self::Null,
            CellRef::Bool(truth) => Self::Bool(truth),
            CellRef::Int(number) => Self::Int(number),
            CellRef::Float(number) => Self::Float(number),
            CellRef::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_whichever_way_they_came() {
        // As if a list of rows stood in the place of its text.
        let text = || ByteString::from("abx[]");
        let names = || vec![0..1, 1..2];
        let cell = |number: i64| PlainCell::Int(number);
        let rows = [cell(1), PlainCell::Text(2..3), cell(2), PlainCell::Null, cell(3), cell(4)];
        let by_row = PlainRows::by_row(text(), 3..5, names(), rows.to_vec()).unwrap();
        assert_eq!(by_row.to_json().unwrap(), "[]", "what stands there");
        let columns = [0, 2, 4, 1, 3, 5].map(|at| rows[at].clone());
        let by_column = PlainRows::by_column(text(), names(), columns.to_vec()).unwrap();
        let json = r#"[{"a":1,"b":"x"},{"a":2,"b":null},{"a":3,"b":4}]"#;
        assert_eq!(by_column.to_json().unwrap(), json);
        for plain in [by_row, by_column] {
            assert_eq!(plain.rows(), 3);
            assert_eq!(plain.names().collect::<Vec<_>>(), ["a", "b"]);
            let column = |position| plain.column(position).collect::<Vec<_>>();
            assert_eq!(column(0), [CellRef::Int(1), CellRef::Int(2), CellRef::Int(3)]);
            assert_eq!(column(1), [CellRef::Text("x"), CellRef::Null, CellRef::Int(4)]);
            assert_eq!(plain.cell(1, 2), CellRef::Int(4));
            let rows = plain.to_rows();
            assert_eq!((&rows[0]["b"], &rows[2]["a"]), (&Cell::Text("x".into()), &Cell::Int(3)));
            assert_eq!(plain.to_columns()["a"], [Cell::Int(1), Cell::Int(2), Cell::Int(3)]);
        }
        let padded = format!("a[{{\"a\":1}}{}]", " ".repeat(1_000));
        let list = 1..u32::try_from(padded.len()).unwrap();
        let padded =
            PlainRows::by_row(padded.into(), list, names()[..1].to_vec(), vec![cell(1)]).unwrap();
        assert_eq!(padded.to_json().unwrap(), r#"[{"a":1}]"#);
        for cells in [0, 1, 3] {
            let cells = vec![PlainCell::Null; cells];
            assert_eq!(PlainRows::by_row(text(), 0..0, names(), cells.clone()), None);
            assert_eq!(PlainRows::by_column(text(), names(), cells.clone()), None);
        }
        assert_eq!(PlainRows::by_row(text(), 0..0, Vec::new(), Vec::new()), None);
    }
}
