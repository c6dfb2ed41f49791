//! A training at rest: its checkpoints, and what is left of it where it diverges.

use std::time::Instant;

use burn::tensor::backend::AutodiffBackend;

use super::super::checkpoint::{Checkpoint, Progress};
use super::super::hooks::{LastFinite, RunLabel};
use super::super::table::Table;
use super::Run;
use crate::domain::training::DivergenceRule;
use crate::engine::networks::parameters::{Parameters, all_finite, parameters};
use crate::engine::weights::{self, Form};
use crate::error::{Code, Error, Result};

impl<B: AutodiffBackend> Run<'_, B> {
    pub(super) fn mid_epoch_checkpoint(&mut self) -> Result<()> {
        let weights = parameters(&self.whole())?;
        if !(self.progress.loss_sum.is_finite() && all_finite(&weights)) {
            return Err(self.diverged("a weight or the training loss is not finite"));
        }
        self.count_seconds();
        self.checkpoint(weights)
    }

    pub(super) fn checkpoint(&mut self, weights: Parameters) -> Result<()> {
        let checkpoint = self.at_rest(weights)?;
        self.hooks.checkpoint(&checkpoint.encode()?)?;
        self.last = checkpoint.weights;
        self.clock.checkpoint = Instant::now();
        Ok(())
    }

    /// All that is needed to go on.
    pub(super) fn at_rest(&self, weights: Parameters) -> Result<Checkpoint> {
        let average = match &self.average {
            Some(average) => parameters(&average.network())?,
            None => Parameters::new(),
        };
        Ok(Checkpoint {
            progress: self.progress.clone(),
            weights,
            average,
            memory: self.table.as_ref().map(Table::memory).unwrap_or_default(),
            best: self.best.clone(),
            optimiser: self.optimiser.to_bytes()?,
        })
    }

    /// Gives the hooks what it was before it diverged, where it was anything.
    pub(super) fn hand_over(&mut self) -> Result<()> {
        if self.last.is_empty() {
            return Ok(());
        }
        let named = |prefix: &'static str, parameters: &Parameters| -> Parameters {
            let each = parameters.iter();
            each.map(|(name, p)| (format!("{prefix}/{name}"), p.clone())).collect()
        };
        let mut all = named("last", &self.last);
        all.extend(named("best", &self.best));
        let Progress { curve, best_epoch, .. } = &self.progress;
        self.hooks.diverged(LastFinite {
            run: RunLabel::default(),
            epoch: self.done(),
            last: curve.last().cloned(),
            best: curve.iter().find(|loss| loss.epoch == *best_epoch).cloned(),
            weights: weights::encode(&all, Form::Whole)?,
            may_start: self.problem.recipe.is_alone,
        });
        Ok(())
    }

    pub(super) fn count_seconds(&mut self) {
        self.progress.seconds += self.clock.uncounted.elapsed().as_secs_f64();
        self.clock.uncounted = Instant::now();
    }

    pub(super) fn diverged(&self, what: &str) -> Error {
        let rate = self.problem.recipe.learning_rate;
        let mut detail = format!(
            "training diverged in epoch {}: {what}; lower the learning rate (now {rate}), or look \
             for extreme values in the data",
            self.done() + 1
        );
        let best = self.progress.best_epoch;
        if self.problem.recipe.divergence == DivergenceRule::KeepBest && best > 0 {
            detail.push_str(&format!("; epoch {best}, the best before, is kept"));
        }
        Error::field(Code::Diverged, "/optimiser/learning_rate", detail)
    }
}
