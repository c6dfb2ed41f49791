//! The beam over numbers of changes.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Held;
use super::{Alternative, Ask, Changed, CounterfactualOptions, Goal, Lever, Outcome};

/// Rows of one set of columns that are refined: the cheapest.
const STARTS: usize = 4;

/// Rounds in which one change is made greater to make others smaller.
const EXCHANGES: usize = 3;

/// Why a search ends early.
pub(super) enum Stop<E> {
    Model(E),
    /// The model does not answer one finite number a row.
    Undefined,
}

/// Searches for the smallest changes of `row` that meet the goal.
///
/// `score` gets rows one after another, each as long as `row`, and answers one score a row. The
/// same input gives the same outcome. `None` for a lever that is not valid (a column twice or
/// beyond the row, bounds that hold nothing, a step or scale that is not above zero), a goal that
/// is not a number, or scores that are not one finite number a row.
pub fn search<E>(
    row: &[f64],
    levers: &[Lever],
    goal: Goal,
    options: CounterfactualOptions,
    score: &mut Ask<'_, E>,
) -> Result<Option<Outcome>, E> {
    let held: Option<Vec<Held<'_>>> = levers.iter().map(|lever| Held::new(lever, row)).collect();
    let columns: BTreeSet<usize> = levers.iter().map(|lever| lever.column).collect();
    let Some(levers) = held.filter(|held| columns.len() == held.len()) else {
        return Ok(None);
    };
    if row.is_empty() || goal.threshold().is_nan() {
        return Ok(None);
    }
    let mut search = Search { row, levers, goal, options, score };
    match search.run() {
        Ok(outcome) => Ok(Some(outcome)),
        Err(Stop::Undefined) => Ok(None),
        Err(Stop::Model(error)) => Err(error),
    }
}

/// New values of some levers, ascending by lever.
pub(super) type Moves = Vec<(usize, f64)>;

/// A changed row that was scored.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) moves: Moves,
    pub(super) score: f64,
    pub(super) cost: f64,
}

impl State {
    pub(super) fn levers(&self) -> Vec<usize> {
        self.moves.iter().map(|(lever, _)| *lever).collect()
    }
}

/// States that meet the goal, by the levers they change.
type Found = BTreeMap<Vec<usize>, Vec<State>>;

pub(super) struct Search<'a, E> {
    row: &'a [f64],
    pub(super) levers: Vec<Held<'a>>,
    pub(super) goal: Goal,
    options: CounterfactualOptions,
    score: &'a mut Ask<'a, E>,
}

impl<E> Search<'_, E> {
    fn run(&mut self) -> Result<Outcome, Stop<E>> {
        let Some(origin) = self.scored(vec![Moves::new()])?.pop() else {
            return Err(Stop::Undefined);
        };
        if self.goal.is_met(origin.score) {
            return Ok(Outcome::AlreadyMet { score: origin.score });
        }
        let (found, best) = self.explore(&origin)?;
        let mut refined = self.refine(starts(found, self.options.alternatives))?;
        let most = self.options.alternatives.max(1).saturating_mul(2);
        for _ in 0..EXCHANGES {
            refined = self.exchange(refined, most)?;
        }
        // The last word is the model's, on the very rows that are handed out.
        let moves = refined.into_iter().map(|state| state.moves).collect();
        let mut verified = self.scored(moves)?;
        verified.retain(|state| self.goal.is_met(state.score));
        let chosen = distinct(verified, self.options.alternatives.max(1));
        if chosen.is_empty() {
            return Ok(Outcome::NoneWithinBounds { best: self.alternative(&best) });
        }
        Ok(Outcome::Found(chosen.iter().map(|state| self.alternative(state)).collect()))
    }

    /// All that meets the goal among the candidates, and what comes nearest to it of the rest.
    fn explore(&mut self, origin: &State) -> Result<(Found, State), Stop<E>> {
        let candidates: Vec<Vec<f64>> =
            self.levers.iter().map(|lever| lever.candidates(self.options.candidates)).collect();
        let (mut found, mut best) = (Found::new(), origin.clone());
        let mut beam = vec![origin.clone()];
        for _ in 0..self.options.max_changes.min(self.levers.len()) {
            let states = self.scored(self.expanded(&beam, &candidates))?;
            let (met, missed): (Vec<State>, Vec<State>) =
                states.into_iter().partition(|state| self.goal.is_met(state.score));
            for state in met {
                found.entry(state.levers()).or_default().push(state);
            }
            for state in &missed {
                let key = |s: &State| (self.goal.gap(s.score), s.cost);
                if key(state) < key(&best) {
                    best = state.clone();
                }
            }
            beam = self.ranked(missed, origin);
        }
        Ok((found, best))
    }

    /// Each state with one more lever moved, the states in turn until the budget is used up.
    fn expanded(&self, beam: &[State], candidates: &[Vec<f64>]) -> Vec<Moves> {
        let mut seen = BTreeSet::new();
        let mut expanded = Vec::new();
        for state in beam {
            if expanded.len() >= self.options.budget.max(1) {
                break;
            }
            for (lever, values) in candidates.iter().enumerate() {
                let at = state.moves.partition_point(|(other, _)| *other < lever);
                if state.moves.get(at).is_some_and(|(other, _)| *other == lever) {
                    continue;
                }
                for value in values {
                    let mut moves = state.moves.clone();
                    moves.insert(at, (lever, *value));
                    // Two states of the beam may lead to one.
                    let key: Vec<(usize, u64)> =
                        moves.iter().map(|(lever, value)| (*lever, value.to_bits())).collect();
                    if seen.insert(key) {
                        expanded.push(moves);
                    }
                }
            }
        }
        expanded
    }

    /// In the order to expand them: in turn the nearest to the goal, the one with most progress for
    /// its cost, and the farthest move of each set of levers, for what only shows far away.
    fn ranked(&self, mut states: Vec<State>, origin: &State) -> Vec<State> {
        let start = self.goal.gap(origin.score);
        let gap = |s: &State| self.goal.gap(s.score);
        let rate = |s: &State| (start - gap(s)) / s.cost;
        states.sort_by(|a, b| gap(a).total_cmp(&gap(b)).then(a.cost.total_cmp(&b.cost)));
        let mut by_rate: Vec<usize> = (0..states.len()).collect();
        by_rate.sort_by(|a, b| rate(&states[*b]).total_cmp(&rate(&states[*a])));
        let mut by_cost: Vec<usize> = (0..states.len()).collect();
        by_cost.sort_by(|a, b| states[*b].cost.total_cmp(&states[*a].cost));
        let mut ranks: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let mut by_rank: Vec<(usize, usize)> = Vec::with_capacity(states.len());
        for state in by_cost {
            let rank = ranks.entry(states[state].levers()).or_default();
            by_rank.push((*rank, state));
            *rank += 1;
        }
        by_rank.sort_by_key(|(rank, _)| *rank);
        let mut order = Vec::new();
        let mut is_taken = vec![false; states.len()];
        for at in 0..states.len() {
            for state in [at, by_rate[at], by_rank[at].1] {
                if !std::mem::replace(&mut is_taken[state], true) {
                    order.push(states[state].clone());
                }
            }
        }
        order
    }

    /// The states that the moves lead to, in their order.
    pub(super) fn scored(&mut self, moves: Vec<Moves>) -> Result<Vec<State>, Stop<E>> {
        let mut states = Vec::with_capacity(moves.len());
        let mut moves = moves.into_iter().peekable();
        while moves.peek().is_some() {
            let part: Vec<Moves> = moves.by_ref().take(self.options.batch.max(1)).collect();
            let mut rows = self.row.repeat(part.len());
            for (changed, moves) in rows.chunks_mut(self.row.len()).zip(&part) {
                moves.iter().for_each(|(lever, to)| changed[self.levers[*lever].column] = *to);
            }
            let scores = (self.score)(&rows).map_err(Stop::Model)?;
            if scores.len() != part.len() || !scores.iter().all(|score| score.is_finite()) {
                return Err(Stop::Undefined);
            }
            let scored = part.into_iter().zip(scores);
            states.extend(scored.map(|(moves, score)| {
                let cost = self.cost(&moves);
                State { moves, score, cost }
            }));
        }
        Ok(states)
    }

    pub(super) fn cost(&self, moves: &Moves) -> f64 {
        moves.iter().map(|(lever, to)| self.levers[*lever].cost(*to)).sum()
    }

    fn alternative(&self, state: &State) -> Alternative {
        let mut row = self.row.to_vec();
        let mut changes = Vec::with_capacity(state.moves.len());
        for (lever, to) in &state.moves {
            let lever = &self.levers[*lever];
            row[lever.column] = *to;
            let cost = lever.cost(*to);
            changes.push(Changed { column: lever.column, from: lever.from, to: *to, cost });
        }
        Alternative { row, score: state.score, cost: state.cost, changes }
    }
}

/// What to refine: the cheapest states of the cheapest sets of levers. Sets that hold another one
/// have places of their own, or the least change of any further column would crowd out the rest.
fn starts(found: Found, alternatives: usize) -> Vec<State> {
    let mut sets: Vec<(Vec<usize>, Vec<State>)> = found.into_iter().collect();
    for (_, states) in &mut sets {
        states.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        states.truncate(STARTS);
    }
    sets.sort_by(|a, b| a.1[0].cost.total_cmp(&b.1[0].cost).then_with(|| a.0.cmp(&b.0)));
    let all: Vec<Vec<usize>> = sets.iter().map(|(levers, _)| levers.clone()).collect();
    let holds_another = |set: &Vec<usize>| all.iter().any(|other| is_within(other, set));
    let (wider, least): (Vec<_>, Vec<_>) =
        sets.into_iter().partition(|(levers, _)| holds_another(levers));
    let alternatives = alternatives.max(1);
    let kept = least.into_iter().take(alternatives.saturating_mul(3));
    let kept = kept.chain(wider.into_iter().take(alternatives.saturating_mul(2)));
    kept.flat_map(|(_, states)| states).collect()
}

/// The cheapest states of different sets of levers, none of which holds a cheaper one's.
fn distinct(states: Vec<State>, most: usize) -> Vec<State> {
    let mut chosen: Vec<State> = Vec::new();
    for state in cheapest_of_each(states) {
        let levers = state.levers();
        let is_new = !chosen.iter().any(|other| is_within(&other.levers(), &levers));
        if is_new && chosen.len() < most {
            chosen.push(state);
        }
    }
    chosen
}

/// The cheapest state of each set of levers, the cheapest set first.
pub(super) fn cheapest_of_each(mut states: Vec<State>) -> Vec<State> {
    states.sort_by(|a, b| {
        let by_size = a.moves.len().cmp(&b.moves.len());
        a.cost.total_cmp(&b.cost).then(by_size).then_with(|| a.levers().cmp(&b.levers()))
    });
    let mut seen = BTreeSet::new();
    states.retain(|state| seen.insert(state.levers()));
    states
}

/// Whether `inner` is a part of `outer`, and not all of it.
fn is_within(inner: &[usize], outer: &[usize]) -> bool {
    inner.len() < outer.len() && inner.iter().all(|lever| outer.contains(lever))
}
