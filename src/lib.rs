//! Actuary: train, version and serve neural models from one binary.
//!
//! | module | what it holds |
//! |---|---|
//! | [`domain`] | pure values that travel |
//! | [`error`] | the one error and the one table of codes |

pub mod domain;
pub mod engine;
pub mod error;
pub mod frame;
pub mod stats;
