//! Random numbers that depend on nothing but what they are for: a generator is keyed by the seed,
//! the purpose and two counters, so that a resumed run draws what the unbroken one would have
//! drawn, on every platform and in whatever order the numbers are asked for.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the numbers are for. The values are part of what a seed means: never change one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Parts = 1,
    Weights = 2,
    Order = 3,
    Dropout = 4,
    Folds = 7,
    /// Rows on which a device is tried.
    Probe = 6,
    /// How training images are changed.
    Augmentation = 20,
    /// Configurations of a search.
    Search = 30,
    /// Rows that a version is explained against.
    Background = 50,
    /// Rows of a training that is only measured.
    Rehearsal = 40,
    /// Rows that a version is looked at over.
    Analysis = 60,
    /// Which rows' values a column gets that is shuffled.
    Permutation = 61,
    /// Data of tests.
    #[cfg(test)]
    Sample = 5,
}

/// A generator for one purpose; `first` and `second` tell its uses apart (epoch and batch, say).
pub(crate) fn keyed(seed: u64, purpose: Purpose, first: u64, second: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, first, second]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Shuffles by Fisher and Yates.
pub(crate) fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        // A product's upper half is uniform up to 2^-64 of bias per item, and the same everywhere.
        let chosen = (u128::from(rng.next_u64()) * (last as u128 + 1)) >> 64;
        items.swap(last, chosen as usize);
    }
}

/// Uniform in [-bound, bound), on a grid of 2^24 steps, which f32 holds exactly.
pub(crate) fn symmetric(rng: &mut ChaCha8Rng, bound: f32) -> f32 {
    let unit = (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    (2.0 * unit - 1.0) * bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_generators_apart_and_repeat() {
        let first = |seed, purpose, a, b| keyed(seed, purpose, a, b).next_u64();
        let base = first(7, Purpose::Order, 1, 2);
        assert_eq!(base, first(7, Purpose::Order, 1, 2));
        for other in [
            first(8, Purpose::Order, 1, 2),
            first(7, Purpose::Dropout, 1, 2),
            first(7, Purpose::Order, 2, 1),
            first(7, Purpose::Order, 1, 3),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut keyed(1, Purpose::Parts, 0, 0), &mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn symmetric_numbers_fill_their_range() {
        let mut rng = keyed(1, Purpose::Weights, 0, 0);
        let drawn: Vec<f32> = (0..10_000).map(|_| symmetric(&mut rng, 0.5)).collect();
        let mean = drawn.iter().sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!(drawn.iter().all(|v| (-0.5..0.5).contains(v)));
        assert!(drawn.iter().any(|v| *v < -0.49) && drawn.iter().any(|v| *v > 0.49));
    }
}
