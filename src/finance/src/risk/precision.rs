//! How far a value at risk may be from the truth, since it was estimated of few observations.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{Binomial, DiscreteCDF};

use super::moments::Moments;
use super::predictive::{Predictive, Shape};

/// Standard errors on each side of a figure that hold 95 % of a normal distribution.
const TWO_SIDED: f64 = 1.959_963_984_540_054;
const MISSED: f64 = 0.025;
const RESAMPLES: usize = 1000;

/// A standard error, or an interval that has the true value with a probability of 95 %, or both.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Precision {
    pub standard_error: Option<f64>,
    pub interval: Option<(f64, f64)>,
}

impl Precision {
    /// Round a figure whose error is about normal.
    pub(super) fn around(figure: f64, standard_error: Option<f64>) -> Self {
        let error = standard_error.filter(|error| error.is_finite());
        let interval = error.map(|e| (figure - TWO_SIDED * e, figure + TWO_SIDED * e));
        Self { standard_error: error, interval }
    }

    /// By order statistics, without any assumption on the distribution of independent observations
    /// (Conover 1999, section 3.2); nothing where the tail has too few for an end on the side of losses.
    pub(super) fn of_order_statistics(predictive: &Predictive, level: f64) -> Self {
        let Shape::Empirical(sorted) = &predictive.shape else { return Self::default() };
        let p = 1.0 - level;
        let Some((low, high)) = places(sorted.len(), p) else { return Self::default() };
        let loss = |at: usize| -(predictive.place + predictive.scale * sorted[at]);
        Self { standard_error: None, interval: Some((loss(high), loss(low))) }
    }
}

/// The places in ascending order, counted from 0, of the observations between which the quantile of p lies
/// with a probability of 95 % at least.
fn places(n: usize, p: f64) -> Option<(usize, usize)> {
    let below = Binomial::new(p, n as u64).ok()?;
    // The rank r, counted from 1, is below the quantile unless fewer than r observations are.
    let mut low = below.inverse_cdf(MISSED) as usize + 1;
    while low > 0 && below.cdf(low as u64 - 1) > MISSED {
        low -= 1;
    }
    let mut high = below.inverse_cdf(1.0 - MISSED) as usize;
    while high <= n && (high == 0 || 1.0 - below.cdf(high as u64 - 1) > MISSED) {
        high += 1;
    }
    (low >= 1 && high <= n && low < high).then(|| (low - 1, high - 1))
}

/// The standard error of the normal value at risk over `horizon` days by the errors of mean and deviation,
/// whatever the shape of the returns (delta method). `z` is the normal quantile, below 0.
pub(super) fn gaussian_error(moments: &Moments, n: usize, z: f64, horizon: f64) -> f64 {
    let variance = moments.deviation * moments.deviation / n as f64;
    let of_deviation = z * z * horizon * (moments.excess_kurtosis + 2.0) / 4.0;
    let of_both = horizon.powf(1.5) * z * moments.skewness;
    (variance * (horizon * horizon + of_deviation + of_both)).max(0.0).sqrt()
}

/// The standard deviation of a figure over samples that are drawn from one, with replacement.
pub(super) fn bootstrap_error(
    sample: &[f64],
    seed: u64,
    of: impl Fn(&Moments) -> f64,
) -> Option<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0.0; sample.len()];
    let mut figures = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for value in &mut drawn {
            *value = sample[random.random_range(0..sample.len())];
        }
        figures.extend(Moments::of(&drawn).map(|moments| of(&moments)));
    }
    Moments::of(&figures).map(|moments| moments.deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_hold_the_quantile_as_often_as_they_should() {
        // Of 1,000 observations at 1 %: R's qbinom(c(.025, .975), 1000, .01) is 4 and 17.
        assert_eq!(places(1000, 0.01), Some((3, 17)));
        let below = Binomial::new(0.01, 1000).unwrap();
        assert!(below.cdf(17) - below.cdf(3) >= 0.95);
        // The worst of 250 is not beyond the quantile of 1 % often enough.
        assert_eq!(places(250, 0.01), None);
        assert!(places(10_000, 0.5).is_some());
    }
}
