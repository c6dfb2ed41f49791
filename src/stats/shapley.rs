//! Shapley values (Shapley 1953) of groups of columns: exact, by counting all coalitions, and by
//! KernelSHAP where they are too many.
//!
//! The value of a coalition S is the mean score over background rows b of the row x with only the
//! columns of S kept and all others taken from b: v(S) = mean f(x_S, b_rest) (Lundberg and Lee
//! 2017, "interventional").

mod kernel;

pub use kernel::{default_samples, kernel};

/// A model, or what stands in front of it: one number for each item, or its own error.
pub type Ask<'a, T, E> = dyn FnMut(&[T]) -> Result<Vec<f64>, E> + 'a;

/// Most players whose coalitions are all counted: 2^12 of them.
pub const EXACT_PLAYERS: usize = 12;

/// Players of a coalition, one bit each, player 0 the lowest.
pub type Coalition = u128;

/// What each player adds to the score of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Shapley {
    /// v of no player: mean score of the background.
    pub base: f64,
    /// v of all players: score of the row.
    pub full: f64,
    /// Of each player, in the unit of the score; they sum to `full` - `base`.
    pub values: Vec<f64>,
    /// Of each value, by the sampling of coalitions alone (not of background rows); zero where all
    /// were counted, `None` where too few were drawn to tell.
    pub standard_errors: Option<Vec<f64>>,
    /// Coalitions that were valued.
    pub coalitions: usize,
}

/// Shapley values from all 2^`players` coalitions, each weighed with |S|! (M - |S| - 1)! / M!.
///
/// `value_of` answers v of each coalition and gets at most `batch` of them a call. `None` for no
/// player, more than [`EXACT_PLAYERS`], or values that are not one finite number a coalition.
pub fn exact<E>(
    players: usize,
    batch: usize,
    value_of: &mut Ask<'_, Coalition, E>,
) -> Result<Option<Shapley>, E> {
    if players == 0 || players > EXACT_PLAYERS {
        return Ok(None);
    }
    let masks: Vec<Coalition> = (0..1 << players).collect();
    let Some(v) = in_batches(&masks, batch, value_of)? else {
        return Ok(None);
    };
    let weights = weights(players);
    let of_player = |player: usize| {
        let bit = 1_usize << player;
        let without = (0..v.len()).filter(|mask| mask & bit == 0);
        without.map(|mask| weights[mask.count_ones() as usize] * (v[mask | bit] - v[mask])).sum()
    };
    let values: Vec<f64> = (0..players).map(of_player).collect();
    let shapley = Shapley {
        base: v[0],
        full: v[v.len() - 1],
        standard_errors: Some(vec![0.0; players]),
        coalitions: v.len(),
        values,
    };
    Ok(shapley.values.iter().all(|value| value.is_finite()).then_some(shapley))
}

/// Of a coalition by its size, without the player: 1 / (M C(M - 1, |S|)).
fn weights(players: usize) -> Vec<f64> {
    let mut subsets = 1.0;
    let weight = |size: usize| {
        let weight = 1.0 / (players as f64 * subsets);
        subsets *= (players - 1 - size) as f64 / (size + 1) as f64;
        weight
    };
    (0..players).map(weight).collect()
}

/// The answers to all items, asked for in calls of at most `most` items (at least one).
///
/// `None` unless every call answers one finite number an item.
fn in_batches<T, E>(
    items: &[T],
    most: usize,
    ask: &mut Ask<'_, T, E>,
) -> Result<Option<Vec<f64>>, E> {
    let mut answers = Vec::with_capacity(items.len());
    for part in items.chunks(most.max(1)) {
        let of_part = ask(part)?;
        if of_part.len() != part.len() || of_part.iter().any(|a| !a.is_finite()) {
            return Ok(None);
        }
        answers.extend(of_part);
    }
    Ok(Some(answers))
}

/// The game whose players are groups of columns of one row.
#[derive(Debug, Clone)]
pub struct Game<'a, T> {
    row: &'a [T],
    background: &'a [T],
    /// Of each column.
    group: Vec<u32>,
    players: usize,
}

impl<'a, T: Copy> Game<'a, T> {
    /// `background` holds rows as long as `row`, one after another; `groups` holds the columns of
    /// each player. `None` unless each column is in just one group, there is at least one row of
    /// background, and the groups are no more than a [`Coalition`] has bits.
    pub fn new(row: &'a [T], background: &'a [T], groups: &[Vec<usize>]) -> Option<Self> {
        let is_whole = !background.is_empty() && background.len().checked_rem(row.len()) == Some(0);
        if !is_whole || groups.len() > Coalition::BITS as usize {
            return None;
        }
        let mut group = vec![None; row.len()];
        for (player, columns) in (0..).zip(groups) {
            for column in columns {
                if group.get_mut(*column)?.replace(player).is_some() {
                    return None;
                }
            }
        }
        let group: Vec<u32> = group.into_iter().collect::<Option<_>>()?;
        Some(Self { row, background, group, players: groups.len() })
    }

    pub fn players(&self) -> usize {
        self.players
    }

    /// Coalitions to value in one call so that the model gets about `rows` rows at once.
    pub fn batch(&self, rows: usize) -> usize {
        (rows.saturating_mul(self.row.len()) / self.background.len()).max(1)
    }

    /// v of each coalition. `score` gets rows one after another and answers one score a row; if it
    /// answers another number of them, nothing is returned.
    pub fn values<E>(
        &self,
        coalitions: &[Coalition],
        score: &mut Ask<'_, T, E>,
    ) -> Result<Vec<f64>, E> {
        let width = self.row.len();
        let mut rows = Vec::with_capacity(coalitions.len() * self.background.len());
        for coalition in coalitions {
            for other in self.background.chunks(width) {
                let pairs = self.row.iter().zip(other).zip(&self.group);
                rows.extend(pairs.map(
                    |((x, b), group)| {
                        if coalition >> group & 1 == 1 { *x } else { *b }
                    },
                ));
            }
        }
        let scores = score(&rows)?;
        if scores.len() * width != rows.len() {
            return Ok(Vec::new());
        }
        let count = self.background.len() / width;
        Ok(scores.chunks(count).map(|part| part.iter().sum::<f64>() / count as f64).collect())
    }
}

#[cfg(test)]
mod tests;
