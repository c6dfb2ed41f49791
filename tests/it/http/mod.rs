//! The HTTP interface over a real database.

mod advice;
mod aliases;
mod arrow;
mod authorisation;
mod bodies;
mod datasets;
mod diverging;
mod explanations;
mod forecasts;
mod idempotency;
mod images;
mod jobs;
mod keys;
mod metrics;
mod problems;
mod reasons;
mod search;
mod server;
mod simplifications;
mod texts;
