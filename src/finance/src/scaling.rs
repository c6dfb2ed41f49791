//! Points of a score: logarithms of odds on a scale that people read.

use serde::{Deserialize, Serialize};

use crate::{Fault, Result};

/// Where a scale lies and how far apart its points are (Siddiqi 2006): `points` at odds of `odds` to one
/// for the good outcome, and `points_to_double` more for each doubling of the odds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    pub points: f64,
    pub points_to_double: f64,
    pub odds: f64,
}

impl Default for Scaling {
    /// 600 points at 50 to one, 20 to double the odds.
    fn default() -> Self {
        Self { points: 600.0, points_to_double: 20.0, odds: 50.0 }
    }
}

impl Scaling {
    /// # Errors
    /// A [`Fault`] for a scale without length or a place that is no number.
    pub fn check(&self) -> Result<()> {
        let number = |pointer, value: f64, least: f64| match value.is_finite() && value > least {
            true => Ok(()),
            false => Err(Fault::new(pointer, format!("is {value}; it has to be above {least}"))),
        };
        if !self.points.is_finite() {
            return Err(Fault::new("/points", "has to be a finite number"));
        }
        number("/points_to_double", self.points_to_double, 0.0)?;
        number("/odds", self.odds, 0.0)
    }

    /// Points for each unit of the logarithm of the odds.
    pub fn factor(&self) -> f64 {
        self.points_to_double / std::f64::consts::LN_2
    }

    /// Points at even odds.
    pub fn offset(&self) -> f64 {
        self.points - self.factor() * self.odds.ln()
    }

    /// Points of a probability of the bad outcome, unrounded; infinite at 0 and 1.
    pub fn points_of(&self, probability: f64) -> f64 {
        self.offset() + self.factor() * ((1.0 - probability).ln() - probability.ln())
    }

    /// The probability of the bad outcome at so many points.
    pub fn probability_at(&self, points: f64) -> f64 {
        let log_odds = (points - self.offset()) / self.factor();
        1.0 / (1.0 + log_odds.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_points() {
        let scaling = Scaling::default();
        assert!((scaling.factor() - 28.853_900_817_779_27).abs() < 1e-9);
        assert!((scaling.offset() - 487.122_876_204_505_2).abs() < 1e-9);
        for (odds, points) in [(50.0, 600.0), (100.0, 620.0), (25.0, 580.0)] {
            let probability = 1.0 / (1.0 + odds);
            assert!((scaling.points_of(probability) - points).abs() < 1e-9);
            assert!((scaling.probability_at(points) - probability).abs() < 1e-12);
        }
    }

    #[test]
    fn a_scale_without_length_is_refused() {
        let flat = Scaling { points_to_double: 0.0, ..Scaling::default() };
        assert_eq!(
            flat.check().map_err(|fault| fault.pointer),
            Err("/points_to_double".to_owned())
        );
        assert!(Scaling::default().check().is_ok());
    }
}
