//! How a series of returns did, and how much of it is luck.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::market::tail_loss;
use crate::{Fault, Result};

/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// How a series of returns did. Ratios are absent where their denominator is 0; those of Sharpe and Sortino also
/// where everything was lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// Geometric, per year.
    pub annual_return: f64,
    /// Standard deviation, per year; absent where the first return lost everything, since one has none.
    pub annual_volatility: Option<f64>,
    /// Mean excess over its standard deviation, per year.
    pub sharpe: Option<f64>,
    /// Mean excess over the root of the mean square of what lies below 0, per year.
    pub sortino: Option<f64>,
    /// Deepest fall of compounded wealth from a high, as a share of the high.
    pub max_drawdown: f64,
    /// Annual return over it.
    pub calmar: Option<f64>,
    /// Mean loss in the worst twentieth of the periods.
    pub tail_loss: f64,
    /// Probability that the true Sharpe ratio is above 0 (Bailey and Lopez de Prado 2012).
    pub probabilistic_sharpe: Option<f64>,
}

/// The returns until everything was lost, with that of -1: nothing is risked afterwards.
pub fn risked(returns: &[f64]) -> &[f64] {
    let lost = returns.iter().position(|value| *value <= -1.0);
    lost.map_or(returns, |at| &returns[..=at])
}

/// How a series of returns did against what is earned without risk, both per period; `year` is how many periods
/// there are in one. Where everything was lost it is how they did until then: the zeros that follow would make
/// the volatility and the tail as small as one likes, by waiting.
///
/// # Errors
/// A [`Fault`] for fewer than two returns, and for one that is not a number from -1 or a year without periods.
pub fn performance(returns: &[f64], free: f64, year: f64) -> Result<Performance> {
    if returns.len() < 2 {
        return Err(Fault::new(
            "/history",
            "fewer than two returns have no spread: take more dates",
        ));
    }
    if returns.iter().any(|value| !(value.is_finite() && *value >= -1.0)) || !free.is_finite() {
        return Err(Fault::new("/history", "a return is not a number from -1"));
    }
    if !(year > 0.0 && year.is_finite()) {
        return Err(Fault::new(
            "/periods_per_year",
            format!("{year} is not above 0: 252 is usual for days"),
        ));
    }
    let returns = risked(returns);
    let is_lost = returns.last().is_some_and(|value| *value <= -1.0);
    let count = returns.len() as f64;
    let excess: Vec<f64> = returns.iter().map(|value| value - free).collect();
    let moments = Moments::of(&excess);
    let below = (excess.iter().map(|value| value.min(0.0).powi(2)).sum::<f64>() / count).sqrt();
    let grown: f64 = returns.iter().map(|value| value.ln_1p()).sum();
    let annual_return = (grown * year / count).exp() - 1.0;
    let max_drawdown = max_drawdown(returns);
    let over = |value: f64, by: f64| (by > 1e-15).then(|| value / by);
    let unless_lost = |value: Option<f64>| value.filter(|_| !is_lost);
    let sharpe = unless_lost(moments.sharpe());
    Ok(Performance {
        annual_return,
        annual_volatility: (returns.len() > 1).then(|| moments.deviation * year.sqrt()),
        sharpe: sharpe.map(|sharpe| sharpe * year.sqrt()),
        sortino: unless_lost(over(moments.mean * year.sqrt(), below)),
        max_drawdown,
        calmar: over(annual_return, max_drawdown),
        tail_loss: tail_loss(returns, 0.95)?,
        probabilistic_sharpe: unless_lost(probabilistic_sharpe(&excess, 0.0)),
    })
}

/// The deepest fall of compounded wealth from a high, as a share of the high.
pub fn max_drawdown(returns: &[f64]) -> f64 {
    let (mut wealth, mut high, mut deepest) = (1.0_f64, 1.0_f64, 0.0_f64);
    for value in returns {
        wealth *= 1.0 + value;
        high = high.max(wealth);
        deepest = deepest.max(1.0 - wealth / high);
    }
    deepest
}

/// The probability that the Sharpe ratio per period that a series of excess returns comes of is above `threshold`,
/// with its skewness and kurtosis taken into account; None where the returns have no spread.
pub fn probabilistic_sharpe(excess: &[f64], threshold: f64) -> Option<f64> {
    let moments = Moments::of(excess);
    let sharpe = moments.sharpe()?;
    sharpe_above(sharpe, threshold, excess.len(), moments.skewness, moments.kurtosis)
}

/// The Sharpe ratio per period that the best of `trials` strategies without any skill is expected to show, where
/// their ratios differ with this variance (Bailey and Lopez de Prado 2014); 0 of a single one.
pub fn expected_greatest_sharpe(variance: f64, trials: usize) -> f64 {
    if trials < 2 || variance <= 0.0 {
        return 0.0;
    }
    let count = trials as f64;
    let quantile = |p: f64| Normal::standard().inverse_cdf(p);
    let low = quantile(1.0 - 1.0 / count);
    let high = quantile(1.0 - 1.0 / (count * std::f64::consts::E));
    variance.sqrt() * ((1.0 - GAMMA) * low + GAMMA * high)
}

/// The probability that a series of excess returns, the best of `trials` whose Sharpe ratios per period differ with
/// this variance, shows more than the luck of the best of them (Bailey and Lopez de Prado 2014).
pub fn deflated_sharpe(excess: &[f64], variance: f64, trials: usize) -> Option<f64> {
    probabilistic_sharpe(excess, expected_greatest_sharpe(variance, trials))
}

/// `kurtosis` is not in excess of the normal's 3.
fn sharpe_above(
    sharpe: f64,
    threshold: f64,
    count: usize,
    skewness: f64,
    kurtosis: f64,
) -> Option<f64> {
    let spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    let score = (sharpe - threshold) * ((count as f64 - 1.0) / spread).sqrt();
    (spread > 0.0 && score.is_finite()).then(|| Normal::standard().cdf(score))
}

struct Moments {
    mean: f64,
    /// With n - 1.
    deviation: f64,
    skewness: f64,
    kurtosis: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let moment =
            |power| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / count;
        let variance = moment(2);
        Self {
            mean,
            deviation: (variance * count / (count - 1.0)).sqrt(),
            skewness: moment(3) / variance.powf(1.5),
            kurtosis: moment(4) / (variance * variance),
        }
    }

    fn sharpe(&self) -> Option<f64> {
        // Equal returns differ by rounding alone.
        (self.deviation > 1e-12 * self.mean.abs() && self.deviation > 0.0)
            .then(|| self.mean / self.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_paper() {
        let day = 250.0_f64;
        let luck = expected_greatest_sharpe(0.5 / day, 100);
        assert!((luck - 0.1132).abs() < 5e-5, "{luck}");
        let p = sharpe_above(2.5 / day.sqrt(), luck, 1250, -3.0, 10.0).unwrap();
        assert!((p - 0.9004).abs() < 5e-5, "{p}");
        // Fewer trials need less to be convincing.
        let of_46 = expected_greatest_sharpe(0.5 / day, 46);
        assert!(sharpe_above(2.5 / day.sqrt(), of_46, 1250, -3.0, 10.0).unwrap() > p);
        assert_eq!(expected_greatest_sharpe(0.5, 1), 0.0);
    }

    #[test]
    fn a_series_by_hand() {
        let returns = [0.1, -0.5, 0.2, 0.0];
        assert!((max_drawdown(&returns) - 0.5).abs() < 1e-15);
        let found = performance(&returns, 0.0, 4.0).unwrap();
        assert!((found.annual_return - (1.1 * 0.5 * 1.2 - 1.0)).abs() < 1e-12);
        let mean = -0.05_f64;
        let variance =
            (0.15_f64.powi(2) + 0.45_f64.powi(2) + 0.25_f64.powi(2) + 0.05_f64.powi(2)) / 3.0;
        assert!((found.sharpe.unwrap() - mean / variance.sqrt() * 2.0).abs() < 1e-12);
        assert!((found.sortino.unwrap() - mean * 2.0 / 0.25).abs() < 1e-12);
        assert!((found.calmar.unwrap() - found.annual_return / 0.5).abs() < 1e-12);
        assert!((found.tail_loss - 0.5).abs() < 1e-12);
        let calm = performance(&[0.01; 5], 0.01, 252.0).unwrap();
        assert_eq!((calm.sharpe, calm.sortino, calm.calmar), (None, None, None));
        assert_eq!(calm.probabilistic_sharpe, None);
        assert!(performance(&[0.1], 0.0, 252.0).is_err());
        assert!(performance(&[0.1, f64::NAN], 0.0, 252.0).is_err());
    }

    #[test]
    fn who_lost_everything_is_measured_until_then() {
        let until = [0.1, -0.05, 0.02, -1.0];
        let found = performance(&until, 0.0, 252.0).unwrap();
        let mean = -0.2325_f64;
        let squares: f64 = until.iter().map(|value| (value - mean).powi(2)).sum();
        let volatility = (squares / 3.0 * 252.0).sqrt();
        assert!((found.annual_volatility.unwrap() - volatility).abs() < 1e-12);
        assert_eq!((found.annual_return, found.max_drawdown, found.tail_loss), (-1.0, 1.0, 1.0));
        assert_eq!((found.sharpe, found.sortino, found.probabilistic_sharpe), (None, None, None));
        // However long nothing is risked afterwards.
        let mut waited = until.to_vec();
        waited.resize(500, 0.0);
        assert_eq!(performance(&waited, 0.0, 252.0).unwrap(), found);
        assert_eq!((risked(&waited), risked(&until[..3])), (&until[..], &until[..3]));
        // A single return has no spread.
        let at_once = performance(&[-1.0, 0.0, 0.0], 0.0001, 252.0).unwrap();
        assert_eq!((at_once.annual_volatility, at_once.tail_loss), (None, 1.0));
        assert_eq!((at_once.annual_return, at_once.calmar), (-1.0, Some(-1.0)));
    }
}
