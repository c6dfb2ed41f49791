//! What is known of a market, and of a portfolio in it.

use nalgebra::{DMatrix, DVector};

use super::History;
use super::constraints::level;
use crate::{Fault, Result};

/// What is expected of the returns of assets. All figures are per period.
#[derive(Debug, Clone, PartialEq)]
pub struct Market {
    /// Expected return of each asset.
    pub mean: Vec<f64>,
    pub covariance: DMatrix<f64>,
    /// The periods whose worst are meant where a loss in the tail or a drawdown is.
    pub history: History,
    /// What is earned without risk.
    pub free: f64,
}

impl Market {
    /// One of which nothing is known: assets alike and apart from each other, for what asks for weights alone.
    ///
    /// # Errors
    /// A [`Fault`] for no assets.
    pub fn unknown(assets: usize) -> Result<Self> {
        Ok(Self {
            mean: vec![0.0; assets],
            covariance: DMatrix::identity(assets, assets),
            history: History::new(assets, &vec![0.0; 2 * assets])?,
            free: 0.0,
        })
    }

    /// # Errors
    /// A [`Fault`] where sizes differ or a number is not finite.
    pub fn check(&self) -> Result<()> {
        let assets = self.history.assets();
        let sizes = [self.mean.len(), self.covariance.nrows(), self.covariance.ncols()];
        if sizes.iter().any(|size| *size != assets) {
            return Err(Fault::new(
                "/history",
                "means, covariance and history are of different assets",
            ));
        }
        let mut numbers = self.mean.iter().chain(self.covariance.iter()).chain([&self.free]);
        match numbers.all(|number| number.is_finite()) {
            true => Ok(()),
            false => Err(Fault::new(
                "/history",
                "an expected return or a covariance is not a finite number",
            )),
        }
    }

    pub fn assets(&self) -> usize {
        self.mean.len()
    }

    pub fn expected(&self, weights: &[f64]) -> f64 {
        self.mean.iter().zip(weights).map(|(mean, weight)| mean * weight).sum()
    }

    pub fn volatility(&self, weights: &[f64]) -> f64 {
        let weights = DVector::from_column_slice(weights);
        (&self.covariance * &weights).dot(&weights).max(0.0).sqrt()
    }

    /// The covariance of each asset with a portfolio.
    pub fn shared(&self, weights: &[f64]) -> Vec<f64> {
        let shared = &self.covariance * DVector::from_column_slice(weights);
        shared.as_slice().to_vec()
    }

    /// The share of each asset in the variance; they sum to 1.
    pub fn contributions(&self, weights: &[f64]) -> Vec<f64> {
        let variance = self.volatility(weights).powi(2);
        if variance == 0.0 {
            return vec![0.0; weights.len()];
        }
        let shared = self.shared(weights).into_iter();
        weights.iter().zip(shared).map(|(weight, shared)| weight * shared / variance).collect()
    }

    pub(super) fn of(&self, assets: &[usize]) -> Self {
        Self {
            mean: assets.iter().map(|at| self.mean[*at]).collect(),
            covariance: self.covariance.select_rows(assets).select_columns(assets),
            history: self.history.of(assets),
            free: self.free,
        }
    }
}

/// The mean loss in the worst 1 - level of the returns, with a part of one where that is no whole number of them
/// (Rockafellar and Uryasev 2002); losses are positive.
///
/// # Errors
/// A [`Fault`] for a level that is not between 0 and 1, and where there are no returns.
pub fn tail_loss(returns: &[f64], at: f64) -> Result<f64> {
    level(at)?;
    if returns.is_empty() {
        return Err(Fault::new("/history", "there are no returns"));
    }
    let mut sorted = returns.to_vec();
    sorted.sort_by(f64::total_cmp);
    let share = (1.0 - at) * sorted.len() as f64;
    let whole = (share.floor() as usize).min(sorted.len());
    let sum: f64 = sorted[..whole].iter().sum();
    let part = share - whole as f64;
    let next = sorted.get(whole).copied().unwrap_or(0.0);
    // Of nothing at all it would be -0.
    Ok(0.0 - (sum + part * next) / share)
}

/// The deepest fall from a high of the sum of returns, which is what a limit on it in an optimisation holds.
pub fn summed_drawdown(returns: &[f64]) -> f64 {
    let (mut sum, mut high, mut deepest) = (0.0_f64, 0.0_f64, 0.0_f64);
    for value in returns {
        sum += value;
        high = high.max(sum);
        deepest = deepest.max(high - sum);
    }
    deepest
}
