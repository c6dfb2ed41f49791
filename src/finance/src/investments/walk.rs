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
    /// Greatest turnover of a trade, but of the first purchase out of cash. What is held drifts between a decision
    /// and its trade, so the trade goes no further towards what was decided than this allows.
    pub most: Option<f64>,
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
    /// What it would have taken to come to what was decided, where the limit on turnover cut the trade short.
    pub wanted: Option<f64>,
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
    /// After costs, one for each period from the first on; never below -1, and 0 once nothing is left.
    pub returns: Vec<f64>,
    pub trades: Vec<Trade>,
    /// The period at whose end nothing was left, after which nothing is decided or traded: that of the trade where its
    /// cost took everything, whose return of -1 is that of the next period, the first that it would have earned.
    pub ruined: Option<usize>,
}

impl Walk {
    /// Decisions after these periods, each with time to be traded and to earn something.
    ///
    /// # Errors
    /// A [`Fault`] for a window of less than two periods, decisions that are no periods apart, a cost that is
    /// not from 0 and below 1, a limit on turnover that is not from 0, and a history that is too short.
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
        if let Some(most) = self.most.filter(|most| !(*most >= 0.0 && most.is_finite())) {
            return Err(Fault::new("/most", format!("a turnover of {most} is not from 0")));
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
    let mut walked = Walked { first, returns: Vec::new(), trades: Vec::new(), ruined: None };
    // What is held after the period before; what isn't in assets is cash, which earns nothing.
    let mut held = vec![0.0; history.assets()];
    let mut pending: std::collections::VecDeque<(usize, Held)> = Default::default();
    let mut next = decisions.iter().copied().peekable();
    for period in 0..history.periods() {
        let due = pending.front().is_some_and(|(decided, _)| decided + walk.lag + 1 == period);
        let trade = if due { pending.pop_front() } else { None };
        let mut cost = 0.0;
        if let Some((decided, what)) = trade {
            let trade = walk.traded(&held, decided, what);
            (cost, held) = (trade.cost, trade.weights.clone());
            walked.trades.push(trade);
        }
        if period >= first {
            let earned: f64 = (0..held.len()).map(|at| held[at] * history.get(period, at)).sum();
            let (kept, grown) = (1.0 - cost, 1.0 + earned);
            let earned = kept * grown - 1.0;
            if kept <= 0.0 || grown <= 0.0 || earned <= -1.0 {
                // Whoever owes more than there is has nothing, and no more than that to lose.
                walked.returns.push(-1.0);
                walked.returns.resize(history.periods() - first, 0.0);
                walked.ruined = Some(if kept <= 0.0 { period - 1 } else { period });
                return Ok(walked);
            }
            walked.returns.push(earned);
            let drifted =
                |(at, weight): (usize, &f64)| weight * (1.0 + history.get(period, at)) / grown;
            held = held.iter().enumerate().map(drifted).collect();
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

impl Walk {
    /// The trade from what is held to what was decided, as far as the limit on turnover lets it go.
    fn traded(&self, held: &[f64], decided: usize, what: Held) -> Trade {
        let (mut weights, kept) = match what {
            Held::Weights(weights) => (weights, None),
            Held::Kept(reason) => (held.to_vec(), Some(reason)),
        };
        let begins = held.iter().all(|weight| *weight == 0.0);
        let far = turnover(held, &weights);
        let mut wanted = None;
        if let Some(most) = self.most.filter(|most| !begins && far > *most) {
            // What an optimiser leaves within its tolerance is no trade cut short.
            wanted = Some(far).filter(|far| far - most > 1e-6);
            let share = most / far;
            let part = |(to, from): (&mut f64, &f64)| *to = from + (*to - from) * share;
            weights.iter_mut().zip(held).for_each(part);
        }
        let turnover = turnover(held, &weights);
        let (from, cost) = (decided + self.lag + 1, turnover * self.cost);
        Trade { decided, from, weights, turnover, wanted, cost, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WALK: Walk =
        Walk { window: 3, expanding: false, every: 2, lag: 1, cost: 0.01, most: None };

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
    fn a_trade_that_is_cut_short_says_what_it_wanted() {
        let mut turns = [vec![1.0, 0.0], vec![0.75, 0.25], vec![0.0, 1.0]].into_iter();
        let mut next = |_: &History, _: &[f64]| Ok(Held::Weights(turns.next().unwrap()));
        let settings = Walk { most: Some(0.5), ..WALK };
        let walked = walk(&history(&[0.0; 18]), &settings, &mut next).unwrap();
        let wanted: Vec<_> = walked.trades.iter().map(|one| one.wanted).collect();
        assert_eq!(wanted, [None, None, Some(1.5)]);
        assert!((walked.trades[2].turnover - 0.5).abs() < 1e-12, "{:?}", walked.trades);
    }

    #[test]
    fn too_little_is_refused() {
        let rows = [0.0; 8];
        let pointer = |walk_: Walk| walk(&history(&rows), &walk_, &mut winner).unwrap_err().pointer;
        assert_eq!(pointer(Walk { window: 1, ..WALK }), "/window");
        assert_eq!(pointer(Walk { every: 0, ..WALK }), "/every");
        assert_eq!(pointer(Walk { cost: 1.0, ..WALK }), "/cost");
        assert_eq!(pointer(Walk { most: Some(-0.1), ..WALK }), "/most");
        assert_eq!(pointer(Walk { window: 3, ..WALK }), "/window");
        assert_eq!(pointer(Walk { lag: usize::MAX, window: 2, ..WALK }), "/window");
        assert!(walk(&history(&rows), &Walk { lag: 0, ..WALK }, &mut winner).is_ok());
    }

    #[test]
    fn who_loses_more_than_all_is_ruined_and_owes_nothing() {
        // Short of the second, which trebles in period 4.
        let rows = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 2.0, 0.3, -0.5, 0.0, 0.1];
        let mut bold = |_: &History, _: &[f64]| Ok(Held::Weights(vec![2.0, -1.0]));
        let walked = walk(&history(&rows), &WALK, &mut bold).unwrap();
        assert_eq!((walked.ruined, walked.trades.len()), (Some(4), 1));
        assert_eq!(walked.returns, [-1.0, 0.0, 0.0]);
        // Trading twice as much as there is at half its price leaves nothing either.
        let dear = Walk { cost: 0.5, ..WALK };
        let walked = walk(&history(&[0.0; 14]), &dear, &mut bold).unwrap();
        // At the close of the trade, which is before the first return.
        assert_eq!((walked.ruined, walked.returns), (Some(3), vec![-1.0, 0.0, 0.0]));
        let calm = walk(&history(&rows), &WALK, &mut winner).unwrap();
        assert_eq!(calm.ruined, None);
    }

    proptest! {
        #[test]
        fn no_trade_but_the_first_is_larger_than_it_may_be(
            rows in prop::collection::vec(-0.5..1.0_f64, 80),
            most in 0.0..0.6_f64,
            lag in 0..7_usize,
            every in 1..5_usize,
        ) {
            let settings = Walk { window: 5, every, lag, most: Some(most), ..WALK };
            // Decides within the limit, of what is held when it decides.
            let mut turns = false;
            let mut restless = |_: &History, held: &[f64]| {
                turns = !turns;
                let first = if turns { 1.0 } else { 0.0 };
                let wanted = [first, 1.0 - first];
                let begins = held.iter().all(|weight| *weight == 0.0);
                let far = turnover(held, &wanted).max(1e-300);
                let share = if begins { 1.0 } else { (most / far).min(1.0) };
                Ok(Held::Weights((0..2).map(|at| held[at] + share * (wanted[at] - held[at])).collect()))
            };
            let walked = walk(&history(&rows), &settings, &mut restless).unwrap();
            prop_assert!(walked.trades.len() > 1);
            for trade in &walked.trades[1..] {
                prop_assert!(trade.turnover <= most + 1e-12, "{} {most}", trade.turnover);
                prop_assert!((trade.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn wealth_never_falls_below_nothing(
            rows in prop::collection::vec(-0.9..1.5_f64, 60),
            short in 0.0..3.0_f64,
            cost in 0.0..0.6_f64,
        ) {
            let settings = Walk { window: 5, every: 3, cost, ..WALK };
            let mut bold = |_: &History, held: &[f64]| {
                let short = if held[1] < 0.0 { 0.0 } else { short };
                Ok(Held::Weights(vec![1.0 + short, -short]))
            };
            let walked = walk(&history(&rows), &settings, &mut bold).unwrap();
            prop_assert_eq!(walked.returns.len(), 30 - walked.first);
            prop_assert!(walked.returns.iter().all(|value| value.is_finite() && *value >= -1.0));
            let lost = walked.returns.iter().position(|value| *value == -1.0);
            let by_cost = walked.trades.last().is_some_and(|trade| trade.cost >= 1.0);
            let lost = lost.map(|at| at + walked.first - usize::from(by_cost));
            prop_assert_eq!(walked.ruined, lost);
        }

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
