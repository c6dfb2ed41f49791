//! Pure values that travel between the layers and over HTTP; no input or output, no behaviour
//! beyond checking themselves.

pub mod activation;
pub mod advice;
pub mod analysis;
pub mod calibration;
pub mod cost;
pub mod counterfactual;
pub mod dataset;
pub mod explanation;
pub mod fairness;
pub mod forecast;
pub mod investment;
pub mod job;
pub mod key;
pub mod model;
pub mod monotone;
pub mod name;
pub mod network;
pub mod optimiser;
pub mod page;
pub mod prediction;
pub mod prices;
pub mod reason;
pub mod schema;
pub mod search;
pub mod simplification;
pub mod start;
mod tagged;
pub mod threshold;
pub mod training;
pub mod version;
pub mod window;
