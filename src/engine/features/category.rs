//! Text that names categories.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Block, CONSTANT, EMPTY};
use crate::domain::training::PreprocessingSpec;

/// A text column of at least so many training rows in which nearly every value differs names its
/// rows instead of grouping them.
const MIN_ROWS_OF_NAMES: usize = 20;
const SHARE_OF_NAMES: f64 = 0.9;
/// Most rare values that are remembered as seen.
const MAX_RARE: usize = 1000;

/// One-hot inputs: one per frequent value; one for rare values, when training rows had any; one
/// for missing, when training rows missed any. A value that no training row had goes with the
/// rare ones: both are what little is known of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Category {
    /// Ascending.
    levels: Vec<String>,
    /// Values too rare for an input of their own, ascending; the most frequent of them when
    /// there are very many.
    rare: Vec<String>,
    missing: bool,
}

/// Where a value belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Level(usize),
    /// Seen in the training rows, but seldom.
    Rare,
    /// Not known from the training rows.
    Unseen,
    Missing,
}

impl Category {
    pub(super) fn fit(values: &[Option<&str>], spec: &PreprocessingSpec) -> Result<Self, String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for value in values.iter().flatten() {
            *counts.entry(value).or_default() += 1;
        }
        let known: usize = counts.values().sum();
        let missing = known < values.len();
        if counts.is_empty() {
            return Err(EMPTY.into());
        }
        if counts.len() == 1 && !missing {
            return Err(CONSTANT.into());
        }
        let many = counts.len() as f64 > SHARE_OF_NAMES * known as f64;
        if known >= MIN_ROWS_OF_NAMES && many {
            return Err(format!(
                "nearly every row has another text ({} in {known} training rows), as an \
                 identifier has",
                counts.len()
            ));
        }
        let mut by_count: Vec<(&str, usize)> = counts.into_iter().collect();
        // Stable: values of one count stay in the order of their names.
        by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let frequent = by_count
            .iter()
            .take(spec.max_categories as usize)
            .take_while(|(_, count)| *count >= spec.min_category_count as usize)
            .count();
        if frequent == 0 && !missing {
            return Err(format!(
                "none of its values occurs {} times in the training rows (min_category_count)",
                spec.min_category_count
            ));
        }
        let (frequent, rare) = by_count.split_at(frequent);
        let names = |values: &[(&str, usize)]| {
            let mut names: Vec<String> = values.iter().map(|(v, _)| (*v).to_owned()).collect();
            names.sort_unstable();
            names
        };
        Ok(Self {
            levels: names(frequent),
            rare: names(&rare[..rare.len().min(MAX_RARE)]),
            missing,
        })
    }

    /// The values that have an input of their own, ascending.
    pub(super) fn levels(&self) -> &[String] {
        &self.levels
    }

    pub(super) fn slot(&self, value: Option<&str>) -> Slot {
        let Some(value) = value else { return Slot::Missing };
        let find = |names: &[String]| names.binary_search_by(|n| n.as_str().cmp(value)).ok();
        match find(&self.levels) {
            Some(level) => Slot::Level(level),
            None if find(&self.rare).is_some() => Slot::Rare,
            None => Slot::Unseen,
        }
    }

    /// The input that is 1 for a slot; none where the training rows had no such value: then the
    /// inputs stay 0.
    fn input(&self, slot: Slot) -> Option<usize> {
        let has_rare = !self.rare.is_empty();
        let after_levels = self.levels.len();
        match slot {
            Slot::Level(level) => Some(level),
            Slot::Rare | Slot::Unseen => has_rare.then_some(after_levels),
            Slot::Missing => self.missing.then_some(after_levels + usize::from(has_rare)),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.levels.len() + usize::from(!self.rare.is_empty()) + usize::from(self.missing)
    }

    pub(super) fn encode(&self, values: &[Option<&str>], mut block: Block<'_>) {
        for (row, value) in values.iter().enumerate() {
            if let Some(input) = self.input(self.slot(*value)) {
                block.set(row, input, 1.0);
            }
        }
    }
}
