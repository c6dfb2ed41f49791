//! Taking changes back as far as the decision allows.

use super::candidates::Ladder;
use super::search::{Moves, Search, State, Stop, cheapest_of_each};

/// Rungs that are scored of one ladder at once.
const PROBES: u64 = 15;

/// How much farther a change is tried, as a share of its way.
const PUSHES: [f64; 5] = [0.0, 0.05, 0.15, 0.4, 1.0];

/// A state and the order in which its changes are taken back.
struct Job {
    state: State,
    order: Vec<usize>,
}

/// A change between the last rung known to be too little and the first known to be enough.
struct Climb {
    job: usize,
    lever: usize,
    ladder: Ladder,
    low: u64,
    high: u64,
}

impl Climb {
    /// Rungs strictly between, about evenly spread.
    fn probes(&self) -> Vec<u64> {
        let between = self.high - self.low - 1;
        let count = between.min(PROBES);
        (1..=count).map(|at| self.low + (between + 1) * at / (count + 1)).collect()
    }
}

impl<E> Search<'_, E> {
    /// The states with each change taken back towards the row's own value, once the dearest change
    /// first and once the cheapest; what can be left out is.
    pub(super) fn refine(&mut self, states: Vec<State>) -> Result<Vec<State>, Stop<E>> {
        let mut jobs = Vec::with_capacity(2 * states.len());
        for state in states {
            let order = self.dearest_first(&state);
            if order.len() > 1 {
                let order = order.iter().rev().copied().collect();
                jobs.push(Job { state: state.clone(), order });
            }
            jobs.push(Job { state, order });
        }
        self.run_jobs(jobs)
    }

    /// The cheapest state of each set of levers, those of the first `most` sets made cheaper: where
    /// a change goes a little farther, the others may come back by more.
    pub(super) fn exchange(
        &mut self,
        states: Vec<State>,
        most: usize,
    ) -> Result<Vec<State>, Stop<E>> {
        let mut kept = cheapest_of_each(states);
        let mut pushed = Vec::new();
        for state in kept.iter().take(most).filter(|state| state.moves.len() > 1) {
            for (at, (lever, to)) in state.moves.iter().enumerate() {
                let mut tos: Vec<f64> = PUSHES
                    .iter()
                    .filter_map(|share| self.levers[*lever].pushed(*to, *share))
                    .collect();
                tos.dedup();
                for to in tos {
                    let mut moves = state.moves.clone();
                    moves[at].1 = to;
                    pushed.push((*lever, moves));
                }
            }
        }
        let (levers, moves): (Vec<usize>, Vec<Moves>) = pushed.into_iter().unzip();
        let mut jobs = Vec::new();
        for (lever, state) in levers.into_iter().zip(self.scored(moves)?) {
            if self.goal.is_met(state.score) {
                let mut order = self.dearest_first(&state);
                order.retain(|other| *other != lever);
                order.push(lever);
                jobs.push(Job { state, order });
            }
        }
        let refined = self.run_jobs(jobs)?;
        kept.extend(refined);
        Ok(cheapest_of_each(kept))
    }

    fn dearest_first(&self, state: &State) -> Vec<usize> {
        let mut moves = state.moves.clone();
        let cost = |(lever, to): &(usize, f64)| self.levers[*lever].cost(*to);
        moves.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
        moves.into_iter().map(|(lever, _)| lever).collect()
    }

    /// All jobs go in step, so that the model gets many rows at once.
    fn run_jobs(&mut self, mut jobs: Vec<Job>) -> Result<Vec<State>, Stop<E>> {
        let longest = jobs.iter().map(|job| job.order.len()).max().unwrap_or(0);
        for turn in 0..longest {
            let climbs = self.leave_out(&mut jobs, turn)?;
            self.take_back(&mut jobs, climbs)?;
        }
        Ok(jobs.into_iter().map(|job| job.state).collect())
    }

    /// Leaves the change whose turn it is out where the goal is met without it; the others are to
    /// be taken back.
    fn leave_out(&mut self, jobs: &mut [Job], turn: usize) -> Result<Vec<Climb>, Stop<E>> {
        let turns = jobs.iter().enumerate();
        let turns: Vec<(usize, usize)> =
            turns.filter_map(|(job, it)| Some((job, *it.order.get(turn)?))).collect();
        let without = |(job, lever): &(usize, usize)| {
            let moves = jobs[*job].state.moves.iter().copied();
            moves.filter(|(other, _)| other != lever).collect::<Moves>()
        };
        let scored = self.scored(turns.iter().map(without).collect())?;
        let mut climbs = Vec::new();
        for ((job, lever), state) in turns.into_iter().zip(scored) {
            if self.goal.is_met(state.score) {
                jobs[job].state = state;
                continue;
            }
            let moves = &jobs[job].state.moves;
            let to = moves.iter().find(|(other, _)| *other == lever).map(|(_, to)| *to);
            if let Some(ladder) = to.and_then(|to| self.levers[lever].ladder(to)) {
                climbs.push(Climb { job, lever, low: 0, high: ladder.rungs, ladder });
            }
        }
        Ok(climbs)
    }

    fn take_back(&mut self, jobs: &mut [Job], mut climbs: Vec<Climb>) -> Result<(), Stop<E>> {
        loop {
            climbs.retain(|climb| climb.high > climb.low + 1);
            if climbs.is_empty() {
                return Ok(());
            }
            let mut moves = Vec::new();
            for climb in &climbs {
                for rung in climb.probes() {
                    let mut changed = jobs[climb.job].state.moves.clone();
                    let own = changed.iter_mut().filter(|(lever, _)| *lever == climb.lever);
                    own.for_each(|(_, to)| *to = climb.ladder.value(rung));
                    moves.push(changed);
                }
            }
            let mut scored = self.scored(moves)?.into_iter();
            for climb in &mut climbs {
                let probes = climb.probes();
                let states: Vec<State> = scored.by_ref().take(probes.len()).collect();
                for (rung, state) in probes.into_iter().zip(states) {
                    if self.goal.is_met(state.score) {
                        climb.high = rung;
                        jobs[climb.job].state = state;
                        break;
                    }
                    climb.low = rung;
                }
            }
        }
    }
}
