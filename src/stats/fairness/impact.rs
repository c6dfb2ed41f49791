//! One group against the reference.

use crate::domain::fairness::AdverseImpact;
use crate::domain::version::Interval;
use crate::stats::Z_95;

/// Probabilities that differ by less than this share are those of equally rare tables (as in R).
const TIE_TOLERANCE: f64 = 1.0 + 1e-7;

/// Rows above which the sum over all tables would take too long.
const MOST_ROWS: u128 = 1_000_000_000_000;

impl AdverseImpact {
    /// Of favourable decisions and all rows, of the group and of the reference; below `least_rows` of
    /// either nothing is called below four fifths.
    pub(super) fn new(group: (u64, u64), reference: (u64, u64), least_rows: u64) -> Self {
        let ((a, n), (c, m)) = (group, reference);
        let has_ratio = n > 0 && c > 0;
        let ratio = has_ratio.then(|| (a as f64 / n as f64) / (c as f64 / m as f64));
        let is_enough = n.min(m) >= least_rows;
        // In whole numbers, so that a ratio of 4/5 is not below it by rounding.
        let is_below = 5 * u128::from(a) * u128::from(m) < 4 * u128::from(c) * u128::from(n);
        Self {
            ratio,
            interval: ratio.and_then(|ratio| katz(ratio, group, reference)),
            p_value: fisher_exact([[a, n - a], [c, m - c]]).filter(|_| n > 0 && m > 0),
            below_four_fifths: (has_ratio && is_enough).then_some(is_below),
        }
    }
}

fn katz(ratio: f64, (a, n): (u64, u64), (c, m): (u64, u64)) -> Option<Interval> {
    // 1 / part - 1 / whole, without cancellation.
    let term = |part: u64, whole: u64| (whole - part) as f64 / part as f64 / whole as f64;
    let half_width = Z_95 * (term(a, n) + term(c, m)).sqrt();
    (a > 0 && half_width > 0.0)
        .then(|| Interval { low: ratio * (-half_width).exp(), high: ratio * half_width.exp() })
}

/// Two-sided p-value of Fisher's exact test of a 2 x 2 table (Fisher 1935): the probability, given
/// the sums of its rows and columns, of all tables that are no more probable than it.
///
/// 1 where a row or column is empty, 0 where it is too small for a number. `None` for an empty
/// table and for more than 10^12 rows.
pub fn fisher_exact(table: [[u64; 2]; 2]) -> Option<f64> {
    let [[a, b], [c, d]] = table.map(|row| row.map(u128::from));
    let all = a + b + c + d;
    if all == 0 || all > MOST_ROWS {
        return None;
    }
    let (drawn, marked) = (a + b, a + c);
    let mode = ((drawn + 1) * (marked + 1) / (all + 2))
        .clamp((drawn + marked).saturating_sub(all), drawn.min(marked));
    let others = || {
        let sides = [true, false].into_iter();
        sides.flat_map(move |is_up| weights(all, drawn, marked, mode, is_up))
    };
    let observed = others().find(|(x, _)| *x == a).map_or(0.0, |(_, weight)| weight);
    let limit = observed * TIE_TOLERANCE;
    if a == mode || limit >= 1.0 {
        return Some(1.0);
    }
    let (mut rare, mut total) = (0.0, 1.0);
    for (_, weight) in others() {
        total += weight;
        if weight <= limit {
            rare += weight;
        }
    }
    Some(rare / total)
}

/// Tables above or below the mode with their hypergeometric probabilities as shares of that of the
/// mode, until these vanish.
///
/// Each by its ratio to the one before: exact to a few roundings, which the logarithms of
/// factorials of large numbers are not.
fn weights(
    all: u128,
    drawn: u128,
    marked: u128,
    mode: u128,
    is_up: bool,
) -> impl Iterator<Item = (u128, f64)> {
    let (mut x, mut weight) = (mode, 1.0);
    std::iter::from_fn(move || {
        let (above, below);
        if is_up {
            above = (marked - x) * (drawn - x);
            below = (x + 1) * (all + x + 1 - marked - drawn);
            x += 1;
        } else {
            above = x * (all + x - marked - drawn);
            below = (marked + 1 - x) * (drawn + 1 - x);
            x = x.saturating_sub(1);
        }
        weight *= above as f64 / below as f64;
        // Not at 0: rounding holds the smallest numbers up where the ratio is near 1.
        (weight >= f64::MIN_POSITIVE).then_some((x, weight))
    })
}
