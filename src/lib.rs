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
pub mod jobs;
pub mod service;
pub mod stats;
pub mod store;

/// The program's version, with the commit that it was built from where that is known.
pub fn code_version() -> String {
    match option_env!("ACTUARY_COMMIT") {
        Some(commit) => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
        None => env!("CARGO_PKG_VERSION").to_owned(),
    }
}
