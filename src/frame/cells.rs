//! What a cell of text means: the rules by which types are inferred and values are read.

use super::builder::Value;
use super::image::{Images, is_base64_of_image};
use super::rows::whole;
use super::time::{parse_declared_timestamp, parse_timestamp};
use super::{shown, time};
use crate::domain::schema::ColumnType;

/// Whether a trimmed cell stands for a missing value. `unknown` is a category, not a gap.
pub(super) fn is_null(cell: &[u8]) -> bool {
    matches!(
        cell,
        b"" | b"NA" | b"N/A" | b"n/a" | b"null" | b"NULL" | b"NaN" | b"nan" | b"None" | b"?" | b"-"
    )
}

/// As which numbers a cell can be kept without changing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) int: bool,
    pub(super) float: bool,
}

impl Number {
    const NEITHER: Self = Self { int: false, float: false };

    /// Leading zeros and a leading plus are no numbers (`007` and `+49170` are codes), nor are
    /// infinities, thousands separators, and whole numbers that a float would round.
    pub(super) fn of(cell: &[u8]) -> Self {
        let digits = cell.strip_prefix(b"-").unwrap_or(cell);
        match digits {
            [b'0', b'0'..=b'9', ..] => return Self::NEITHER,
            [b'0'..=b'9' | b'.', ..] => {}
            _ => return Self::NEITHER,
        }
        let whole = digits.iter().all(u8::is_ascii_digit);
        if whole && digits.len() <= 15 {
            return Self { int: true, float: true };
        }
        let Ok(text) = std::str::from_utf8(cell) else { return Self::NEITHER };
        if whole {
            let Ok(value) = text.parse::<i128>() else { return Self::NEITHER };
            let exact = (value as f64) as i128 == value;
            return Self { int: i64::try_from(value).is_ok(), float: exact };
        }
        Self { int: false, float: text.parse::<f64>().is_ok_and(f64::is_finite) }
    }
}

/// The narrowest type that holds every cell of a column seen up to now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    seen: bool,
    bool: bool,
    int: bool,
    float: bool,
    timestamp: bool,
    image: bool,
}

impl Guess {
    pub(super) const NOTHING: Self =
        Self { seen: false, bool: true, int: true, float: true, timestamp: true, image: true };

    /// A cell of a format without types: its text decides.
    pub(super) fn observe(&mut self, cell: &[u8]) {
        let cell = cell.trim_ascii();
        if self.is_string() || is_null(cell) {
            return;
        }
        self.seen = true;
        if self.int || self.float {
            self.number(cell);
        }
        self.bool = self.bool && is_bool(cell);
        self.timestamp = self.timestamp && parse_timestamp(cell).is_some();
        self.image = self.image && is_base64_of_image(cell);
    }

    /// Whether any cell had a value.
    pub(super) fn is_seen(&self) -> bool {
        self.seen
    }

    /// A value that its format says is a number.
    pub(super) fn observe_number(&mut self, text: &[u8]) {
        self.seen = true;
        self.number(text);
        (self.bool, self.timestamp, self.image) = (false, false, false);
    }

    pub(super) fn observe_bool(&mut self) {
        self.seen = true;
        (self.int, self.float) = (false, false);
        (self.timestamp, self.image) = (false, false);
    }

    /// A value that its format says is text: it may still be a time or an image, for which JSON
    /// has no type.
    pub(super) fn observe_text(&mut self, text: &[u8]) {
        self.seen = true;
        (self.bool, self.int, self.float) = (false, false, false);
        self.timestamp = self.timestamp && parse_timestamp(text).is_some();
        self.image = self.image && is_base64_of_image(text);
    }

    fn number(&mut self, cell: &[u8]) {
        let number = Number::of(cell);
        self.int &= number.int;
        self.float &= number.float;
    }

    fn is_string(&self) -> bool {
        !(self.bool || self.int || self.float || self.timestamp || self.image)
    }

    /// The inferred type; a column without values is text.
    pub(super) fn kind(&self) -> ColumnType {
        match self {
            Self { seen: false, .. } => ColumnType::String,
            Self { int: true, .. } => ColumnType::Int64,
            Self { float: true, .. } => ColumnType::Float64,
            Self { bool: true, .. } => ColumnType::Bool,
            Self { timestamp: true, .. } => ColumnType::Timestamp,
            Self { image: true, .. } => ColumnType::Image,
            _ => ColumnType::String,
        }
    }
}

/// The value of a whole number of 15 digits at most, as [`Number::of`] takes them; not of -0, which as a
/// float is another number than 0.
fn short_whole(cell: &[u8]) -> Option<i64> {
    let (digits, sign) = match cell {
        [b'-', rest @ ..] => (rest, -1),
        _ => (cell, 1),
    };
    match digits {
        [b'0'] if sign > 0 => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 15 => {}
        _ => return None,
    }
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(sign * value)
}

/// The value of a number as [`Number::of`] takes them for floats.
fn inferred_float(cell: &[u8]) -> Option<f64> {
    if let Some(value) = short_whole(cell) {
        return Some(value as f64);
    }
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    match digits {
        [b'0', b'0'..=b'9', ..] => None,
        [b'0'..=b'9' | b'.', ..] if !digits.iter().all(u8::is_ascii_digit) => parse_float(cell),
        _ => Number::of(cell).float.then(|| parse_float(cell)).flatten(),
    }
}

fn is_bool(cell: &[u8]) -> bool {
    cell.eq_ignore_ascii_case(b"true") || cell.eq_ignore_ascii_case(b"false")
}

/// Reads cells as values of a type. This takes more than the inference does, since the type may
/// be declared: `007` is the whole number 7 where that is what was asked for, `3.0` is 3, `yes`
/// and `1` are true.
#[derive(Debug, Default)]
pub(super) struct Cells {
    images: Images,
}

impl Cells {
    /// A cell's value; the error says why it is none, and what would be.
    pub(super) fn read<'a>(
        &'a mut self,
        kind: ColumnType,
        cell: &'a [u8],
    ) -> Result<Value<'a>, String> {
        match kind {
            ColumnType::Image if !is_null(cell.trim_ascii()) => {
                self.images.base64(cell.trim_ascii()).map(Value::Image)
            }
            _ => parse(kind, cell).ok_or_else(|| misfit(kind, cell)),
        }
    }

    /// A cell's value where a column that was inferred to be of a type still is with it; None else.
    pub(super) fn read_inferred<'a>(
        &'a mut self,
        kind: ColumnType,
        cell: &'a [u8],
    ) -> Option<Value<'a>> {
        let trimmed = cell.trim_ascii();
        if is_null(trimmed) {
            return Some(Value::Null);
        }
        match kind {
            ColumnType::Int64 => match short_whole(trimmed) {
                Some(value) => Some(Value::Int(value)),
                None => {
                    Number::of(trimmed).int.then(|| parse_int(trimmed)).flatten().map(Value::Int)
                }
            },
            ColumnType::Float64 => inferred_float(trimmed).map(Value::Float),
            ColumnType::Bool => {
                is_bool(trimmed).then(|| parse_bool(trimmed)).flatten().map(Value::Bool)
            }
            ColumnType::Timestamp => parse_timestamp(trimmed).map(Value::Time),
            ColumnType::String => parse_text(cell).map(Value::Text),
            ColumnType::Image => {
                let is_image = is_base64_of_image(trimmed);
                if is_image { self.read(kind, cell).ok() } else { None }
            }
        }
    }

    /// An encoded image.
    pub(super) fn image(&mut self, bytes: &[u8]) -> Result<Value<'_>, String> {
        self.images.bytes(bytes).map(Value::Image)
    }

    /// A grey image as its pixels, row after row.
    pub(super) fn grey(
        &mut self,
        height: u32,
        width: u32,
        pixels: &[u8],
    ) -> Result<Value<'_>, String> {
        self.images.grey(height, width, pixels).map(Value::Image)
    }
}

/// A cell as a value of a type that is no image, or nothing where it does not fit.
fn parse(kind: ColumnType, cell: &[u8]) -> Option<Value<'_>> {
    let trimmed = cell.trim_ascii();
    if is_null(trimmed) {
        return Some(Value::Null);
    }
    match kind {
        ColumnType::Bool => parse_bool(trimmed).map(Value::Bool),
        ColumnType::Int64 => parse_int(trimmed).map(Value::Int),
        ColumnType::Float64 => parse_float(trimmed).map(Value::Float),
        ColumnType::Timestamp => parse_declared_timestamp(trimmed).map(Value::Time),
        ColumnType::String => parse_text(cell).map(Value::Text),
        ColumnType::Image => None,
    }
}

/// UTF-8 without NUL, which PostgreSQL can't keep in JSON.
pub(super) fn parse_text(cell: &[u8]) -> Option<&str> {
    std::str::from_utf8(cell).ok().filter(|_| !cell.contains(&0))
}

fn parse_bool(cell: &[u8]) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|w| cell.eq_ignore_ascii_case(w.as_bytes()));
    if is(["true", "yes", "1"]) {
        Some(true)
    } else if is(["false", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

fn parse_int(cell: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(cell).ok()?;
    text.parse().ok().or_else(|| whole(parse_float(cell)?))
}

fn parse_float(cell: &[u8]) -> Option<f64> {
    let value = std::str::from_utf8(cell).ok()?.parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}

/// Why a cell does not fit a type, and what would.
pub(super) fn misfit(kind: ColumnType, cell: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(cell) else {
        return "is not UTF-8; save the file with that encoding".to_owned();
    };
    let value = shown(text);
    match kind {
        ColumnType::Bool => format!("'{value}' is neither true nor false"),
        ColumnType::Int64 => format!("'{value}' is not a whole number of 64 bits"),
        ColumnType::Float64 => format!("'{value}' is not a finite number"),
        ColumnType::Timestamp => format!("'{value}' is not a time; {}", time::DECLARED_FORMS),
        ColumnType::String => format!("'{value}' holds a NUL character, which no text may"),
        ColumnType::Image => format!("'{value}' is no image"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(cells: &[&str]) -> ColumnType {
        let mut guess = Guess::NOTHING;
        cells.iter().for_each(|c| guess.observe(c.as_bytes()));
        guess.kind()
    }

    #[test]
    fn types_are_inferred_from_every_cell() {
        use ColumnType::*;
        for (cells, expected) in [
            (&["1", "-20", "0"][..], Int64),
            (&["1", "", "NA", "N/A", "n/a", "null", "NULL", "NaN", "nan", "None", "?", "-"], Int64),
            (&["1", "2.5"], Float64),
            (&["1", "1e3", "-0.5", ".5", "5."], Float64),
            (&[" 1", "2 "], Int64),
            (&["1", "x"], String),
            (&["1", "unknown"], String),
            (&["007", "8"], String),
            (&["-007"], String),
            (&["00.5"], String),
            (&["0", "0.5", "-0.5"], Float64),
            (&["+49170"], String),
            (&["1,000"], String),
            (&["inf", "1.0"], String),
            (&["1e400"], String),
            (&["9223372036854775807"], Int64),
            (&["9223372036854775808", "1234567890123456789"], String),
            (&["12345678901234567890"], String),
            (&["9007199254740993", "0.5"], String),
            (&["9007199254740992", "0.5"], Float64),
            (&["100000000000000000000"], Float64),
            (&[&"9".repeat(60)], String),
            (&["true", "FALSE", "True"], Bool),
            (&["yes", "no"], String),
            (&["0", "1"], Int64),
            (&["true", "1"], String),
            (&["2026-01-31", "2026-01-31T10:00:00+02:00", "2026-01-31 10:00"], Timestamp),
            (&["2026-01-31", "31.01.2026"], String),
            (&["2026-01-31", "2026"], String),
            (&["01/31/2026"], String),
            (&["", "NA"], String),
            (&[], String),
            (&["-"], String),
        ] {
            assert_eq!(guessed(cells), expected, "{cells:?}");
        }
    }

    #[test]
    fn what_the_format_says_binds_the_guess() {
        let kind = |observe: &dyn Fn(&mut Guess)| {
            let mut guess = Guess::NOTHING;
            observe(&mut guess);
            guess.kind()
        };
        assert_eq!(kind(&|g| g.observe_text(b"12")), ColumnType::String);
        assert_eq!(kind(&|g| g.observe_text(b"true")), ColumnType::String);
        assert_eq!(kind(&|g| g.observe_text(b"2026-01-31")), ColumnType::Timestamp);
        assert_eq!(kind(&|g| g.observe_bool()), ColumnType::Bool);
        assert_eq!(kind(&|g| g.observe_number(b"1")), ColumnType::Int64);
        let mixed = |g: &mut Guess| {
            g.observe_number(b"1");
            g.observe_bool();
        };
        assert_eq!(kind(&mixed), ColumnType::String);
    }

    #[test]
    fn declared_types_take_more_than_the_inference() {
        use ColumnType::*;
        for (kind, cell, expected) in [
            (Int64, "007", Some(Value::Int(7))),
            (Int64, " 3.0 ", Some(Value::Int(3))),
            (Int64, "+5", Some(Value::Int(5))),
            (Int64, "3.5", None),
            (Int64, "9223372036854775808", None),
            (Int64, "NA", Some(Value::Null)),
            (Float64, "1", Some(Value::Float(1.0))),
            (Float64, "1e400", None),
            (Float64, "inf", None),
            (Float64, "1,5", None),
            (Bool, "Yes", Some(Value::Bool(true))),
            (Bool, "0", Some(Value::Bool(false))),
            (Bool, "2", None),
            (Timestamp, "02.01.1970", Some(Value::Time(86_400_000_000))),
            (Timestamp, "01/02/1970", Some(Value::Time(86_400_000_000))),
            (Timestamp, "1970", None),
            (String, " 007 ", Some(Value::Text(" 007 "))),
            (String, "a\0", None),
            (String, "?", Some(Value::Null)),
        ] {
            assert_eq!(parse(kind, cell.as_bytes()), expected, "{kind:?} {cell}");
        }
        assert_eq!(parse(String, b"\xff"), None);
        assert_eq!(misfit(String, b"\xff"), "is not UTF-8; save the file with that encoding");
    }
}
