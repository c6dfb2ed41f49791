//! The standard normal distribution.

use std::f64::consts::SQRT_2;

use statrs::function::erf;

/// P(Z <= x).
pub fn normal_cdf(x: f64) -> f64 {
    // erfc keeps its relative accuracy in the lower tail, where 1 + erf would cancel.
    0.5 * erf::erfc(-x / SQRT_2)
}

/// The x with P(Z <= x) = p: minus infinity for p = 0, infinity for p = 1, `None` for p outside
/// [0, 1].
pub fn normal_inverse_cdf(p: f64) -> Option<f64> {
    (0.0..=1.0).contains(&p).then(|| -SQRT_2 * erf::erfc_inv(2.0 * p))
}
