//! What a search knows of its configurations, and what it does next: the rule of asynchronous
//! successive halving (Li et al. 2020) for one that trains them one after another.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::domain::search::{RungResult, SearchEnd};

/// A configuration that was begun.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(in crate::engine::train) struct Standing {
    /// One for each rung that it reached.
    pub(super) reached: Vec<Reached>,
    /// Why it diverged on the way to the next one.
    pub(super) diverged: Option<String>,
    /// Whether it was trained to its end.
    pub(super) whole: bool,
    /// Seconds of its training.
    pub(super) seconds: f64,
}

/// A configuration at a rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reached {
    pub(super) result: RungResult,
    /// What configurations are compared by, the higher the better.
    pub(super) score: f64,
}

/// All that was done.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(in crate::engine::train) struct Ledger {
    /// By their number.
    pub(super) trials: Vec<Standing>,
    /// The configuration that is being trained.
    pub(super) running: Option<usize>,
    /// Trainings from one rung to the next that are over.
    pub(super) stretches: usize,
    /// Why no further configuration is begun.
    pub(super) ended: Option<SearchEnd>,
}

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) trial: usize,
    /// The rung that it is trained to.
    pub(super) rung: usize,
}

/// The rule of a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// One in so many goes on.
    pub(super) eta: usize,
    /// Configurations in all.
    pub(super) trials: usize,
    /// The last rung, counted from 0: there a configuration is whole.
    pub(super) last: usize,
}

impl Rule {
    /// The configurations that came to a rung or diverged on the way there, the best first.
    fn ranked(self, trials: &[Standing], rung: usize) -> Vec<usize> {
        let score = |trial: usize| trials[trial].reached.get(rung).map(|reached| reached.score);
        let has_tried = |trial: &usize| {
            let Standing { reached, diverged, .. } = &trials[*trial];
            reached.len() > rung || (reached.len() == rung && diverged.is_some())
        };
        let mut ranked: Vec<usize> = (0..trials.len()).filter(has_tried).collect();
        // Stable: of equals the first one comes first.
        ranked.sort_by(|a, b| descending(score(*a), score(*b)));
        ranked
    }

    /// The best configuration at a rung that is among the best there and has not gone on yet.
    fn promotable(self, trials: &[Standing], rung: usize) -> Option<usize> {
        let ranked = self.ranked(trials, rung);
        let best = ranked.len() / self.eta.max(2);
        ranked.into_iter().take(best).find(|&trial| {
            let Standing { reached, diverged, .. } = &trials[trial];
            reached.len() == rung + 1 && diverged.is_none()
        })
    }

    /// What is done next: as far up as anything can go on, else with a new configuration.
    pub(super) fn next(self, trials: &[Standing]) -> Option<Step> {
        let up = (0..self.last).rev().find_map(|rung| {
            let trial = self.promotable(trials, rung)?;
            Some(Step { trial, rung: rung + 1 })
        });
        // A configuration whose first stretch was broken off has been begun, and reached nothing.
        let unfinished = trials.iter().position(|t| t.reached.is_empty() && t.diverged.is_none());
        let begin = unfinished.or((trials.len() < self.trials).then_some(trials.len()));
        up.or(begin.map(|trial| Step { trial, rung: 0 }))
    }

    /// Configurations that can't go on any more, however the rest fares: of the first rung, where it
    /// is known how many will come.
    pub(super) fn hopeless(self, trials: &[Standing]) -> Vec<usize> {
        let ranked = self.ranked(trials, 0).into_iter().skip(self.trials / self.eta.max(2));
        ranked.filter(|&trial| trials[trial].reached.len() == 1).collect()
    }

    /// Stretches that are expected in all.
    pub(super) fn stretches(self) -> usize {
        let mut left = self.trials;
        let each = (0..=self.last).map(|_| {
            let now = left.max(1);
            left /= self.eta.max(2);
            now
        });
        each.sum()
    }
}

/// The order of the leaderboard: those that came further first, of these the better ones, those that
/// diverged last.
pub(super) fn leaderboard(trials: &[Standing]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trials.len()).collect();
    let score = |t: &Standing| t.reached.last().map(|reached| reached.score);
    order.sort_by(|a, b| {
        let (a, b) = (&trials[*a], &trials[*b]);
        let diverged = a.diverged.is_some().cmp(&b.diverged.is_some());
        let further = b.reached.len().cmp(&a.reached.len());
        diverged.then(further).then(descending(score(a), score(b)))
    });
    order
}

/// The best configuration: the first of the leaderboard, unless all of them diverged.
pub(super) fn winner(trials: &[Standing]) -> Option<usize> {
    leaderboard(trials).into_iter().find(|&trial| trials[trial].diverged.is_none())
}

/// The greater first, what is not there last.
fn descending(a: Option<f64>, b: Option<f64>) -> Ordering {
    let number = |score: Option<f64>| score.unwrap_or(f64::NEG_INFINITY);
    number(b).total_cmp(&number(a)).then(b.is_some().cmp(&a.is_some()))
}

/// Epochs of the rungs below the last one: 1, and so many times as many at each, up to half of those
/// that a configuration has in all.
pub(super) fn rungs(eta: u32, epochs: u32) -> Vec<u32> {
    let powers = std::iter::successors(Some(1u32), |rung| rung.checked_mul(eta.max(2)));
    powers.take_while(|rung| rung.saturating_mul(2) <= epochs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { eta: 3, trials: 27, last: 3 };

    /// What a configuration scores; the same at each rung unless said otherwise.
    fn reached(score: f64) -> Reached {
        let result = RungResult { epochs: 1, best_epoch: 1, validation_loss: 1.0, value: None };
        Reached { result, score }
    }

    /// Scores in an order of chance.
    fn scores(count: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * 37 + 11) % 101) as f64).collect()
    }

    /// Carries the rule out; how many came to each rung.
    fn carried_out(rule: Rule, score: &dyn Fn(usize, usize) -> f64) -> (Vec<Standing>, Vec<usize>) {
        let mut trials: Vec<Standing> = Vec::new();
        let mut counts = vec![0; rule.last + 1];
        while let Some(Step { trial, rung }) = rule.next(&trials) {
            trials.resize_with(trials.len().max(trial + 1), Standing::default);
            assert_eq!(trials[trial].reached.len(), rung, "one rung after the other");
            trials[trial].reached.push(reached(score(trial, rung)));
            counts[rung] += 1;
        }
        (trials, counts)
    }

    /// As scikit-learn's HalvingRandomSearchCV of 27 candidates with factor 3: n_candidates_ are 27,
    /// 9, 3 and 1.
    #[test]
    fn of_all_at_once_a_third_goes_on_at_each_rung() {
        let scores = scores(27);
        let mut trials: Vec<Standing> = Vec::new();
        trials.resize_with(27, Standing::default);
        for (trial, score) in trials.iter_mut().zip(&scores) {
            trial.reached.push(reached(*score));
        }
        let mut counts = vec![27];
        for rung in 0..3 {
            let mut gone_on = Vec::new();
            while let Some(trial) = RULE.promotable(&trials, rung) {
                gone_on.push(trial);
                trials[trial].reached.push(reached(scores[trial]));
            }
            counts.push(gone_on.len());
            let mut best: Vec<usize> = (0..27).collect();
            best.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            best.truncate(gone_on.len());
            assert_eq!(gone_on, best);
        }
        assert_eq!(counts, [27, 9, 3, 1]);
        assert_eq!(RULE.stretches(), 40);
    }

    #[test]
    fn one_after_another_the_best_of_each_rung_goes_on() {
        let scores = scores(27);
        let (trials, counts) = carried_out(RULE, &|trial, _| scores[trial]);
        assert_eq!((trials.len(), counts[0]), (27, 27));
        for (rung, least) in [(1, 9), (2, 3), (3, 1)] {
            assert!(counts[rung] >= least && counts[rung] <= 2 * least + 1, "{counts:?}");
        }
        let best = (0..27).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        assert_eq!(winner(&trials), best);
        assert_eq!(trials[best.unwrap()].reached.len(), 4, "it is whole");
        // Those that get better all the time: each new best one is worth going on with.
        let (_, counts) = carried_out(RULE, &|trial, _| trial as f64);
        assert!(counts[1] >= 9 && counts[3] >= 1, "{counts:?}");
    }

    #[test]
    fn it_goes_as_far_up_as_it_can_before_it_begins_another_one() {
        let mut trials = Vec::new();
        let mut steps = Vec::new();
        for _ in 0..5 {
            let step = RULE.next(&trials).unwrap();
            trials.resize_with(trials.len().max(step.trial + 1), Standing::default);
            trials[step.trial].reached.push(reached(-(step.trial as f64)));
            steps.push((step.trial, step.rung));
        }
        assert_eq!(steps, [(0, 0), (1, 0), (2, 0), (0, 1), (3, 0)]);
    }

    #[test]
    fn what_diverged_counts_and_goes_nowhere() {
        let mut trials: Vec<Standing> = Vec::new();
        trials.resize_with(3, Standing::default);
        trials[0].diverged = Some("infinite".into());
        trials[1].reached.push(reached(-0.5));
        assert_eq!(RULE.next(&trials), Some(Step { trial: 2, rung: 0 }), "it was broken off");
        trials[2].reached.push(reached(-0.7));
        assert_eq!(RULE.next(&trials), Some(Step { trial: 1, rung: 1 }));
        trials[1].diverged = Some("later".into());
        assert_eq!(RULE.next(&trials), Some(Step { trial: 3, rung: 0 }));
        assert_eq!(leaderboard(&trials), [2, 1, 0]);
        assert_eq!(winner(&trials), Some(2));
        trials[2].diverged = Some("too".into());
        assert_eq!(winner(&trials), None);
    }

    #[test]
    fn only_what_can_never_go_on_is_given_up() {
        let scores = scores(27);
        let mut trials: Vec<Standing> = Vec::new();
        for (number, score) in scores.iter().enumerate() {
            trials.push(Standing { reached: vec![reached(*score)], ..Standing::default() });
            let given_up = RULE.hopeless(&trials);
            assert_eq!(given_up.len(), (number + 1).saturating_sub(9));
        }
        let given_up = RULE.hopeless(&trials);
        let (carried, _) = carried_out(RULE, &|trial, _| scores[trial]);
        let best: Vec<usize> = (0..27).filter(|trial| !given_up.contains(trial)).collect();
        assert!(
            best.iter().all(|trial| carried[*trial].reached.len() > 1),
            "the best nine went on"
        );
    }

    #[test]
    fn rungs_are_powers_up_to_half_of_all_epochs() {
        assert_eq!(rungs(3, 20), [1, 3, 9]);
        assert_eq!(rungs(3, 40), [1, 3, 9]);
        assert_eq!(rungs(3, 54), [1, 3, 9, 27]);
        assert_eq!(rungs(3, 6), [1, 3]);
        assert_eq!(rungs(2, 10), [1, 2, 4]);
        assert_eq!(rungs(3, 1), [0u32; 0]);
        assert_eq!(rungs(9, 10_000), [1, 9, 81, 729]);
    }
}
