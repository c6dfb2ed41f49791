//! Rows that a version is looked at over, and what is true of them: its own test rows, found again as
//! its training had parted them, or all rows of a dataset.

use super::prepare::Read;
use super::target::{Target, Truth};
use super::windows;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Version;
use crate::engine::features::{FittedFeatures, Matrix};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Which rows of a frame are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Whether the frame is what the version was trained on, and its test rows are meant; else all.
    pub(crate) own: bool,
    /// Whether only rows with a target are of use.
    pub(crate) truth: bool,
    /// Of more so many are drawn.
    pub(crate) most: usize,
    pub(crate) seed: u64,
}

/// Rows, or windows, in the order in which the frame has them.
#[derive(Debug)]
pub(crate) struct Held {
    /// The rows with all columns of the dataset; of windows, the rows that their targets stand in.
    pub(crate) frame: Frame,
    /// Which rows of the dataset these are.
    pub(crate) rows: Vec<usize>,
    /// As the network reads them.
    pub(crate) inputs: Matrix,
    /// None where it was not wanted.
    pub(crate) truth: Option<Truth>,
    /// What forecasts are held against, scaled: `[windows, horizon * series]`.
    pub(crate) ahead: Option<Matrix>,
    pub(crate) warnings: Vec<String>,
}

/// Finds the rows.
///
/// # Errors
/// [`Code::InvalidRequest`] at `/dataset` for a dataset that lacks what is needed, and where no two
/// rows are left.
pub(crate) fn held_out(
    frame: &Frame,
    version: &Version,
    features: &FittedFeatures,
    wanted: Wanted,
) -> Result<Held> {
    let held = match &version.provenance.spec.window {
        Some(window) => windows::held_out(frame, version, window, features, wanted)?,
        None => rows_of_table(frame, version, features, wanted)?,
    };
    if held.inputs.rows >= 2 {
        return Ok(held);
    }
    let target = &version.signature.target;
    let detail = match wanted.truth {
        true => format!("fewer than two of its rows can be held against {target}: give more rows"),
        false => "it has fewer than two rows: give more".to_owned(),
    };
    Err(Error::field(Code::InvalidRequest, "/dataset", detail))
}

fn rows_of_table(
    frame: &Frame,
    version: &Version,
    features: &FittedFeatures,
    wanted: Wanted,
) -> Result<Held> {
    let mut warnings = Vec::new();
    let (frame, truth, rows) = if wanted.own {
        let (read, _) = Read::of(frame, &of_its_own(version))?;
        let ([_, _, frame], [_, _, truth]) = (read.frames, read.truths);
        (frame, Some(truth), read.tested)
    } else if wanted.truth {
        let target = Target::of_signature(frame, &version.signature)?;
        warnings.extend(left_out(frame.rows() - target.rows.len(), &version.signature.target));
        (frame.take(&target.rows)?, Some(target.truth), target.rows)
    } else {
        (frame.clone(), None, (0..frame.rows()).collect())
    };
    let drawn = drawn(frame.rows(), wanted);
    let (frame, truth) = match drawn.len() == frame.rows() {
        true => (frame, truth),
        false => (frame.take(&drawn)?, truth.map(|truth| truth.take(&drawn))),
    };
    let rows = drawn.iter().map(|row| rows[*row]).collect();
    let inputs = features.transform(&frame).map_err(of_dataset)?;
    Ok(Held { frame, rows, inputs, truth, ahead: None, warnings })
}

/// The specification by which the rows were parted, wherever that was.
pub(super) fn of_its_own(version: &Version) -> TrainingSpec {
    TrainingSpec { search: None, start: None, ..version.provenance.spec.clone() }
}

/// What is said of rows that lack a target.
pub(super) fn left_out(count: usize, target: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} rows without a {target} are left out"))
}

/// Which of so many rows are looked at, ascending.
pub(super) fn drawn(rows: usize, wanted: Wanted) -> Vec<usize> {
    let mut drawn: Vec<usize> = (0..rows).collect();
    if rows > wanted.most {
        shuffle(&mut keyed(wanted.seed, Purpose::Analysis, 0, 0), &mut drawn);
        drawn.truncate(wanted.most);
        drawn.sort_unstable();
    }
    drawn
}

/// An error of reading columns as one of the dataset that they are of.
pub(super) fn of_dataset(error: Error) -> Error {
    match error {
        Error::Problem { code: Code::InvalidRequest | Code::InvalidSpec, detail, .. } => {
            Error::field(Code::InvalidRequest, "/dataset", detail)
        }
        error => error,
    }
}
