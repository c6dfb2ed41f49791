//! What a portfolio of today would have lost in times past.

/// Rows of returns, from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub first: usize,
    pub last: usize,
}

/// A window with what was lost in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorstWindow {
    pub window: Window,
    pub loss: f64,
}

/// What each asset returned over a window: simple returns compounded, or logarithms added up and turned into
/// a simple return.
pub fn shocks_over(returns: &[f64], width: usize, window: Window, is_log: bool) -> Vec<f64> {
    let mut growth = vec![0.0; width];
    for row in returns.chunks_exact(width).take(window.last + 1).skip(window.first) {
        for (sum, value) in growth.iter_mut().zip(row) {
            *sum += if is_log { *value } else { value.ln_1p() };
        }
    }
    growth.into_iter().map(f64::exp_m1).collect()
}

/// The windows of so many rows in which a portfolio that is bought at their beginning would have lost most,
/// the worst first, at most `count`, none overlapping another.
pub fn worst_windows(
    returns: &[f64],
    weights: &[f64],
    length: usize,
    count: usize,
    is_log: bool,
) -> Vec<WorstWindow> {
    let width = weights.len();
    let rows = returns.len() / width;
    if length == 0 || length > rows {
        return Vec::new();
    }
    // Logarithms of growth from the beginning, a row more than returns.
    let mut growth = vec![0.0; width];
    for row in returns.chunks_exact(width) {
        for value in row {
            let before = growth[growth.len() - width];
            growth.push(before + if is_log { *value } else { value.ln_1p() });
        }
    }
    let row = |at: usize| &growth[at * width..(at + 1) * width];
    let mut all: Vec<WorstWindow> = (0..=rows - length)
        .map(|first| {
            let moved = row(first).iter().zip(row(first + length)).zip(weights);
            let loss =
                -moved.map(|((from, to), weight)| weight * (to - from).exp_m1()).sum::<f64>();
            WorstWindow { window: Window { first, last: first + length - 1 }, loss }
        })
        .collect();
    all.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    let mut found: Vec<WorstWindow> = Vec::new();
    for one in all {
        if found.len() == count {
            break;
        }
        let is_apart = |other: &WorstWindow| {
            one.window.last < other.window.first || one.window.first > other.window.last
        };
        if found.iter().all(is_apart) {
            found.push(one);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_windows_do_not_overlap() {
        // Two assets; the second falls by 10 % three times.
        let mut returns = vec![0.0; 40];
        for day in [5, 6, 15] {
            returns[2 * day + 1] = -0.1;
        }
        let weights = [0.5, 0.5];
        let worst = worst_windows(&returns, &weights, 2, 2, false);
        assert_eq!(worst[0].window, Window { first: 5, last: 6 });
        assert!((worst[0].loss - 0.5 * 0.19).abs() < 1e-12);
        assert!((worst[1].loss - 0.05).abs() < 1e-12);
        assert!(worst[1].window.first > 6 || worst[1].window.last < 5);
        let shocks = shocks_over(&returns, 2, worst[0].window, false);
        assert!(shocks[0].abs() < 1e-15 && (shocks[1] + 0.19).abs() < 1e-12);
        let logs = shocks_over(&returns, 2, worst[0].window, true);
        assert!((logs[1] - (-0.2_f64).exp_m1()).abs() < 1e-12);
        assert!(worst_windows(&returns, &weights, 21, 2, false).is_empty());
    }
}
