//! Metrics of a predicted number.

use super::{Z_95, mean, require_finite, require_rows, variance};
use crate::domain::version::{Interval, RegressionMetrics};
use crate::error::{Code, Error, Result};

/// Metrics of a model that predicts a number.
///
/// The interval of the RMSE is the delta method's: the standard error of the mean squared error
/// over 2 RMSE; absent below two rows and for a perfect fit.
///
/// # Errors
/// No rows, lengths that differ, a value that is not finite, or errors too large for their square.
pub fn regression_metrics(predictions: &[f64], truth: &[f64]) -> Result<RegressionMetrics> {
    require_rows(predictions.len(), truth.len())?;
    require_finite("prediction", predictions)?;
    require_finite("true value", truth)?;
    let too_large = || {
        Error::new(
            Code::InvalidData,
            "the values are too large for a mean squared error; give the target in a larger unit",
        )
    };

    let n = truth.len() as f64;
    let errors = || predictions.iter().zip(truth).map(|(p, t)| p - t);
    let squares: Vec<f64> = errors().map(|e| e * e).collect();
    let mse = mean(&squares).ok_or_else(too_large)?;
    let rmse = mse.sqrt();
    let centre = mean(truth).ok_or_else(too_large)?;
    let spread: f64 = truth.iter().map(|t| (t - centre).powi(2)).sum();
    let varies = truth.iter().any(|t| *t != truth[0]);
    let r2 =
        (varies && spread.is_normal()).then(|| 1.0 - mse * n / spread).filter(|r2| r2.is_finite());
    let rmse_interval = variance(&squares).filter(|_| rmse > 0.0).map(|variance| {
        let half_width = Z_95 * (variance / n).sqrt() / (2.0 * rmse);
        Interval { low: (rmse - half_width).max(0.0), high: rmse + half_width }
    });
    Ok(RegressionMetrics {
        n: truth.len() as u64,
        r2,
        rmse,
        rmse_interval,
        mae: errors().map(f64::abs).sum::<f64>() / n,
    })
}
