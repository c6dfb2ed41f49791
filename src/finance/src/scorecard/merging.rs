//! Bins merged so that the information value is the greatest that the conditions allow, exactly: by
//! dynamic programming over where the last bin begins.

use serde::{Deserialize, Serialize};

use super::evidence;
use super::prebins::{Cell, Sums};

/// Which way the share of bad rows may go from bin to bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Rising or falling, whichever has the greater information value.
    #[default]
    Auto,
    Rising,
    Falling,
    /// Rising up to one bin, falling behind it.
    Peak,
    /// Falling up to one bin, rising behind it.
    Valley,
    /// Any way.
    Free,
}

/// What is better by less is taken for rounding: the fewer bins are then the better ones.
const ROUNDING: f64 = 1e-12;

/// Which cells are merged, and how.
pub(super) struct Merging<'a> {
    pub(super) cells: &'a [Cell],
    /// Good and bad rows of the column, those without a value too.
    pub(super) all: (u64, u64),
    /// Most bins.
    pub(super) most: usize,
    /// Fewest rows of a bin.
    pub(super) least: u64,
}

/// The best of some way to merge.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merged {
    /// The places of the first cells of all bins but the first, ascending.
    pub(super) cuts: Vec<usize>,
    pub(super) iv: f64,
    pub(super) trend: Trend,
}

impl Merging<'_> {
    /// The best bins of a trend: one bin of all where no two are allowed.
    pub(super) fn best(&self, trend: Trend) -> Merged {
        let best = |trend| match trend {
            Trend::Free => self.free(),
            trend => self.bent(trend),
        };
        match trend {
            Trend::Auto => {
                let (rising, falling) = (best(Trend::Rising), best(Trend::Falling));
                if falling.iv > rising.iv + ROUNDING { falling } else { rising }
            }
            trend => best(trend),
        }
    }

    fn iv(&self, cell: Cell) -> f64 {
        evidence((cell.good, cell.bad), self.all).1
    }

    fn one(&self, sums: &Sums, trend: Trend) -> Merged {
        Merged { cuts: Vec::new(), iv: self.iv(sums.between(0, self.cells.len())), trend }
    }

    /// Without a trend a bin knows nothing of the one before it.
    fn free(&self) -> Merged {
        let count = self.cells.len();
        let sums = Sums::of(self.cells);
        let mut best = self.one(&sums, Trend::Free);
        // Of the cells before each place in so many bins: the value, and where the last one begins.
        let mut before: Vec<Option<f64>> = vec![None; count + 1];
        before[0] = Some(0.0);
        let mut begins: Vec<Vec<usize>> = Vec::new();
        for bins in 1..=self.most.min(count) {
            let mut values = vec![None; count + 1];
            let mut from = vec![0; count + 1];
            for to in bins..=count {
                for (start, earlier) in before.iter().enumerate().take(to).skip(bins - 1) {
                    let Some(earlier) = earlier else { continue };
                    let cell = sums.between(start, to);
                    if cell.rows() < self.least {
                        continue;
                    }
                    let value = earlier + self.iv(cell);
                    if values[to].is_none_or(|known| value > known) {
                        (values[to], from[to]) = (Some(value), start);
                    }
                }
            }
            begins.push(from);
            if let Some(iv) = values[count].filter(|iv| *iv > best.iv + ROUNDING) {
                let mut cuts = Vec::new();
                let mut to = count;
                for from in begins.iter().rev() {
                    to = from[to];
                    cuts.push(to);
                }
                cuts.pop();
                cuts.reverse();
                best = Merged { cuts, iv, trend: Trend::Free };
            }
            before = values;
        }
        best
    }

    /// With a trend the last two bins say whether the next one may follow, and for a peak or a valley
    /// whether it has been passed.
    fn bent(&self, trend: Trend) -> Merged {
        let count = self.cells.len();
        let sums = Sums::of(self.cells);
        let mut best = self.one(&sums, trend);
        let place = |from: usize, to: usize, turned: bool| {
            (from * (count + 1) + to) * 2 + usize::from(turned)
        };
        let size = (count + 1) * (count + 1) * 2;
        // Of a last bin: the value of all so far, and the state before it.
        let mut states: Vec<Vec<Option<(f64, usize)>>> = Vec::new();
        for bins in 1..=self.most.min(count) {
            let mut next: Vec<Option<(f64, usize)>> = vec![None; size];
            for from in 0..count {
                for to in from + 1..=count {
                    let cell = sums.between(from, to);
                    if cell.rows() < self.least {
                        continue;
                    }
                    let iv = self.iv(cell);
                    if bins == 1 {
                        if from == 0 {
                            next[place(0, to, false)] = Some((iv, 0));
                        }
                        continue;
                    }
                    for start in 0..from {
                        let rose = step(sums.between(start, from), cell);
                        for turned in [false, true] {
                            let state = place(start, from, turned);
                            let Some((earlier, _)) = states[bins - 2][state] else { continue };
                            let Some(turned) = after(trend, turned, rose) else { continue };
                            let slot = &mut next[place(from, to, turned)];
                            if slot.is_none_or(|(known, _)| earlier + iv > known) {
                                *slot = Some((earlier + iv, state));
                            }
                        }
                    }
                }
            }
            states.push(next);
            let last = (0..count).flat_map(|from| [false, true].map(|t| place(from, count, t)));
            for state in last {
                let Some((iv, _)) = states[bins - 1][state] else { continue };
                if iv > best.iv + ROUNDING {
                    best = Merged { cuts: cuts_of(&states, state, count), iv, trend };
                }
            }
        }
        best
    }
}

/// Where the bins that lead to a state begin, but for the first.
fn cuts_of(states: &[Vec<Option<(f64, usize)>>], state: usize, count: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut state = state;
    for of_bins in states.iter().rev() {
        cuts.push(state / 2 / (count + 1));
        state = of_bins[state].map_or(0, |(_, before)| before);
    }
    cuts.pop();
    cuts.reverse();
    cuts
}

/// Whether the share of bad rows is greater, equal or less than in the bin before; exact, since both are
/// fractions of whole numbers.
fn step(before: Cell, next: Cell) -> std::cmp::Ordering {
    let (a, b) = (u128::from(next.bad), u128::from(before.bad));
    (a * u128::from(before.rows())).cmp(&(b * u128::from(next.rows())))
}

/// Whether the trend has turned after a step; None where it allows no such step.
fn after(trend: Trend, turned: bool, step: std::cmp::Ordering) -> Option<bool> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match (trend, step) {
        (Trend::Free | Trend::Auto, _) | (_, Equal) => Some(turned),
        (Trend::Rising, Greater) | (Trend::Falling, Less) => Some(turned),
        (Trend::Rising, Less) | (Trend::Falling, Greater) => None,
        (Trend::Peak, Greater) | (Trend::Valley, Less) => (!turned).then_some(false),
        (Trend::Peak, Less) | (Trend::Valley, Greater) => Some(true),
    }
}
