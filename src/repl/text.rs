//! Numbers and times as people read them.

use std::time::Duration;

/// Lines of help are no longer.
const WIDTH: usize = 80;

/// `20,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.3 s`, `14 s`, `2:05 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    match seconds.round() as u64 {
        whole if whole < 100 => format!("{whole} s"),
        whole => format!("{}:{:02} min", whole / 60, whole % 60),
    }
}

/// A number by its five leading digits: `0.43712`, `52000`, `1.2e-7`.
pub(super) fn figure(number: f64) -> String {
    const DIGITS: i32 = 5;
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let exponent = number.abs().log10().floor() as i32;
    if !(-5..15).contains(&exponent) {
        return format!("{number:.3e}");
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// One line of at most `width` characters.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(width.saturating_add(1))
        .collect();
    if line.chars().count() <= width {
        return line;
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A text in lines of at most [`WIDTH`] characters, those after the first indented.
pub(super) fn wrapped(text: &str, first: usize, indent: usize) -> String {
    let mut lines = vec![" ".repeat(first)];
    let lead = text.len() - text.trim_start().len();
    for (at, word) in text.trim_start().split(' ').enumerate() {
        let Some(line) = lines.last_mut() else { break };
        if at == 0 {
            line.push_str(&" ".repeat(lead));
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{}{word}", " ".repeat(indent)));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// A text in lines of at most `width` characters, broken at spaces where there are some; those after the
/// first are indented.
pub(super) fn folded(text: &str, width: usize) -> Vec<String> {
    const FURTHER: &str = "  ";
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let begins = line.trim_start().is_empty();
            let used = line.chars().count() + usize::from(!begins);
            let left = width.saturating_sub(used);
            let fits = rest.chars().count() <= left;
            if !fits && !begins {
                lines.push(std::mem::replace(&mut line, FURTHER.to_owned()));
                continue;
            }
            if !begins {
                line.push(' ');
            }
            let end = rest.char_indices().nth(left.max(1)).map_or(rest.len(), |(at, _)| at);
            line.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    lines.push(line);
    lines
}

/// `12.3 ms`: three digits.
pub(super) fn precise(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s if s < 100.0 => (s, "s"),
        _ => return duration(time),
    };
    let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.decimals$} {unit}")
}

/// `1 row`, `2 rows`.
pub(super) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        let numbers = [0, 999, 1_000, 20_000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "20,000", "1,234,567"]);
        let times = [0.04, 1.84, 9.96, 14.4, 125.2].map(Duration::from_secs_f64).map(duration);
        assert_eq!(times, ["0.0 s", "1.8 s", "10 s", "14 s", "2:05 min"]);
        let figures = [0.0, 0.437_123_4, 52_000.0, 1_234_567.8, 0.25, -3.0, 1.2e-7].map(figure);
        assert_eq!(figures, ["0", "0.43712", "52000", "1234568", "0.25", "-3", "1.200e-7"]);
        let precise =
            [0, 1_234, 56_789, 123_456_789, 9_876_543_210].map(Duration::from_nanos).map(precise);
        assert_eq!(precise, ["0.00 ns", "1.23 µs", "56.8 µs", "123 ms", "9.88 s"]);
        assert_eq!([counted(1, "row"), counted(2_000, "row")], ["1 row", "2,000 rows"]);
    }

    #[test]
    fn a_text_is_folded_at_spaces_and_within_long_words() {
        assert_eq!(folded("one two three", 9), ["one two", "  three"]);
        assert_eq!(folded("größenwahn ja", 6), ["größen", "  wahn", "  ja"]);
        assert_eq!(folded("ab", 0), ["a", "  b"]);
        assert_eq!(folded("", 10), [""]);
        assert_eq!(folded("one two", usize::MAX), ["one two"]);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("größer\nals", 6), "größe…");
    }
}
