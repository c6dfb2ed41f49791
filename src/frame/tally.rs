//! Statistics of a column, gathered while its values pass by.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use super::time::format_timestamp;
use crate::domain::schema::{Cell, ColumnSummary, ColumnType, ValueCount};

/// Different values that are counted in one column.
const MAX_DISTINCT: usize = 10_000;
/// Texts up to this many bytes are kept to be listed, longer ones are counted by their hash.
const MAX_KEPT_TEXT: usize = 128;
/// Values listed as the most frequent.
const MAX_TOP: usize = 10;
/// What one counted value takes beside its text: key, count, and room in the table.
const ENTRY_BYTES: usize = 40;

/// Memory for counting different values, shared by the columns of a table.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { bytes: 32 << 20 }
    }
}

/// Statistics of one column.
#[derive(Debug)]
pub(super) struct Tally {
    kind: ColumnType,
    nulls: u64,
    moments: Moments,
    /// Smallest and largest whole number or time.
    range: Option<(i64, i64)>,
    counts: Counts,
}

impl Tally {
    pub(super) fn new(kind: ColumnType) -> Self {
        Self { kind, nulls: 0, moments: Moments::default(), range: None, counts: Counts::default() }
    }

    /// Values of the column's own type.
    pub(super) fn observe(&mut self, values: &dyn Array, budget: &mut Budget) {
        self.nulls += values.null_count() as u64;
        match self.kind {
            ColumnType::Bool => {
                for value in values.as_boolean().iter().flatten() {
                    self.moments.observe(f64::from(value));
                    self.counts.word(u64::from(value), budget);
                }
            }
            ColumnType::Int64 => {
                for value in values.as_primitive::<Int64Type>().iter().flatten() {
                    self.moments.observe(value as f64);
                    self.widen(value);
                    self.counts.word(value as u64, budget);
                }
            }
            ColumnType::Float64 => {
                for value in values.as_primitive::<Float64Type>().iter().flatten() {
                    self.moments.observe(value);
                    // Both zeros are one value.
                    self.counts.word((value + 0.0).to_bits(), budget);
                }
            }
            ColumnType::String => {
                let texts = values.as_string::<i32>().iter().flatten();
                texts.for_each(|text| self.counts.text(text, budget));
            }
            ColumnType::Timestamp => {
                for value in values.as_primitive::<TimestampMicrosecondType>().iter().flatten() {
                    self.widen(value);
                    self.counts.word(value as u64, budget);
                }
            }
            ColumnType::Image => {
                for image in values.as_binary::<i32>().iter().flatten() {
                    self.counts.word(self.counts.hasher.hash_one(image), budget);
                }
            }
        }
    }

    fn widen(&mut self, value: i64) {
        let (low, high) = self.range.unwrap_or((value, value));
        self.range = Some((low.min(value), high.max(value)));
    }

    /// The number of different values up to now, or less once there are too many of them.
    pub(super) fn distinct(&self) -> u64 {
        self.counts.distinct().0
    }

    /// All but the sizes of images.
    pub(super) fn finish(self, name: String) -> ColumnSummary {
        let (distinct, distinct_is_lower_bound) = self.counts.distinct();
        let time = |micros| Cell::Text(format_timestamp(micros));
        let (min, max) = match (self.kind, self.range) {
            (ColumnType::Int64, Some((low, high))) => (Some(Cell::Int(low)), Some(Cell::Int(high))),
            (ColumnType::Timestamp, Some((low, high))) => (Some(time(low)), Some(time(high))),
            (ColumnType::Float64, _) if self.moments.n > 0 => {
                (Some(Cell::Float(self.moments.min)), Some(Cell::Float(self.moments.max)))
            }
            _ => (None, None),
        };
        ColumnSummary {
            name,
            kind: self.kind,
            nulls: self.nulls,
            distinct,
            distinct_is_lower_bound,
            min,
            max,
            mean: self.moments.mean(),
            std: self.moments.std().filter(|_| self.kind.is_numeric()),
            top: self.counts.top(self.kind),
            sizes: None,
            note: None,
        }
    }
}

/// Mean by a compensated sum (Neumaier), which is exact to the last digit or so, and spread by
/// Welford's updates, which hold where a sum of squares would cancel.
#[derive(Debug)]
struct Moments {
    n: u64,
    sum: f64,
    /// What rounding took from `sum`.
    lost: f64,
    /// The running mean of the updates.
    mean: f64,
    /// Sum of squared distances from the mean.
    m2: f64,
    min: f64,
    max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { n: 0, sum: 0.0, lost: 0.0, mean: 0.0, m2: 0.0, min, max }
    }
}

impl Moments {
    fn observe(&mut self, value: f64) {
        self.n += 1;
        let sum = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.sum = sum;
        let distance = value - self.mean;
        self.mean += distance / self.n as f64;
        self.m2 += distance * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// None where there are no values, or where they are too large for the mean to be finite.
    fn mean(&self) -> Option<f64> {
        let mean = (self.sum + self.lost) / self.n as f64;
        Some(mean).filter(|m| m.is_finite())
    }

    fn std(&self) -> Option<f64> {
        let degrees = self.n.checked_sub(1).filter(|n| *n > 0)?;
        Some((self.m2 / degrees as f64).sqrt()).filter(|s| s.is_finite())
    }
}

/// How often each value occurs, until there are too many different ones.
#[derive(Debug, Default)]
struct Counts {
    /// Numbers by their bits, long texts by their hash.
    words: HashMap<u64, u64>,
    texts: HashMap<Box<str>, u64>,
    /// Bytes taken from the budget.
    taken: usize,
    /// The number of different values when counting ended.
    ended_at: Option<usize>,
    hasher: RandomState,
}

impl Counts {
    fn word(&mut self, key: u64, budget: &mut Budget) {
        if self.ended_at.is_some() {
            return;
        }
        if let Some(count) = self.words.get_mut(&key) {
            *count += 1;
        } else if self.take(ENTRY_BYTES, budget) {
            self.words.insert(key, 1);
        }
    }

    fn text(&mut self, text: &str, budget: &mut Budget) {
        if self.ended_at.is_some() {
            return;
        }
        if text.len() > MAX_KEPT_TEXT {
            return self.word(self.hasher.hash_one(text), budget);
        }
        if let Some(count) = self.texts.get_mut(text) {
            *count += 1;
        } else if self.take(ENTRY_BYTES + text.len(), budget) {
            self.texts.insert(text.into(), 1);
        }
    }

    /// Whether one more value may be counted; otherwise counting ends and its memory is freed.
    fn take(&mut self, bytes: usize, budget: &mut Budget) -> bool {
        let distinct = self.words.len() + self.texts.len();
        if distinct < MAX_DISTINCT && bytes <= budget.bytes {
            budget.bytes -= bytes;
            self.taken += bytes;
            return true;
        }
        budget.bytes += self.taken;
        self.ended_at = Some(distinct);
        self.words = HashMap::new();
        self.texts = HashMap::new();
        false
    }

    /// The number of different values, and whether there may be more.
    fn distinct(&self) -> (u64, bool) {
        let counted = self.words.len() + self.texts.len();
        (self.ended_at.unwrap_or(counted) as u64, self.ended_at.is_some())
    }

    /// The most frequent values, where a value is a name rather than a measurement.
    fn top(self, kind: ColumnType) -> Vec<ValueCount> {
        let named = |key: u64| match kind {
            ColumnType::Bool => Some(Cell::Bool(key == 1)),
            ColumnType::Int64 => Some(Cell::Int(key as i64)),
            _ => None,
        };
        let words = self.words.iter().filter_map(|(key, count)| Some((named(*key)?, *count)));
        let texts = self.texts.into_iter().map(|(key, count)| (Cell::Text(key.into()), count));
        let mut top = words.chain(texts).collect::<Vec<_>>();
        // Equal counts by value, so that the same data always gives the same list.
        top.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| compare(a, b)));
        if top.first().is_none_or(|(_, count)| *count < 2) {
            return Vec::new();
        }
        top.truncate(MAX_TOP);
        top.into_iter().map(|(value, count)| ValueCount { value, count }).collect()
    }
}

/// Order of two listed values of one column.
fn compare(a: &Cell, b: &Cell) -> std::cmp::Ordering {
    match (a, b) {
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::builder::{ColumnBuilder, Value};

    fn summary<'a>(
        kind: ColumnType,
        values: impl IntoIterator<Item = Value<'a>>,
        budget: &mut Budget,
    ) -> ColumnSummary {
        let (mut tally, mut builder) = (Tally::new(kind), ColumnBuilder::new(kind, 0));
        values.into_iter().for_each(|value| builder.push(value));
        tally.observe(&builder.finish(), budget);
        tally.finish("x".to_owned())
    }

    fn of<'a>(kind: ColumnType, values: impl IntoIterator<Item = Value<'a>>) -> ColumnSummary {
        summary(kind, values, &mut Budget::new())
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let s = of(ColumnType::Float64, values.map(Value::Float).into_iter().chain([Value::Null]));
        assert_eq!((s.nulls, s.distinct, s.distinct_is_lower_bound), (1, 5, false));
        assert_eq!((s.min, s.max), (Some(Cell::Float(2.0)), Some(Cell::Float(9.0))));
        assert_eq!(s.mean, Some(5.0));
        assert!((s.std.unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        assert!(s.top.is_empty());
    }

    #[test]
    fn a_mean_is_what_exact_arithmetic_gives() {
        let s =
            of(ColumnType::Int64, (0..30_000).map(|i| Value::Int(i64::from(i % 10_000 < 2212))));
        assert_eq!(s.mean, Some(0.2212));
        let s = of(ColumnType::Float64, [1.0, 1e100, 1.0, -1e100].map(Value::Float));
        assert_eq!(s.mean, Some(0.5));
    }

    #[test]
    fn spread_survives_a_large_offset() {
        let s = of(ColumnType::Float64, (0..1000).map(|i| Value::Float(1e9 + f64::from(i % 2))));
        assert!((s.std.unwrap() - (250.0_f64 / 999.0).sqrt()).abs() < 1e-9, "{:?}", s.std);
    }

    #[test]
    fn nothing_that_is_not_finite_is_told() {
        let s = of(ColumnType::Float64, [f64::MAX, f64::MAX, f64::MIN].map(Value::Float));
        assert_eq!((s.mean, s.std), (None, None));
        let s = of(ColumnType::Float64, [Value::Null]);
        assert_eq!((s.min, s.max, s.mean, s.std, s.distinct), (None, None, None, None, 0));
    }

    #[test]
    fn whole_numbers_booleans_and_texts_list_their_most_frequent() {
        let s = of(ColumnType::Int64, [3, 1, 3, 2, 1, 3].map(Value::Int));
        let counts = |s: &ColumnSummary| {
            s.top.iter().map(|t| (t.value.clone(), t.count)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&s), [(Cell::Int(3), 3), (Cell::Int(1), 2), (Cell::Int(2), 1)]);
        assert_eq!((s.min, s.max), (Some(Cell::Int(1)), Some(Cell::Int(3))));

        let s = of(ColumnType::Bool, [true, false, true, true].map(Value::Bool));
        assert_eq!(counts(&s), [(Cell::Bool(true), 3), (Cell::Bool(false), 1)]);
        assert_eq!((s.mean, s.std, s.min), (Some(0.75), None, None));

        let texts = ["b", "a", "b", "a", "c"];
        let s = of(ColumnType::String, texts.map(Value::Text));
        let text = |t: &str| Cell::Text(t.to_owned());
        assert_eq!(counts(&s), [(text("a"), 2), (text("b"), 2), (text("c"), 1)]);
        assert_eq!(s.mean, None);

        let s = of(ColumnType::Int64, (0..50).map(Value::Int));
        assert!(s.top.is_empty());
        let s = of(ColumnType::Int64, (0..50).map(|i| Value::Int(i % 20)));
        assert_eq!(s.top.len(), 10);
    }

    #[test]
    fn times_have_a_range() {
        let s = of(ColumnType::Timestamp, [5_000_000, -1_000_000, 0].map(Value::Time));
        assert_eq!(s.min, Some(Cell::Text("1969-12-31T23:59:59Z".to_owned())));
        assert_eq!(s.max, Some(Cell::Text("1970-01-01T00:00:05Z".to_owned())));
        assert_eq!(s.distinct, 3);
    }

    #[test]
    fn counting_ends_above_ten_thousand() {
        let s = of(ColumnType::Int64, (0..20_000).map(|i| Value::Int(i % 10_000)));
        assert_eq!((s.distinct, s.distinct_is_lower_bound, s.top.len()), (10_000, false, 10));
        let s = of(ColumnType::Int64, (0..10_001).map(Value::Int));
        assert_eq!((s.distinct, s.distinct_is_lower_bound, s.top.len()), (10_000, true, 0));
    }

    #[test]
    fn long_texts_are_counted_and_not_listed() {
        let long = ["x".repeat(500), "y".repeat(500), "x".repeat(500)];
        let values = long.iter().map(|t| Value::Text(t)).chain(["a", "a"].map(Value::Text));
        let s = of(ColumnType::String, values);
        assert_eq!(s.distinct, 3);
        assert_eq!(s.top.len(), 1);
    }

    #[test]
    fn both_zeros_are_one_value() {
        assert_eq!(of(ColumnType::Float64, [0.0, -0.0].map(Value::Float)).distinct, 1);
    }

    #[test]
    fn a_spent_budget_ends_counting_and_comes_back() {
        let mut budget = Budget { bytes: 10 * ENTRY_BYTES };
        let s = summary(ColumnType::Int64, (0..100).map(Value::Int), &mut budget);
        assert_eq!((s.distinct, s.distinct_is_lower_bound), (10, true));
        assert_eq!(budget.bytes, 10 * ENTRY_BYTES);
    }
}
