//! Histories that might have been.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Periods of blocks of a history, when nothing is known of how long returns remember: the cube root of how many
/// there are (Hall, Horowitz and Jing 1995), which grows with the history as it should.
pub fn block_length(periods: usize) -> usize {
    (periods as f64).cbrt().ceil() as usize
}

/// `count` places of periods, drawn as blocks of consecutive ones that start anywhere and go round at the end
/// (Politis and Romano 1992). The same `seed` and `draw` are the same places; none where there are no periods.
pub fn resampled(periods: usize, count: usize, block: usize, seed: u64, draw: u64) -> Vec<usize> {
    if periods == 0 {
        return Vec::new();
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(draw);
    let mut places = Vec::with_capacity(count + block.min(periods));
    while places.len() < count {
        let start = random.random_range(0..periods);
        places.extend((start..start + block.clamp(1, periods)).map(|at| at % periods));
    }
    places.truncate(count);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_their_order_and_every_period_is_as_likely() {
        let places = resampled(1000, 1000, 10, 7, 0);
        assert_eq!(places, resampled(1000, 1000, 10, 7, 0));
        assert_ne!(places, resampled(1000, 1000, 10, 7, 1));
        assert_ne!(places, resampled(1000, 1000, 10, 8, 0));
        let follows = places.windows(2).filter(|w| w[1] == (w[0] + 1) % 1000).count();
        assert!(follows >= 900, "{follows}");
        let mut counts = vec![0_u32; 20];
        (0..2000).flat_map(|draw| resampled(20, 20, 3, 1, draw)).for_each(|at| counts[at] += 1);
        // Each is drawn 2000 times on average, with a deviation of about 76.
        assert!(counts.iter().all(|count| (1700..2300).contains(count)), "{counts:?}");
        assert_eq!((block_length(1000), block_length(1001), block_length(2)), (10, 11, 2));
        assert_eq!(resampled(3, 5, 100, 1, 1).len(), 5);
        assert!(resampled(0, 5, 1, 1, 1).is_empty());
    }
}
