//! Covariances of returns.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::History;
use crate::{Fault, Result};

/// How a covariance is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum CovarianceMethod {
    /// That of the sample, n - 1 in the denominator.
    Sample,
    /// The sample's (n in the denominator), shrunk towards equal variances without correlation by as much
    /// as has the least expected error (Ledoit and Wolf 2004, A well-conditioned estimator).
    LedoitWolf,
    /// Weights that fall by `decay` with each period of age, mean zero (RiskMetrics 1996).
    Ewma { decay: f64 },
}

/// An estimated covariance, in the square of a return per period.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    pub matrix: DMatrix<f64>,
    /// How far it was shrunk, 0 to 1; of Ledoit and Wolf's alone.
    pub shrinkage: Option<f64>,
}

/// The covariance of a history.
///
/// # Errors
/// A [`Fault`] for a decay that is not between 0 and 1, and an asset that never moves, whose risk is unknown.
pub fn covariance(history: &History, method: CovarianceMethod) -> Result<Covariance> {
    let found = match method {
        CovarianceMethod::Sample => {
            let centred = centred(history);
            let matrix = centred.tr_mul(&centred) / (history.periods() - 1) as f64;
            Covariance { matrix, shrinkage: None }
        }
        CovarianceMethod::LedoitWolf => ledoit_wolf(history),
        CovarianceMethod::Ewma { decay } => {
            if !(decay > 0.0 && decay < 1.0) {
                let detail =
                    format!("a decay of {decay} is not between 0 and 1: 0.94 is usual for days");
                return Err(Fault::new("/decay", detail));
            }
            Covariance { matrix: weighted(history, decay), shrinkage: None }
        }
    };
    match (0..history.assets()).find(|asset| found.matrix[(*asset, *asset)] <= f64::MIN_POSITIVE) {
        Some(asset) => {
            let detail = "never moves: nothing is known of its risk";
            Err(Fault::new(format!("/{asset}"), detail))
        }
        None => Ok(found),
    }
}

fn centred(history: &History) -> DMatrix<f64> {
    let mut centred = history.matrix().clone();
    for mut column in centred.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    centred
}

/// As scikit-learn's `LedoitWolf`, with the sum of all products of squares taken row by row.
fn ledoit_wolf(history: &History) -> Covariance {
    let centred = centred(history);
    let (n, p) = (history.periods() as f64, history.assets() as f64);
    let sample = centred.tr_mul(&centred) / n;
    let mean_variance = sample.trace() / p;
    let squares: f64 = centred.row_iter().map(|row| row.norm_squared().powi(2)).sum();
    let size = sample.norm_squared();
    let error = (squares / n - size) / (p * n);
    let distance = (size - 2.0 * mean_variance * sample.trace() + p * mean_variance.powi(2)) / p;
    let error = error.min(distance);
    // One asset, or equal ones without correlation, are at the target as they are.
    let shrinkage = if error <= 0.0 { 0.0 } else { error / distance };
    let mut matrix = sample * (1.0 - shrinkage);
    for asset in 0..history.assets() {
        matrix[(asset, asset)] += shrinkage * mean_variance;
    }
    Covariance { matrix, shrinkage: Some(shrinkage) }
}

fn weighted(history: &History, decay: f64) -> DMatrix<f64> {
    let mut scaled = history.matrix().clone();
    let last = history.periods() - 1;
    let total: f64 = (0..=last).map(|age| decay.powi(age as i32)).sum();
    for (period, mut row) in scaled.row_iter_mut().enumerate() {
        row *= (decay.powi((last - period) as i32) / total).sqrt();
    }
    scaled.tr_mul(&scaled)
}
