//! The words of reasons: an entry of the operator's table, or a sentence of what a column has and what
//! those who were approved have.

use std::cmp::Ordering;

use crate::domain::reason::{ReasonCondition, ReasonEntry, ReasonValue, number_category};
use crate::domain::schema::Cell;
use crate::engine::{SHOWN, Typical, beyond, carried, frequent, most_lack};
use crate::frame::{format_timestamp, parse_timestamp};

/// With whom a value is compared: those who are approved, and not all of them.
const APPROVED: &str = "approved applicants nearest the cut-off";
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
    /// With the median of the approved, or the most frequent category, or with none where most have none.
    pub(super) usual: bool,
    /// With each of the other categories that have to be named for most to have one of them.
    pub(super) named: bool,
    /// With none, where most of them have none.
    pub(super) none: bool,
}

/// What a reason is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    Column(Fact<'a>),
    /// Columns that are told as one, and on which side those of its values lie that were found to hurt; equal
    /// where none were.
    Group(Ordering),
}

impl Hurts {
    /// As sentences were told before rows were scored for them.
    pub(super) const UNSCORED: Self = Self { usual: true, named: true, none: true };
    pub(super) const UNKNOWN: Self = Self { usual: false, named: false, none: false };
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
/// category, for a high or low one, where that hurts, else for all; in the language, else in none. A group is told
/// in another language rather than not at all.
pub(super) fn entry_for<'a>(
    entries: &[&'a ReasonEntry],
    subject: Subject<'_>,
    language: Option<&str>,
) -> Option<&'a ReasonEntry> {
    let fits = |entry: &ReasonEntry| match (&entry.when, subject) {
        (None, _) => Some(3),
        (Some(condition), Subject::Column(fact)) => is_met(condition, fact),
        (Some(ReasonCondition::Is(value)), Subject::Group(side)) => {
            (side_of(*value) == Some(side)).then_some(2)
        }
        (Some(ReasonCondition::OneOf(_)), Subject::Group(_)) => None,
    };
    // Which comes before how well it fits only where the language is another.
    let in_language = |entry: &ReasonEntry| match (entry.language.as_deref(), subject) {
        (given, _) if given == language => Some((false, 0)),
        (None, _) => Some((false, 1)),
        (Some(_), Subject::Group(_)) => Some((true, 2)),
        (Some(_), Subject::Column(_)) => None,
    };
    let ranked = entries.iter().filter_map(|entry| {
        let (is_foreign, rank) = in_language(entry)?;
        Some(((is_foreign, fits(entry)?, rank), entry))
    });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, entry)| *entry)
}

/// How well a condition is met by a column's value, the less the better; None where it is not.
fn is_met(condition: &ReasonCondition, fact: Fact<'_>) -> Option<u8> {
    match condition {
        ReasonCondition::OneOf(values) => {
            (fact.hurts.usual && is_one_of(fact.cell, values)).then_some(1)
        }
        ReasonCondition::Is(value) => match side_of(*value) {
            None => (fact.hurts.usual && *fact.cell == Cell::Null).then_some(0),
            Some(side) => (*fact.cell != Cell::Null && fact.side == side).then_some(2),
        },
    }
}

/// Whether an entry is for values on one side of a baseline.
pub(super) fn has_side(entry: &ReasonEntry) -> bool {
    matches!(entry.when, Some(ReasonCondition::Is(value)) if side_of(value).is_some_and(Ordering::is_ne))
}

/// On which side of a baseline such values lie; None of missing ones.
fn side_of(value: ReasonValue) -> Option<Ordering> {
    match value {
        ReasonValue::High => Some(Ordering::Greater),
        ReasonValue::Low => Some(Ordering::Less),
        ReasonValue::Missing => None,
    }
}

/// Whether a value is among categories; numbers are compared as such.
fn is_one_of(cell: &Cell, categories: &[String]) -> bool {
    let Some(label) = cell.label() else { return false };
    match number(cell).and_then(|_| number_category(&label)) {
        Some(number) => categories.iter().any(|c| number_category(c).as_ref() == Some(&number)),
        None => categories.contains(&label),
    }
}

/// `PAY_0 is 2; approved applicants nearest the cut-off mostly have -1 to 0`: three quarters of them at least, and
/// the value lies outside. What others have is told only where it would be answered less adversely.
pub(super) fn default_text(fact: Fact<'_>) -> String {
    let Fact { column, cell, typical, .. } = fact;
    match (typical, cell) {
        (None, Cell::Null) => format!("{column} is missing"),
        (None, cell) => format!("{column} is {}", shown(cell)),
        (Some(typical), Cell::Null) => of_missing(fact, typical),
        (Some(typical @ Typical::Words(words)), _) => of_word(fact, typical, words),
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
            return format!("{column} is {value}; {APPROVED} mostly have {mostly}");
        }
        if most_lack(self.present) && fact.hurts.none {
            return format!("{column} is {value}; most {APPROVED} have none");
        }
        if !has_side {
            return as_usual(column, value);
        }
        let median = say(self.median);
        let whose = if self.present < 1.0 { " that have one" } else { "" };
        format!("{column} is {value}; the median of {APPROVED}{whose} is {median}")
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
            let named = frequent(words).filter(|_| fact.hurts.named);
            (named.map(|words| alternatives(&words)), typical.present())
        }
    };
    match mostly {
        Some(mostly) => format!("{column} is missing; {APPROVED} mostly have {mostly}"),
        None if present > HALF => format!("{column} is missing; most {APPROVED} have one"),
        None => as_usual(column, "missing"),
    }
}

fn of_word(fact: Fact<'_>, typical: &Typical, words: &[(String, f64)]) -> String {
    let Fact { column, cell, hurts, .. } = fact;
    let (value, place) = (shown(cell), place_of(words, cell));
    if most_lack(typical.present()) {
        return match hurts.none {
            true => format!("{column} is {value}; most {APPROVED} have none"),
            false => as_usual(column, &value),
        };
    }
    // Long ones may look alike where they are not.
    let is_named = |frequent: &[&str]| {
        place.is_some_and(|place| place < frequent.len())
            || frequent.iter().any(|word| cut(word) == value)
    };
    match frequent(words) {
        _ if !hurts.usual => as_usual(column, &value),
        Some(frequent) if is_named(&frequent) || !hurts.named => as_usual(column, &value),
        Some(frequent) => {
            let mostly = alternatives(&frequent);
            format!("{column} is {value}; {APPROVED} mostly have {mostly}")
        }
        None => {
            let share = place.and_then(|place| words.get(place)).map_or(0.0, |(_, share)| *share);
            of_rare(column, &value, share)
        }
    }
}

/// Which of the words of a baseline a category is; cut off where a version of an earlier program carries it.
fn place_of(words: &[(String, f64)], cell: &Cell) -> Option<usize> {
    let label = cell.label()?;
    let word = carried(&label);
    let is_cut = |known: &str| known.chars().count() == SHOWN && label.starts_with(known);
    let known = words.iter().position(|(known, _)| *known == word);
    known.or_else(|| words.iter().position(|(known, _)| is_cut(known)))
}

fn of_rare(column: &str, value: &str, share: f64) -> String {
    match (share * 100.0).round() {
        percent if percent >= 1.0 => {
            format!("{column} is {value}, which {percent} % of {APPROVED} have")
        }
        _ => format!(
            "{column} is {value}, which hardly any approved applicant nearest the cut-off has"
        ),
    }
}

fn alternatives(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| cut(word)).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
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
    cut(&text)
}

/// As much of a text as is shown.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
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
mod tests;
