//! Probabilities that come true: calibrators of logits, the choice among them, and how far
//! probabilities are from what happened.
//!
//! A calibrator never turns the order of two rows round, so that the AUC can at most lose ties.

mod choice;
mod isotonic;
mod line;
mod reliability;
mod temperature;

pub use choice::{
    choose_calibrator, choose_calibrator_multiclass, fit_calibrator, fit_calibrator_multiclass,
};
pub use isotonic::fit_isotonic;
pub use line::{calibration_line, fit_platt};
pub use reliability::{Binning, brier_decomposition, reliability, top_label_reliability};
pub use temperature::{fit_temperature, fit_temperature_multiclass};

use crate::domain::calibration::{
    Calibrator, IsotonicRegression, PlattScaling, TemperatureScaling,
};

impl Calibrator {
    /// Probability of the positive class, in [0, 1].
    ///
    /// `None` for a logit that is not finite, or a calibrator that no fit returns: no temperature
    /// above zero, a slope below zero, no knots or knots that don't rise.
    pub fn apply(&self, logit: f64) -> Option<f64> {
        if !logit.is_finite() {
            return None;
        }
        match self {
            Self::Temperature(TemperatureScaling { temperature }) => {
                is_temperature(*temperature).then(|| sigmoid(logit / temperature))
            }
            Self::Platt(PlattScaling { slope, intercept }) => {
                let is_fit = (0.0..f64::INFINITY).contains(slope) && intercept.is_finite();
                is_fit.then(|| sigmoid(slope * logit + intercept))
            }
            Self::Isotonic(IsotonicRegression { scores, values }) => {
                isotonic::interpolate(scores, values, logit)
            }
        }
    }

    /// Probabilities of all classes of one row, which sum to 1.
    ///
    /// `None` without a class, for a logit that is not finite, and for calibrators other than a
    /// temperature.
    pub fn apply_to_classes(&self, logits: &[f64]) -> Option<Vec<f64>> {
        let Self::Temperature(TemperatureScaling { temperature }) = self else {
            return None;
        };
        let is_fit = is_temperature(*temperature) && logits.iter().all(|z| z.is_finite());
        if logits.is_empty() || !is_fit {
            return None;
        }
        let greatest = logits.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> =
            logits.iter().map(|z| ((z - greatest) / temperature).exp()).collect();
        let sum: f64 = weights.iter().sum();
        Some(weights.iter().map(|weight| weight / sum).collect())
    }
}

fn is_temperature(temperature: f64) -> bool {
    temperature > 0.0 && temperature.is_finite()
}

/// 1 / (1 + exp(-x)), without overflow.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let odds = x.exp();
        odds / (1.0 + odds)
    }
}

/// Rows of the positive and of the negative class; `None` if one is missing, a logit is not
/// finite, or the lengths differ.
fn class_counts(logits: &[f64], truth: &[bool]) -> Option<(u64, u64)> {
    if logits.len() != truth.len() || logits.iter().any(|z| !z.is_finite()) {
        return None;
    }
    let positives = truth.iter().filter(|t| **t).count();
    let negatives = truth.len() - positives;
    (positives > 0 && negatives > 0).then_some((positives as u64, negatives as u64))
}

#[cfg(test)]
mod tests;
