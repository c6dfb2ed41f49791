//! What each asset adds to the risk of a portfolio.

use nalgebra::DMatrixView;

use super::distributions::{normal_density, normal_quantile};
use super::predictive::{tail_count, tail_place};

/// An asset's part in the risk of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// Of the value at risk; the parts of all assets are the whole.
    pub value_at_risk: f64,
    /// Of the expected shortfall, likewise.
    pub expected_shortfall: f64,
    /// By how much the value at risk grows for each unit of weight.
    pub marginal: f64,
}

/// Parts of the Gaussian value at risk (Euler's allocation; Tasche 1999): `returns` has a row for each time.
pub fn gaussian_contributions(
    returns: &[f64],
    weights: &[f64],
    level: f64,
    horizon: usize,
) -> Vec<Contribution> {
    let (width, h) = (weights.len(), horizon as f64);
    let n = returns.len() / width;
    // Columns of the view are times.
    let rows = DMatrixView::from_slice(returns, width, n);
    let means = rows.column_mean();
    let portfolio: Vec<f64> =
        rows.column_iter().map(|row| row.iter().zip(weights).map(|(r, w)| r * w).sum()).collect();
    let mean = portfolio.iter().sum::<f64>() / n as f64;
    // The covariance of each asset with the portfolio.
    let mut with_whole = vec![0.0; width];
    for (row, whole) in rows.column_iter().zip(&portfolio) {
        for ((sum, value), average) in with_whole.iter_mut().zip(row.iter()).zip(means.iter()) {
            *sum += (value - average) * (whole - mean) / (n as f64 - 1.0);
        }
    }
    let variance: f64 = with_whole.iter().zip(weights).map(|(c, w)| c * w).sum();
    let deviation = variance.sqrt();
    let p = 1.0 - level;
    let z = normal_quantile(p);
    let tail = normal_density(z) / p;
    let of = |((covariance, weight), average): ((&f64, &f64), &f64)| {
        let slope = covariance / deviation * h.sqrt();
        let marginal = -average * h - z * slope;
        Contribution {
            value_at_risk: weight * marginal,
            expected_shortfall: weight * (-average * h + tail * slope),
            marginal,
        }
    };
    with_whole.iter().zip(weights).zip(means.iter()).map(of).collect()
}

/// Parts of the historical figures: the mean loss of each asset where the portfolio loses as much, over the
/// tail for the expected shortfall; for the value at risk over its neighbours in rank. What these lose more or less
/// than the value at risk is divided by how much of the portfolio's loss comes of each asset over all times, so that
/// the parts sum to the whole at any level, where the whole is near 0, too (Hallerbach 2003).
pub fn historical_contributions(
    returns: &[f64],
    weights: &[f64],
    level: f64,
    horizon: usize,
) -> Vec<Contribution> {
    let width = weights.len();
    let grow = (horizon as f64).sqrt();
    let loss = |row: &[f64]| -row.iter().zip(weights).map(|(r, w)| r * w).sum::<f64>();
    let mut rows: Vec<(f64, &[f64])> =
        returns.chunks_exact(width).map(|row| (loss(row), row)).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (count, last) = (tail_count(rows.len(), level), tail_place(rows.len(), level));
    // As many neighbours on each side as the square root of the tail.
    let reach = count.sqrt().floor() as usize;
    let near = &rows[last.saturating_sub(reach)..(last + reach + 1).min(rows.len())];
    let of_near: f64 = near.iter().map(|(loss, _)| loss).sum::<f64>() / near.len() as f64;
    let rest = rows[last].0 - of_near;
    let slopes = slopes(&rows, width);
    (0..width)
        .map(|asset| {
            let of = |(_, row): &(f64, &[f64])| -weights[asset] * row[asset];
            let tail =
                rows[..last].iter().map(of).sum::<f64>() + (count - last as f64) * of(&rows[last]);
            // What one unit more of it would lose there, whether any of it is held or not.
            let lost = near.iter().map(|(_, row)| -row[asset]).sum::<f64>() / near.len() as f64;
            let marginal = (lost + slopes[asset] * rest) * grow;
            Contribution {
                value_at_risk: weights[asset] * marginal,
                expected_shortfall: tail / count * grow,
                marginal,
            }
        })
        .collect()
}

/// How much one unit of each asset loses for each unit that the portfolio loses, by least squares over all rows; 0
/// where the portfolio always loses the same.
fn slopes(rows: &[(f64, &[f64])], width: usize) -> Vec<f64> {
    let mean = rows.iter().map(|(loss, _)| loss).sum::<f64>() / rows.len() as f64;
    let variance: f64 = rows.iter().map(|(loss, _)| (loss - mean).powi(2)).sum();
    let mut slopes = vec![0.0; width];
    if variance > 0.0 {
        for (loss, row) in rows {
            let far = (loss - mean) / variance;
            slopes.iter_mut().zip(*row).for_each(|(slope, value)| *slope -= far * value);
        }
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::methods::{Filter, Method, Settings, assess};
    use rand::{Rng, SeedableRng};

    fn returns(n: usize, width: usize) -> Vec<f64> {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        (0..n)
            .flat_map(|_| {
                let common: f64 = random.random_range(-0.02..0.02);
                (0..width)
                    .map(|at| common * at as f64 + random.random_range(-0.01..0.01))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn parts_are_the_whole() {
        let (all, weights) = (returns(333, 4), [0.4, -0.2, 0.0, 0.8]);
        let whole: Vec<f64> = all
            .chunks_exact(4)
            .map(|row| row.iter().zip(&weights).map(|(r, w)| r * w).sum())
            .collect();
        for horizon in [1, 10] {
            let settings = Settings { decay: 0.94, filter: Filter::Ewma, horizon, seed: 0 };
            for (method, parts) in [
                (Method::Gaussian, gaussian_contributions(&all, &weights, 0.975, horizon)),
                (Method::Historical, historical_contributions(&all, &weights, 0.975, horizon)),
            ] {
                let figure = assess(&whole, method, &[0.975], &settings).unwrap().figures[0];
                let sum = |of: fn(&Contribution) -> f64| parts.iter().map(of).sum::<f64>();
                let var = sum(|part| part.value_at_risk);
                let shortfall = sum(|part| part.expected_shortfall);
                assert!((var / figure.value_at_risk - 1.0).abs() < 1e-12, "{method:?}");
                assert!((shortfall / figure.expected_shortfall - 1.0).abs() < 1e-12, "{method:?}");
            }
        }
    }

    /// Near the median a portfolio neither gains nor loses: scaled to such a whole, parts would be of any size.
    #[test]
    fn parts_of_next_to_nothing_are_small_and_are_the_whole() {
        let (weights, settings) = (
            [0.4, -0.2, 0.0, 0.8],
            Settings { decay: 0.94, filter: Filter::Ewma, horizon: 1, seed: 0 },
        );
        for n in 60..140 {
            let all = returns(n, 4);
            let whole: Vec<f64> = all
                .chunks_exact(4)
                .map(|row| row.iter().zip(&weights).map(|(r, w)| r * w).sum())
                .collect();
            for level in [0.45, 0.48, 0.5, 0.52, 0.55] {
                let found = assess(&whole, Method::Historical, &[level], &settings).unwrap();
                let parts = historical_contributions(&all, &weights, level, 1);
                let sum = |of: fn(&Contribution) -> f64| parts.iter().map(of).sum::<f64>();
                let var = sum(|part| part.value_at_risk);
                assert!((var - found.figures[0].value_at_risk).abs() < 1e-15, "{n} {level} {var}");
                let shortfall = sum(|part| part.expected_shortfall);
                assert!((shortfall - found.figures[0].expected_shortfall).abs() < 1e-15);
                // The mean of several losses of at most 0.07.
                let largest =
                    parts.iter().fold(0.0, |most: f64, part| most.max(part.marginal.abs()));
                assert!(largest < 0.03, "{n} {level} {parts:?}");
            }
        }
    }

    #[test]
    fn what_is_not_held_has_a_marginal_too() {
        let (two, twin) = (returns(400, 2), |row: &[f64]| [row[0], row[1], row[1]]);
        let all: Vec<f64> = two.chunks_exact(2).flat_map(twin).collect();
        let parts = historical_contributions(&all, &[0.4, 0.6, 0.0], 0.99, 10);
        assert_eq!(parts[2].marginal, parts[1].marginal);
        assert!(parts[1].marginal > 0.01, "{}", parts[1].marginal);
        assert_eq!(parts[2].value_at_risk, 0.0);
        assert!((parts[1].marginal * 0.6 - parts[1].value_at_risk).abs() < 1e-15);
    }

    #[test]
    fn a_marginal_is_the_slope_of_the_whole() {
        let (all, weights) = (returns(400, 3), [0.5, 0.3, 0.2]);
        let var = |weights: &[f64]| {
            gaussian_contributions(&all, weights, 0.99, 1)
                .iter()
                .map(|c| c.value_at_risk)
                .sum::<f64>()
        };
        let marginal = gaussian_contributions(&all, &weights, 0.99, 1)[1].marginal;
        let slope = (var(&[0.5, 0.3 + 1e-5, 0.2]) - var(&[0.5, 0.3 - 1e-5, 0.2])) / 2e-5;
        assert!((slope - marginal).abs() < 1e-8, "{slope} {marginal}");
    }
}
