//! The rows of a prediction's body, the quick way: one list of cells, whose texts stay where they are.
//!
//! It reads what programs send, which is most of what a busy server gets: rows of plain values, all
//! with the same columns in the same order, texts without escapes. Of anything else it makes
//! nothing, and the general way takes over, which also finds the words for what is wrong.
//!
//! serde_json takes ten times as long: starlark turns on its `arbitrary_precision`, by which every
//! number of a type that is not known yet is kept as a text of its own first. Of the quicker
//! crates, jiter turns on features of arrow's number parser, which would compile the stack anew.

use bytes::Bytes;
use bytestring::ByteString;

use crate::domain::prediction::{PlainCell, PlainRows, Span, VersionRef};
use crate::service::Question;

/// For so many columns there is room from the start.
const COLUMNS: usize = 32;

/// Digits that any whole number of 64 bits has room for.
const SAFE_DIGITS: usize = 18;
/// Up to here every whole number is an f64.
const EXACT: u64 = 1 << 53;
/// Powers of ten that are an f64 each.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A body as a question; None where it has to be read the general way. Of columns of one name it makes
/// a question, too: no model has such.
pub(super) fn plain(body: &Bytes) -> Option<Question> {
    let text = ByteString::try_from(body.clone()).ok()?;
    let mut scanner = Scanner { text: &text, at: 0 };
    let (mut table, mut version, mut record) = (None, None, None);
    scanner.byte(b'{')?;
    loop {
        let name = scanner.plain_text()?;
        scanner.byte(b':')?;
        let is_new = match name {
            "rows" => table.replace(scanner.rows()?).is_none(),
            "columns" => table.replace(scanner.columns()?).is_none(),
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
    if scanner.at < text.len() {
        return None;
    }
    let version = match version {
        None => None,
        Some(PlainCell::Text(alias)) => Some(VersionRef::Alias(scanner.at(&alias)?.to_owned())),
        Some(PlainCell::Int(number)) => Some(VersionRef::Number(u32::try_from(number).ok()?)),
        Some(_) => return None,
    };
    let record = match record {
        None => false,
        Some(PlainCell::Bool(record)) => record,
        Some(_) => return None,
    };
    let Table { names, cells, list } = table?;
    let rows = match list {
        Some(list) => PlainRows::by_row(text, list, names, cells)?,
        None => PlainRows::by_column(text, names, cells)?,
    };
    Some(Question::Plain { rows, version, record })
}

struct Table {
    names: Vec<Span>,
    cells: Vec<PlainCell>,
    /// Where the list of rows stands; None of columns.
    list: Option<Span>,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// `[{"a": 1, "b": 2}, ...]` with the same names in the same order in every row.
    fn rows(&mut self) -> Option<Table> {
        self.byte(b'[')?;
        let start = self.at - 1;
        let (mut names, mut cells) = (Vec::with_capacity(COLUMNS), Vec::with_capacity(COLUMNS));
        let mut is_first = true;
        loop {
            self.byte(b'{')?;
            let mut position = 0;
            loop {
                let span = self.text_span()?;
                match names.get(position) {
                    Some(expected) if !is_first && self.at(expected) == self.at(&span) => {}
                    None if is_first => names.push(span),
                    _ => return None,
                }
                self.byte(b':')?;
                cells.push(self.cell()?);
                position += 1;
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
            if position != names.len() {
                return None;
            }
            is_first = false;
            match self.next()? {
                b',' => {}
                b']' => {
                    let list = Some(span(start, self.at)?);
                    return Some(Table { names, cells, list });
                }
                _ => return None,
            }
        }
    }

    /// `{"a": [1, ...], "b": [2, ...]}`, all of one length.
    fn columns(&mut self) -> Option<Table> {
        self.byte(b'{')?;
        let (mut names, mut cells) = (Vec::with_capacity(COLUMNS), Vec::with_capacity(COLUMNS));
        loop {
            let before = cells.len();
            names.push(self.text_span()?);
            self.byte(b':')?;
            self.byte(b'[')?;
            loop {
                cells.push(self.cell()?);
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
            // As long as those before.
            if (cells.len() - before) * names.len() != cells.len() {
                return None;
            }
            match self.next()? {
                b',' => {}
                b'}' => return Some(Table { names, cells, list: None }),
                _ => return None,
            }
        }
    }

    fn cell(&mut self) -> Option<PlainCell> {
        self.skip_space();
        match self.bytes().get(self.at)? {
            b'"' => self.text_span().map(PlainCell::Text),
            b'n' => self.word("null", PlainCell::Null),
            b't' => self.word("true", PlainCell::Bool(true)),
            b'f' => self.word("false", PlainCell::Bool(false)),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, cell: PlainCell) -> Option<PlainCell> {
        let is_there = self.bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(cell)
    }

    /// A number by JSON's grammar (RFC 8259, 6): whole where it has no fraction or exponent.
    fn number(&mut self) -> Option<PlainCell> {
        let start = self.at;
        let is_negative = self.bytes().get(self.at) == Some(&b'-');
        self.at += usize::from(is_negative);
        let leading = self.bytes().get(self.at);
        let mut read = 0;
        let mut digits = self.digits(&mut read)?;
        if leading == Some(&b'0') && digits > 1 {
            return None;
        }
        let (mut is_whole, mut after_point, mut exponent) = (true, 0, Some(0));
        if self.bytes().get(self.at) == Some(&b'.') {
            is_whole = false;
            self.at += 1;
            after_point = self.digits(&mut read)?;
            digits += after_point;
        }
        if let Some(b'e' | b'E') = self.bytes().get(self.at) {
            is_whole = false;
            self.at += 1;
            exponent = self.exponent()?;
        }
        if digits <= SAFE_DIGITS {
            let whole = read.cast_signed();
            if is_whole {
                return Some(PlainCell::Int(if is_negative { -whole } else { whole }));
            }
            // Of two numbers that are exact a single operation gives the nearest to the result (Clinger 1990).
            let power = exponent.map(|exponent| exponent - after_point as i64);
            let scaled = power.filter(|_| read <= EXACT).and_then(|power| {
                let by = POWERS.get(usize::try_from(power.unsigned_abs()).ok()?)?;
                Some(if power < 0 { read as f64 / by } else { read as f64 * by })
            });
            if let Some(scaled) = scaled {
                return Some(PlainCell::Float(if is_negative { -scaled } else { scaled }));
            }
        }
        let text = self.text.get(start..self.at)?;
        if is_whole && let Ok(number) = text.parse() {
            return Some(PlainCell::Int(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(PlainCell::Float)
    }

    /// One digit or more, behind those of the number that is read; how many. Of many digits it is not what
    /// they say.
    fn digits(&mut self, read: &mut u64) -> Option<usize> {
        let rest = self.bytes().get(self.at..)?;
        let mut count = 0;
        for byte in rest {
            if !byte.is_ascii_digit() {
                break;
            }
            *read = read.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            count += 1;
        }
        self.at += count;
        (count > 0).then_some(count)
    }

    /// A sign and digits; Some(None) where they say too much.
    fn exponent(&mut self) -> Option<Option<i64>> {
        let is_negative = self.bytes().get(self.at) == Some(&b'-');
        self.at += usize::from(matches!(self.bytes().get(self.at), Some(b'+' | b'-')));
        let mut read = 0;
        let digits = self.digits(&mut read)?;
        let exponent = read.cast_signed();
        Some((digits <= SAFE_DIGITS).then_some(if is_negative { -exponent } else { exponent }))
    }

    /// A text without escapes.
    fn plain_text(&mut self) -> Option<&'a str> {
        let span = self.text_span()?;
        self.at(&span)
    }

    /// Where a text without escapes stands.
    fn text_span(&mut self) -> Option<Span> {
        self.byte(b'"')?;
        let rest = self.bytes().get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        let (start, end) = (self.at, self.at + length);
        self.at = end + 1;
        let is_closed = self.bytes().get(end) == Some(&b'"');
        is_closed.then_some(span(start, end)?)
    }

    fn at(&self, span: &Span) -> Option<&'a str> {
        self.text.get(span.start as usize..span.end as usize)
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

/// None where it is further than a span can say.
fn span(start: usize, end: usize) -> Option<Span> {
    Some(u32::try_from(start).ok()?..u32::try_from(end).ok()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::prediction::{PredictionRequest, Row};
    use crate::domain::schema::Cell;
    use crate::http::json;

    /// What the quick way reads, with its rows as columns.
    fn quick(body: &[u8]) -> Option<PredictionRequest> {
        let Question::Plain { rows, version, record } = plain(&body.to_vec().into())? else {
            panic!("another question");
        };
        let written: Vec<Row> = serde_json::from_str(&rows.to_json().unwrap()).unwrap();
        assert_eq!(written, rows.to_rows());
        let columns = rows.to_columns();
        assert_eq!(columns.values().map(Vec::len).max(), Some(rows.rows()));
        Some(PredictionRequest { columns: Some(columns), version, record, ..Default::default() })
    }

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
            let read = quick(body.as_bytes());
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
            r#"{"columns":{"a":[1],"b":[1,2]}}"#,
        ] {
            assert_eq!(quick(body.as_bytes()), None, "{body}");
        }
        assert_eq!(quick(b"{\"rows\":[{\"a\":\"\xff\"}]}"), None);
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

    #[test]
    fn the_edges_of_what_is_exact_are_read_as_all_else() {
        for text in [
            "9007199254740992.0",
            "9007199254740993.0",
            "9007199254740993e0",
            "1.5e22",
            "1.5e23",
            "15e22",
            "15e23",
            "15e-22",
            "15e-23",
            "999999999999999999",
            "-9223372036854775808",
            "9223372036854775808",
            "-0",
            "-0.0",
            "1e0000000000000000000001",
            "0e18446744073709551617",
            // What wraps to 1 in 64 bits.
            "1e18446744073709551617",
            "1e-18446744073709551617",
        ] {
            let found = Scanner { text, at: 0 }.number();
            let real = text.parse::<f64>().unwrap();
            match text.parse::<i64>() {
                Ok(number) => assert_eq!(found, Some(PlainCell::Int(number)), "{text}"),
                Err(_) if real.is_infinite() => assert_eq!(found, None, "{text}"),
                Err(_) => {
                    let Some(PlainCell::Float(found)) = found else { panic!("{text}: {found:?}") };
                    assert_eq!(found.to_bits(), real.to_bits(), "{text}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Decimals of any length are the nearest numbers.
        #[test]
        fn a_decimal_is_the_nearest_number(
            sign in "-?", whole in "0|[1-9][0-9]{0,20}", part in "(\\.[0-9]{1,20})?",
            exponent in "([eE][+-]?([0-9]{1,2}|[0-9]{3,25}))?",
        ) {
            let text = format!("{sign}{whole}{part}{exponent}");
            let mut scanner = Scanner { text: &text, at: 0 };
            let found = scanner.number();
            let real = text.parse::<f64>().unwrap();
            let wanted = match text.parse::<i64>() {
                Ok(number) => Some(PlainCell::Int(number)),
                Err(_) => real.is_finite().then_some(PlainCell::Float(real)),
            };
            prop_assert_eq!(&found, &wanted);
            if let (Some(PlainCell::Float(found)), true) = (found, real == 0.0) {
                prop_assert_eq!(found.to_bits(), real.to_bits());
            }
            prop_assert_eq!(scanner.at, text.len());
        }
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
            if let Some(read) = quick(&body) {
                prop_assert_eq!(Some(read), general(&body));
            }
        }

        /// Nor does a body with a few bytes changed make it read what the general way refuses.
        #[test]
        fn it_takes_nothing_that_is_refused(at in 0_usize..60, byte in changed_byte()) {
            let mut body = br#"{"rows":[{"a":1.5,"b":"x"},{"a":-2,"b":null}],"version":3}"#.to_vec();
            let at = at % body.len();
            body[at] = byte;
            if let Some(read) = quick(&body) {
                prop_assert_eq!(Some(read), general(&body));
            }
        }
    }
}
