//! Shapley values of many groups of columns by KernelSHAP (Lundberg and Lee 2017), with coalitions
//! in pairs of complements (Covert and Lee 2021).

use std::collections::BTreeMap;

use nalgebra::{Cholesky, DMatrix, DVector};
use rand::{Rng, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;

use super::{Ask, Coalition, Shapley, in_batches};

/// Draws for each coalition that may still be valued: repeated ones cost nothing.
const DRAWS: usize = 4;

/// More samples than this are not taken.
const SAMPLE_LIMIT: usize = 1 << 20;

/// Least square of the Cholesky factor's diagonal; under it some players are not told apart. The
/// matrix's own diagonal is about a half.
const LEAST_PIVOT: f64 = 1e-10;

/// Coalitions to value of so many players where nothing else is said.
pub fn default_samples(players: usize) -> usize {
    players.saturating_mul(2).saturating_add(2048)
}

/// Shapley values by constrained weighted least squares over at most `samples` coalitions besides
/// none and all; exact where that is all of them. They sum to `full` - `base` to rounding.
///
/// The same `seed` gives the same values. `value_of` as for [`super::exact`]. `None` for
/// no player, more than a [`Coalition`] has bits, too few samples to tell the players apart, or
/// values that are not one finite number a coalition.
pub fn kernel<E>(
    players: usize,
    samples: usize,
    seed: u64,
    batch: usize,
    value_of: &mut Ask<'_, Coalition, E>,
) -> Result<Option<Shapley>, E> {
    if players == 0 || players > Coalition::BITS as usize {
        return Ok(None);
    }
    let plan = Plan::new(players, samples.min(SAMPLE_LIMIT), seed);
    let mut masks = vec![0, everyone(players)];
    masks.extend(&plan.masks);
    let Some(v) = in_batches(&masks, batch, value_of)? else {
        return Ok(None);
    };
    Ok(plan.solve(players, v[0], v[1], &v[2..]))
}

fn everyone(players: usize) -> Coalition {
    Coalition::MAX >> (Coalition::BITS as usize - players)
}

/// Coalitions to value, neither none nor all.
struct Plan {
    masks: Vec<Coalition>,
    /// Of each; they sum to one.
    weights: Vec<f64>,
    /// Places of a drawn coalition and its complement, for each draw.
    draws: Vec<[usize; 2]>,
    /// Sum of the weights of all draws.
    drawn_weight: f64,
}

impl Plan {
    /// Whole sizes from the outside in (1 and M - 1, 2 and M - 2, ...) while the budget's share of
    /// a size covers all its coalitions; the rest is drawn.
    fn new(players: usize, budget: usize, seed: u64) -> Self {
        let mut plan =
            Self { masks: Vec::new(), weights: Vec::new(), draws: Vec::new(), drawn_weight: 0.0 };
        let shares = shares(players);
        let (mut left, mut weight_left) = (budget, 1.0);
        let mut subsets = 1.0;
        for (size, share) in (1..).zip(&shares) {
            subsets *= (players + 1 - size) as f64 / size as f64;
            let all = if size * 2 == players { subsets } else { 2.0 * subsets };
            if left as f64 * share / weight_left < all * (1.0 - 1e-8) {
                plan.draw(players, size, &shares[size - 1..], weight_left, left, seed);
                break;
            }
            plan.enumerate(players, size, subsets.round() as usize, share / all);
            left = left.saturating_sub(all.round() as usize);
            weight_left -= share;
        }
        plan
    }

    /// All coalitions of a size and their complements.
    fn enumerate(&mut self, players: usize, size: usize, subsets: usize, weight: f64) {
        let mut mask: Coalition = (1 << size) - 1;
        for at in 1..=subsets {
            self.masks.push(mask);
            if size * 2 != players {
                self.masks.push(everyone(players) ^ mask);
            }
            if at < subsets {
                // The next number with as many bits set (Gosper); there is one.
                let lowest = mask & mask.wrapping_neg();
                let ripple = mask.wrapping_add(lowest);
                mask = (((ripple ^ mask) >> 2) / lowest) | ripple;
            }
        }
        self.weights.resize(self.masks.len(), weight);
    }

    /// Draws sizes from `size` on by their share, and a coalition of each with its complement.
    fn draw(
        &mut self,
        players: usize,
        size: usize,
        shares: &[f64],
        weight: f64,
        budget: usize,
        seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut places: BTreeMap<Coalition, usize> = BTreeMap::new();
        let first = self.masks.len();
        let total: f64 = shares.iter().sum();
        for _ in 0..budget.saturating_mul(DRAWS) {
            if self.masks.len() + 2 > first.saturating_add(budget) {
                break;
            }
            let mut at = rng.random::<f64>() * total;
            let below = shares[..shares.len() - 1].iter().take_while(|share| {
                at -= **share;
                at >= 0.0
            });
            let drawn = size + below.count();
            let members = index::sample(&mut rng, players, drawn);
            let mask = members.iter().fold(0, |mask: Coalition, player| mask | 1 << player);
            let pair = [mask, everyone(players) ^ mask].map(|mask| {
                *places.entry(mask).or_insert_with(|| {
                    self.masks.push(mask);
                    self.masks.len() - 1
                })
            });
            self.draws.push(pair);
        }
        self.drawn_weight = weight;
        self.weights.resize(self.masks.len(), 0.0);
        for place in self.draws.iter().flatten() {
            self.weights[*place] += weight / (2 * self.draws.len()) as f64;
        }
    }

    /// Minimises the weighted squares of v(S) - `base` - the sum of S's values, under the
    /// constraint that all values sum to `full` - `base`, by its Lagrangian.
    fn solve(&self, players: usize, base: f64, full: f64, v: &[f64]) -> Option<Shapley> {
        let mut gram = DMatrix::zeros(players, players);
        let mut cross = DVector::zeros(players);
        for ((mask, weight), value) in self.masks.iter().zip(&self.weights).zip(v) {
            for i in members(*mask) {
                cross[i] += weight * (value - base);
                members(*mask).for_each(|j| gram[(i, j)] += weight);
            }
        }
        if players == 1 {
            gram[(0, 0)] = 1.0;
        }
        let factor = Cholesky::new(gram)?;
        if factor.l_dirty().diagonal().iter().any(|pivot| pivot * pivot < LEAST_PIVOT) {
            return None;
        }
        let inverse = factor.inverse();
        let ones = DVector::from_element(players, 1.0);
        let slope = &inverse * &ones;
        let free = &inverse * &cross;
        let excess = free.sum() - (full - base);
        let mut values = free - &slope * (excess / slope.sum());
        // What rounding left over.
        let rest = (full - base - values.sum()) / players as f64;
        values.add_scalar_mut(rest);
        let standard_errors = self.standard_errors(&inverse, &slope, &values, base, v);
        let is_finite =
            values.iter().chain(standard_errors.iter().flatten()).all(|x| x.is_finite());
        is_finite.then(|| Shapley {
            base,
            full,
            values: values.iter().copied().collect(),
            standard_errors,
            coalitions: v.len() + 2,
        })
    }

    /// Delta method over the draws: each pair moves the solution by the projected inverse times its
    /// own share of the normal equations' right side.
    fn standard_errors(
        &self,
        inverse: &DMatrix<f64>,
        slope: &DVector<f64>,
        values: &DVector<f64>,
        base: f64,
        v: &[f64],
    ) -> Option<Vec<f64>> {
        let players = values.len();
        if self.drawn_weight == 0.0 {
            return Some(vec![0.0; players]);
        }
        let draws = self.draws.len();
        if draws <= players {
            return None;
        }
        let mut pulls = DMatrix::zeros(players, draws);
        for (draw, pair) in self.draws.iter().enumerate() {
            for place in pair {
                let mask = self.masks[*place];
                let error = v[*place] - base - members(mask).map(|i| values[i]).sum::<f64>();
                members(mask).for_each(|i| pulls[(i, draw)] += error);
            }
        }
        let moves = inverse * pulls;
        let moves = &moves - slope * moves.row_sum() / slope.sum();
        let scale = self.drawn_weight / 2.0 / (draws as f64).sqrt();
        let spread = |row: usize| {
            let row = moves.row(row);
            let squares: f64 = row.iter().map(|m| (m - row.mean()).powi(2)).sum();
            scale * (squares / (draws as f64 - 1.0)).sqrt()
        };
        Some((0..players).map(spread).collect())
    }
}

/// Share of each size up to half of the players, with its complement, in the kernel
/// (M - 1) / (C(M, s) s (M - s)) summed over coalitions.
fn shares(players: usize) -> Vec<f64> {
    let share = |size: usize| {
        let one = 1.0 / (size * (players - size)) as f64;
        if size * 2 == players { one } else { 2.0 * one }
    };
    let shares: Vec<f64> = (1..=players / 2).map(share).collect();
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

fn members(mask: Coalition) -> impl Iterator<Item = usize> {
    (0..Coalition::BITS as usize).filter(move |player| mask >> player & 1 == 1)
}

#[cfg(test)]
#[path = "kernel_tests.rs"]
mod tests;
