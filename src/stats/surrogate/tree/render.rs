//! A tree in words: indented, or as a list of rules.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveTime, SecondsFormat};

use super::{Kind, Test, Tree};

/// What a column and its levels are called; a name that is missing is made up of its number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnName {
    pub name: String,
    /// By code; none for a numeric column.
    pub levels: Vec<String>,
    /// Whether its numbers are days since 1970 in UTC.
    pub is_time: bool,
}

/// A leaf and what its rows have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// One a column, in the order that the tree asks them; none where the tree is one leaf.
    pub conditions: Vec<String>,
    /// The prediction.
    pub mean: f64,
    /// Fitted rows.
    pub rows: usize,
}

impl Rule {
    /// As one line: "income < 23,500 and region in {north, west}: 0.31, 1,204 rows".
    pub fn text(&self) -> String {
        line(&self.conditions, self.mean, self.rows)
    }
}

fn line(conditions: &[String], mean: f64, rows: usize) -> String {
    let what = if conditions.is_empty() { "all".to_owned() } else { conditions.join(" and ") };
    let unit = if rows == 1 { "row" } else { "rows" };
    format!("{what}: {}, {} {unit}", rounded(mean), number(rows as f64))
}

/// Values of a column that reach a node.
#[derive(Debug, Clone)]
enum Extent {
    /// At least `low`, below `high`, with or without the missing; or none but the missing.
    Numeric { low: Option<f64>, high: Option<f64>, known: bool, missing: bool },
    /// Levels that reach it, and those that do not.
    Levels { within: BTreeSet<u32>, without: BTreeSet<u32> },
}

impl Extent {
    fn whole(kind: Kind) -> Self {
        match kind {
            Kind::Numeric { missing } => {
                Self::Numeric { low: None, high: None, known: true, missing }
            }
            Kind::Categorical { levels } => {
                Self::Levels { within: (0..levels as u32).collect(), without: BTreeSet::new() }
            }
        }
    }

    /// What of it passes the test, or does not.
    fn narrow(&mut self, test: &Test, passes: bool) {
        match (self, test) {
            (
                Self::Numeric { low, high, missing, .. },
                Test::Below { threshold, missing: left },
            ) => {
                *if passes { high } else { low } = Some(*threshold);
                *missing &= *left == passes;
            }
            (Self::Numeric { known, missing, .. }, Test::Missing) => {
                *(if passes { known } else { missing }) = false;
            }
            (Self::Levels { within, without }, Test::In { levels }) => {
                let goes = |level: &u32| levels.binary_search(level).is_ok() != passes;
                without.extend(within.extract_if(.., |level| goes(level)));
            }
            _ => {}
        }
    }

    /// `may_miss`: whether the column has missing values at all.
    fn text(&self, column: &ColumnName, may_miss: bool) -> String {
        let ColumnName { name, levels, is_time } = column;
        let bound = |value: f64| if *is_time { day(value) } else { number(value) };
        match self {
            Self::Numeric { known: false, .. } => format!("{name} is missing"),
            Self::Numeric { low, high, missing, .. } => {
                let range = match (low.map(bound), high.map(bound)) {
                    (Some(low), Some(high)) => format!("{low} <= {name} < {high}"),
                    (Some(low), None) => format!("{name} >= {low}"),
                    (None, Some(high)) => format!("{name} < {high}"),
                    (None, None) => return format!("{name} is known"),
                };
                let is_either = *missing && may_miss;
                if is_either { format!("({range} or {name} is missing)") } else { range }
            }
            Self::Levels { within, without } => {
                let is_shorter = without.len() < within.len();
                let (word, shown) = if is_shorter { ("not in", without) } else { ("in", within) };
                let name_of = |level: &u32| {
                    let known = levels.get(*level as usize).cloned();
                    known.unwrap_or_else(|| format!("level {level}"))
                };
                let shown: Vec<String> = shown.iter().map(name_of).collect();
                format!("{name} {word} {{{}}}", shown.join(", "))
            }
        }
    }
}

impl Tree {
    /// One rule a leaf, from left to right; conditions on one column are put together.
    pub fn rules(&self, names: &[ColumnName]) -> Vec<Rule> {
        let mut rules = Vec::new();
        let mut open = vec![(0, Vec::new(), BTreeMap::new())];
        while let Some((at, order, extents)) = open.pop() {
            let Some(node) = self.nodes.get(at) else {
                continue;
            };
            let Some(split) = &node.split else {
                let conditions =
                    order.iter().map(|c| self.condition(*c, &extents[c], names)).collect();
                rules.push(Rule { conditions, mean: node.mean, rows: node.rows });
                continue;
            };
            for (child, passes) in [(split.right, false), (split.left, true)] {
                let (mut order, mut extents) = (order.clone(), extents.clone());
                let Some(kind) = self.kinds.get(split.column).filter(|_| child > at) else {
                    continue;
                };
                if !extents.contains_key(&split.column) {
                    order.push(split.column);
                }
                let extent = extents.entry(split.column).or_insert_with(|| Extent::whole(*kind));
                extent.narrow(&split.test, passes);
                open.push((child, order, extents));
            }
        }
        rules
    }

    /// One line a node, two spaces deeper than its parent's: the new bound of a number, or all the
    /// levels that are left of a category.
    pub fn indented(&self, names: &[ColumnName]) -> String {
        let mut text = String::new();
        let mut open = vec![(0, 0, Vec::new(), BTreeMap::new())];
        while let Some((at, depth, conditions, extents)) = open.pop() {
            let Some(node) = self.nodes.get(at) else {
                continue;
            };
            text.push_str(&"  ".repeat(depth));
            text.push_str(&line(&conditions, node.mean, node.rows));
            text.push('\n');
            let Some(split) = &node.split else {
                continue;
            };
            for (child, passes) in [(split.right, false), (split.left, true)] {
                let Some(kind) = self.kinds.get(split.column).filter(|_| child > at) else {
                    continue;
                };
                let mut extents: BTreeMap<usize, Extent> = extents.clone();
                let whole = Extent::whole(*kind);
                let mut extent = match kind {
                    Kind::Numeric { .. } => whole,
                    Kind::Categorical { .. } => extents.remove(&split.column).unwrap_or(whole),
                };
                extent.narrow(&split.test, passes);
                let condition = self.condition(split.column, &extent, names);
                extents.insert(split.column, extent);
                open.push((child, depth + 1, vec![condition], extents));
            }
        }
        text
    }

    fn condition(&self, column: usize, extent: &Extent, names: &[ColumnName]) -> String {
        let may_miss = matches!(self.kinds.get(column), Some(Kind::Numeric { missing: true }));
        match names.get(column) {
            Some(name) => extent.text(name, may_miss),
            None => {
                let name = format!("column {column}");
                extent.text(&ColumnName { name, ..ColumnName::default() }, may_miss)
            }
        }
    }
}

/// A number of days since 1970 as a date, with the time of day where it has one.
pub(super) fn day(days: f64) -> String {
    let time = DateTime::from_timestamp_millis((days * 86_400_000.0).round() as i64);
    match time {
        None => number(days),
        Some(time) if time.time() == NaiveTime::MIN => time.format("%Y-%m-%d").to_string(),
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Secs, true),
    }
}

/// To three significant digits, or to a whole number if it has more.
fn rounded(value: f64) -> String {
    if value.abs() >= 1e3 {
        return number(value.round());
    }
    number(format!("{value:.2e}").parse().unwrap_or(value))
}

/// In full, with a comma between thousands; very great and very small ones with an exponent.
fn number(value: f64) -> String {
    if value != 0.0 && !(1e-6..1e15).contains(&value.abs()) {
        return format!("{value:e}");
    }
    // Plus zero, so that no zero is negative.
    let text = (value + 0.0).to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}
