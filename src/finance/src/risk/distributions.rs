//! The normal and Student's distribution, to the last digits.

use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};
use statrs::function::erf::erfc_inv;

/// Phi(x).
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// phi(x).
pub(super) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The value below which a standard normal number is with probability `p` in (0, 1).
pub fn normal_quantile(p: f64) -> f64 {
    let mut x = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p);
    for _ in 0..2 {
        x = polished(x, normal_cdf(x) - p, normal_density(x));
    }
    x
}

/// A step of Newton's, where there is one to take.
fn polished(x: f64, error: f64, density: f64) -> f64 {
    let step = error / density;
    if step.is_finite() { x - step } else { x }
}

/// Student's distribution scaled to variance 1, with more than two degrees of freedom.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitStudent {
    freedom: f64,
    student: StudentsT,
}

impl UnitStudent {
    /// None for two degrees of freedom or less, which leave no variance.
    pub(super) fn new(freedom: f64) -> Option<Self> {
        if freedom.is_nan() || freedom <= 2.0 {
            return None;
        }
        StudentsT::new(0.0, 1.0, freedom).ok().map(|student| Self { freedom, student })
    }

    fn scale(&self) -> f64 {
        ((self.freedom - 2.0) / self.freedom).sqrt()
    }

    fn raw_quantile(&self, p: f64) -> f64 {
        let mut x = self.student.inverse_cdf(p);
        for _ in 0..3 {
            x = polished(x, self.student.cdf(x) - p, self.student.pdf(x));
        }
        x
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        self.raw_quantile(p) * self.scale()
    }

    /// The mean of what lies below the quantile of `p` (McNeil, Frey and Embrechts 2015, example 2.15).
    pub(super) fn mean_below(&self, p: f64) -> f64 {
        let x = self.raw_quantile(p);
        let nu = self.freedom;
        -self.student.pdf(x) / p * (nu + x * x) / (nu - 1.0) * self.scale()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        for (p, x) in [
            (0.0001, -3.719_016_485_455_68),
            (0.01, -2.326_347_874_040_840_8),
            (0.025, -1.959_963_984_540_054),
            (0.5, 0.0),
            (0.999, 3.090_232_306_167_813),
        ] {
            assert!((normal_quantile(p) - x).abs() < 1e-12, "{p}: {}", normal_quantile(p));
            assert!((normal_cdf(x) - p).abs() < 1e-15);
        }
        assert!(UnitStudent::new(2.0).is_none() && UnitStudent::new(f64::NAN).is_none());
    }
}
