//! Forecasts of risk as they would have been made day by day, held against what came.

use super::garch::GarchFit;
use super::methods::{Method, Settings, estimated, needed, predictive};
use super::predictive::tail_count;
use crate::{Fault, Result};

/// How forecasts roll on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolling {
    /// Returns that each forecast is made of: those just before its day.
    pub window: usize,
    /// Days after which a model of variance is estimated anew.
    pub refit_every: usize,
    /// The first day that is forecast: at or after `window`.
    pub first: usize,
}

/// Forecasts of each day from the first on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Backtest {
    pub value_at_risk: Vec<f64>,
    pub expected_shortfall: Vec<f64>,
    /// Whether the loss went beyond the value at risk.
    pub exceeded: Vec<bool>,
    /// Models of variance that were estimated, and those that did not converge.
    pub fits: usize,
    pub unconverged: usize,
}

/// Forecasts each day by the `window` returns before it, which alone are read for that.
///
/// # Errors
/// A [`Fault`] where there are no days to forecast, where a window has no observation beyond the level that the
/// method reads off them, and the first one of the method, with its day;
/// what `go_on` says, which is asked before each day.
pub fn backtest(
    returns: &[f64],
    method: Method,
    level: f64,
    settings: &Settings,
    rolling: &Rolling,
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<Backtest> {
    let Rolling { window, refit_every, first } = *rolling;
    if first < window || first >= returns.len() {
        let detail = format!(
            "there are {} returns: {window} before the first day that is forecast, and at least one to \
             forecast, are needed",
            returns.len()
        );
        return Err(Fault::new("/window", detail));
    }
    let reads_off = matches!(method, Method::Historical | Method::FilteredHistorical);
    if reads_off && tail_count(window, level) < 1.0 {
        let detail = format!(
            "{window} observations have none beyond {level}, and {} would be needed",
            needed(level)
        );
        return Err(Fault::new("/window", detail));
    }
    let mut made = Backtest::default();
    let mut model: Option<GarchFit> = None;
    for day in first..returns.len() {
        go_on()?;
        let past = &returns[day - window..day];
        let at = |fault: Fault| {
            let so_far = day - first;
            Fault::new(fault.pointer, format!("after {so_far} forecasts: {}", fault.detail))
        };
        if (day - first).is_multiple_of(refit_every) {
            model = estimated(past, method, settings).map_err(at)?;
            made.fits += usize::from(model.is_some());
            made.unconverged += usize::from(model.as_ref().is_some_and(|m| !m.has_converged));
        }
        let parameters = model.as_ref().map(|model| &model.parameters);
        let expected = predictive(past, method, settings, parameters).map_err(at)?;
        let value_at_risk = expected.value_at_risk(level);
        made.exceeded.push(-returns[day] > value_at_risk);
        made.value_at_risk.push(value_at_risk);
        made.expected_shortfall.push(expected.expected_shortfall(level));
    }
    Ok(made)
}
