//! Market risk of a portfolio and losses of a book of loans.
//!
//! Returns and losses are fractions of a value; a loss is positive. A level is the confidence, such as 0.99:
//! the probability that the loss does not exceed the value at risk.

mod backtest;
mod contributions;
mod coverage;
mod credit;
mod distributions;
mod ewma;
mod garch;
mod methods;
mod minimise;
mod moments;
mod precision;
mod predictive;
mod stress;
#[cfg(test)]
mod tests;

pub use backtest::{Backtest, Rolling, backtest};
pub use contributions::{Contribution, gaussian_contributions, historical_contributions};
pub use coverage::{
    Coverage, Independence, LikelihoodRatio, TrafficLight, Z2_CRITICAL_5_PERCENT,
    Z2_CRITICAL_HUNDREDTH_PERCENT, Zone, chi_squared_tail, conditional_coverage, independence,
    kupiec, traffic_light, z2,
};
pub use credit::{
    Book, CreditLosses, CreditSettings, Exposure, LossFigure, MAX_DRAWS, MAX_EXPOSURES,
    MAX_SIMULATIONS, large_pool_loss, simulate,
};
pub use distributions::{normal_cdf, normal_quantile};
pub use ewma::{DAYS_OF_BACKCAST, backcast, ewma};
pub use garch::{GarchFit, GarchKind, GarchParameters, fit};
pub use methods::{Assessed, Figure, Filter, LEAST_OBSERVATIONS, Method, Settings, assess};
pub use moments::Moments;
pub use precision::Precision;
pub use predictive::{Predictive, Shape, monotone_domain};
pub use stress::{Window, WorstWindow, shocks_over, worst_windows};
