//! How a version answers over the rows of a dataset. One file per kind of analysis; what they share is
//! here: the rows, the answers to them a batch at a time, and how far the work is.

mod activations;
mod answer;
mod check;
mod dependence;
mod fairness;
mod grid;
mod importance;
mod metric;
mod rolling_origin;
mod surrogate;

use std::time::Duration;

use self::metric::Measured;
use super::features::{FittedFeatures, Matrix};
use super::infer::LoadedModel;
use super::train::{Held, Wanted, held_out};
use crate::domain::analysis::{AnalysisRequest, AnalysisResult, AnalysisSpec};
use crate::domain::model::Task;
use crate::domain::version::Version;
use crate::error::{Error, Result};
use crate::frame::Frame;

pub use self::check::{check_analysed_columns, check_analysis};

/// Rows that are answered together, and numbers of theirs: as many as fill the CPU, few enough to stop
/// soon and to stay in its cache.
const BATCH: usize = 1024;
const BATCH_NUMBERS: usize = 1 << 18;

/// A version that is looked at, as it is stored.
#[derive(Debug)]
pub struct Subject {
    pub version: Version,
    pub features: FittedFeatures,
    pub weights: Vec<u8>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysed {
    /// Rows, or windows, that were looked at.
    pub rows: u64,
    pub result: AnalysisResult,
    pub warnings: Vec<String>,
}

/// Hears the stage, and how much is done of how much; what it fails with ends the work.
pub type OnStep<'a> = dyn FnMut(&'static str, u64, u64) -> Result<()> + Send + 'a;

/// What of a long analysis is kept while it goes on, so that one that is taken up again need not begin anew.
pub struct Keeping<'a> {
    /// What was kept of it before.
    pub resume: Option<&'a [u8]>,
    /// Keeps what is over.
    pub keep: &'a mut (dyn FnMut(&[u8]) -> Result<()> + Send),
    /// At least so long lies between two times that something is kept.
    pub apart: Duration,
}

/// Looks at a version over the rows of a frame: that of its own dataset, of which the test rows are
/// taken, where the request names no other.
///
/// # Errors
/// [`crate::error::Code::InvalidRequest`] naming what of the request can't hold, or what the dataset
/// lacks; whatever `on_step` and `keeping` fail with.
pub fn analyse(
    frame: &Frame,
    subject: &Subject,
    request: &AnalysisRequest,
    keeping: Keeping<'_>,
    on_step: &mut OnStep<'_>,
) -> Result<Analysed> {
    let Subject { version, features, weights } = subject;
    check_analysis(version, features, request)?;
    on_step("reading", 0, 0)?;
    if let AnalysisSpec::RollingOrigin(spec) = &request.analysis {
        return rolling_origin::roll(frame, subject, (request, spec), keeping, on_step);
    }
    let wanted = Wanted {
        own: request.dataset.is_none(),
        truth: needs_truth(&request.analysis),
        most: request.rows as usize,
        seed: request.seed,
    };
    let held = held_out(frame, version, features, wanted)?;
    let model =
        LoadedModel::load(&version.signature, &version.provenance.spec, features.clone(), weights)?;
    let rows = held.frame.rows() as u64;
    let mut warnings = held.warnings.clone();
    let mut work = Work { version, features, model, held, seed: request.seed, done: 0, on_step };
    let result = match &request.analysis {
        AnalysisSpec::Importance(spec) => {
            AnalysisResult::Importance(importance::importance(&mut work, spec)?)
        }
        AnalysisSpec::Dependence(spec) => {
            AnalysisResult::Dependence(dependence::dependence(&mut work, spec)?)
        }
        AnalysisSpec::Surrogate(spec) => {
            let (found, noticed) = surrogate::surrogate(&mut work, spec)?;
            warnings.extend(noticed);
            AnalysisResult::Surrogate(found)
        }
        AnalysisSpec::Activations(spec) => {
            let (found, noticed) = activations::activations(&mut work, weights, spec)?;
            warnings.extend(noticed);
            AnalysisResult::Activations(found)
        }
        AnalysisSpec::Fairness(spec) => {
            let (found, noticed) = fairness::compared(&mut work, spec)?;
            warnings.extend(noticed);
            AnalysisResult::Fairness(Box::new(found))
        }
        AnalysisSpec::RollingOrigin(_) => return Err(undone("origins roll over all rows")),
    };
    Ok(Analysed { rows, result, warnings })
}

/// Whether only rows with a target are of use.
pub(super) fn needs_truth(spec: &AnalysisSpec) -> bool {
    match spec {
        AnalysisSpec::Importance(_) | AnalysisSpec::RollingOrigin(_) => true,
        AnalysisSpec::Dependence(_)
        | AnalysisSpec::Surrogate(_)
        | AnalysisSpec::Activations(_)
        | AnalysisSpec::Fairness(_) => false,
    }
}

/// What can't come of rows that were checked.
fn undone(why: impl Into<String>) -> Error {
    Error::internal("analysing a version", why.into())
}

/// One analysis that is being carried out.
struct Work<'a, 'b> {
    version: &'a Version,
    features: &'a FittedFeatures,
    model: LoadedModel,
    held: Held,
    seed: u64,
    /// Rows that were answered.
    done: u64,
    on_step: &'a mut OnStep<'b>,
}

impl Work<'_, '_> {
    /// What the version answers to as many rows as it is looked at over, whose inputs `write` makes of
    /// the row's number and the inputs that it has there: a batch at a time, of which the `stage` hears
    /// with the `total` of rows that it answers in all.
    fn answers(
        &mut self,
        (stage, total): (&'static str, u64),
        write: impl Fn(usize, &mut [f32]),
    ) -> Result<Vec<f64>> {
        let Matrix { rows, width, .. } = self.held.inputs;
        let batch = (BATCH_NUMBERS / width.max(1)).clamp(1, BATCH);
        let mut answers = Vec::new();
        for first in (0..rows).step_by(batch) {
            let rows = batch.min(rows - first);
            let data = self.held.inputs.data[first * width..(first + rows) * width].to_vec();
            let mut inputs = Matrix { rows, width, data };
            for (at, row) in inputs.data.chunks_exact_mut(width.max(1)).enumerate() {
                write(first + at, row);
            }
            answers.extend(self.answered(&inputs)?);
            self.done += rows as u64;
            (self.on_step)(stage, self.done, total)?;
        }
        Ok(answers)
    }

    /// What it answers to inputs: probabilities, numbers or, of a forecast, scaled numbers.
    fn answered(&self, inputs: &Matrix) -> Result<Vec<f64>> {
        match self.version.signature.task {
            Task::Forecast => self.model.logits_of(inputs),
            _ => self.model.score(inputs).map(|outputs| outputs.values),
        }
    }

    /// What answers are held against.
    fn measured(&self) -> Result<Measured<'_>> {
        Measured::new(&self.version.signature, self.features, &self.held)
    }
}

#[cfg(test)]
mod tests;
