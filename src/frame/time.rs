//! Times as text: one reader for uploaded files and for rows to predict.

use chrono::{DateTime, NaiveDate, SecondsFormat};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// The years 1 to 9999, which RFC 3339 can write, in microseconds since 1970.
pub(super) const YEARS: std::ops::RangeInclusive<i64> =
    -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Microseconds since 1970 as RFC 3339 in UTC.
pub fn format_timestamp(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map_or_else(|| micros.to_string(), |t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// A date or time as ISO 8601 writes it, in microseconds since 1970: `2026-01-31`,
/// `2026-01-31 12:00`, `2026-01-31T12:00:00.123456Z`, `...+02:00`, `...+02`. Without a zone it is
/// UTC, a date is its first moment, and digits below a microsecond are cut off.
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    join(digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?, rest)
}

/// What [`parse_declared_timestamp`] reads, for an error.
pub(super) const DECLARED_FORMS: &str = "write 2026-01-31 or 2026-01-31T12:00:00Z (31.01.2026 and, month first, 01/31/2026 are read too)";

/// As [`parse_timestamp`], and the forms that are read only where a column is declared to hold
/// times: `31.01.2026` (day first) and `01/31/2026` (month first), each with an optional time.
pub(super) fn parse_declared_timestamp(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (first, second, year) = (&date[..2], &date[3..5], &date[6..]);
    match (date[2], date[5]) {
        (b'.', b'.') => join(digits(year)?, digits(second)?, digits(first)?, rest),
        (b'/', b'/') => join(digits(year)?, digits(first)?, digits(second)?, rest),
        _ => parse_timestamp(text),
    }
}

/// A date and what follows it in the text: nothing, or a time of day with an optional zone.
fn join(year: i64, month: i64, day: i64, rest: &[u8]) -> Option<i64> {
    if year == 0 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        u32::try_from(month).ok()?,
        u32::try_from(day).ok()?,
    )?;
    let days = date.signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1)?).num_days();
    let of_day = if rest.is_empty() { 0 } else { time_of_day(rest)? };
    let micros = days * SECONDS_PER_DAY * MICROS_PER_SECOND + of_day;
    YEARS.contains(&micros).then_some(micros)
}

/// `T12:00`, ` 12:00:00.5`, `T12:00Z`, `T12:00+02:00` in microseconds since midnight in UTC.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let text = match text {
        [b'T' | b't' | b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (hour, minute, mut rest) = clock(text)?;
    let (mut second, mut micros) = (0, 0);
    if let [b':', a, b, after @ ..] = rest {
        second = digits(&[*a, *b])?;
        rest = after;
        if let [b'.' | b',', after @ ..] = rest {
            let length = after.iter().take_while(|b| b.is_ascii_digit()).count();
            if length == 0 || length > 9 {
                return None;
            }
            let kept = length.min(6);
            micros = digits(&after[..kept])? * 10_i64.pow(6 - kept as u32);
            rest = &after[length..];
        }
    }
    if second > 59 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second - zone(rest)?;
    Some(seconds * MICROS_PER_SECOND + micros)
}

/// Seconds east of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, offset) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes, rest) = match offset {
        [_, _] => (digits(offset)?, 0, &[][..]),
        _ => clock(offset)?,
    };
    (rest.is_empty() && hours <= 23).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `hh:mm` and what follows it.
fn clock(text: &[u8]) -> Option<(i64, i64, &[u8])> {
    match text {
        [a, b, b':', c, d, rest @ ..] => {
            let (hour, minute) = (digits(&[*a, *b])?, digits(&[*c, *d])?);
            (hour <= 23 && minute <= 59).then_some((hour, minute, rest))
        }
        _ => None,
    }
}

/// A few decimal digits as a number.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        parse_timestamp(text.as_bytes()).map(format_timestamp)
    }

    #[test]
    fn iso_dates_and_times_are_read_as_utc() {
        for (text, expected) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31 12:30", "2026-01-31T12:30:00Z"),
            ("2026-01-31T12:30:15", "2026-01-31T12:30:15Z"),
            ("2026-01-31t12:30:15.25z", "2026-01-31T12:30:15.250Z"),
            ("2026-01-31T12:30:15.123456789Z", "2026-01-31T12:30:15.123456Z"),
            ("2026-01-31T01:30:00+02:00", "2026-01-30T23:30:00Z"),
            ("2026-01-31 01:30:00-05", "2026-01-31T06:30:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-01",
            "2026-1-31",
            "2026-02-30",
            "2023-02-29",
            "0000-01-01",
            "9999-12-31T23:00-02:00",
            "2026-01-31T",
            "2026-01-31T12",
            "2026-01-31T24:00",
            "2026-01-31T12:60",
            "2026-01-31T12:30:60",
            "2026-01-31T12:30:15.",
            "2026-01-31T12:30:15.1234567890",
            "2026-01-31T12:30+",
            "2026-01-31T12:30+25:00",
            "2026-01-31T12:30+02:00x",
            "2026-01-31x",
            "31.01.2026",
            "01/31/2026",
            "2026-01-31Z",
            "２０２６-01",
            "2026-é1-31",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn declared_columns_take_dotted_and_slashed_dates() {
        let shown = |t: &str| parse_declared_timestamp(t.as_bytes()).map(format_timestamp);
        assert_eq!(shown("31.01.2026").as_deref(), Some("2026-01-31T00:00:00Z"));
        assert_eq!(shown("01/31/2026 08:15").as_deref(), Some("2026-01-31T08:15:00Z"));
        assert_eq!(shown("2026-01-31").as_deref(), Some("2026-01-31T00:00:00Z"));
        assert_eq!(shown("31/01/2026"), None);
        assert_eq!(shown("31.13.2026"), None);
        assert_eq!(shown("é1.01.202"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in YEARS) {
            prop_assert_eq!(parse_timestamp(format_timestamp(micros).as_bytes()), Some(micros));
        }

        #[test]
        fn no_bytes_panic(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            parse_timestamp(&text);
            parse_declared_timestamp(&text);
        }
    }
}
