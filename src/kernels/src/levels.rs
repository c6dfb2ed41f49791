//! Where numbers stand among quantiles.

/// Parts of equal width of the range of the quantiles.
const PARTS: usize = 1024;

/// Ascending quantiles at equally spaced levels from 0 to 1, 65,534 at most.
///
/// A search from the middle would read ten places of a thousand; the parts tell where to look, so
/// that two or three are read, and where the quantiles lie so unevenly that a part holds many, no
/// more than the search would.
#[derive(Debug, Clone)]
pub struct Levels {
    /// With infinity behind them.
    quantiles: Vec<f64>,
    lowest: f64,
    /// Parts per unit; 0 where the range is empty or too large to be parted.
    scale: f64,
    /// Number of quantiles in the parts before each.
    starts: Box<[u16; PARTS + 1]>,
}

impl Levels {
    pub fn new(quantiles: &[f64]) -> Self {
        let (lowest, highest) = (quantiles.first(), quantiles.last());
        let (lowest, highest) = (lowest.copied().unwrap_or(0.0), highest.copied().unwrap_or(0.0));
        let scale = PARTS as f64 / (highest - lowest);
        let scale = if scale.is_normal() { scale } else { 0.0 };
        let padded = quantiles.iter().copied().chain([f64::INFINITY]).collect();
        let starts = Box::new([0; PARTS + 1]);
        let mut levels = Self { quantiles: padded, lowest, scale, starts };
        let mut start = 0;
        for part in 0..=PARTS {
            let rest = quantiles.get(start..).unwrap_or_default();
            start += rest.iter().take_while(|q| levels.part(**q) < part).count();
            levels.starts[part] = u16::try_from(start).unwrap_or(u16::MAX);
        }
        levels
    }

    /// Number of quantiles below a value.
    pub fn below(&self, value: f64) -> usize {
        let part = self.part(value);
        // What stands in an earlier part is smaller, what stands in a later one is larger: the part
        // never falls while the value rises, also by rounding.
        let (from, to) = (usize::from(self.starts[part]), usize::from(self.starts[part + 1]));
        from + self.quantiles[from..to].partition_point(|q| *q < value)
    }

    /// The share of a distribution below a value, by its quantiles: linear between two, the middle
    /// of those that are equal to it.
    #[inline(always)]
    pub fn level(&self, value: f64) -> f64 {
        self.quick(value).unwrap_or_else(|| self.searched(value))
    }

    /// The level of a value in whose part there is one quantile or none, if it lies between two.
    #[inline(always)]
    fn quick(&self, value: f64) -> Option<f64> {
        let part = self.part(value);
        let (from, to) = (usize::from(self.starts[part]), usize::from(self.starts[part + 1]));
        let below = from + usize::from(self.quantiles[from] < value);
        let &[low, high] = self.quantiles.get(below.checked_sub(1)?..=below)? else { return None };
        (to - from <= 1 && high != value && high < f64::INFINITY)
            .then(|| between(below - 1, low, high, value) / self.last())
    }

    #[inline(never)]
    fn searched(&self, value: f64) -> f64 {
        let below = self.below(value);
        let count = self.count();
        let ties = self.quantiles.get(below..count).unwrap_or_default();
        let position = match (below.checked_sub(1), ties.first()) {
            (_, Some(high)) if *high == value => {
                let through = below + ties.partition_point(|q| *q <= value);
                (below + through - 1) as f64 / 2.0
            }
            (Some(low), Some(high)) => between(low, self.quantiles[low], *high, value),
            _ => below as f64,
        };
        position / self.last()
    }

    /// [`Levels::level`] of many, to the bit.
    pub fn levels(&self, values: &[f64], levels: &mut [f64]) {
        for (level, &value) in levels.iter_mut().zip(values) {
            *level = self.level(value);
        }
    }

    #[inline]
    fn count(&self) -> usize {
        self.quantiles.len() - 1
    }

    /// Steps from the first to the last.
    #[inline]
    fn last(&self) -> f64 {
        (self.count().max(2) - 1) as f64
    }

    #[inline]
    fn part(&self, value: f64) -> usize {
        // A negative number and NaN become 0, one that is too large the last.
        (((value - self.lowest) * self.scale) as u32 as usize).min(PARTS - 1)
    }
}

/// The position of a value between two quantiles, the lower of which is at `place`.
#[inline(always)]
fn between(place: usize, low: f64, high: f64, value: f64) -> f64 {
    // Halved, so that the difference of two huge values stays finite.
    place as f64 + (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles() -> [Vec<f64>; 8] {
        let even = (0..1000).map(f64::from).collect();
        let skewed = (0..1000).map(|i| f64::from(i).powi(5)).collect();
        let tied = (0..1000).map(|i| f64::from((i - 600).max(0) / 7)).collect();
        let huge = vec![f64::MIN, -1.0, 0.0, 1e-300, f64::MAX];
        [even, skewed, tied, huge, vec![3.0; 10], vec![1.0, 1.0 + f64::EPSILON], vec![3.0], vec![]]
    }

    /// At, near, between and beyond the quantiles.
    fn values(quantiles: &[f64]) -> Vec<f64> {
        let beyond = [f64::NEG_INFINITY, f64::MIN, -1.0, 0.5, f64::MAX, f64::INFINITY, f64::NAN];
        let near = quantiles.iter().flat_map(|q| [q.next_down(), *q, q.next_up(), q + 0.37]);
        near.chain(beyond).collect()
    }

    #[test]
    fn the_parts_find_what_a_search_finds() {
        for quantiles in quantiles() {
            let levels = Levels::new(&quantiles);
            for value in values(&quantiles) {
                let searched = quantiles.partition_point(|q| *q < value);
                assert_eq!(levels.below(value), searched, "{value}");
            }
        }
    }

    #[test]
    fn many_at_once_have_the_bits_of_one_after_the_other() {
        for quantiles in quantiles() {
            let levels = Levels::new(&quantiles);
            let values = values(&quantiles);
            let mut all = vec![0.0; values.len()];
            levels.levels(&values, &mut all);
            for (value, level) in values.iter().zip(&all) {
                assert_eq!(level.to_bits(), levels.searched(*value).to_bits(), "{value}");
                assert_eq!(level.to_bits(), levels.level(*value).to_bits(), "{value}");
            }
        }
    }

    #[test]
    fn levels_are_shares() {
        let levels = Levels::new(&[0.0, 1.0, 1.0, 1.0, 5.0]);
        let found = [-1.0, 0.0, 0.5, 1.0, 2.0, 5.0, 9.0].map(|value| levels.level(value));
        assert_eq!(found, [0.0, 0.0, 0.125, 0.5, 0.8125, 1.0, 1.25]);
        assert_eq!(Levels::new(&[]).level(1.0), 0.0);
    }
}
