//! The words of reasons: an entry of the operator's table, or a sentence of what a column has and what
//! those who were approved have.

use std::cmp::Ordering;

use crate::domain::reason::{ReasonCondition, ReasonEntry, ReasonValue, number_category};
use crate::domain::schema::Cell;
use crate::engine::Typical;
use crate::frame::{format_timestamp, parse_timestamp};

/// Characters of a text that are shown.
const SHOWN: usize = 60;
/// Most words that are named as frequent, and the share of the approved that they are to have together.
const WORDS: usize = 3;
const MOST_OF: f64 = 0.6;
const HALF: f64 = 0.5;
/// Whole numbers from here on have their thousands parted: years have not.
const PARTED: f64 = 10_000.0;

/// What is known of a row's value in a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact<'a> {
    pub(super) column: &'a str,
    pub(super) cell: &'a Cell,
    /// What the baseline has; None of versions that don't carry it.
    pub(super) typical: Option<&'a Typical>,
    /// How the value lies to the baseline's median.
    pub(super) side: Ordering,
}

/// How a value lies to the median of a baseline; equal of what is no number.
pub(super) fn side(cell: &Cell, typical: &Typical) -> Ordering {
    match (typical, cell) {
        (Typical::Numbers { median, .. }, cell) => {
            number(cell).map_or(Ordering::Equal, |number| number.total_cmp(median))
        }
        (Typical::Times { median, .. }, Cell::Text(text)) => {
            parse_timestamp(text.as_bytes()).map_or(Ordering::Equal, |time| time.cmp(median))
        }
        _ => Ordering::Equal,
    }
}

/// The entry that is for the values of a row: of those for its columns one for a missing value, for its
/// category, for a high or low one, for all; in the language, else in none. A group is told in any language
/// rather than not at all.
pub(super) fn entry_for<'a>(
    entries: &[&'a ReasonEntry],
    fact: Option<Fact<'_>>,
    language: Option<&str>,
) -> Option<&'a ReasonEntry> {
    let fits = |entry: &ReasonEntry| match (&entry.when, fact) {
        (None, _) => Some(3),
        (Some(_), None) => None,
        (Some(ReasonCondition::Is(ReasonValue::Missing)), Some(fact)) => {
            (*fact.cell == Cell::Null).then_some(0)
        }
        (Some(ReasonCondition::OneOf(values)), Some(fact)) => {
            is_one_of(fact.cell, values).then_some(1)
        }
        (Some(ReasonCondition::Is(value)), Some(fact)) => {
            let wanted = match value {
                ReasonValue::High => Ordering::Greater,
                _ => Ordering::Less,
            };
            (*fact.cell != Cell::Null && fact.side == wanted).then_some(2)
        }
    };
    let in_language = |entry: &ReasonEntry| match entry.language.as_deref() {
        given if given == language => Some(0),
        None => Some(1),
        Some(_) if fact.is_none() => Some(2),
        Some(_) => None,
    };
    let ranked =
        entries.iter().filter_map(|entry| Some(((fits(entry)?, in_language(entry)?), entry)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, entry)| *entry)
}

/// Whether a value is among categories; numbers are compared as such.
fn is_one_of(cell: &Cell, categories: &[String]) -> bool {
    let Some(label) = label(cell) else { return false };
    match number(cell).and_then(|_| number_category(&label)) {
        Some(number) => categories.iter().any(|c| number_category(c).as_ref() == Some(&number)),
        None => categories.contains(&label),
    }
}

/// `PAY_0 is 2; approved applicants mostly have -1 to 0`.
pub(super) fn default_text(fact: Fact<'_>) -> String {
    let Fact { column, cell, typical, .. } = fact;
    let Some(typical) = typical else {
        return match cell {
            Cell::Null => format!("{column} is missing"),
            cell => format!("{column} is {}", shown(cell)),
        };
    };
    let mostly = mostly(typical);
    if *cell == Cell::Null {
        return match mostly {
            Some(mostly) => {
                format!("{column} is missing; approved applicants mostly have {mostly}")
            }
            None => format!("{column} is missing, together with the other values given"),
        };
    }
    let value = shown(cell);
    let as_most = format!("{column} is {value}, together with the other values given");
    let Some(mostly) = mostly else {
        return match typical {
            Typical::Words(words) => of_rare(column, (&value, &carried(cell)), words),
            _ => format!("{column} is {value}; most approved applicants have none"),
        };
    };
    let (is_outside, middle) = match (typical, number(cell), cell) {
        (Typical::Numbers { low, median, high, .. }, Some(value), _) => {
            (value < *low || value > *high, (value != *median).then(|| figure(*median)))
        }
        (Typical::Times { low, median, high, .. }, _, Cell::Text(text)) => {
            let time = parse_timestamp(text.as_bytes()).unwrap_or(*median);
            (time < *low || time > *high, (time != *median).then(|| day(*median)))
        }
        (Typical::Words(words), _, cell) => {
            (!frequent(words).0.contains(&carried(cell).as_str()), None)
        }
        _ => (false, None),
    };
    match (is_outside, middle) {
        (true, _) => format!("{column} is {value}; approved applicants mostly have {mostly}"),
        (false, Some(middle)) => {
            format!("{column} is {value}; the median of approved applicants is {middle}")
        }
        (false, None) => as_most,
    }
}

/// What most of a baseline have; None where nothing is had by most.
fn mostly(typical: &Typical) -> Option<String> {
    let range = |low: String, high: String| match low == high {
        true => low,
        false => format!("{low} to {high}"),
    };
    match typical {
        Typical::Numbers { low, high, present, .. } if *present >= HALF => {
            Some(range(figure(*low), figure(*high)))
        }
        Typical::Times { low, high, present, .. } if *present >= HALF => {
            Some(range(day(*low), day(*high)))
        }
        Typical::Words(words) => match frequent(words) {
            (frequent, share) if share >= HALF => Some(alternatives(&frequent)),
            _ => None,
        },
        Typical::Numbers { .. } | Typical::Times { .. } => None,
    }
}

/// The most frequent words, and the share that has one of them.
fn frequent(words: &[(String, f64)]) -> (Vec<&str>, f64) {
    let (mut named, mut sum) = (Vec::new(), 0.0);
    for (word, share) in words.iter().take(WORDS) {
        if sum >= MOST_OF {
            break;
        }
        named.push(word.as_str());
        sum += share;
    }
    (named, sum)
}

/// A category as a baseline has it: cut off where it is long.
fn carried(cell: &Cell) -> String {
    label(cell).unwrap_or_default().chars().take(SHOWN).collect()
}

fn of_rare(column: &str, (value, word): (&str, &str), words: &[(String, f64)]) -> String {
    let share = words.iter().find(|(known, _)| known == word).map_or(0.0, |(_, share)| *share);
    match (share * 100.0).round() {
        percent if percent >= 1.0 => {
            format!("{column} is {value}, which {percent} % of approved applicants have")
        }
        _ => format!("{column} is {value}, which hardly any approved applicant has"),
    }
}

fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Int(number) => Some(*number as f64),
        Cell::Float(number) => Some(*number),
        Cell::Null | Cell::Bool(_) | Cell::Text(_) => None,
    }
}

/// A value as a category is named.
fn label(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Bool(truth) => Some(truth.to_string()),
        Cell::Int(number) => Some(number.to_string()),
        Cell::Float(number) => Some(number.to_string()),
        Cell::Text(text) => Some(text.clone()),
    }
}

fn shown(cell: &Cell) -> String {
    if let Some(number) = number(cell) {
        return figure(number);
    }
    let text = label(cell).unwrap_or_default();
    if let Some(date) = text.strip_suffix("T00:00:00Z") {
        return date.to_owned();
    }
    match text.chars().count() {
        0..=SHOWN => text,
        _ => format!("{}…", text.chars().take(SHOWN).collect::<String>()),
    }
}

fn day(time: i64) -> String {
    format_timestamp(time).chars().take(10).collect()
}

/// A number in a sentence: whole ones as they are, others with four digits that matter.
fn figure(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{number:.3e}");
    }
    let whole = size.log10().floor() as i32;
    let decimals = if number.fract() == 0.0 { 0 } else { usize::try_from(3 - whole).unwrap_or(0) };
    let mut text = format!("{size:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if size >= PARTED {
        let end = text.find('.').unwrap_or(text.len());
        for at in (1..end).rev().filter(|at| (end - at).is_multiple_of(3)) {
            text.insert(at, ',');
        }
    }
    if number < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn numbers(low: f64, median: f64, high: f64) -> Typical {
        Typical::Numbers { low, median, high, present: 1.0 }
    }

    fn text(column: &str, cell: Value, typical: Option<&Typical>) -> String {
        let cell: Cell = serde_json::from_value(cell).unwrap();
        let side = typical.map_or(Ordering::Equal, |typical| side(&cell, typical));
        default_text(Fact { column, cell: &cell, typical, side })
    }

    #[test]
    fn defaults_read_as_sentences() {
        let pay = numbers(-1.0, 0.0, 0.0);
        let limit = numbers(50_000.0, 120_000.0, 230_000.0);
        let mostly = "approved applicants mostly have";
        for (found, wanted) in [
            (text("PAY_0", json!(2), Some(&pay)), format!("PAY_0 is 2; {mostly} -1 to 0")),
            (
                text("LIMIT_BAL", json!(20_000), Some(&limit)),
                format!("LIMIT_BAL is 20,000; {mostly} 50,000 to 230,000"),
            ),
            (
                text("BILL_AMT1", json!(60_123.55), Some(&limit)),
                "BILL_AMT1 is 60,124; the median of approved applicants is 120,000".to_owned(),
            ),
            (
                text("PAY_0", json!(0), Some(&pay)),
                "PAY_0 is 0, together with the other values given".to_owned(),
            ),
            (
                text("income", json!(null), Some(&limit)),
                format!("income is missing; {mostly} 50,000 to 230,000"),
            ),
            (text("income", json!(null), None), "income is missing".to_owned()),
            (text("rate", json!(0.123456), None), "rate is 0.1235".to_owned()),
            (text("balance", json!(-1234567.5), None), "balance is -1,234,568".to_owned()),
            (text("x", json!(1e-7), None), "x is 1.000e-7".to_owned()),
        ] {
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn categories_and_times_do_too() {
        let words = |pairs: &[(&str, f64)]| {
            Typical::Words(pairs.iter().map(|(w, s)| ((*w).to_owned(), *s)).collect())
        };
        let two = words(&[("north", 0.5), ("south", 0.4), ("west", 0.1)]);
        let many = words(&[("a", 0.1), ("b", 0.1), ("c", 0.1), ("d", 0.05)]);
        let cut = "x".repeat(60);
        let long = words(&[(cut.as_str(), 0.4)]);
        let time = Typical::Times {
            low: parse_timestamp(b"2015-01-01").unwrap(),
            median: parse_timestamp(b"2018-01-01").unwrap(),
            high: parse_timestamp(b"2020-01-01").unwrap(),
            present: 0.9,
        };
        let mostly = "approved applicants mostly have";
        for (found, wanted) in [
            (
                text("region", json!("west"), Some(&two)),
                format!("region is west; {mostly} north or south"),
            ),
            (
                text("region", json!("north"), Some(&two)),
                "region is north, together with the other values given".to_owned(),
            ),
            (
                text("job", json!("d"), Some(&many)),
                "job is d, which 5 % of approved applicants have".to_owned(),
            ),
            (
                text("job", json!("x".repeat(70)), Some(&long)),
                format!("job is {}…, which 40 % of approved applicants have", "x".repeat(60)),
            ),
            (
                text("job", json!("e"), Some(&many)),
                "job is e, which hardly any approved applicant has".to_owned(),
            ),
            (
                text("since", json!("2024-05-01T00:00:00Z"), Some(&time)),
                format!("since is 2024-05-01; {mostly} 2015-01-01 to 2020-01-01"),
            ),
            (
                text("own", json!(true), Some(&words(&[("false", 0.9)]))),
                format!("own is true; {mostly} false"),
            ),
        ] {
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn the_nearest_entry_is_taken() {
        let entries: Vec<ReasonEntry> = serde_json::from_value(json!([
            {"code": "any", "columns": ["x"], "text": "a"},
            {"code": "any", "columns": ["x"], "text": "a", "language": "es"},
            {"code": "high", "columns": ["x"], "when": "high", "text": "a"},
            {"code": "low", "columns": ["x"], "when": "low", "text": "a"},
            {"code": "none", "columns": ["x"], "when": "missing", "text": "a"},
            {"code": "two", "columns": ["x"], "when": ["2.0"], "text": "a"}
        ]))
        .unwrap();
        let entries: Vec<&ReasonEntry> = entries.iter().collect();
        let typical = numbers(0.0, 1.0, 2.0);
        let code = |cell: Value| {
            let cell: Cell = serde_json::from_value(cell).unwrap();
            let side = side(&cell, &typical);
            let fact = Fact { column: "x", cell: &cell, typical: Some(&typical), side };
            entry_for(&entries, Some(fact), None).map(|entry| entry.code.as_str())
        };
        assert_eq!(code(json!(3)), Some("high"));
        assert_eq!(code(json!(2)), Some("two"));
        assert_eq!(code(json!(2.0)), Some("two"));
        assert_eq!(code(json!("2")), Some("any"), "a text is none");
        assert_eq!(code(json!(0.5)), Some("low"));
        assert_eq!(code(json!(1)), Some("any"));
        assert_eq!(code(json!(null)), Some("none"));
        let spoken = |language| {
            entry_for(&entries, None, language).and_then(|entry| entry.language.as_deref())
        };
        assert_eq!((spoken(Some("es")), spoken(None)), (Some("es"), None));
        assert_eq!(
            entry_for(&entries[1..2], None, Some("en")).map(|e| e.code.as_str()),
            Some("any")
        );
    }
}
