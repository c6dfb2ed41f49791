//! Which intervals are asked for, and how they did.

use crate::domain::forecast::{COVERAGES, ForecastMetrics, ForecastRequest, IntervalMetrics};
use crate::domain::version::Version;
use crate::error::{Code, Error, FieldError, Result};
use crate::stats::rows_needed;

/// The coverages that are asked for, each once, in the order in which they were named.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every coverage that the version does not carry, `calibrated_on`
/// being the validation windows that its intervals were learnt from, if any were.
pub(super) fn coverages(
    request: &ForecastRequest,
    version: &Version,
    calibrated_on: Option<u64>,
) -> Result<Vec<f64>> {
    let asked: Vec<(String, f64)> = match (&request.coverage, &request.intervals) {
        (Some(_), Some(_)) => {
            let detail = "coverage and intervals are two ways to say the same: send one of them";
            return Err(Error::field(Code::InvalidRequest, "/intervals", detail));
        }
        (Some(coverage), None) => vec![("/coverage".to_owned(), *coverage)],
        (None, Some(several)) if several.is_empty() => {
            let detail = "it names no coverage: ask for 0.8, 0.9 or 0.95, or leave it out";
            return Err(Error::field(Code::InvalidRequest, "/intervals", detail));
        }
        (None, Some(several)) => {
            several.iter().enumerate().map(|(i, c)| (format!("/intervals/{i}"), *c)).collect()
        }
        (None, None) => return Ok(Vec::new()),
    };
    let mut coverages: Vec<f64> = Vec::new();
    let mut errors = Vec::new();
    for (pointer, coverage) in asked {
        match refusal(coverage, version, calibrated_on) {
            Some(detail) => errors.push(FieldError::new(pointer, detail)),
            None if coverages.contains(&coverage) => {}
            None => coverages.push(coverage),
        }
    }
    match errors.as_slice() {
        [] => Ok(coverages),
        [only] => Err(Error::fields(Code::InvalidRequest, only.detail.clone(), errors)),
        several => {
            let detail = format!("{} of the intervals can't be answered", several.len());
            Err(Error::fields(Code::InvalidRequest, detail, errors))
        }
    }
}

/// Why intervals of a coverage can't be answered, where they can't.
fn refusal(coverage: f64, version: &Version, calibrated_on: Option<u64>) -> Option<String> {
    if !COVERAGES.contains(&coverage) {
        return Some(format!(
            "{coverage} is none of 0.8, 0.9 and 0.95, for which intervals are kept"
        ));
    }
    let Some(windows) = calibrated_on else {
        return Some(format!(
            "version {} of model {} carries no intervals, since an earlier program trained it: train \
             it again to have them",
            version.version, version.model
        ));
    };
    let needed = rows_needed(coverage);
    (windows < needed).then(|| {
        format!(
            "intervals that cover {} % need {needed} validation windows, and version {} had \
             {windows}: train on more rows, or with a larger validation part",
            (1000.0 * coverage).round() / 10.0,
            version.version
        )
    })
}

/// How these intervals did on the test windows, in all.
pub(super) fn measured(metrics: &ForecastMetrics, coverages: &[f64]) -> Vec<IntervalMetrics> {
    let of = |coverage: &f64| metrics.intervals.iter().find(|m| m.coverage == *coverage);
    let in_all = |metrics: &IntervalMetrics| IntervalMetrics {
        by_step: Vec::new(),
        by_target: Vec::new(),
        ..metrics.clone()
    };
    coverages.iter().filter_map(of).map(in_all).collect()
}
