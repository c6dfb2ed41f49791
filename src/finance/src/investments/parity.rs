//! Risk parity: every asset adds the same to the variance, or as much as a budget says.

use nalgebra::{DMatrix, DVector};

use crate::{Fault, Result};

/// Long-only weights whose shares in the variance are `budget`, which sums to 1: the minimum of
/// y'Sy/2 - sum b ln y by Newton's method with step halving, brought to sum 1 (Spinu 2013). Shares are met to
/// 1e-10.
///
/// # Errors
/// A [`Fault`] for a budget with an entry that is not above 0, and for a covariance by which some long portfolio
/// has no risk.
pub fn risk_parity(covariance: &DMatrix<f64>, budget: &[f64]) -> Result<Vec<f64>> {
    if let Some(at) = budget.iter().position(|share| !(*share > 0.0 && share.is_finite())) {
        return Err(Fault::new(
            format!("/budget/{at}"),
            "every asset needs a share of the risk above 0",
        ));
    }
    let deviations = covariance.diagonal().map(f64::sqrt);
    // In correlations the problem is of one size, whatever the assets are.
    let scaled = DMatrix::from_fn(budget.len(), budget.len(), |row, column| {
        covariance[(row, column)] / (deviations[row] * deviations[column])
    });
    let budget = DVector::from_column_slice(budget);
    let value = |y: &DVector<f64>| (&scaled * y).dot(y) / 2.0 - budget.dot(&y.map(f64::ln));
    let average = (scaled.sum() / budget.len() as f64).max(f64::MIN_POSITIVE);
    let mut y = DVector::from_element(budget.len(), 1.0 / (average * budget.len() as f64).sqrt());
    for _ in 0..200 {
        let marginal = &scaled * &y;
        let error = (marginal.component_mul(&y) - &budget).amax();
        if error < 1e-12 {
            break;
        }
        let slope = &marginal - budget.component_div(&y);
        let curvature = budget.component_div(&y.component_mul(&y));
        let step = (&scaled + DMatrix::from_diagonal(&curvature))
            .cholesky()
            .map(|factor| factor.solve(&slope));
        let Some(step) = step else { break };
        let (before, falls) = (value(&y), slope.dot(&step));
        let mut length = 1.0;
        for _ in 0..60 {
            let next = &y - &step * length;
            if next.iter().all(|value| *value > 0.0)
                && value(&next) <= before - 1e-4 * length * falls
            {
                break;
            }
            length /= 2.0;
        }
        let next = &y - &step * length;
        // Where rounding hides any fall, the full step is the better one if it stays inside.
        let full = &y - &step;
        y = match length < 1e-6 && full.iter().all(|value| *value > 0.0) {
            true => full,
            false => next,
        };
    }
    let shares = (&scaled * &y).component_mul(&y);
    let total = shares.sum();
    let missed = (shares / total - &budget / budget.sum()).amax();
    if missed.is_nan() || missed >= 1e-10 {
        let detail = "no portfolio divides the risk as asked: some assets cancel each other's risk out, or \
                      there are fewer dates than assets; take a shrunk covariance or leave assets out";
        return Err(Fault::new("/covariance", detail));
    }
    let weights = y.component_div(&deviations);
    let sum = weights.sum();
    Ok((weights / sum).as_slice().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_correlation_weights_are_as_one_over_deviation() {
        let covariance = DMatrix::from_diagonal(&DVector::from_vec(vec![0.04, 0.01, 0.0025]));
        let weights = risk_parity(&covariance, &[1.0 / 3.0; 3]).unwrap();
        for (weight, expected) in weights.iter().zip([1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0]) {
            assert!((weight - expected).abs() < 1e-12, "{weights:?}");
        }
        assert!(risk_parity(&covariance, &[0.5, 0.5, 0.0]).is_err());
        // Two assets that are each other's opposite have no risk together.
        let opposite = DMatrix::from_row_slice(2, 2, &[1.0, -1.0, -1.0, 1.0]);
        assert!(risk_parity(&opposite, &[0.5, 0.5]).is_err());
    }

    proptest! {
        #[test]
        fn shares_are_the_budget(
            returns in prop::collection::vec(-0.05..0.05_f64, 60),
            budget in prop::collection::vec(0.05..1.0_f64, 4),
        ) {
            let returns = DMatrix::from_vec(15, 4, returns);
            let covariance = returns.tr_mul(&returns) + DMatrix::identity(4, 4) * 1e-4;
            let sum: f64 = budget.iter().sum();
            let budget: Vec<f64> = budget.iter().map(|share| share / sum).collect();
            let weights = DVector::from_vec(risk_parity(&covariance, &budget).unwrap());
            let marginal = &covariance * &weights;
            let variance = marginal.dot(&weights);
            for at in 0..4 {
                prop_assert!((weights[at] * marginal[at] / variance - budget[at]).abs() < 1e-8);
            }
        }
    }
}
