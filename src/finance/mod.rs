//! Pure calculations of lending, risk and investing.

pub mod loan_book;
