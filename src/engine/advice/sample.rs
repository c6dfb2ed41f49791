//! The rows that are looked at: few enough to be quick, of every class enough to learn from.

use std::collections::BTreeMap;

use super::order::{Order, SeriesOrder};
use super::question::Question;
use crate::error::Result;

/// Most rows of a table, and of images and texts, which are larger.
const ROWS: usize = 20_000;
const LARGE: usize = 2_000;
/// Of each class at least so many, where there are so many; fewer where there are many classes, of
/// which all together are at most as many rows as are looked at.
const OF_CLASS: usize = 100;
const OF_MANY_CLASSES: usize = 20;

/// Rows of a dataset, and how many of its rows, or windows, each stands for.
pub(super) struct Rows {
    /// Ascending.
    pub(super) numbers: Vec<usize>,
    pub(super) scale: f64,
}

/// # Errors
/// [`crate::error::Code::InvalidRequest`] for a target without labels.
pub(super) fn rows(question: &Question<'_>, order: &Order) -> Result<Rows> {
    if let Some(series) = &order.series {
        return Ok(of_series(series));
    }
    spread_over_classes(question, if question.image().is_some() { LARGE } else { ROWS })
}

/// Those of texts, which is known once some rows have been looked at.
///
/// # Errors
/// As [`rows`].
pub(super) fn of_texts(question: &Question<'_>) -> Result<Rows> {
    spread_over_classes(question, LARGE)
}

/// So many rows at most, and beside them those of rare classes.
fn spread_over_classes(question: &Question<'_>, most: usize) -> Result<Rows> {
    let all = question.keys.rows();
    if all <= most {
        return Ok(Rows { numbers: (0..all).collect(), scale: 1.0 });
    }
    let mut chosen = spread(&(0..all).collect::<Vec<_>>(), most);
    if !question.classes.is_empty() {
        chosen.extend(of_rare_classes(question, &chosen, most)?);
        chosen.sort_unstable();
        chosen.dedup();
    }
    let scale = all as f64 / chosen.len() as f64;
    Ok(Rows { numbers: chosen, scale })
}

/// So many of them, evenly spread.
fn spread(rows: &[usize], most: usize) -> Vec<usize> {
    let count = most.min(rows.len());
    (0..count).map(|at| rows[at * rows.len() / count]).collect()
}

/// Rows of the classes of which too few were chosen.
fn of_rare_classes(question: &Question<'_>, chosen: &[usize], most: usize) -> Result<Vec<usize>> {
    let labels = question.keys.labels(question.target())?;
    let wanted = (most / question.classes.len().max(1)).clamp(OF_MANY_CLASSES, OF_CLASS);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in chosen.iter().filter_map(|&row| labels[row].as_deref()) {
        *counts.entry(label).or_insert(0) += 1;
    }
    let is_rare = |class: &&str| counts.get(class).is_none_or(|rows| *rows < wanted);
    let mut rare: BTreeMap<&str, Vec<usize>> = question
        .classes
        .keys()
        .map(String::as_str)
        .filter(is_rare)
        .map(|class| (class, Vec::new()))
        .collect();
    for (row, label) in labels.iter().enumerate() {
        let Some(label) = label.as_deref() else { continue };
        if let Some(rows) = rare.get_mut(label) {
            rows.push(row);
        }
    }
    Ok(rare.values().flat_map(|rows| spread(rows, wanted)).collect())
}

/// The newest rows of as many series as there is room for.
fn of_series(series: &SeriesOrder) -> Rows {
    let window = &series.window;
    let length = (window.look_back.unwrap_or(1) + window.gap + window.horizon) as usize;
    let windows = |rows: usize| (rows + 1).saturating_sub(length) as f64;
    let (mut numbers, mut taken) = (Vec::new(), 0.0);
    for one in &series.all.series {
        let room = ROWS.saturating_sub(numbers.len());
        if room < 8 * length && !numbers.is_empty() {
            break;
        }
        // The newest rows alone may be too few to be split.
        let count = room.max(8 * length).min(one.rows.len());
        numbers.extend_from_slice(&one.rows[one.rows.len() - count..]);
        taken += windows(count);
    }
    let all: f64 = series.all.series.iter().map(|one| windows(one.rows.len())).sum();
    numbers.sort_unstable();
    Rows { numbers, scale: if taken > 0.0 { (all / taken).max(1.0) } else { 1.0 } }
}
