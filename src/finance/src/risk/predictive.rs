//! What a method expects of the next return: a place, a scale and a shape.

use super::distributions::{UnitStudent, normal_density, normal_quantile};
use crate::{Fault, Result};

/// The shape of a distribution of mean 0 and variance 1, or what is observed of one.
#[derive(Debug, Clone)]
pub enum Shape {
    Normal,
    /// Degrees of freedom, above 2.
    Student(f64),
    /// The expansion of Cornish and Fisher (1938) by skewness and excess kurtosis.
    CornishFisher {
        skewness: f64,
        excess_kurtosis: f64,
    },
    /// Ascending; of any mean and variance.
    Empirical(Vec<f64>),
}

/// A distribution of returns: `place + scale X` with X of the shape.
#[derive(Debug, Clone)]
pub struct Predictive {
    pub place: f64,
    pub scale: f64,
    pub shape: Shape,
}

/// How many observations, a fraction of one included, lie in a tail of so much probability. A product that
/// misses a whole number by rounding is one.
pub(super) fn tail_count(n: usize, level: f64) -> f64 {
    let count = (1.0 - level) * n as f64;
    let whole = count.round();
    if (count - whole).abs() < 1e-9 * n as f64 { whole } else { count }
}

/// The place, counted from 0 in ascending order, of the observation whose loss is the value at risk: the least
/// loss that at least `level` of all do not exceed, so that (1 - level) n others, rounded down, are worse.
pub(super) fn tail_place(n: usize, level: f64) -> usize {
    (tail_count(n, level).floor() as usize).min(n.saturating_sub(1))
}

impl Shape {
    /// The quantile of 1 - level.
    fn quantile(&self, level: f64) -> f64 {
        match self {
            Self::Normal => normal_quantile(1.0 - level),
            Self::Student(nu) => {
                UnitStudent::new(*nu).map_or(f64::NAN, |s| s.quantile(1.0 - level))
            }
            Self::CornishFisher { skewness: s, excess_kurtosis: k } => {
                let z = normal_quantile(1.0 - level);
                z + (z * z - 1.0) * s / 6.0 + (z.powi(3) - 3.0 * z) * k / 24.0
                    - (2.0 * z.powi(3) - 5.0 * z) * s * s / 36.0
            }
            Self::Empirical(sorted) => sorted[tail_place(sorted.len(), level)],
        }
    }

    /// The mean of what lies below that quantile.
    fn mean_below(&self, level: f64) -> f64 {
        let p = 1.0 - level;
        match self {
            Self::Normal => -normal_density(normal_quantile(p)) / p,
            Self::Student(nu) => UnitStudent::new(*nu).map_or(f64::NAN, |s| s.mean_below(p)),
            // Each polynomial is one of Hermite's, whose integral is the one before it.
            Self::CornishFisher { skewness: s, excess_kurtosis: k } => {
                let z = normal_quantile(p);
                let square = z * z - 1.0;
                -normal_density(z) / p
                    * (1.0 + z * s / 6.0 + square * k / 24.0 - (2.0 * square + 1.0) * s * s / 36.0)
            }
            Self::Empirical(sorted) => mean_of_tail(sorted, level),
        }
    }
}

/// The mean of the tail with the right fraction of its last observation (Rockafellar and Uryasev 2002).
fn mean_of_tail(sorted: &[f64], level: f64) -> f64 {
    let count = tail_count(sorted.len(), level);
    let last = tail_place(sorted.len(), level);
    let whole: f64 = sorted[..last].iter().sum();
    (whole + (count - last as f64) * sorted[last]) / count
}

impl Predictive {
    /// The loss that is exceeded with probability 1 - level.
    pub fn value_at_risk(&self, level: f64) -> f64 {
        -(self.place + self.scale * self.shape.quantile(level))
    }

    /// The mean of the worst 1 - level of losses.
    pub fn expected_shortfall(&self, level: f64) -> f64 {
        -(self.place + self.scale * self.shape.mean_below(level))
    }
}

/// Whether the expansion of Cornish and Fisher rises everywhere, so that it is a distribution (Maillard
/// 2012).
///
/// # Errors
/// A [`Fault`] with the numbers where it does not.
pub fn monotone_domain(skewness: f64, excess_kurtosis: f64) -> Result<()> {
    let (s, k) = (skewness, excess_kurtosis);
    // Its slope is a parabola in z, which has to stay above 0.
    let (a, b, c) = (k / 8.0 - s * s / 6.0, s / 3.0, 1.0 - k / 8.0 + 5.0 * s * s / 36.0);
    let rises = if a == 0.0 { b == 0.0 && c > 0.0 } else { a > 0.0 && b * b < 4.0 * a * c };
    if rises {
        return Ok(());
    }
    let detail = format!(
        "the expansion of Cornish and Fisher is not monotone for a skewness of {s:.3} and an excess \
         kurtosis of {k:.3}, so that it is no distribution (without skewness it is one for an excess \
         kurtosis from 0 to 8): take the historical, the filtered or a GARCH method"
    );
    Err(Fault::new("", detail))
}
