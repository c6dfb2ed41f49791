//! Walking forward through a history: what is decided is traded later, and earns what comes after.

use super::{History, turnover};
use crate::{Fault, Result};

/// How a strategy walks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// Periods that are looked at before the first decision.
    pub window: usize,
    /// Whether later decisions look at all periods before them, and not at the newest `window` alone.
    pub expanding: bool,
    /// Periods between decisions.
    pub every: usize,
    /// Periods between the last one that is looked at and the trade: what is decided after a close is traded
    /// at the next one where it is 1, and at the very same where it is 0, which nobody can do.
    pub lag: usize,
    /// What buying or selling one unit costs.
    pub cost: f64,
}

/// What is done at a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    Weights(Vec<f64>),
    /// What is held goes on as it is, for a reason.
    Kept(String),
}

/// One decision and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trade {
    /// The last period that was looked at.
    pub decided: usize,
    /// The first period whose return is earned.
    pub from: usize,
    /// Right after the trade; they sum to 1 unless everything is still in cash.
    pub weights: Vec<f64>,
    /// All that was bought and sold, as a share of wealth.
    pub turnover: f64,
    /// Share of wealth.
    pub cost: f64,
    /// Why nothing was traded, where that is so.
    pub kept: Option<String>,
}

/// How it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Walked {
    /// The first period whose return is earned.
    pub first: usize,
    /// After costs, one for each period from the first on.
    pub returns: Vec<f64>,
    pub trades: Vec<Trade>,
}

impl Walk {
    /// Decisions after these periods, each with time to be traded and to earn something.
    ///
    /// # Errors
    /// A [`Fault`] for a window of less than two periods, decisions that are no periods apart, a cost that is
    /// not from 0 and below 1, and a history that is too short.
    pub fn decisions(&self, periods: usize) -> Result<Vec<usize>> {
        if self.window < 2 {
            return Err(Fault::new("/window", "a window needs two periods at least"));
        }
        if self.every == 0 {
            return Err(Fault::new("/every", "decisions are at least one period apart"));
        }
        if !(0.0..1.0).contains(&self.cost) {
            return Err(Fault::new(
                "/cost",
                format!("a cost of {} is not from 0 and below 1", self.cost),
            ));
        }
        let first = self.window - 1;
        let last = periods.saturating_sub(self.lag.saturating_add(2));
        if last < first || periods < 2 {
            let detail = format!(
                "{periods} returns are too few: a window of {} and a lag of {} leave none to be earned; \
                 shorten the window or send more dates",
                self.window, self.lag
            );
            return Err(Fault::new("/window", detail));
        }
        Ok((first..=last).step_by(self.every).collect())
    }
}

/// Walks a strategy through a history. `decide` is given nothing but what is known: the periods up to the decision,
/// and what is held then (all zeros at first, when everything is cash).
///
/// # Errors
/// A [`Fault`] of [`Walk::decisions`] or of `decide`, and for weights that are not finite or not one for each asset.
pub fn walk(
    history: &History,
    walk: &Walk,
    decide: &mut dyn FnMut(&History, &[f64]) -> Result<Held>,
) -> Result<Walked> {
    let decisions = walk.decisions(history.periods())?;
    let first = decisions.first().map_or(0, |at| at + walk.lag + 1);
    let mut walked = Walked { first, returns: Vec::new(), trades: Vec::new() };
    // What is held after the period before; what isn't in assets is cash, which earns nothing.
    let mut held = vec![0.0; history.assets()];
    let mut pending: std::collections::VecDeque<(usize, Held)> = Default::default();
    let mut next = decisions.iter().copied().peekable();
    for period in 0..history.periods() {
        let due = pending.front().is_some_and(|(decided, _)| decided + walk.lag + 1 == period);
        let trade = if due { pending.pop_front() } else { None };
        let mut cost = 0.0;
        if let Some((decided, what)) = trade {
            let (weights, kept) = match what {
                Held::Weights(weights) => (weights, None),
                Held::Kept(reason) => (held.clone(), Some(reason)),
            };
            let turnover = turnover(&held, &weights);
            cost = turnover * walk.cost;
            let from = period;
            let weights_then = weights.clone();
            walked.trades.push(Trade {
                decided,
                from,
                weights: weights_then,
                turnover,
                cost,
                kept,
            });
            held = weights;
        }
        if period >= first {
            let earned: f64 = (0..held.len()).map(|at| held[at] * history.get(period, at)).sum();
            let grown = 1.0 + earned;
            walked.returns.push((1.0 - cost) * grown - 1.0);
            if grown > 0.0 {
                let drifted =
                    |(at, weight): (usize, &f64)| weight * (1.0 + history.get(period, at)) / grown;
                held = held.iter().enumerate().map(drifted).collect();
            }
        }
        // After the close of the period: what is decided knows it, and nothing after it.
        if next.next_if_eq(&period).is_some() {
            let start = if walk.expanding { 0 } else { period + 1 - walk.window };
            let known = history.between(start, period + 1);
            let what = decide(&known, &held)?;
            if let Held::Weights(weights) = &what
                && (weights.len() != held.len() || weights.iter().any(|weight| !weight.is_finite()))
            {
                return Err(Fault::new(
                    "",
                    "a strategy's weights are not one number for each asset",
                ));
            }
            pending.push_back((period, what));
        }
    }
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WALK: Walk = Walk { window: 3, expanding: false, every: 2, lag: 1, cost: 0.01 };

    fn history(rows: &[f64]) -> History {
        History::new(2, rows).unwrap()
    }

    /// The better one of the window takes all.
    fn winner(known: &History, _: &[f64]) -> Result<Held> {
        let sum = |asset| (0..known.periods()).map(|at| known.get(at, asset)).sum::<f64>();
        let first = sum(0) >= sum(1);
        Ok(Held::Weights(if first { vec![1.0, 0.0] } else { vec![0.0, 1.0] }))
    }

    #[test]
    fn a_decision_is_traded_a_period_later_and_pays_for_what_it_trades() {
        let rows = [0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.9, 0.9, 0.2, 0.5, 0.0, -0.5, 0.0, 0.0];
        let walked = walk(&history(&rows), &WALK, &mut winner).unwrap();
        // The first looks at periods 0 to 2, is traded at the close of 3 and earns from 4 on.
        assert_eq!((walked.first, walked.trades[0].decided, walked.trades[0].from), (4, 2, 4));
        assert_eq!(walked.trades[0].weights, [0.0, 1.0]);
        assert_eq!((walked.trades[0].turnover, walked.trades[0].cost), (1.0, 0.01));
        assert!((walked.returns[0] - (0.99 * 1.5 - 1.0)).abs() < 1e-15, "{:?}", walked.returns);
        assert!((walked.returns[1] + 0.5).abs() < 1e-15);
        // The second, after period 4, sees 0.1, 0.9, 0.5 of the second asset and keeps it for nothing.
        assert_eq!((walked.trades[1].decided, walked.trades[1].turnover), (4, 0.0));
        assert_eq!((walked.trades.len(), walked.returns.len()), (2, 3));
    }

    #[test]
    fn what_is_held_drifts_between_trades() {
        let rows = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut seen = Vec::new();
        let mut half = |_: &History, held: &[f64]| {
            seen.push(held.to_vec());
            Ok(if seen.len() == 1 {
                Held::Weights(vec![0.5, 0.5])
            } else {
                Held::Kept("calm".into())
            })
        };
        let walked = walk(&history(&rows), &WALK, &mut half).unwrap();
        assert!((walked.returns[0] - (0.99 * 1.5 - 1.0)).abs() < 1e-15);
        assert_eq!(seen[0], [0.0, 0.0]);
        // After the first doubled in period 4, it is two thirds.
        assert!((seen[1][0] - 2.0 / 3.0).abs() < 1e-15, "{seen:?}");
        assert_eq!(walked.trades[1].kept.as_deref(), Some("calm"));
        assert_eq!(walked.trades[1].turnover, 0.0);
    }

    #[test]
    fn too_little_is_refused() {
        let rows = [0.0; 8];
        let pointer = |walk_: Walk| walk(&history(&rows), &walk_, &mut winner).unwrap_err().pointer;
        assert_eq!(pointer(Walk { window: 1, ..WALK }), "/window");
        assert_eq!(pointer(Walk { every: 0, ..WALK }), "/every");
        assert_eq!(pointer(Walk { cost: 1.0, ..WALK }), "/cost");
        assert_eq!(pointer(Walk { window: 3, ..WALK }), "/window");
        assert_eq!(pointer(Walk { lag: usize::MAX, window: 2, ..WALK }), "/window");
        assert!(walk(&history(&rows), &Walk { lag: 0, ..WALK }, &mut winner).is_ok());
    }

    proptest! {
        #[test]
        fn the_future_changes_no_earlier_weight(
            rows in prop::collection::vec(-0.1..0.1_f64, 80),
            poison in prop::collection::vec(-0.9..9.0_f64, 80),
            at in 0..40_usize,
            lag in 0..3_usize,
            expanding in any::<bool>(),
        ) {
            let settings = Walk { window: 5, every: 3, lag, expanding, ..WALK };
            let mut poisoned = rows.clone();
            poisoned[2 * at..].copy_from_slice(&poison[2 * at..]);
            let mut mixed = |known: &History, held: &[f64]| {
                let sum = |asset| (0..known.periods()).map(|at| known.get(at, asset)).sum::<f64>();
                let first = 1.0 / (1.0 + (sum(1) - sum(0)).exp()) * 0.9 + 0.1 * held[0];
                Ok(Held::Weights(vec![first, 1.0 - first]))
            };
            let before = walk(&history(&rows), &settings, &mut mixed).unwrap();
            let after = walk(&history(&poisoned), &settings, &mut mixed).unwrap();
            for (a, b) in before.trades.iter().zip(&after.trades).filter(|(a, _)| a.decided < at) {
                prop_assert_eq!(&a.weights, &b.weights);
            }
            let known = at.saturating_sub(before.first);
            prop_assert_eq!(&before.returns[..known.min(before.returns.len())],
                &after.returns[..known.min(after.returns.len())]);
        }
    }
}
