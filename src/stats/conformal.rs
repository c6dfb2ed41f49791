//! Split conformal prediction: how far intervals have to reach to cover a share of what comes true,
//! learnt from the errors on rows that were not trained on.

use super::classification::wilson_of_share;
use crate::domain::version::Interval;

/// Products such as 20 * 0.95 must not count as more than 19 by the last bit.
const SLACK: f64 = 1e-9;

/// Which of `n` ascending scores, counted from 1, bounds a share `coverage` of new ones: the
/// ceil((n + 1) coverage)-th. Beyond `n` none does.
fn rank(n: usize, coverage: f64) -> usize {
    ((n as f64 + 1.0) * coverage - SLACK).ceil().max(0.0) as usize
}

/// Scores that are needed to bound a share `coverage` of new ones, which lies between 0 and 1.
pub fn rows_needed(coverage: f64) -> u64 {
    (coverage / (1.0 - coverage) - SLACK).ceil().max(1.0) as u64
}

/// The bound of a share `coverage` of new scores, where these and `ascending` come in any order alike
/// (Vovk, Gammerman & Shafer 2005): the ceil((n + 1) coverage)-th smallest. `None` where there are
/// fewer scores than [`rows_needed`], and for a coverage at which no score counts.
pub fn conformal_radius(ascending: &[f64], coverage: f64) -> Option<f64> {
    let rank = rank(ascending.len(), coverage).checked_sub(1)?;
    ascending.get(rank).copied()
}

/// From `low` to `high`, moved out by `radius`, or in where that is negative; both become their middle
/// rather than change places.
pub fn widened(low: f64, high: f64, radius: f64) -> (f64, f64) {
    let (moved_low, moved_high) = (low - radius, high + radius);
    if moved_low <= moved_high {
        return (moved_low, moved_high);
    }
    let middle = low + (high - low) / 2.0;
    (middle, middle)
}

/// 95 % confidence interval of a share (Wilson 1927) over so many independent trials; the share may be
/// a mean over trials that are shares themselves. `None` for no trials and for what is no share.
pub fn interval_of_share(share: f64, trials: u64) -> Option<Interval> {
    (trials > 0 && (0.0..=1.0).contains(&share)).then(|| wilson_of_share(share, trials))
}

/// The share of misses that is aimed at, moved by each that is seen: a' = a + rate (asked - miss)
/// (Gibbs & Candès 2021). Over T rows the share of misses then differs from what is asked by at most
/// (1 + rate) / (rate T), whatever the series does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    asked: f64,
    aimed: f64,
    rate: f64,
}

impl Adaptive {
    /// Aims at first at what is asked: 1 - `coverage`.
    pub fn new(coverage: f64, rate: f64) -> Self {
        Self { asked: 1.0 - coverage, aimed: 1.0 - coverage, rate }
    }

    /// The radius of the next interval by scores of other rows: infinite where more coverage is wanted
    /// than these can tell of, `None` where no interval is wanted at all.
    pub fn radius(&self, ascending: &[f64]) -> Option<f64> {
        match 1.0 - self.aimed {
            coverage if coverage >= 1.0 => Some(f64::INFINITY),
            coverage if coverage <= 0.0 => None,
            coverage => {
                let at = rank(ascending.len(), coverage).checked_sub(1)?;
                Some(ascending.get(at).copied().unwrap_or(f64::INFINITY))
            }
        }
    }

    /// Hears whether an interval missed what came true.
    pub fn hear(&mut self, missed: bool) {
        self.aimed += self.rate * (self.asked - f64::from(u8::from(missed)));
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Written by `examples/oracles/conformal.py`.
    #[derive(Deserialize)]
    struct Fixture {
        levels: Vec<f64>,
        cases: Vec<Case>,
        adaptive: Vec<Moved>,
    }

    #[derive(Deserialize)]
    struct Case {
        middle: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
        truth: Vec<f64>,
        /// A middle, a low and a high end round which the intervals are.
        new: [f64; 3],
        round_mean: Vec<[f64; 2]>,
        round_quantiles: Vec<[f64; 2]>,
    }

    #[derive(Deserialize)]
    struct Moved {
        coverage: f64,
        rate: f64,
        scores: Vec<f64>,
        errors: Vec<f64>,
        missed: Vec<bool>,
        unbounded: usize,
    }

    fn fixture() -> Fixture {
        serde_json::from_str(include_str!("../../tests/fixtures/conformal.json")).unwrap()
    }

    #[test]
    fn intervals_are_those_of_the_oracle() {
        let Fixture { levels, cases, .. } = fixture();
        for case in &cases {
            let scores = |low: &[f64], high: &[f64]| {
                let ends = low.iter().zip(high).zip(&case.truth);
                let mut scores: Vec<f64> =
                    ends.map(|((low, high), y)| (low - y).max(y - high)).collect();
                scores.sort_unstable_by(f64::total_cmp);
                scores
            };
            let means = scores(&case.middle, &case.middle);
            let quantiles = scores(&case.low, &case.high);
            let [middle, low, high] = case.new;
            for (at, level) in levels.iter().enumerate() {
                for (scores, (low, high), wanted) in [
                    (&means, (middle, middle), case.round_mean[at]),
                    (&quantiles, (low, high), case.round_quantiles[at]),
                ] {
                    let radius = conformal_radius(scores, *level).unwrap();
                    let found = [low - radius, high + radius];
                    for (found, wanted) in found.iter().zip(wanted) {
                        assert!((found - wanted).abs() < 1e-9, "{level}: {found} {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn adaptive_intervals_miss_where_the_oracle_does() {
        for case in fixture().adaptive {
            let mut adaptive = Adaptive::new(case.coverage, case.rate);
            let mut unbounded = 0;
            for (error, missed) in case.errors.iter().zip(&case.missed) {
                let radius = adaptive.radius(&case.scores);
                assert_eq!(radius.is_none_or(|radius| *error > radius), *missed);
                adaptive.hear(*missed);
                unbounded += usize::from(adaptive.aimed <= 0.0);
            }
            assert_eq!(unbounded, case.unbounded);
            assert!(case.missed.iter().any(|missed| *missed));
        }
    }

    #[test]
    fn the_rank_is_that_of_the_paper() {
        let scores: Vec<f64> = (1..=19).map(f64::from).collect();
        // ceil(20 * 0.9) = 18, ceil(20 * 0.95) = 19, ceil(20 * 0.951) = 20: no such score.
        assert_eq!(conformal_radius(&scores, 0.9), Some(18.0));
        assert_eq!(conformal_radius(&scores, 0.95), Some(19.0));
        assert_eq!(conformal_radius(&scores, 0.951), None);
        assert_eq!(conformal_radius(&scores, 0.0), None);
        assert_eq!(conformal_radius(&[], 0.5), None);
        for coverage in [0.5, 0.8, 0.9, 0.95, 0.99] {
            let needed = rows_needed(coverage) as usize;
            let scores = vec![1.0; needed];
            assert_eq!(conformal_radius(&scores, coverage), Some(1.0), "{coverage}");
            assert_eq!(conformal_radius(&scores[1..], coverage), None, "{coverage}");
        }
        assert_eq!([0.8, 0.9, 0.95].map(rows_needed), [4, 9, 19]);
    }

    #[test]
    fn bounds_do_not_change_places() {
        assert_eq!(widened(1.0, 3.0, 0.5), (0.5, 3.5));
        assert_eq!(widened(1.0, 3.0, -0.5), (1.5, 2.5));
        assert_eq!(widened(1.0, 3.0, -2.0), (2.0, 2.0));
        assert_eq!(widened(1.0, 1.0, f64::INFINITY), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn adaptive_coverage_comes_to_what_is_asked_whatever_the_series_does() {
        let scores: Vec<f64> = (1..=200).map(f64::from).collect();
        // Errors are five times as large as those that were learnt from.
        let (mut adaptive, mut missed, rows) = (Adaptive::new(0.9, 0.05), 0, 4_000);
        let mut state = 7_u64;
        for _ in 0..rows {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let error = 1_000.0 * (state >> 33) as f64 / (1_u64 << 31) as f64;
            let misses = adaptive.radius(&scores).is_none_or(|radius| error > radius);
            missed += u32::from(misses);
            adaptive.hear(misses);
        }
        let share = f64::from(missed) / f64::from(rows);
        assert!((share - 0.1).abs() <= 1.05 / (0.05 * f64::from(rows)), "{share}");
    }
}
