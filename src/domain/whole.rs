//! Whole numbers of requests that have a greatest value.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Greatest seed: the greatest whole number that every reader of JSON keeps exactly.
pub const MAX_SEED: u64 = (1 << 53) - 1;
/// A hundred years.
pub const MAX_DAYS: u32 = 36_525;

/// Reads a seed, for serde's `deserialize_with`.
pub(super) fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(AtMost(MAX_SEED))
}

/// Reads a number of days, for serde's `deserialize_with`.
pub(super) fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u64(AtMost(MAX_DAYS.into())).map(|days| days as u32)
}

/// Refuses what is greater while the number is read, so that an error names the place of the number and
/// not of what is around it.
struct AtMost(u64);

impl Visitor<'_> for AtMost {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {}", self.0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        match number <= self.0 {
            true => Ok(number),
            false => Err(E::custom(format!("must be at most {}", self.0))),
        }
    }
}
