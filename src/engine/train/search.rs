//! Searches for the configuration that trains best, by successive halving: many are trained for one
//! epoch, few to their end, each from where it was left. The winner is then trained as any other
//! specification would be: of what the search did nothing is done twice.
//!
//! Which configurations there are follows from the seed, which of them are gone on with from their
//! figures: the clock only says when no more are begun.

mod kept;
mod ledger;
pub(super) mod space;
mod suited;

use std::time::{Duration, Instant};

use serde_json::json;

pub(super) use self::kept::Kept;
use self::ledger::{Reached, Rule, Standing, Step, leaderboard, rungs, winner};
use self::space::{Space, Values};
use super::check::{check_layout, check_meaning, check_space, check_spec, check_table};
use super::checkpoint::{Checkpoint, Progress};
use super::estimate::Paced;
use super::fit::{Data, Fit, Problem};
use super::hooks::RunLabel;
use super::plan::Recipe;
use super::prepare::Prepared;
use super::runs::{Runs, Stretch};
use crate::domain::network::NetworkSpec;
use crate::domain::search::{
    Leader, RungResult, SearchEnd, SearchProgress, SearchRecord, SearchSpec, Trial, TrialState,
};
use crate::domain::training::{DivergenceRule, Monitor, TrainingSpec};
use crate::engine::features::Layout;
use crate::error::{Code, Context, Error, Result};

/// Lines of the leaderboard while it changes.
const LEADERS: usize = 10;
/// How often a configuration is drawn anew that does not hold or was there before.
const ATTEMPTS: u32 = 100;

/// A configuration.
struct Configuration {
    values: Values,
    spec: TrainingSpec,
    recipe: Recipe,
}

/// What a search came to.
pub(super) struct Found {
    pub(super) record: SearchRecord,
    /// What the winner was trained to.
    pub(super) fit: Fit,
    /// Trainings that it took.
    pub(super) stretches: usize,
    /// What is to be told of it.
    pub(super) warning: Option<String>,
}

/// Searches where that is asked for, and makes the winner what is prepared.
///
/// # Errors
/// [`Code::InvalidSpec`] for a space of which the data refute a part, [`Code::Diverged`] when every
/// configuration did, else as [`super::train`].
pub(super) fn search(
    runs: &mut Runs<'_>,
    prepared: &mut Prepared,
    spec: &TrainingSpec,
) -> Result<Option<Found>> {
    let Some(asked) = &spec.search else { return Ok(None) };
    let (asked, configurations) = configurations(prepared, spec, asked)?;
    let rungs = rungs(asked.eta, prepared.recipe.epochs);
    let rule = Rule { eta: asked.eta as usize, trials: configurations.len(), last: rungs.len() };
    let data = &prepared.data;
    let search = Search { asked, configurations, rungs, rule, monitor: spec.monitor, data };
    let winner = search.carried_out(runs)?;
    let record = search.record(runs.search(), winner, spec.seed);
    let kept = runs.search();
    // Nothing is gone on with any more.
    kept.states.clear();
    let (stretches, best) = (kept.ledger.stretches, kept.best.as_deref());
    let best = best.ok_or_else(|| Error::internal("searching", "the winner was not kept"))?;
    let fit = Checkpoint::decode(best).map(Fit::from)?;
    let warning = search.warning(&record);
    let Search { mut configurations, .. } = search;
    let Configuration { spec: of_winner, recipe, .. } = configurations.swap_remove(winner);
    let carried_out = &mut prepared.spec;
    recipe.fill(carried_out);
    carried_out.average = of_winner.average;
    carried_out.accumulation = of_winner.accumulation;
    carried_out.augmentation = of_winner.augmentation;
    carried_out.search = Some(record.spec.clone());
    prepared.recipe = recipe;
    Ok(Some(Found { record, fit, stretches, warning }))
}

/// Seconds that a search is expected to take at most, of configurations as fast as the first one: its
/// minutes, or less where all configurations are tried before.
pub(super) fn expected_seconds(asked: &SearchSpec, first: &Paced, rows: (f64, f64)) -> f64 {
    let epoch = first.pace.of_epoch(rows.0, rows.1);
    let all = first.recipe.epochs;
    let (mut left, mut before, mut epochs) = (asked.trials.max(1), 0, 0.0);
    for rung in rungs(asked.eta, all).into_iter().chain([all]) {
        epochs += f64::from(left.max(1)) * f64::from(rung - before);
        (left, before) = (left / asked.eta.max(2), rung);
    }
    (epochs * epoch).min(asked.minutes * 60.0)
}

/// Most bytes of configurations that are kept to be gone on with, of networks of so many parameters:
/// each has its weights, its best ones and two moments.
pub(super) fn kept_bytes(asked: &SearchSpec, parameters: u64) -> u64 {
    let waiting = u64::from(asked.trials / asked.eta.max(2));
    (parameters * 16 * waiting).min(kept::MOST_BYTES as u64)
}

/// The search as it is carried out, and all of its configurations, the specification as it stands
/// first.
fn configurations(
    prepared: &Prepared,
    spec: &TrainingSpec,
    asked: &SearchSpec,
) -> Result<(SearchSpec, Vec<Configuration>)> {
    const DRAWING: &str = "drawing configurations";
    let (layout, rows) = (&prepared.data.layout, prepared.data.train.inputs.rows);
    let mut base = TrainingSpec { search: None, task: prepared.spec.task, ..spec.clone() };
    if base.network.is_none() {
        let kind = json!({ "kind": prepared.recipe.network.kind() });
        base.network = serde_json::from_value(kind).context(DRAWING)?;
    }
    let fits = |spec: &TrainingSpec| {
        check_spec(spec)?;
        reads(&Recipe::of(spec, layout, rows).network, spec, prepared)
    };
    let space = match &asked.space {
        Some(space) => {
            check_space(&base, space, &fits)?;
            space.clone()
        }
        None => {
            let mut filled = base.clone();
            prepared.recipe.fill(&mut filled);
            let mut space = suited::suited(&base, &filled).context(DRAWING)?;
            // What has no meaning for this network and these rows is left alone.
            space.retain(|pointer, from| {
                let part = Space::from([(pointer.clone(), from.clone())]);
                let spec = space::configured(&base, &space::draw(&part, spec.seed, 0, 0));
                spec.is_ok_and(|spec| fits(&spec).is_ok())
            });
            space
        }
    };
    let first = Configuration {
        values: Values::new(),
        spec: base.clone(),
        recipe: prepared.recipe.clone(),
    };
    let mut drawn = vec![first];
    for number in 1..asked.trials {
        let holds = |values: Values| {
            let is_known = drawn.iter().any(|known| known.values == values);
            let spec = space::configured(&base, &values).ok().filter(|_| !is_known)?;
            fits(&spec).ok()?;
            let recipe = Recipe::of(&spec, layout, rows);
            Some(Configuration { values, spec, recipe })
        };
        let mut attempts = (0..ATTEMPTS).map(|a| space::draw(&space, spec.seed, number, a));
        // Where no other one is found there are no more.
        let Some(configuration) = attempts.find_map(holds) else { break };
        drawn.push(configuration);
    }
    if drawn.len() == 1 {
        let detail = match space.is_empty() {
            true => {
                "the specification names everything that is varied where nothing is said; name \
                     a space, or leave some of it open"
            }
            false => "holds no configuration that is valid; widen it",
        };
        return Err(Error::field(Code::InvalidSpec, "/search/space", detail));
    }
    Ok((SearchSpec { space: Some(space), ..asked.clone() }, drawn))
}

/// Whether a network reads rows that were prepared for another one.
fn reads(network: &NetworkSpec, spec: &TrainingSpec, prepared: &Prepared) -> Result<()> {
    let Data { layout, outputs, .. } = &prepared.data;
    if let (NetworkSpec::Mlp(_), Layout::Text { .. }) = (network, layout) {
        let detail = "mlp reads the columns of a table, and the feature is a text; take linear";
        return Err(Error::field(Code::InvalidSpec, "/network", detail));
    }
    check_layout(network, layout)?;
    check_meaning(spec, network, layout)?;
    let ensemble = prepared.spec.ensemble.clone().unwrap_or_default();
    check_table(network, layout, *outputs, &ensemble)
}

/// A search, and what it has to work with.
struct Search<'a> {
    asked: SearchSpec,
    configurations: Vec<Configuration>,
    /// Epochs of the rungs below the last one.
    rungs: Vec<u32>,
    rule: Rule,
    monitor: Monitor,
    data: &'a Data,
}

impl Search<'_> {
    /// Trains configurations until nothing is left to do or the minutes are over, and the best one to
    /// its end. The number of that one.
    fn carried_out(&self, runs: &mut Runs<'_>) -> Result<usize> {
        if let Some(trial) = runs.search().ledger.running.take()
            && let Some(state) = runs.interrupted()
        {
            runs.search().states.insert(trial, state);
        }
        runs.search().start();
        while runs.search().ledger.ended.is_none() {
            let kept = runs.search();
            let left = self.left(kept);
            match self.rule.next(&kept.ledger.trials) {
                None => kept.ledger.ended = Some(SearchEnd::Trials),
                Some(_) if left.is_zero() && !kept.ledger.trials.is_empty() => {
                    kept.ledger.ended = Some(SearchEnd::Minutes);
                }
                Some(step) => self.step(runs, step, Some(Instant::now() + left))?,
            }
        }
        loop {
            let trials = &runs.search().ledger.trials;
            let Some(best) = winner(trials) else {
                let why = trials.iter().find_map(|trial| trial.diverged.clone());
                let detail = format!(
                    "every configuration diverged: {}; search at lower learning rates",
                    why.unwrap_or_default()
                );
                return Err(Error::field(Code::Diverged, "/search/space", detail));
            };
            if trials[best].whole {
                runs.search().stop();
                return Ok(best);
            }
            self.step(runs, Step { trial: best, rung: self.rule.last }, None)?;
        }
    }

    /// What is left of the minutes.
    fn left(&self, kept: &Kept) -> Duration {
        let left = self.asked.minutes * 60.0 - kept.seconds();
        Duration::try_from_secs_f64(left).unwrap_or_default()
    }

    /// Epochs after which a configuration is at a rung.
    fn epochs(&self, Step { trial, rung }: Step) -> u32 {
        let all = self.configurations[trial].recipe.epochs;
        self.rungs.get(rung).map_or(all, |&epochs| epochs.min(all))
    }

    /// Trains a configuration to a rung.
    fn step(&self, runs: &mut Runs<'_>, step: Step, until: Option<Instant>) -> Result<()> {
        let Step { trial, rung } = step;
        let epochs = self.epochs(step);
        let recipe = &self.configurations[trial].recipe;
        let divergence = DivergenceRule::Fail;
        let recipe = Recipe { ends_after: Some(epochs), divergence, ..recipe.clone() };
        let kept = runs.search();
        let begun = kept.ledger.trials.len().max(trial + 1);
        kept.ledger.trials.resize_with(begun, Standing::default);
        kept.ledger.running = Some(trial);
        let state = kept.states.remove(&trial);
        let whither = match rung == self.rule.last {
            true => "to its end".to_owned(),
            false => format!("to epoch {epochs}"),
        };
        let stretch = Stretch {
            label: RunLabel {
                name: format!("trial {trial}, {whither}"),
                number: kept.ledger.stretches + 1,
                of: self.rule.stretches(),
            },
            progress: self.progress(kept),
            problem: Problem { data: self.data, recipe: &recipe },
            until,
        };
        let outcome = runs.stretch(stretch, state);
        let kept = runs.search();
        kept.ledger.running = None;
        match outcome {
            Ok(checkpoint) => self.note(kept, step, &recipe, checkpoint)?,
            Err(error) if error.code() == Code::Diverged => {
                kept.ledger.trials[trial].diverged = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        kept.ledger.stretches += 1;
        let (hopeless, order) =
            (self.rule.hopeless(&kept.ledger.trials), leaderboard(&kept.ledger.trials));
        kept.forget(&hopeless, &order);
        runs.keep()
    }

    /// Notes how far a configuration has come.
    fn note(
        &self,
        kept: &mut Kept,
        step: Step,
        recipe: &Recipe,
        checkpoint: Checkpoint,
    ) -> Result<()> {
        let Progress { curve, best_epoch, best_score, seconds, .. } = &checkpoint.progress;
        let standing = &mut kept.ledger.trials[step.trial];
        standing.seconds = *seconds;
        let done = curve.len() as u32;
        let stopped_early = recipe.patience > 0 && done >= best_epoch + recipe.patience;
        let best = curve.iter().find(|loss| loss.epoch == *best_epoch);
        let is_there = done >= self.epochs(step) || stopped_early;
        let Some(best) = best.filter(|_| is_there) else {
            // The minutes were over on the way.
            kept.states.insert(step.trial, checkpoint.encode()?);
            return Ok(());
        };
        let value = match self.monitor {
            Monitor::Loss => Some(-best_score),
            // Where it is not defined the lowest number stands for it.
            _ => Some(*best_score).filter(|score| *score > f64::MIN),
        };
        let (best_epoch, validation_loss) = (*best_epoch, best.validation_loss);
        let result = RungResult { epochs: done, best_epoch, validation_loss, value };
        standing.reached.push(Reached { result, score: *best_score });
        standing.whole = step.rung == self.rule.last;
        if !standing.whole {
            kept.states.insert(step.trial, checkpoint.encode()?);
        } else if winner(&kept.ledger.trials) == Some(step.trial) {
            kept.best = Some(Fit::from(checkpoint).checkpoint().encode()?);
        }
        Ok(())
    }

    fn progress(&self, kept: &Kept) -> SearchProgress {
        let trials = &kept.ledger.trials;
        let leader = |trial: usize| {
            let last = trials[trial].reached.last().filter(|_| trials[trial].diverged.is_none())?;
            Some(Leader {
                trial: trial as u32,
                values: self.configurations[trial].values.clone(),
                epochs: last.result.epochs,
                value: last.result.value,
            })
        };
        SearchProgress {
            begun: trials.len() as u32,
            trials: self.rule.trials as u32,
            seconds_left: self.left(kept).as_secs_f64(),
            monitor: self.monitor,
            leaders: leaderboard(trials).into_iter().filter_map(leader).take(LEADERS).collect(),
        }
    }

    fn record(&self, kept: &Kept, winner: usize, seed: u64) -> SearchRecord {
        let trials = &kept.ledger.trials;
        let trial = |number: usize| {
            let Standing { reached, diverged, whole, seconds } = &trials[number];
            Trial {
                number: number as u32,
                values: self.configurations[number].values.clone(),
                state: match (diverged, whole) {
                    (Some(_), _) => TrialState::Diverged,
                    (None, true) => TrialState::Whole,
                    (None, false) => TrialState::Paused,
                },
                rungs: reached.iter().map(|reached| reached.result).collect(),
                seconds: *seconds,
                problem: diverged.clone(),
            }
        };
        SearchRecord {
            spec: self.asked.clone(),
            seed,
            monitor: self.monitor,
            ended: kept.ledger.ended.unwrap_or(SearchEnd::Trials),
            seconds: kept.seconds(),
            winner: winner as u32,
            trials: leaderboard(trials).into_iter().map(trial).collect(),
        }
    }

    /// That the minutes were too few for all that was asked for, where they were.
    fn warning(&self, record: &SearchRecord) -> Option<String> {
        if record.ended != SearchEnd::Minutes {
            return None;
        }
        let whole = record.trials.iter().filter(|trial| trial.state == TrialState::Whole).count();
        let SearchRecord { winner, trials, .. } = record;
        let (begun, all, minutes) = (trials.len(), self.rule.trials, self.asked.minutes);
        let best = match whole {
            1 => format!("trial {winner} alone was trained to its end, the best up to there"),
            whole => format!("{whole} were trained to their end, of which {winner} is the best"),
        };
        Some(format!(
            "the search ended as its {minutes} minutes were over, with {begun} of {all} \
             configurations begun: {best}"
        ))
    }
}
