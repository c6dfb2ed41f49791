//! Errors of forecasts, and tests of one forecast against another.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::mean;

/// Mean absolute difference of a series to itself `season` steps before: what the seasonal naive
/// forecast errs by within the sample, the denominator of the MASE (Hyndman & Koehler 2006).
/// `None` for a series no longer than the season, or one that repeats exactly.
pub fn seasonal_naive_error(series: &[f64], season: usize) -> Option<f64> {
    if season == 0 || series.len() <= season {
        return None;
    }
    let errors: Vec<f64> =
        series.iter().skip(season).zip(series).map(|(now, then)| (now - then).abs()).collect();
    mean(&errors).filter(|error| *error > 0.0)
}

/// Mean absolute error over `scale`, which [`seasonal_naive_error`] gives: below 1 the forecast errs
/// by less than the seasonal naive one did within the sample. `None` for no values.
pub fn mase(forecast: &[f64], truth: &[f64], scale: f64) -> Option<f64> {
    let errors: Vec<f64> = forecast.iter().zip(truth).map(|(f, y)| (f - y).abs()).collect();
    let scaled = mean(&errors)? / scale;
    scaled.is_finite().then_some(scaled)
}

/// Symmetric mean absolute percentage error, 0 to 200: the mean of 200 |f - y| / (|f| + |y|), where
/// 0 over 0 is 0. `None` for no values.
pub fn smape(forecast: &[f64], truth: &[f64]) -> Option<f64> {
    let shares: Vec<f64> = forecast
        .iter()
        .zip(truth)
        .map(|(f, y)| {
            let size = f.abs() + y.abs();
            if size == 0.0 { 0.0 } else { 200.0 * (f - y).abs() / size }
        })
        .collect();
    mean(&shares)
}

/// Pinball loss of one value against a forecast of its quantile `level`.
pub fn pinball(forecast: f64, truth: f64, level: f64) -> f64 {
    let error = truth - forecast;
    (level * error).max((level - 1.0) * error)
}

/// Mean pinball loss; `None` for no values.
pub fn mean_pinball(forecast: &[f64], truth: &[f64], level: f64) -> Option<f64> {
    let losses: Vec<f64> =
        forecast.iter().zip(truth).map(|(f, y)| pinball(*f, *y, level)).collect();
    mean(&losses)
}

/// Continuous ranked probability score of a forecast that is a set of equally likely values:
/// E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007). `None` for no values.
pub fn crps_of_ensemble(members: &[f64], truth: f64) -> Option<f64> {
    let mut sorted = members.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distances: Vec<f64> = sorted.iter().map(|x| (x - truth).abs()).collect();
    // The sum of all pairs' distances: the i-th smallest stands above i others.
    let spread: f64 =
        sorted.iter().enumerate().map(|(i, x)| (2.0 * i as f64 + 1.0 - n) * x).sum::<f64>();
    Some(mean(&distances)? - spread / (n * n))
}

/// A comparison of two forecasts of the same values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DieboldMariano {
    /// Negative where the first forecast errs by less.
    pub statistic: f64,
    /// That differences so large come by chance where both err alike (two-sided, Student's t).
    pub p_value: f64,
}

/// The test of Diebold & Mariano (1995) with the correction of Harvey, Leybourne & Newbold (1997).
///
/// `differences` are the losses of the first forecast less those of the second, one for each origin
/// in the order of time. Forecasts of `horizon` steps err together over as many origins: the
/// variance of the mean counts autocovariances below that lag; where these give no positive
/// variance, Bartlett's weights make it one. `None` where the test is not defined: no two origins,
/// a horizon that leaves too few of them, or differences that don't vary.
pub fn diebold_mariano(differences: &[f64], horizon: usize) -> Option<DieboldMariano> {
    let (n, h) = (differences.len(), horizon.max(1));
    let centre = mean(differences)?;
    if n < 2 || h >= n {
        return None;
    }
    let t = n as f64;
    let covariance = |lag: usize| {
        let pairs = differences.iter().skip(lag).zip(differences);
        pairs.map(|(a, b)| (a - centre) * (b - centre)).sum::<f64>() / t
    };
    let covariances: Vec<f64> = (0..h).map(covariance).collect();
    let weighted = |weight: &dyn Fn(usize) -> f64| {
        covariances.iter().enumerate().skip(1).map(|(lag, g)| weight(lag) * g).sum::<f64>()
    };
    let mut variance = (covariances[0] + 2.0 * weighted(&|_| 1.0)) / t;
    if variance <= 0.0 {
        variance = (covariances[0] + 2.0 * weighted(&|lag| 1.0 - lag as f64 / h as f64)) / t;
    }
    let h = h as f64;
    let correction = (t + 1.0 - 2.0 * h + h * (h - 1.0) / t) / t;
    let statistic = centre / variance.sqrt() * correction.sqrt();
    if !statistic.is_finite() {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, t - 1.0).ok()?;
    Some(DieboldMariano { statistic, p_value: 2.0 * student.cdf(-statistic.abs()) })
}

#[cfg(test)]
mod tests;
