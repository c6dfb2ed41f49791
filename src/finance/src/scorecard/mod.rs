//! Points scorecards (Siddiqi 2006): columns are cut into bins, each bin has a weight of evidence, a
//! logistic regression weighs the columns, and every bin is worth so many points.
//!
//! The bad outcome is the one that is coded as true: `woe = ln((good_i / good) / (bad_i / bad))` is high
//! where few are bad, and the information value of a column is
//! `sum (good_i / good - bad_i / bad) * woe_i`.

mod binning;
mod logistic;
mod merging;
mod points;
mod prebins;

use serde::{Deserialize, Serialize};

pub use self::binning::{
    Binning, CategoryOptions, Cuts, MAX_BINS, MAX_EDGES, Options, bin_categories, bin_numbers,
};
pub use self::logistic::{Logistic, Newton, Problem, Step, fit, fit_signed};
pub use self::merging::Trend;
pub use self::points::{Card, base_points, points_of_bin};

/// The rows of a bin, and what being in it says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    pub good: u64,
    pub bad: u64,
    /// Weight of evidence, in units of the logarithm of the odds. Where a bin has no good or no bad row,
    /// half a row is added to both of its counts.
    pub woe: f64,
    /// What it adds to the information value of its column.
    pub iv: f64,
}

impl Bin {
    /// Of so many rows among so many in all, of which there are some of either outcome.
    pub fn new((good, bad): (u64, u64), (all_good, all_bad): (u64, u64)) -> Self {
        let (woe, iv) = evidence((good, bad), (all_good, all_bad));
        Self { good, bad, woe, iv }
    }

    pub fn rows(&self) -> u64 {
        self.good + self.bad
    }

    /// The share of bad rows; None of no rows.
    pub fn bad_rate(&self) -> Option<f64> {
        (self.rows() > 0).then(|| self.bad as f64 / self.rows() as f64)
    }
}

/// Weight of evidence and information value of a bin.
fn evidence((good, bad): (u64, u64), (all_good, all_bad): (u64, u64)) -> (f64, f64) {
    if good + bad == 0 {
        return (0.0, 0.0);
    }
    let empty = if good == 0 || bad == 0 { 0.5 } else { 0.0 };
    let of_good = (good as f64 + empty) / all_good as f64;
    let of_bad = (bad as f64 + empty) / all_bad as f64;
    let woe = (of_good / of_bad).ln();
    (woe, (of_good - of_bad) * woe)
}

/// What an information value says of a column, by the usual rule of thumb (Siddiqi 2006).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Below 0.02.
    None,
    /// Below 0.1.
    Weak,
    /// Below 0.3.
    Medium,
    /// Below 0.5.
    Strong,
    /// Above: is it known before the outcome?
    Suspect,
}

impl Strength {
    pub fn of(iv: f64) -> Self {
        match iv {
            iv if iv < 0.02 => Self::None,
            iv if iv < 0.1 => Self::Weak,
            iv if iv < 0.3 => Self::Medium,
            iv if iv < 0.5 => Self::Strong,
            _ => Self::Suspect,
        }
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
