//! The HTTP interface over a real database.

mod activations;
mod advice;
mod aliases;
mod analyses;
mod arrow;
mod authorisation;
mod bodies;
mod counterfactuals;
mod datasets;
mod diverging;
mod explanations;
mod fairness;
mod forecasts;
mod idempotency;
mod images;
mod investments;
mod jobs;
mod keys;
mod metrics;
mod monotone;
mod problems;
mod reasons;
mod search;
mod server;
mod simplifications;
mod texts;
