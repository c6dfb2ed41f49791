//! Counterfactuals: the smallest changes of rows after which another answer is given.

mod goal;
mod ways;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tokio::runtime::Handle;

use self::goal::{Sought, Wish};
use self::ways::{Held, Way, held, ways};
use super::Service;
use super::cache::Named;
use super::content::blocking;
use super::loaded::Loaded;
use super::turns::{PATIENCE, patiently_or};
use crate::domain::counterfactual::{
    AlternativeRow, Changeable, ColumnChange, Counterfactual, CounterfactualOutcome,
    CounterfactualRequest, CounterfactualResponse, MAX_ALTERNATIVES, MAX_CHANGES,
    MAX_COUNTERFACTUALS,
};
use crate::domain::key::Caller;
use crate::domain::prediction::{Prediction, Row};
use crate::domain::version::Signature;
use crate::engine::{LoadedModel, Outputs};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;
use crate::stats::counterfactual::{
    Alternative as Changed, CounterfactualOptions, Outcome, search,
};

/// Rows that are scored for each number of changes, about, and in one call at most.
const BUDGET: usize = 8192;
const AT_ONCE: usize = 1024;

/// What is looked for, and where.
struct Searched {
    loaded: Arc<Loaded>,
    frame: Frame,
    ways: Vec<Way>,
    rows: Vec<Vec<Held>>,
    sought: Vec<Sought>,
    options: CounterfactualOptions,
}

impl Service {
    /// Searches for the smallest changes of rows after which a version answers as is sought; what is
    /// found was scored by it.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every value that can't be read; [`Code::InvalidRequest`] for a goal
    /// that is none of the version's, columns that can't change so, values outside of their own bounds,
    /// too many rows, and a search of more than a minute; [`Code::NotFound`] for an unknown model,
    /// version or alias; [`Code::TooManyRequests`] while others' answers are explained.
    pub async fn counterfactuals(
        &self,
        caller: &Caller,
        model: &str,
        request: CounterfactualRequest,
    ) -> Result<CounterfactualResponse> {
        let name = Named { project: &caller.project, model };
        let loaded = self.loaded_as(name, request.version.as_ref()).await?;
        let signature = &loaded.version.signature;
        let rows = checked(&request)?;
        let wish = Wish::new(&request.goal, signature)?;
        let ways = ways(&request.change, signature, &loaded.model)?;
        let turn = self.0.explaining.take().await?;
        let reading = (loaded.clone(), rows.to_vec());
        let frame = blocking(move || reading.0.reader.rows(&reading.1)).await?;
        let outputs = self.0.scorer.score(&loaded, frame.clone()).await?;
        let answers = outputs.values.chunks_exact(outputs.width.max(1));
        let sought = answers.map(|answer| wish.of(answer).clone()).collect();
        let options = CounterfactualOptions {
            max_changes: request.max_changes as usize,
            alternatives: request.alternatives as usize,
            budget: BUDGET,
            batch: AT_ONCE,
            ..CounterfactualOptions::default()
        };
        let rows_held = held(&ways, &frame)?;
        let searched =
            Searched { loaded: loaded.clone(), frame, ways, rows: rows_held, sought, options };
        let (service, runtime) = (self.clone(), Handle::current());
        let work = move |stop: &mut dyn FnMut() -> bool| {
            let outcomes = searched.all(&service, &runtime, stop)?;
            Ok((searched, outcomes))
        };
        let (searched, outcomes) = patiently_or(turn, PATIENCE, too_long, work).await?;
        let counterfactuals = self.verified(rows, &searched, outcomes).await?;
        Ok(CounterfactualResponse {
            counterfactuals,
            threshold: signature.threshold,
            model: model.to_owned(),
            version: loaded.version.version,
        })
    }

    /// What was found, with the answers to the very rows: those that are served. What does not meet its
    /// goal there is none.
    async fn verified(
        &self,
        rows: &[Row],
        searched: &Searched,
        outcomes: Vec<Outcome>,
    ) -> Result<Vec<Counterfactual>> {
        let mut asked = Vec::new();
        for (row, (of, outcome)) in rows.iter().zip(outcomes.iter().enumerate()) {
            asked.push(row.clone());
            asked.extend(changed(outcome).iter().map(|one| searched.row(row, of, one)));
        }
        let loaded = &searched.loaded;
        let frame = loaded.reader.rows(&asked)?;
        let outputs = self.0.scorer.score(loaded, frame).await?;
        let width = outputs.width.max(1);
        let values: Vec<Vec<f64>> =
            outputs.values.chunks_exact(width).map(<[f64]>::to_vec).collect();
        let predictions = loaded.naming.named(outputs).predictions();
        let mut answers = values.into_iter().zip(predictions);
        let mut next = || {
            answers
                .next()
                .ok_or_else(|| Error::internal("scoring counterfactuals", "rows are lost"))
        };
        let mut found = Vec::with_capacity(outcomes.len());
        for (of, outcome) in outcomes.iter().enumerate() {
            let own = next()?;
            let changed = changed(outcome).iter().map(|one| Ok((one, next()?)));
            found.push(searched.said(of, own, changed.collect::<Result<_>>()?));
        }
        Ok(found)
    }

    /// What the version answers to the rows of a frame, on a thread that may block.
    fn scored(&self, runtime: &Handle, loaded: &Arc<Loaded>, frame: Frame) -> Result<Outputs> {
        // A device is used by one thread alone; on a CPU a search keeps nobody waiting.
        match loaded.model.is_on_cpu() {
            true => loaded.model.predict(&frame),
            false => runtime.block_on(self.0.scorer.score(loaded, frame)),
        }
    }
}

/// Whether columns can change as it is said.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every field that can't hold, below `/change`.
pub(super) fn check_changeable(
    change: &BTreeMap<String, Changeable>,
    signature: &Signature,
    model: &LoadedModel,
) -> Result<()> {
    match change.is_empty() {
        true => Ok(()),
        false => ways(change, signature, model).map(|_| ()),
    }
}

/// The changed rows of an outcome: alternatives, or the nearest one.
fn changed(outcome: &Outcome) -> &[Changed] {
    match outcome {
        Outcome::AlreadyMet { .. } => &[],
        Outcome::Found(alternatives) => alternatives,
        Outcome::NoneWithinBounds { best } => std::slice::from_ref(best),
    }
}

type Answer = (Vec<f64>, Prediction);

impl Searched {
    /// The outcome of each row.
    fn all(
        &self,
        service: &Service,
        runtime: &Handle,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Outcome>> {
        (0..self.rows.len())
            .map(|row| {
                let mut score = |rows: &[f64]| {
                    if stop() {
                        return Err(Error::new(Code::Cancelled, "the search was stopped"));
                    }
                    let frame = self.frame_of(row, rows)?;
                    let outputs = service.scored(runtime, &self.loaded, frame)?;
                    let answers = outputs.values.chunks_exact(outputs.width.max(1));
                    Ok(answers.map(|answer| self.sought[row].measured(answer)).collect())
                };
                self.one(row, &mut score)
            })
            .collect()
    }

    fn one(
        &self,
        row: usize,
        score: &mut dyn FnMut(&[f64]) -> Result<Vec<f64>>,
    ) -> Result<Outcome> {
        let own: Vec<f64> = self.rows[row].iter().map(|held| held.own).collect();
        if own.is_empty() {
            // All that may change is missing.
            let score = score(&[])?.first().copied().unwrap_or(f64::NAN);
            return Ok(match self.sought[row].goal.is_met(score) {
                true => Outcome::AlreadyMet { score },
                false => Outcome::NoneWithinBounds {
                    best: Changed { row: own, score, cost: 0.0, changes: Vec::new() },
                },
            });
        }
        let levers: Vec<_> =
            self.rows[row].iter().enumerate().map(|(at, held)| held.lever(at)).collect();
        let outcome = search(&own, &levers, self.sought[row].goal, self.options, score)?;
        outcome.ok_or_else(|| Error::internal("searching", "a lever or a score is not valid"))
    }

    /// A row with other values of what may change: as many rows as there are sets of these, one at least.
    fn frame_of(&self, row: usize, values: &[f64]) -> Result<Frame> {
        let held = &self.rows[row];
        if held.is_empty() {
            return self.frame.take(&[row]);
        }
        let count = values.len() / held.len();
        let columns = held.iter().enumerate().map(|(at, held)| {
            let way = &self.ways[held.way];
            let numbers = values.iter().skip(at).step_by(self.rows[row].len()).copied();
            (way.column.as_str(), way.values(held, numbers))
        });
        self.frame.take(&vec![row; count])?.replaced(columns.collect())
    }

    fn changes(&self, row: usize, one: &Changed) -> Vec<ColumnChange> {
        let change = |change: &crate::stats::counterfactual::Changed| {
            let held = self.rows[row].get(change.column)?;
            let way = &self.ways[held.way];
            Some(ColumnChange {
                column: way.column.clone(),
                from: way.cell(held, change.from),
                to: way.cell(held, change.to),
                cost: change.cost,
            })
        };
        one.changes.iter().filter_map(change).collect()
    }

    /// A row as it was sent, but for the changes.
    fn row(&self, row: &Row, of: usize, one: &Changed) -> Row {
        let mut row = row.clone();
        for change in self.changes(of, one) {
            row.insert(change.column, change.to);
        }
        row
    }

    /// What was found for a row, which is answered so, as its alternatives are.
    fn said(&self, row: usize, own: Answer, changed: Vec<(&Changed, Answer)>) -> Counterfactual {
        let sought = &self.sought[row];
        let is_met = sought.is_met(&own.0);
        let mut alternatives = Vec::new();
        let mut nearest = None;
        for (one, (answer, prediction)) in changed {
            let changes = self.changes(row, one);
            let alternative = AlternativeRow { changes, cost: one.cost, prediction };
            match sought.is_met(&answer) {
                true => alternatives.push(alternative),
                false => nearest = nearest.or(Some(alternative)),
            }
        }
        let outcome = match (is_met, alternatives.is_empty()) {
            (true, _) => CounterfactualOutcome::AlreadyMet,
            (false, false) => CounterfactualOutcome::Found,
            (false, true) => CounterfactualOutcome::NoneWithinBounds,
        };
        if outcome != CounterfactualOutcome::NoneWithinBounds {
            nearest = None;
        }
        let (goal, prediction) = (sought.said.clone(), own.1);
        Counterfactual { outcome, goal, prediction, alternatives, nearest }
    }
}

fn too_long() -> Error {
    let detail = "the search takes longer than a minute: send fewer rows, mark fewer columns, or lower \
                  max_changes";
    Error::field(Code::InvalidRequest, "/rows", detail)
}

/// The rows of a request, whose numbers are within their limits.
fn checked(request: &CounterfactualRequest) -> Result<&[Row]> {
    let refuse =
        |pointer: &str, detail: String| Err(Error::field(Code::InvalidRequest, pointer, detail));
    let rows = request.rows.as_deref().unwrap_or_default();
    if rows.is_empty() {
        return refuse("/rows", "there are no rows to change".to_owned());
    }
    if rows.len() > MAX_COUNTERFACTUALS {
        let detail =
            format!("{} rows are more than {MAX_COUNTERFACTUALS}: send them in parts", rows.len());
        return refuse("/rows", detail);
    }
    let within = |pointer: &str, number: u32, range: RangeInclusive<u32>| {
        if range.contains(&number) {
            return Ok(());
        }
        let (least, most) = (range.start(), range.end());
        refuse(pointer, format!("{number} is not from {least} to {most}")).map(|_: &[Row]| ())
    };
    within("/max_changes", request.max_changes, 1..=MAX_CHANGES)?;
    within("/alternatives", request.alternatives, 1..=MAX_ALTERNATIVES)?;
    Ok(rows)
}
