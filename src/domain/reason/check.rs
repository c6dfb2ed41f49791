//! Whether a reason table can be used as it stands.

use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_ENTRIES, ReasonCondition, ReasonEntry, ReasonValue, number_category};
use crate::domain::name::did_you_mean;
use crate::domain::schema::ColumnType;
use crate::error::FieldError;

const MAX_CODE: usize = 40;
const MAX_COLUMNS: usize = 100;
const MAX_TEXT: usize = 500;
const MAX_CATEGORY: usize = 200;
/// Most faults that are named.
const MAX_ERRORS: usize = 100;

/// A column that a version of the model reads, and of which types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub kinds: Vec<ColumnType>,
}

/// All that is wrong with a table's entries, with pointers such as `/entries/2/code`, by the columns that
/// versions of the model read.
pub fn check_table(entries: &[ReasonEntry], columns: &[TableColumn]) -> Vec<FieldError> {
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        let detail = format!("a table has 1 to {MAX_ENTRIES} entries, not {}", entries.len());
        return vec![FieldError::new("/entries", detail)];
    }
    let mut checks = Checks { columns, errors: Vec::new() };
    for (at, entry) in entries.iter().enumerate() {
        checks.entry(at, entry);
        checks.condition(at, entry);
    }
    checks.groups(entries);
    checks.groups_for_all(entries);
    checks.codes(entries);
    checks.texts(entries);
    checks.overlaps(entries);
    checks.errors.truncate(MAX_ERRORS);
    checks.errors
}

struct Checks<'a> {
    columns: &'a [TableColumn],
    errors: Vec<FieldError>,
}

impl Checks<'_> {
    fn add(&mut self, at: usize, field: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(format!("/entries/{at}/{field}"), detail.into()));
    }

    fn find(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn entry(&mut self, at: usize, entry: &ReasonEntry) {
        let ReasonEntry { code, columns, text, language, .. } = entry;
        if !is_plain(code, MAX_CODE) {
            self.add(
                at,
                "code",
                format!(
                    "must be 1 to {MAX_CODE} characters, none of them blank at \
                an end or a control character"
                ),
            );
        }
        if !is_plain(text, MAX_TEXT) {
            self.add(
                at,
                "text",
                format!(
                    "must be a sentence of 1 to {MAX_TEXT} characters, none of \
                them blank at an end or a control character"
                ),
            );
        } else if text.to_lowercase().contains("qualifying score") {
            self.add(
                at,
                "text",
                "is no reason: it must name the factor, not that a score was not \
                reached (Regulation B, comment 9(b)(2)-3)",
            );
        }
        let is_language = |language: &String| {
            (2..=35).contains(&language.len())
                && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !language.as_ref().is_none_or(is_language) {
            self.add(at, "language", "must be a language's tag such as en or es-MX");
        }
        if columns.is_empty() || columns.len() > MAX_COLUMNS {
            self.add(at, "columns", format!("must be 1 to {MAX_COLUMNS} columns"));
        }
        for (place, name) in columns.iter().enumerate() {
            let field = format!("columns/{place}");
            if columns.iter().take(place).any(|earlier| earlier == name) {
                self.add(at, &field, format!("{name} stands twice"));
            } else if self.find(name).is_none() {
                let known = self.columns.iter().map(|column| column.name.as_str());
                let hint = did_you_mean(name, known);
                self.add(
                    at,
                    &field,
                    format!("no version of the model reads a column {name}{hint}"),
                );
            }
        }
        let is_other = self.find(code).is_some() && !columns.contains(code);
        if is_other {
            self.add(
                at,
                "code",
                format!(
                    "{code} is a column, whose own name is its code where a \
                table has no entry for it: take another"
                ),
            );
        }
    }

    fn condition(&mut self, at: usize, entry: &ReasonEntry) {
        let Some(condition) = &entry.when else { return };
        let is_ordered =
            |kind: &ColumnType| kind.is_numeric() || matches!(kind, ColumnType::Timestamp);
        let known: Vec<&TableColumn> =
            entry.columns.iter().filter_map(|name| self.find(name)).collect();
        let has_order =
            known.is_empty() || known.iter().any(|column| column.kinds.iter().any(is_ordered));
        match (condition, entry.columns.as_slice()) {
            (ReasonCondition::Is(ReasonValue::High | ReasonValue::Low), [column]) if !has_order => {
                let kinds = known.first().map_or(&[][..], |column| &column.kinds);
                let kind = kinds.first().map_or("", |kind| kind.as_str());
                let detail = format!("{column} is a {kind}, which is neither high nor low");
                self.add(at, "when", detail);
            }
            (ReasonCondition::Is(ReasonValue::High | ReasonValue::Low), _) if !has_order => {
                self.add(
                    at,
                    "when",
                    "none of its columns is a number or a time: neither high nor low",
                );
            }
            (ReasonCondition::Is(ReasonValue::High | ReasonValue::Low), _)
            | (ReasonCondition::Is(ReasonValue::Missing), [_]) => {}
            (ReasonCondition::OneOf(values), [column]) => self.categories(at, column, values),
            (ReasonCondition::Is(ReasonValue::Missing) | ReasonCondition::OneOf(_), _) => {
                let detail = "goes with one column; a group has entries for high, for low and for all values";
                self.add(at, "when", detail);
            }
        }
    }

    fn categories(&mut self, at: usize, column: &str, values: &[String]) {
        let kinds = self.find(column).map_or(&[][..], |column| &column.kinds);
        let unique: BTreeSet<String> =
            values.iter().map(|value| compared(kinds, value).unwrap_or_default()).collect();
        let is_long = |v: &String| v.chars().count() > MAX_CATEGORY || v.contains('\0');
        let strange = values.iter().find(|value| compared(kinds, value).is_none());
        if values.is_empty() || values.len() > MAX_COLUMNS {
            self.add(at, "when", format!("must have 1 to {MAX_COLUMNS} categories"));
        } else if values.iter().any(is_long) {
            let detail =
                format!("has a category of more than {MAX_CATEGORY} characters, or with U+0000");
            self.add(at, "when", detail);
        } else if let Some(value) = strange {
            let detail = format!(
                "{value} is no number, and {column} is one: give numbers, or high, low or missing"
            );
            self.add(at, "when", detail);
        } else if unique.len() < values.len() {
            self.add(at, "when", "has a category twice");
        }
    }

    /// A column is told alone or in one group.
    fn groups(&mut self, entries: &[ReasonEntry]) {
        let mut of_column: BTreeMap<&str, (usize, BTreeSet<&String>)> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let group: BTreeSet<&String> = entry.columns.iter().collect();
            for (place, name) in entry.columns.iter().enumerate() {
                let (first, known) = of_column.entry(name).or_insert_with(|| (at, group.clone()));
                if *known != group {
                    let detail = format!(
                        "{name} stands with other columns in entry {first}: a \
                        column belongs to one reason"
                    );
                    self.add(at, &format!("columns/{place}"), detail);
                }
            }
        }
    }

    /// A group is told whatever its values are, and no sentence can be made of them.
    fn groups_for_all(&mut self, entries: &[ReasonEntry]) {
        let columns =
            |entry: &ReasonEntry| -> BTreeSet<String> { entry.columns.iter().cloned().collect() };
        let for_all = entries.iter().filter(|entry| entry.when.is_none());
        let for_all: BTreeSet<BTreeSet<String>> = for_all.map(columns).collect();
        for (at, entry) in entries.iter().enumerate() {
            let is_group = entry.columns.len() > 1 && entry.when.is_some();
            if is_group && !for_all.contains(&columns(entry)) {
                let detail = "its group has no entry for all values, which is told where neither high nor low \
                              ones alone hurt: add one without when";
                self.add(at, "when", detail);
            }
        }
    }

    /// A code means the same in every language, and one thing.
    fn codes(&mut self, entries: &[ReasonEntry]) {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let mut seen: BTreeSet<(&str, Option<&String>)> = BTreeSet::new();
        for (at, entry) in entries.iter().enumerate() {
            let earlier = *first.entry(&entry.code).or_insert(at);
            if !seen.insert((&entry.code, entry.language.as_ref())) {
                let detail = format!("{} stands in entry {earlier} too", entry.code);
                self.add(at, "code", detail);
            } else if let Some(of) = entries.get(earlier)
                && (of.columns != entry.columns || of.when != entry.when)
            {
                let detail = format!(
                    "{} is of other columns or values in entry {earlier}, in another language",
                    entry.code
                );
                self.add(at, "code", detail);
            }
        }
    }

    /// Nobody is told a sentence twice: in a language it is of one set of columns. Entries of the same
    /// columns, for other values, are never told together.
    fn texts(&mut self, entries: &[ReasonEntry]) {
        let mut first: BTreeMap<String, Vec<(usize, Told<'_>)>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let told = Told { columns: entry.columns.iter().collect(), language: &entry.language };
            let alike = first.entry(entry.text.trim().to_lowercase()).or_default();
            if let Some((earlier, _)) = alike.iter().find(|(_, other)| told.is_beside(other)) {
                let detail = format!(
                    "reads as that of entry {earlier}, of other columns: an applicant would be told it \
                     twice; put the columns in one group, or word them apart"
                );
                self.add(at, "text", detail);
            } else if alike.iter().all(|(_, other)| *other != told) {
                alike.push((at, told));
            }
        }
    }

    /// No value of a column has two entries in a language.
    fn overlaps(&mut self, entries: &[ReasonEntry]) {
        let mut taken: BTreeMap<Key<'_>, usize> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            for key in self.keys(entry) {
                let what = key.2.clone();
                let Some(earlier) = taken.insert(key, at).filter(|earlier| *earlier != at) else {
                    continue;
                };
                let what = if what.is_empty() { "all values" } else { what.as_str() };
                self.add(at, "when", format!("entry {earlier} is for {what} of the same columns"));
                break;
            }
        }
    }

    fn keys<'e>(&self, entry: &'e ReasonEntry) -> Vec<Key<'e>> {
        let mut columns: Vec<&String> = entry.columns.iter().collect();
        columns.sort();
        let key = |value: String| (columns.clone(), entry.language.as_ref(), value);
        let kinds = match entry.columns.as_slice() {
            [column] => self.find(column).map_or(&[][..], |column| &column.kinds),
            _ => &[],
        };
        let category = |value: &String| compared(kinds, value).unwrap_or_else(|| value.clone());
        match &entry.when {
            None => vec![key(String::new())],
            Some(ReasonCondition::Is(value)) => vec![key(value.as_str().to_owned())],
            Some(ReasonCondition::OneOf(values)) => values
                .iter()
                .map(|value| key(format!("the category {}", category(value))))
                .collect(),
        }
    }
}

/// Of what a text is told, and in which language.
#[derive(PartialEq)]
struct Told<'a> {
    columns: BTreeSet<&'a String>,
    language: &'a Option<String>,
}

impl Told<'_> {
    /// Whether one answer can be told both: of other columns in one language, where one without goes with
    /// any, and so do groups, which are told in another language rather than not at all.
    fn is_beside(&self, other: &Self) -> bool {
        let is_of_any = |told: &Self| told.language.is_none() || told.columns.len() > 1;
        let is_one_language =
            is_of_any(self) || is_of_any(other) || self.language == other.language;
        is_one_language && self.columns != other.columns
    }
}

/// What an entry is for: columns, a language, and some of the values.
type Key<'a> = (Vec<&'a String>, Option<&'a String>, String);

/// A category as it is compared with values of a column; None of text where all of these are numbers.
fn compared(kinds: &[ColumnType], category: &str) -> Option<String> {
    match !kinds.is_empty() && kinds.iter().all(|kind| kind.is_numeric()) {
        true => number_category(category),
        false => Some(category.to_owned()),
    }
}

/// A text of so many characters that reads as it is written.
fn is_plain(text: &str, most: usize) -> bool {
    let count = text.chars().count();
    (1..=most).contains(&count) && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(entries: Value) -> Vec<(String, String)> {
        let entries: Vec<ReasonEntry> = serde_json::from_value(entries).unwrap();
        let column = |name: &str, kind| TableColumn { name: name.to_owned(), kinds: vec![kind] };
        let columns = [
            column("PAY_0", ColumnType::Int64),
            column("PAY_2", ColumnType::Int64),
            column("region", ColumnType::String),
            column("purpose", ColumnType::String),
        ];
        let found = check_table(&entries, &columns).into_iter();
        found.map(|error| (error.pointer, error.detail)).collect()
    }

    #[test]
    fn a_table_of_groups_values_and_languages_is_taken() {
        let entries = json!([
            {"code": "R01", "columns": ["PAY_0"], "when": "high", "text": "Late.", "language": "en"},
            {"code": "R01", "columns": ["PAY_0"], "when": "high", "text": "Tarde.", "language": "es"},
            {"code": "R02", "columns": ["PAY_0"], "text": "Payments."},
            {"code": "R03", "columns": ["region"], "when": ["north", "south"], "text": "Region."},
            {"code": "R04", "columns": ["region"], "when": "missing", "text": "No region."},
            {"code": "PAY_2", "columns": ["PAY_2"], "text": "Earlier payments."}
        ]);
        assert_eq!(faults(entries), []);
        let group = json!([
            {"code": "R01", "columns": ["PAY_0", "PAY_2", "region"], "when": "high", "text": "Late."},
            {"code": "R02", "columns": ["PAY_2", "region", "PAY_0"], "when": "low", "text": "Early."},
            {"code": "R03", "columns": ["PAY_2", "PAY_0", "region"], "text": "Payments."}
        ]);
        assert_eq!(faults(group), []);
    }

    #[test]
    fn every_fault_is_named() {
        for (entries, pointer, word) in [
            (json!([]), "/entries", "1 to 1000"),
            (
                json!([{"code": " ", "columns": ["PAY_0"], "text": "a"}]),
                "/entries/0/code",
                "1 to 40",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0"], "text": ""}]),
                "/entries/0/text",
                "sentence",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0"], "text": "You failed to achieve a Qualifying \
                Score."}]),
                "/entries/0/text",
                "factor",
            ),
            (json!([{"code": "R", "columns": [], "text": "a"}]), "/entries/0/columns", "1 to 100"),
            (
                json!([{"code": "R", "columns": ["PAY_1"], "text": "a"}]),
                "/entries/0/columns/0",
                "did you mean PAY_",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0", "PAY_0"], "text": "a"}]),
                "/entries/0/columns/1",
                "twice",
            ),
            (
                json!([{"code": "PAY_2", "columns": ["PAY_0"], "text": "a"}]),
                "/entries/0/code",
                "is a column",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0"], "text": "a", "language": "e n"}]),
                "/entries/0/language",
                "tag",
            ),
            (
                json!([{"code": "R", "columns": ["region"], "text": "a", "when": "low"}]),
                "/entries/0/when",
                "neither high nor low",
            ),
            (
                json!([{"code": "R", "columns": ["region"], "text": "a", "when": []}]),
                "/entries/0/when",
                "categories",
            ),
            (
                json!([{"code": "R", "columns": ["region"], "text": "a", "when": ["a", "a"]}]),
                "/entries/0/when",
                "twice",
            ),
        ] {
            let found = faults(entries.clone());
            let named = found.iter().any(|(p, detail)| p == pointer && detail.contains(word));
            assert!(named, "{entries}: {found:?}");
        }
    }

    #[test]
    fn groups_are_for_high_low_and_all_values() {
        for (entries, pointer, word) in [
            (
                json!([{"code": "R", "columns": ["PAY_0", "PAY_2"], "text": "a", "when": "missing"}]),
                "/entries/0/when",
                "one column",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0", "PAY_2"], "text": "a", "when": ["2"]}]),
                "/entries/0/when",
                "one column",
            ),
            (
                json!([{"code": "R", "columns": ["region", "purpose"], "text": "a", "when": "low"}]),
                "/entries/0/when",
                "none of its columns",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0", "PAY_2"], "text": "a", "when": "low"},
                       {"code": "S", "columns": ["PAY_0"], "text": "b"}]),
                "/entries/0/when",
                "no entry for all values",
            ),
        ] {
            let found = faults(entries.clone());
            let named = found.iter().any(|(p, detail)| p == pointer && detail.contains(word));
            assert!(named, "{entries}: {found:?}");
        }
    }

    #[test]
    fn categories_of_numbers_are_numbers() {
        for (entries, pointer, word) in [
            (
                json!([{"code": "R", "columns": ["PAY_0"], "text": "a", "when": ["2", "two"]}]),
                "/entries/0/when",
                "two is no number",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0"], "text": "a", "when": ["2", 2.0]}]),
                "/entries/0/when",
                "twice",
            ),
            (
                json!([{"code": "R", "columns": ["PAY_0"], "text": "a", "when": [2]},
                       {"code": "S", "columns": ["PAY_0"], "text": "a", "when": ["2.0"]}]),
                "/entries/1/when",
                "the category 2",
            ),
        ] {
            let found = faults(entries.clone());
            let named = found.iter().any(|(p, detail)| p == pointer && detail.contains(word));
            assert!(named, "{entries}: {found:?}");
        }
    }

    #[test]
    fn no_sentence_is_told_twice() {
        let entry = |code: &str, columns: Value, text: &str, more: Value| {
            let mut entry = json!({"code": code, "columns": columns, "text": text});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            entry
        };
        let first = entry("R", json!(["PAY_0"]), "Payments were late.", json!({"language": "en"}));
        for more in [json!({"language": "en"}), json!({})] {
            let second = entry("S", json!(["PAY_2"]), "Payments were LATE.", more);
            let found = faults(json!([first, second]));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, "/entries/1/text");
            assert!(found[0].1.contains("put the columns in one group"), "{found:?}");
        }
        // Never told together.
        let spanish =
            entry("S", json!(["PAY_2"]), "Payments were late.", json!({"language": "es"}));
        assert_eq!(faults(json!([first, spanish])), []);
        let of =
            |code: &str, when: &str| entry(code, json!(["PAY_0"]), "Late.", json!({"when": when}));
        assert_eq!(faults(json!([of("R", "high"), of("S", "missing")])), []);
    }

    #[test]
    fn entries_that_get_in_each_others_way_are_named() {
        let entry = |code: &str, columns: Value, more: Value| {
            let mut entry = json!({"code": code, "columns": columns, "text": "a"});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            entry
        };
        let pay = || json!(["PAY_0"]);
        for (second, pointer) in [
            (entry("R", json!(["PAY_2"]), json!({})), "/entries/1/code"),
            (entry("S", pay(), json!({})), "/entries/1/when"),
            (entry("S", json!(["PAY_2", "PAY_0"]), json!({})), "/entries/1/columns/1"),
            (entry("R", json!(["PAY_2"]), json!({"language": "es"})), "/entries/1/code"),
        ] {
            let found = faults(json!([entry("R", pay(), json!({})), second]));
            assert!(found.iter().any(|(p, _)| p == pointer), "{second}: {found:?}");
        }
        let of = |code: &str, when: Value| entry(code, json!(["region"]), json!({"when": when}));
        let found = faults(json!([of("R", json!(["a", "b"])), of("S", json!(["c", "b"]))]));
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("the category b"), "{found:?}");
    }
}
