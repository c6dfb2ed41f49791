//! Points of bins.

use crate::Scaling;

/// A regression on weights of evidence, as points are made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Of the logit of the bad outcome.
    pub intercept: f64,
    /// Columns that have points, among which the intercept and the offset are parted evenly.
    pub columns: usize,
    pub scaling: Scaling,
    /// Whether the points of each bin are whole numbers; the score, their sum, then is one too, and no
    /// farther from the exact one than half a point for each column.
    pub rounded: bool,
}

/// Points of a bin: `-(coefficient * woe + intercept / n) factor + offset / n` (Siddiqi 2006).
pub fn points_of_bin(card: &Card, coefficient: f64, woe: f64) -> f64 {
    let n = card.columns.max(1) as f64;
    let logit = coefficient * woe + card.intercept / n;
    let points = card.scaling.offset() / n - logit * card.scaling.factor();
    if card.rounded { points.round_ties_even() } else { points }
}

/// Points of a row whose bins all have a weight of evidence of 0, unrounded: the part of a score that the
/// columns share.
pub fn base_points(card: &Card) -> f64 {
    card.scaling.offset() - card.intercept * card.scaling.factor()
}
