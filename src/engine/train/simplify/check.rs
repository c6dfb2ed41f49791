//! What can be said of a simplification before any row is read.

use super::student;
use crate::domain::network::NetworkSpec;
use crate::domain::simplification::{Distillation, Pruning, SimplificationMethod};
use crate::domain::version::Version;
use crate::engine::train::check::{Findings, INSIDE, RATE, check_spec};
use crate::error::{Error, Result};

/// Checks how a version is to be made simpler.
///
/// # Errors
/// [`crate::error::Code::InvalidSpec`] naming every bad field by its JSON pointer.
pub fn check_simplification(parent: &Version, method: &SimplificationMethod) -> Result<()> {
    let mut findings = Findings::default();
    let spec = &parent.provenance.spec;
    if spec.network.as_ref().is_some_and(NetworkSpec::is_scorecard) {
        let detail = "a scorecard is a table of points already, which nothing makes simpler: train one of \
                      fewer columns or bins instead (network.min_iv, network.bins)";
        findings.add("/method/kind", detail);
        return findings.into_result();
    }
    match method {
        SimplificationMethod::Prune(Pruning { sparsity, epochs, learning_rate }) => {
            findings.real("/method/sparsity", *sparsity, INSIDE);
            findings.whole("/method/epochs", (*epochs).into(), 0..=1000);
            if let Some(rate) = learning_rate {
                findings.real("/method/learning_rate", *rate, RATE);
            }
            if student::is_table_alone(parent) {
                let detail = "the version is a linear network of words, which has no layer to prune; \
                              quantise it";
                findings.add("/method/kind", detail);
            }
            findings.into_result()
        }
        SimplificationMethod::Distil(Distillation { temperature, share, .. }) => {
            if !(1.0..=100.0).contains(temperature) {
                let detail = format!("{temperature} is not within 1 to 100");
                findings.add("/method/temperature", detail);
            }
            if !(*share > 0.0 && *share <= 1.0) {
                let detail = format!("{share} has to be above 0 and at most 1");
                findings.add("/method/share", detail);
            }
            findings.into_result()?;
            let SimplificationMethod::Distil(distillation) = method else { return Ok(()) };
            if distillation.network.as_ref().is_some_and(NetworkSpec::is_scorecard) {
                let mut findings = Findings::default();
                let detail = "a scorecard reads rows that are prepared for it, and learns from outcomes \
                              alone: train it by itself";
                findings.add("/method/network", detail);
                return findings.into_result();
            }
            let spec = student::spec(&parent.provenance.spec, distillation)?;
            check_spec(&spec).map_err(of_method)
        }
        SimplificationMethod::Quantise(_) => Ok(()),
    }
}

/// An error of the student's specification as one of the request: all but its network and its epochs
/// is the parent's, and holds but for that network.
pub(super) fn of_method(error: Error) -> Error {
    let Error::Problem { code, detail, mut errors } = error else { return error };
    let mut detail = detail;
    for error in &mut errors {
        let is_own = ["/network", "/epochs"].iter().any(|own| error.pointer.starts_with(own));
        let pointer = match is_own {
            true => format!("/method{}", error.pointer),
            false => "/method/network".to_owned(),
        };
        detail = detail.replace(&format!("{}: ", error.pointer), &format!("{pointer}: "));
        error.pointer = pointer;
    }
    Error::Problem { code, detail, errors }
}
