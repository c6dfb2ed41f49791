//! Calculations of lending, risk and investing on plain numbers. Knows nothing of models, requests or
//! databases, so that each is checked by itself in seconds.
//!
//! What can't be calculated is a [`Fault`], which names the input it lies in; what is not defined for an
//! input is `None`. No function answers NaN.

mod fault;
pub mod investments;
pub mod loans;
mod reasons;
pub mod risk;
mod scaling;
pub mod scorecard;

pub use fault::{Fault, Result};
pub use reasons::{LEAST_SHARE, principal_reasons};
pub use scaling::Scaling;
