//! The one integration binary.

// Always true here; it tells clippy that helpers are test code too and may unwrap.
#![cfg(test)]

mod architecture;
mod cli;
mod crash;
mod examples;
mod http;
mod jobs;
mod openapi;
mod repl;
mod store;
mod support;
