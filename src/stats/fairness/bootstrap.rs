//! Bootstrap of the distances between groups.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use super::groups::Cells;
use super::{DISTANCES, distances};
use crate::domain::version::Interval;
use crate::stats::quantiles;

/// Share of resamples that need to have a value.
const LEAST_DEFINED: f64 = 0.9;

/// 95 % percentile intervals of the distances; the same seed finds the same.
pub(super) fn intervals(
    cells: &[Cells],
    resamples: u32,
    seed: u64,
) -> [Option<Interval>; DISTANCES] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut found: [Vec<f64>; DISTANCES] = Default::default();
    for _ in 0..resamples {
        let drawn: Vec<Cells> = cells.iter().map(|cells| resample(cells, &mut rng)).collect();
        for (values, value) in found.iter_mut().zip(distances(&drawn)) {
            values.extend(value);
        }
    }
    found.map(|values| {
        let is_enough = values.len() as f64 >= LEAST_DEFINED * f64::from(resamples);
        let ends = quantiles(&values, &[0.025, 0.975]).filter(|_| is_enough)?;
        Some(Interval { low: *ends.first()?, high: *ends.last()? })
    })
}

/// As many rows drawn with replacement: their counts follow a multinomial distribution, drawn cell
/// by cell, so that the time does not depend on the rows.
fn resample(cells: &Cells, rng: &mut ChaCha8Rng) -> Cells {
    let (mut rows, mut rest) = (cells.rows(), cells.rows());
    let mut drawn = Cells::default();
    for (count, drawn) in cells.counts.iter().zip(&mut drawn.counts) {
        if *count == rest {
            *drawn = rows;
        } else if *count > 0 {
            let binomial = Binomial::new(rows, *count as f64 / rest as f64);
            *drawn = binomial.map_or(0, |binomial| binomial.sample(rng));
        }
        rows -= *drawn;
        rest -= count;
    }
    drawn
}
