//! Moments of a sample.

/// Mean, deviation and shape of a sample of two values or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    pub mean: f64,
    /// With n - 1.
    pub deviation: f64,
    /// Of the moments with n, without correction (scipy's `skew`).
    pub skewness: f64,
    /// Above the normal's 3, likewise (scipy's `kurtosis`).
    pub excess_kurtosis: f64,
}

impl Moments {
    /// None for fewer than two values, and for values that are all the same, but for rounding.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        if values.len() < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let power = |p: i32| values.iter().map(|value| (value - mean).powi(p)).sum::<f64>() / n;
        let variance = power(2);
        if variance.sqrt() <= 1e-14 * mean.abs().max(f64::MIN_POSITIVE) {
            return None;
        }
        Some(Self {
            mean,
            deviation: (variance * n / (n - 1.0)).sqrt(),
            skewness: power(3) / variance.powf(1.5),
            excess_kurtosis: power(4) / (variance * variance) - 3.0,
        })
    }
}
