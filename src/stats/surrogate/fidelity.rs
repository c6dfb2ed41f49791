//! How well a surrogate stands in for the model it explains.

use crate::stats::mean;

/// Below this R^2 or agreement a surrogate's rules tell little of the model.
pub const FAITHFUL: f64 = 0.8;

/// Fidelity of a surrogate on rows that it was not fitted to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fidelity {
    /// Share of the variance of the model's predictions that the surrogate's explain; below zero
    /// where their mean would do better. `None` if the model's do not vary.
    pub r2: Option<f64>,
    /// Share of rows with both predictions on one side of the threshold; `None` without one.
    pub agreement: Option<f64>,
    pub rows: usize,
}

impl Fidelity {
    /// Whether neither figure is under [`FAITHFUL`].
    pub fn is_faithful(&self) -> bool {
        self.r2.is_none_or(|r2| r2 >= FAITHFUL) && self.agreement.is_none_or(|a| a >= FAITHFUL)
    }
}

/// Compares the predictions of both, row for row; a label is positive where prediction >=
/// `threshold`. `None` for no rows, lengths that differ, or a value that is not finite.
pub fn fidelity(surrogate: &[f64], model: &[f64], threshold: Option<f64>) -> Option<Fidelity> {
    let is_finite = surrogate.iter().chain(model).all(|p| p.is_finite());
    let is_threshold = threshold.is_none_or(|t| !t.is_nan());
    if surrogate.len() != model.len() || model.is_empty() || !is_finite || !is_threshold {
        return None;
    }
    let agreement = threshold.map(|t| {
        let pairs = surrogate.iter().zip(model);
        pairs.filter(|(s, m)| (**s >= t) == (**m >= t)).count() as f64 / model.len() as f64
    });
    Some(Fidelity { r2: r2(surrogate, model), agreement, rows: model.len() })
}

fn r2(surrogate: &[f64], model: &[f64]) -> Option<f64> {
    let mean = mean(model)?;
    let total: f64 = model.iter().map(|m| (m - mean).powi(2)).sum();
    let error: f64 = surrogate.iter().zip(model).map(|(s, m)| (m - s).powi(2)).sum();
    let is_varying = model.iter().any(|m| *m != model[0]);
    let r2 = 1.0 - error / total;
    (is_varying && r2.is_finite()).then_some(r2)
}

#[cfg(test)]
mod tests;
