//! Pure calculations of lending, risk and investing.

pub mod loan_book;
mod reasons;

pub use reasons::{LEAST_SHARE, principal_reasons};
