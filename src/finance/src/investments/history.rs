//! Returns of assets over time.

use nalgebra::DMatrix;

use crate::{Fault, Result};

/// Simple returns of assets: one row for each period, oldest first, one column for each asset.
#[derive(Debug, Clone, PartialEq)]
pub struct History(DMatrix<f64>);

impl History {
    /// Of rows of returns, as many numbers in each as there are assets.
    ///
    /// # Errors
    /// A [`Fault`] for fewer than two rows, none or uneven assets, and numbers that are not finite or
    /// not above -1: what has lost everything has no return afterwards.
    pub fn new(assets: usize, rows: &[f64]) -> Result<Self> {
        if assets == 0 || !rows.len().is_multiple_of(assets) {
            return Err(Fault::new(
                "/history",
                "each row of returns needs a number for every asset",
            ));
        }
        if rows.len() / assets < 2 {
            return Err(Fault::new(
                "/history",
                "fewer than two returns say nothing about risk: send more dates",
            ));
        }
        if let Some(at) = rows.iter().position(|value| !(value.is_finite() && *value > -1.0)) {
            let detail = format!(
                "return {} of asset {} is {}, and not a number above -1",
                at / assets + 1,
                at % assets + 1,
                rows[at]
            );
            return Err(Fault::new("/history", detail));
        }
        Ok(Self(DMatrix::from_row_slice(rows.len() / assets, assets, rows)))
    }

    pub fn periods(&self) -> usize {
        self.0.nrows()
    }

    pub fn assets(&self) -> usize {
        self.0.ncols()
    }

    /// Of one asset in one period.
    pub fn get(&self, period: usize, asset: usize) -> f64 {
        self.0[(period, asset)]
    }

    pub(super) fn matrix(&self) -> &DMatrix<f64> {
        &self.0
    }

    /// A copy of the periods from `first` up to, but without, `end`.
    pub fn between(&self, first: usize, end: usize) -> Self {
        Self(self.0.rows(first, end - first).into_owned())
    }

    /// A copy of the periods at these places, in this order; one may come more than once.
    pub fn at(&self, periods: &[usize]) -> Self {
        Self(self.0.select_rows(periods))
    }

    /// A copy of the assets at these places.
    pub fn of(&self, assets: &[usize]) -> Self {
        Self(self.0.select_columns(assets))
    }

    /// What a portfolio that is brought back to `weights` in each period earns in each.
    pub fn earned(&self, weights: &[f64]) -> Vec<f64> {
        let mut earned = vec![0.0; self.periods()];
        for (asset, weight) in weights.iter().enumerate() {
            for (sum, value) in earned.iter_mut().zip(self.0.column(asset).iter()) {
                *sum += weight * value;
            }
        }
        earned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_rows_of_finite_returns() {
        let history = History::new(2, &[0.1, -0.2, 0.3, 0.4, 0.0, 0.5]).unwrap();
        assert_eq!((history.periods(), history.assets()), (3, 2));
        assert_eq!(history.get(1, 0), 0.3);
        let earned = history.earned(&[0.5, 0.5]);
        assert!(earned.iter().zip([-0.05, 0.35, 0.25]).all(|(a, b)| (a - b).abs() < 1e-15));
        assert_eq!(history.between(1, 3).get(0, 1), 0.4);
        assert_eq!(history.at(&[2, 2, 0]).get(2, 1), -0.2);
        assert_eq!(history.of(&[1]).get(0, 0), -0.2);
        for (assets, rows) in [
            (0, vec![]),
            (2, vec![0.1, 0.2, 0.3]),
            (2, vec![0.1, 0.2]),
            (1, vec![0.1, f64::NAN]),
            (1, vec![0.1, -1.0]),
        ] {
            assert!(History::new(assets, &rows).is_err(), "{assets} {rows:?}");
        }
    }
}
