//! Whole numbers of requests that have a greatest value.

use serde::{Deserialize, Deserializer};

/// Greatest seed: the greatest whole number that every reader of JSON keeps exactly.
pub const MAX_SEED: u64 = (1 << 53) - 1;
/// A hundred years.
pub const MAX_DAYS: u32 = 36_525;

/// Reads a seed, for serde's `deserialize_with`.
pub(super) fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    at_most(u64::deserialize(deserializer)?, MAX_SEED)
}

/// Reads a number of days, for serde's `deserialize_with`.
pub(super) fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    at_most(u32::deserialize(deserializer)?, MAX_DAYS)
}

fn at_most<N: PartialOrd + std::fmt::Display, E: serde::de::Error>(
    number: N,
    most: N,
) -> Result<N, E> {
    if number <= most { Ok(number) } else { Err(E::custom(format!("must be at most {most}"))) }
}
