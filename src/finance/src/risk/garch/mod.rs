//! GARCH(1,1) with a constant mean (Bollerslev 1986), with Student's innovations, and with an answer to losses
//! of its own (Glosten, Jagannathan and Runkle 1993), as the package arch parametrises and starts them.

mod estimate;

use statrs::function::gamma::ln_gamma;

pub use self::estimate::{GarchFit, fit};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GarchKind {
    Normal,
    Student,
    /// Normal, with `gamma` for squares of what lies below the mean.
    Leverage,
}

/// `h[t] = omega + (alpha + gamma [e[t-1] < 0]) e[t-1]^2 + beta h[t-1]` with `e[t] = r[t] - mu`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GarchParameters {
    pub mu: f64,
    pub omega: f64,
    pub alpha: f64,
    /// 0 but for [`GarchKind::Leverage`].
    pub gamma: f64,
    pub beta: f64,
    /// Degrees of freedom; None where innovations are normal.
    pub nu: Option<f64>,
}

impl GarchParameters {
    /// How much of a variance above its mean is left after a step, below 1.
    pub fn persistence(&self) -> f64 {
        self.alpha + 0.5 * self.gamma + self.beta
    }

    /// The variances of returns from the start of a recursion on, and at the end that of the next one.
    pub fn variances(&self, returns: &[f64], start: f64) -> Vec<f64> {
        let mut variances = Vec::with_capacity(returns.len() + 1);
        let mut variance = self.omega + self.persistence() * start;
        variances.push(variance);
        for value in returns {
            let e = value - self.mu;
            let weight = self.alpha + if e < 0.0 { self.gamma } else { 0.0 };
            variance = self.omega + weight * e * e + self.beta * variance;
            variances.push(variance);
        }
        variances
    }

    /// The variance of the sum of the next `horizon` returns, the first of which has variance `next`.
    pub fn variance_over(&self, next: f64, horizon: usize) -> f64 {
        let (mut sum, mut variance) = (0.0, next);
        for _ in 0..horizon {
            sum += variance;
            variance = self.omega + self.persistence() * variance;
        }
        sum
    }

    /// The logarithm of the density of each return.
    fn log_densities(&self, returns: &[f64], start: f64) -> impl Iterator<Item = f64> {
        let variances = self.variances(returns, start);
        let student = self.nu.map(|nu| {
            let norm = ln_gamma(0.5 * (nu + 1.0))
                - ln_gamma(0.5 * nu)
                - 0.5 * (std::f64::consts::PI * (nu - 2.0)).ln();
            (nu, norm)
        });
        returns.iter().zip(variances).map(move |(value, variance)| {
            let square = (value - self.mu).powi(2);
            match student {
                None => {
                    -0.5 * ((2.0 * std::f64::consts::PI).ln() + variance.ln() + square / variance)
                }
                Some((nu, norm)) => {
                    let tail = (1.0 + square / (variance * (nu - 2.0))).ln();
                    norm - 0.5 * variance.ln() - 0.5 * (nu + 1.0) * tail
                }
            }
        })
    }

    /// The logarithm of the likelihood of returns.
    pub fn log_likelihood(&self, returns: &[f64], start: f64) -> f64 {
        self.log_densities(returns, start).sum()
    }
}
