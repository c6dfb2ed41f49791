//! The rows of a prediction's body, the quick way: straight into one list per column.
//!
//! It reads what programs send, which is most of what a busy server gets: rows of plain values, all
//! with the same columns in the same order, texts without escapes. Of anything else it makes
//! nothing, and the general way takes over, which also finds the words for what is wrong.
//!
//! serde_json takes ten times as long: starlark turns on its `arbitrary_precision`, by which every
//! number of a type that is not known yet is kept as a text of its own first. Of the quicker
//! crates, jiter turns on features of arrow's number parser, which would compile the stack anew.

use std::collections::BTreeMap;
use std::str::from_utf8;

use crate::domain::prediction::{PredictionRequest, VersionRef};
use crate::domain::schema::Cell;

/// A body as a request by columns; None where it has to be read the general way.
pub(super) fn columnar(body: &[u8]) -> Option<PredictionRequest> {
    let mut scanner = Scanner { text: from_utf8(body).ok()?, at: 0 };
    let mut request = PredictionRequest::default();
    let (mut version, mut record) = (None, None);
    scanner.byte(b'{')?;
    loop {
        let name = scanner.plain_text()?;
        scanner.byte(b':')?;
        let is_new = match name {
            "rows" => request.columns.replace(scanner.rows()?).is_none(),
            "columns" => request.columns.replace(scanner.columns()?).is_none(),
            "version" => version.replace(scanner.cell()?).is_none(),
            "record" => record.replace(scanner.cell()?).is_none(),
            _ => false,
        };
        if !is_new {
            return None;
        }
        match scanner.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    scanner.skip_space();
    if scanner.at < scanner.text.len() || request.columns.is_none() {
        return None;
    }
    request.version = match version {
        None => None,
        Some(Cell::Text(alias)) => Some(VersionRef::Alias(alias)),
        Some(Cell::Int(number)) => Some(VersionRef::Number(u32::try_from(number).ok()?)),
        Some(_) => return None,
    };
    request.record = match record {
        None => false,
        Some(Cell::Bool(record)) => record,
        Some(_) => return None,
    };
    Some(request)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// `[{"a": 1, "b": 2}, ...]` with the same names in the same order in every row.
    fn rows(&mut self) -> Option<BTreeMap<String, Vec<Cell>>> {
        self.byte(b'[')?;
        let mut columns: Vec<(&'a str, Vec<Cell>)> = Vec::new();
        let mut is_first = true;
        loop {
            self.byte(b'{')?;
            let mut position = 0;
            loop {
                let name = self.plain_text()?;
                self.byte(b':')?;
                let cell = self.cell()?;
                match columns.get_mut(position) {
                    Some((expected, cells)) if *expected == name && !is_first => cells.push(cell),
                    None if is_first => columns.push((name, vec![cell])),
                    _ => return None,
                }
                position += 1;
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
            if position != columns.len() {
                return None;
            }
            is_first = false;
            match self.next()? {
                b',' => {}
                b']' => return named(columns),
                _ => return None,
            }
        }
    }

    /// `{"a": [1, ...], "b": [2, ...]}`.
    fn columns(&mut self) -> Option<BTreeMap<String, Vec<Cell>>> {
        self.byte(b'{')?;
        let mut columns = Vec::new();
        loop {
            let name = self.plain_text()?;
            self.byte(b':')?;
            self.byte(b'[')?;
            let mut cells = Vec::new();
            loop {
                cells.push(self.cell()?);
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
            columns.push((name, cells));
            match self.next()? {
                b',' => {}
                b'}' => return named(columns),
                _ => return None,
            }
        }
    }

    fn cell(&mut self) -> Option<Cell> {
        self.skip_space();
        match self.bytes().get(self.at)? {
            b'"' => self.plain_text().map(|text| Cell::Text(text.to_owned())),
            b'n' => self.word("null", Cell::Null),
            b't' => self.word("true", Cell::Bool(true)),
            b'f' => self.word("false", Cell::Bool(false)),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, cell: Cell) -> Option<Cell> {
        let is_there = self.bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(cell)
    }

    /// A number by JSON's grammar (RFC 8259, 6): whole where it has no fraction or exponent.
    fn number(&mut self) -> Option<Cell> {
        let start = self.at;
        self.at += usize::from(self.bytes().get(self.at) == Some(&b'-'));
        let leading = self.bytes().get(self.at);
        let digits = self.digits()?;
        if leading == Some(&b'0') && digits > 1 {
            return None;
        }
        let mut is_whole = true;
        if self.bytes().get(self.at) == Some(&b'.') {
            is_whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes().get(self.at) {
            is_whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.bytes().get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        if is_whole && let Ok(number) = text.parse() {
            return Some(Cell::Int(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Cell::Float)
    }

    /// One digit or more; their number.
    fn digits(&mut self) -> Option<usize> {
        let rest = self.bytes().get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(count)
    }

    /// A text without escapes.
    fn plain_text(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let rest = self.bytes().get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        let end = self.at + length;
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        (self.bytes().get(end) == Some(&b'"')).then_some(text)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let byte = *self.bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes().get(self.at) {
            self.at += 1;
        }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }
}

/// None where a name stands twice.
fn named(columns: Vec<(&str, Vec<Cell>)>) -> Option<BTreeMap<String, Vec<Cell>>> {
    let count = columns.len();
    let columns: BTreeMap<_, _> =
        columns.into_iter().map(|(name, cells)| (name.to_owned(), cells)).collect();
    (columns.len() == count).then_some(columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::prediction::Row;
    use crate::http::json;

    /// What the general way reads, with its rows as columns.
    fn general(body: &[u8]) -> Option<PredictionRequest> {
        let mut request: PredictionRequest = json::parse(body).ok()?;
        if let Some(rows) = request.rows.take() {
            let mut columns: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
            for row in rows {
                for (name, cell) in row {
                    columns.entry(name).or_default().push(cell);
                }
            }
            request.columns = Some(columns);
        }
        Some(request)
    }

    #[test]
    fn plain_rows_and_columns_are_read_as_the_general_way_does() {
        for body in [
            r#"{"rows":[{"a":1,"b":-0.5e-3,"c":"x y","d":null},{"a":2,"b":7,"c":"ü","d":true}]}"#,
            " {\n\t\"rows\" : [ { \"a\" : 1 } , { \"a\" : 2 } ] , \"version\" : 3 }\r\n",
            r#"{"columns":{"b":[1,2],"a":["x",false]},"version":"champion","record":true}"#,
            r#"{"rows":[{"a":-0,"b":9223372036854775808,"c":0.1,"d":1E5}],"record":false}"#,
            r#"{"rows":[{"a":5e-324,"b":1.7976931348623157e308,"c":123456789.123456789}]}"#,
        ] {
            let read = columnar(body.as_bytes());
            assert!(read.is_some(), "{body}");
            assert_eq!(read, general(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn anything_else_is_left_to_the_general_way() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"rows":[]}"#,
            r#"{"rows":[{}]}"#,
            r#"{"rows":[{"a":1}]} x"#,
            r#"{"rows":[{"a":1}]"#,
            r#"{"rows":[{"a":1},{"b":1}]}"#,
            r#"{"rows":[{"a":1,"b":2},{"b":1,"a":2}]}"#,
            r#"{"rows":[{"a":1,"b":2},{"a":1}]}"#,
            r#"{"rows":[{"a":1},{"a":1,"b":2}]}"#,
            r#"{"rows":[{"a":1,"a":2}]}"#,
            r#"{"rows":[{"a":1}],"rows":[{"a":2}]}"#,
            r#"{"rows":[{"a":1}],"columns":{"a":[1]}}"#,
            r#"{"rows":[{"a":1}],"verson":1}"#,
            r#"{"rows":[{"a":1}],"version":-1}"#,
            r#"{"rows":[{"a":1}],"version":1.5}"#,
            r#"{"rows":[{"a":1}],"version":null}"#,
            r#"{"rows":[{"a":1}],"record":1}"#,
            r#"{"rows":[{"a":01}]}"#,
            r#"{"rows":[{"a":.5}]}"#,
            r#"{"rows":[{"a":1.}]}"#,
            r#"{"rows":[{"a":+1}]}"#,
            r#"{"rows":[{"a":1e}]}"#,
            r#"{"rows":[{"a":1e999}]}"#,
            r#"{"rows":[{"a":NaN}]}"#,
            r#"{"rows":[{"a":nul}]}"#,
            r#"{"rows":[{"a":[1]}]}"#,
            r#"{"rows":[{"a":{"b":1}}]}"#,
            "{\"rows\":[{\"a\":\"x\\u0000\"}]}",
            "{\"rows\":[{\"a\":\"x\ty\"}]}",
            "{\"rows\":[{\"a\":\"x\t\"}]}",
            "{\"rows\":[{\"a\n\":\"x\"}]}",
            r#"{"columns":{}}"#,
            r#"{"columns":{"a":[]}}"#,
        ] {
            assert_eq!(columnar(body.as_bytes()), None, "{body}");
        }
        assert_eq!(columnar(b"{\"rows\":[{\"a\":\"\xff\"}]}"), None);
    }

    fn any_cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<bool>().prop_map(Cell::Bool),
            any::<i64>().prop_map(Cell::Int),
            (proptest::num::f64::NORMAL | proptest::num::f64::ZERO).prop_map(Cell::Float),
            "[a-zé \\\\\"]{0,5}".prop_map(Cell::Text),
        ]
    }

    /// Any byte, and often one that the grammar knows.
    fn changed_byte() -> impl Strategy<Value = u8> {
        prop_oneof![
            any::<u8>(),
            proptest::sample::select(&b" \t\n\r\0\"\\,:[]{}0123456789-+.eEntf/"[..])
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Whatever it reads, it reads as the general way does.
        #[test]
        fn it_never_differs(rows in proptest::collection::vec(proptest::collection::vec(any_cell(), 3), 1..5)) {
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|cells| ["a", "b", "c"].map(str::to_owned).into_iter().zip(cells).collect())
                .collect();
            let request = PredictionRequest { rows: Some(rows), ..Default::default() };
            let body = serde_json::to_vec(&request).unwrap();
            if let Some(read) = columnar(&body) {
                prop_assert_eq!(Some(read), general(&body));
            }
        }

        /// Nor does a body with a few bytes changed make it read what the general way refuses.
        #[test]
        fn it_takes_nothing_that_is_refused(at in 0_usize..60, byte in changed_byte()) {
            let mut body = br#"{"rows":[{"a":1.5,"b":"x"},{"a":-2,"b":null}],"version":3}"#.to_vec();
            let at = at % body.len();
            body[at] = byte;
            if let Some(read) = columnar(&body) {
                prop_assert_eq!(Some(read), general(&body));
            }
        }
    }
}
