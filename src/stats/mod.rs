//! Pure functions on slices: metrics of predictions and forecasts, calibration, thresholds, fairness, tests,
//! quantiles, the normal distribution.
//!
//! What is not defined for an input (the AUC of one class, the quantile of nothing) is `None`;
//! no function answers NaN. The metrics of a whole part return an error that names the first
//! bad value instead, since a version is never registered without them.

mod calibration;
mod classification;
mod comparison;
mod conformal;
pub mod counterfactual;
mod dependence;
mod descriptive;
mod fairness;
mod forecasting;
mod normal;
mod permutation;
mod ranking;
mod regression;
mod ridge;
pub mod shapley;
pub mod surrogate;
mod thresholds;

pub use calibration::{
    Binning, brier_decomposition, calibration_line, choose_calibrator,
    choose_calibrator_multiclass, fit_calibrator, fit_calibrator_multiclass, fit_isotonic,
    fit_platt, fit_temperature, fit_temperature_multiclass, reliability, top_label_reliability,
};
pub use classification::{binary_metrics, multiclass_metrics, wilson_interval};
pub use comparison::{Difference, auc_difference, mean_difference};
pub use conformal::{Adaptive, conformal_radius, interval_of_share, rows_needed, widened};
pub use dependence::{Band, Dependence, categorical_grid, numeric_grid, partial_dependence};
pub use descriptive::{correlation, mean, quantile, quantiles, standard_deviation, variance};
pub use fairness::{Decisions, FairnessOptions, fairness, fisher_exact};
pub use forecasting::{
    DieboldMariano, crps_of_ensemble, diebold_mariano, mase, mean_pinball, pinball,
    seasonal_naive_error, smape,
};
pub use normal::{normal_cdf, normal_inverse_cdf, normal_inverse_cdfs};
pub use permutation::{Importance, permutation_importance};
pub use ranking::{
    auc, auc_interval, auc_of_each, average_precision, cumulative_gain, kolmogorov_smirnov,
    threshold_f1,
};
pub use regression::regression_metrics;
pub use ridge::Ridge;
pub use thresholds::{
    Costs, Counts, Operating, cost_threshold, threshold_by_f_beta, threshold_by_precision,
    threshold_by_rate, threshold_by_recall,
};

use crate::error::{Code, Error, Result};

/// 0.975 quantile of the standard normal distribution: half-width of a 95 % interval.
const Z_95: f64 = 1.959_963_984_540_054;

/// Fails unless both slices have one and the same length above zero.
fn require_rows(predictions: usize, truths: usize) -> Result<()> {
    if predictions != truths {
        let found = format!("{predictions} predictions for {truths} true values");
        return Err(Error::internal("computing metrics", found));
    }
    if truths == 0 {
        return Err(Error::new(
            Code::InvalidData,
            "there are no rows to compute metrics of; give this part at least one",
        ));
    }
    Ok(())
}

/// Fails at the first value that is NaN or infinite; `what` names the values in the message.
fn require_finite(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::new(
            Code::InvalidData,
            format!("{what} {row} (counted from 0) is {}; it has to be finite", values[row]),
        )),
    }
}

/// Fails at the first value outside [0, 1].
fn require_probabilities(values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !(0.0..=1.0).contains(v)) {
        None => Ok(()),
        Some(row) => Err(Error::new(
            Code::InvalidData,
            format!(
                "probability {row} (counted from 0) is {}; it has to lie between 0 and 1",
                values[row]
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
