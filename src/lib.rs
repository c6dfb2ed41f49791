//! Actuary: train, version and serve neural models from one binary.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line, one file per subcommand |
//! | [`app`] | the composition root |
//! | [`config`], [`telemetry`] | settings and logs |
//! | [`http`] | the HTTP interface and its OpenAPI document |
//! | [`repl`] | the prompt and scripts over the client |
//! | `kernel` | the same cells for notebooks of Jupyter, where that is built in |
//! | [`client`] | the typed client of that interface |
//! | [`jobs`] | the worker and the child processes that carry jobs out |
//! | [`service`] | what the program does |
//! | [`store`] | PostgreSQL, embedded or external |
//! | [`engine`] | features, networks, training, inference |
//! | [`frame`] | typed columns; CSV, JSON lines and Parquet |
//! | [`notebook`] | notebooks as files: percent scripts and .ipynb |
//! | [`plot`] | plots, drawn in a terminal and as SVG |
//! | [`stats`] | pure statistics |
//! | [`domain`] | pure values that travel |
//! | [`error`] | the one error and the one table of codes |

pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod domain;
pub mod engine;
pub mod error;
pub mod frame;
pub mod http;
pub mod jobs;
#[cfg(feature = "jupyter")]
pub mod kernel;
pub mod notebook;
pub mod plot;
pub mod repl;
pub mod service;
pub mod stats;
pub mod store;
pub mod telemetry;

/// The program's version, with the commit that it was built from where that is known.
pub fn code_version() -> String {
    match option_env!("ACTUARY_COMMIT") {
        Some(commit) => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
        None => env!("CARGO_PKG_VERSION").to_owned(),
    }
}
