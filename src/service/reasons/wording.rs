//! The words of reasons: an entry of the operator's table, or a sentence of what a column has and what
//! those who were approved have.

use std::cmp::Ordering;

use crate::domain::reason::{ReasonCondition, ReasonEntry, ReasonValue, number_category};
use crate::domain::schema::Cell;
use crate::engine::{Typical, beyond, most_lack};
use crate::frame::{format_timestamp, parse_timestamp};

/// Characters of a text that are shown.
const SHOWN: usize = 60;
/// Most words that are named as frequent, and the share of the approved that has one of them.
const WORDS: usize = 3;
const MOST_OF: f64 = 0.6;
const HALF: f64 = 0.5;
/// Digits of a number that matter, and as many as tell any two apart.
const DIGITS: usize = 4;
const ALL_DIGITS: usize = 17;
/// Whole numbers from here on have their thousands parted: years have not.
const PARTED: f64 = 10_000.0;

/// What is known of a row's value in a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact<'a> {
    pub(super) column: &'a str,
    pub(super) cell: &'a Cell,
    /// What the baseline has; None of versions that don't carry it.
    pub(super) typical: Option<&'a Typical>,
    /// On which side of the baseline the value lies; equal where that is not known to hurt.
    pub(super) side: Ordering,
    pub(super) hurts: Hurts,
}

/// Whether a row with another value in place of its own would be answered less adversely: only then may a
/// sentence hold that value against its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hurts {
    /// With the median of the approved, or what most of them have.
    pub(super) usual: bool,
    /// With none, where most of them have none.
    pub(super) none: bool,
}

impl Hurts {
    /// As sentences were told before rows were scored for them.
    pub(super) const UNSCORED: Self = Self { usual: true, none: true };
    pub(super) const UNKNOWN: Self = Self { usual: false, none: false };
}

/// On which side of a baseline a value lies; equal of what is no number, and between the baseline's median
/// and its mean.
pub(super) fn side(cell: &Cell, typical: &Typical) -> Ordering {
    match (typical, cell) {
        (Typical::Numbers { median, mean, .. }, cell) => {
            number(cell).map_or(Ordering::Equal, |number| beyond(&number, median, mean))
        }
        (Typical::Times { median, mean, .. }, Cell::Text(text)) => {
            let time = parse_timestamp(text.as_bytes());
            time.map_or(Ordering::Equal, |time| beyond(&time, median, mean))
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
    let Some(label) = cell.label() else { return false };
    match number(cell).and_then(|_| number_category(&label)) {
        Some(number) => categories.iter().any(|c| number_category(c).as_ref() == Some(&number)),
        None => categories.contains(&label),
    }
}

/// `PAY_0 is 2; approved applicants mostly have -1 to 0`: three quarters of them at least, and the value lies
/// outside. What others have is told only where it would be answered less adversely.
pub(super) fn default_text(fact: Fact<'_>) -> String {
    let Fact { column, cell, typical, .. } = fact;
    match (typical, cell) {
        (None, Cell::Null) => format!("{column} is missing"),
        (None, cell) => format!("{column} is {}", shown(cell)),
        (Some(typical), Cell::Null) => of_missing(fact, typical),
        (Some(Typical::Words(words)), _) => of_word(fact, words),
        (Some(Typical::Numbers { range, median, present, .. }), cell) => {
            let value = number(cell).unwrap_or(*median);
            let digits = telling(value, range.iter().flatten().chain([median]));
            let place = Place { value, range: *range, median: *median, present: *present };
            place.told(fact, &shown_in(cell, digits), &|number| figure(number, digits))
        }
        (Some(Typical::Times { range, median, present, .. }), cell) => {
            let value = match cell {
                Cell::Text(text) => parse_timestamp(text.as_bytes()),
                _ => None,
            };
            let value = value.unwrap_or(*median);
            let is_of_day = |time: &i64| *time != value && day(*time) == day(value);
            let is_close = range.iter().flatten().chain([median]).any(is_of_day);
            let moment = |time| if is_close { moment(time) } else { day(time) };
            let place = Place { value, range: *range, median: *median, present: *present };
            place.told(fact, &shown(cell), &moment)
        }
    }
}

/// Where a value lies among those of a baseline.
struct Place<T> {
    value: T,
    range: Option<[T; 2]>,
    median: T,
    present: f64,
}

impl<T: Copy + PartialOrd> Place<T> {
    fn told(&self, fact: Fact<'_>, value: &str, say: &dyn Fn(T) -> String) -> String {
        let column = fact.column;
        let has_side = fact.side != Ordering::Equal;
        if let Some(range) = self.range
            && has_side
            && (self.value < range[0] || self.value > range[1])
        {
            let mostly = between(range, say);
            return format!("{column} is {value}; approved applicants mostly have {mostly}");
        }
        if most_lack(self.present) && fact.hurts.none {
            return format!("{column} is {value}; most approved applicants have none");
        }
        if !has_side {
            return as_usual(column, value);
        }
        let median = say(self.median);
        let whose = if self.present < 1.0 { " that have one" } else { "" };
        format!("{column} is {value}; the median of approved applicants{whose} is {median}")
    }
}

/// What is nothing special by itself.
fn as_usual(column: &str, value: &str) -> String {
    format!("{column} is {value}, together with the other values given")
}

fn between<T: Copy>([low, high]: [T; 2], say: &dyn Fn(T) -> String) -> String {
    match (say(low), say(high)) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    }
}

fn of_missing(fact: Fact<'_>, typical: &Typical) -> String {
    let column = fact.column;
    if !fact.hurts.usual {
        return as_usual(column, "missing");
    }
    let (mostly, present) = match typical {
        Typical::Numbers { range, present, .. } => {
            (range.map(|range| between(range, &|number| figure(number, DIGITS))), *present)
        }
        Typical::Times { range, present, .. } => {
            (range.map(|range| between(range, &day)), *present)
        }
        Typical::Words(words) => {
            let present = words.iter().map(|(_, share)| *share).sum();
            (frequent(words).map(|words| alternatives(&words)), present)
        }
    };
    match mostly {
        Some(mostly) => format!("{column} is missing; approved applicants mostly have {mostly}"),
        None if present > HALF => format!("{column} is missing; most approved applicants have one"),
        None => as_usual(column, "missing"),
    }
}

fn of_word(fact: Fact<'_>, words: &[(String, f64)]) -> String {
    let Fact { column, cell, .. } = fact;
    let (value, word) = (shown(cell), carried(cell));
    match frequent(words) {
        _ if !fact.hurts.usual => as_usual(column, &value),
        Some(frequent) if frequent.contains(&word.as_str()) => as_usual(column, &value),
        Some(frequent) => {
            let mostly = alternatives(&frequent);
            format!("{column} is {value}; approved applicants mostly have {mostly}")
        }
        None => of_rare(column, (&value, &word), words),
    }
}

/// The most frequent words, as few as three fifths of all rows have; None where it would take too many.
fn frequent(words: &[(String, f64)]) -> Option<Vec<&str>> {
    let (mut named, mut sum) = (Vec::new(), 0.0);
    for (word, share) in words.iter().take(WORDS) {
        named.push(word.as_str());
        sum += share;
        if sum >= MOST_OF {
            return Some(named);
        }
    }
    None
}

/// A category as a baseline has it: cut off where it is long.
fn carried(cell: &Cell) -> String {
    cell.label().unwrap_or_default().chars().take(SHOWN).collect()
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

fn shown(cell: &Cell) -> String {
    shown_in(cell, DIGITS)
}

/// As few digits as tell a number from each of the others.
fn telling<'a>(number: f64, others: impl Iterator<Item = &'a f64> + Clone) -> usize {
    let is_told = |digits: &usize| {
        let shown = figure(number, *digits);
        others.clone().all(|other| *other == number || figure(*other, *digits) != shown)
    };
    (DIGITS..ALL_DIGITS).find(is_told).unwrap_or(ALL_DIGITS)
}

fn shown_in(cell: &Cell, digits: usize) -> String {
    if let Some(number) = number(cell) {
        return figure(number, digits);
    }
    let text = cell.label().unwrap_or_default();
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

fn moment(time: i64) -> String {
    shown(&Cell::Text(format_timestamp(time)))
}

/// A number in a sentence: whole ones as they are, others with so many digits that matter.
fn figure(number: f64, digits: usize) -> String {
    let size = number.abs();
    if number == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{number:.*e}", digits - 1);
    }
    let whole = size.log10().floor() as i32;
    let decimals = if number.fract() == 0.0 {
        0
    } else {
        usize::try_from(digits as i32 - 1 - whole).unwrap_or(0)
    };
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
        Typical::Numbers { range: Some([low, high]), median, mean: median, present: 1.0 }
    }

    fn text(column: &str, cell: Value, typical: Option<&Typical>) -> String {
        let cell: Cell = serde_json::from_value(cell).unwrap();
        let side = typical.map_or(Ordering::Equal, |typical| side(&cell, typical));
        default_text(Fact { column, cell: &cell, typical, side, hurts: Hurts::UNSCORED })
    }

    /// Of a row that would not be answered less adversely with what the approved have.
    fn harmless(column: &str, cell: Value, typical: &Typical) -> String {
        let cell: Cell = serde_json::from_value(cell).unwrap();
        let (typical, side) = (Some(typical), Ordering::Equal);
        default_text(Fact { column, cell: &cell, typical, side, hurts: Hurts::UNKNOWN })
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
            (
                text("rate", json!(0.123_42), Some(&numbers(0.1, 0.11, 0.123_41))),
                format!("rate is 0.12342; {mostly} 0.1 to 0.12341"),
            ),
            (
                text("debt", json!(60_124.2), Some(&numbers(1.0, 60_124.0, 70_000.0))),
                "debt is 60,124.2; the median of approved applicants is 60,124".to_owned(),
            ),
            (text("income", json!(null), None), "income is missing".to_owned()),
            (text("rate", json!(0.123456), None), "rate is 0.1235".to_owned()),
            (text("balance", json!(-1234567.5), None), "balance is -1,234,568".to_owned()),
            (text("x", json!(1e-7), None), "x is 1.000e-7".to_owned()),
        ] {
            assert_eq!(found, wanted);
        }
    }

    /// What a column adds is reckoned about the mean, and most have the median: between the two neither a
    /// word nor a sentence says which way a value hurts.
    #[test]
    fn between_median_and_mean_a_value_has_no_side() {
        let skewed =
            Typical::Numbers { range: Some([10.0, 30.0]), median: 20.0, mean: 40.0, present: 1.0 };
        for (value, wanted) in [
            (25, "x is 25, together with the other values given"),
            (35, "x is 35, together with the other values given"),
            (45, "x is 45; approved applicants mostly have 10 to 30"),
            (15, "x is 15; the median of approved applicants is 20"),
        ] {
            assert_eq!(text("x", json!(value), Some(&skewed)), wanted);
        }
        let at = |value| side(&Cell::Int(value), &skewed);
        assert_eq!(
            [15, 25, 35, 45].map(at),
            [Ordering::Less, Ordering::Equal, Ordering::Equal, Ordering::Greater]
        );
    }

    /// What others have is not held against a value that does not hurt.
    #[test]
    fn what_does_not_hurt_is_told_by_itself() {
        let words = Typical::Words(vec![("north".to_owned(), 0.9), ("south".to_owned(), 0.01)]);
        let some = Typical::Numbers { range: None, median: 3.0, mean: 3.0, present: 0.4 };
        let pay = numbers(-1.0, 0.0, 0.0);
        for (value, typical, wanted) in [
            (json!(2), &pay, "x is 2"),
            (json!(null), &pay, "x is missing"),
            (json!(9), &some, "x is 9"),
            (json!("south"), &words, "x is south"),
            (json!("west"), &words, "x is west"),
            (json!(null), &words, "x is missing"),
        ] {
            let wanted = format!("{wanted}, together with the other values given");
            assert_eq!(harmless("x", value, typical), wanted);
        }
        // Having one hurts, and where among those that have one it lies does not; and the other way round.
        let cell = Cell::Int(9);
        let text = |side, usual, none| {
            let hurts = Hurts { usual, none };
            default_text(Fact { column: "x", cell: &cell, typical: Some(&some), side, hurts })
        };
        let none = text(Ordering::Equal, false, true);
        assert_eq!(none, "x is 9; most approved applicants have none");
        let usual = text(Ordering::Greater, true, false);
        assert_eq!(usual, "x is 9; the median of approved applicants that have one is 3");
    }

    /// Where too many lack a value there is no range that most have.
    #[test]
    fn nothing_is_said_of_most_where_too_many_have_none() {
        let some = |present| Typical::Numbers { range: None, median: 3.0, mean: 3.0, present };
        let (few, many) = (some(0.4), some(0.7));
        for (found, wanted) in [
            (text("x", json!(9), Some(&few)), "x is 9; most approved applicants have none"),
            (
                text("x", json!(9), Some(&many)),
                "x is 9; the median of approved applicants that have one is 3",
            ),
            (text("x", json!(3), Some(&many)), "x is 3, together with the other values given"),
            (
                text("x", json!(null), Some(&many)),
                "x is missing; most approved applicants have one",
            ),
            (
                text("x", json!(null), Some(&few)),
                "x is missing, together with the other values given",
            ),
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
            range: Some([
                parse_timestamp(b"2015-01-01").unwrap(),
                parse_timestamp(b"2020-01-01T08:30:00Z").unwrap(),
            ]),
            median: parse_timestamp(b"2018-01-01").unwrap(),
            mean: parse_timestamp(b"2017-11-01").unwrap(),
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
                text("since", json!("2020-01-01T09:00:00Z"), Some(&time)),
                format!("since is 2020-01-01T09:00:00Z; {mostly} 2015-01-01 to 2020-01-01T08:30:00Z"),
            ),
            (
                text("since", json!("2016-01-01T00:00:00Z"), Some(&time)),
                "since is 2016-01-01; the median of approved applicants that have one is 2018-01-01"
                    .to_owned(),
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
            let (side, hurts) = (side(&cell, &typical), Hurts::UNSCORED);
            let fact = Fact { column: "x", cell: &cell, typical: Some(&typical), side, hurts };
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
