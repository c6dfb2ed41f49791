//! Views on returns, put together with what the market implies (Black and Litterman 1992).

use nalgebra::{DMatrix, DVector};

use crate::{Fault, Result};

/// A view: a portfolio (`weights`, of each asset) is expected to return `value` a period.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub weights: Vec<f64>,
    pub value: f64,
    pub doubt: Doubt,
}

/// How uncertain a view is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Doubt {
    /// As uncertain as the prior is about the same portfolio, times (1 / confidence - 1) (Idzorek's idea
    /// in closed form); one half, where confidence is not given, is Omega = diag(P tau S P').
    Confidence(f64),
    /// The variance of its error, in the square of a return per period: the mean squared error of a
    /// forecast on rows that it had not seen.
    Variance(f64),
}

/// What is expected after views.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Of each asset, per period.
    pub mean: Vec<f64>,
    /// Of returns, with what is uncertain about their means.
    pub covariance: DMatrix<f64>,
}

/// Returns that make `weights` optimal: delta S w is what they earn beyond `free`, which is earned without risk;
/// all are per period.
pub fn implied_returns(
    covariance: &DMatrix<f64>,
    weights: &[f64],
    risk_aversion: f64,
    free: f64,
) -> Vec<f64> {
    let excess = covariance * DVector::from_column_slice(weights) * risk_aversion;
    excess.iter().map(|excess| free + excess).collect()
}

/// The posterior of a prior and views: pi + tau S P' (P tau S P' + Omega)^-1 (q - P pi), and
/// S + tau S - tau S P' (P tau S P' + Omega)^-1 P tau S.
///
/// # Errors
/// A [`Fault`] with the place of a view that is about nothing, whose confidence is not above 0 and at most 1, or
/// whose variance is negative; and for views that contradict each other with certainty.
pub fn posterior(
    prior: &[f64],
    covariance: &DMatrix<f64>,
    tau: f64,
    views: &[View],
) -> Result<Posterior> {
    if !(tau > 0.0 && tau.is_finite()) {
        return Err(Fault::new("/tau", format!("{tau} is not above 0: 0.05 is usual")));
    }
    let assets = prior.len();
    let scaled = covariance * tau;
    let picks = DMatrix::from_fn(views.len(), assets, |view, asset| views[view].weights[asset]);
    let spread = &scaled * picks.transpose();
    let mut middle = &picks * &spread;
    for (at, view) in views.iter().enumerate() {
        let own = middle[(at, at)];
        let refuse = |detail: String| Err(Fault::new(format!("/views/{at}"), detail));
        if own <= 0.0 {
            return refuse("the view is about no asset".to_owned());
        }
        middle[(at, at)] += match view.doubt {
            Doubt::Confidence(c) if c > 0.0 && c <= 1.0 => own * (1.0 / c - 1.0),
            Doubt::Confidence(c) => {
                return refuse(format!("a confidence of {c} is not above 0 and at most 1"));
            }
            Doubt::Variance(v) if v >= 0.0 && v.is_finite() => v,
            Doubt::Variance(v) => {
                return refuse(format!("a variance of {v} is not a number from 0"));
            }
        };
    }
    let prior = DVector::from_column_slice(prior);
    let values = DVector::from_iterator(views.len(), views.iter().map(|view| view.value));
    let solver = middle.cholesky().ok_or_else(|| {
        Fault::new(
            "/views",
            "certain views say the same twice or contradict each other: lower a confidence",
        )
    })?;
    let mean = &prior + &spread * solver.solve(&(values - &picks * &prior));
    let known = &spread * solver.solve(&spread.transpose());
    let covariance = covariance + &scaled - known;
    let covariance = (&covariance + covariance.transpose()) * 0.5;
    Ok(Posterior { mean: mean.as_slice().to_vec(), covariance })
}
