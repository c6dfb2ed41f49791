//! The one integration binary.

// Always true here; it tells clippy that helpers are test code too and may unwrap.
#![cfg(test)]

mod architecture;
mod cli;
mod http;
mod openapi;
mod crash;
mod jobs;
mod store;
mod support;
