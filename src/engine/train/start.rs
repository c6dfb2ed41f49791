//! A training that begins with the weights of an earlier one.

use std::sync::Arc;

use super::plan::Start;
use super::prepare::Prepared;
use super::zeros;
use crate::domain::start::StartWeights;
use crate::domain::training::EnsembleSpec;
use crate::engine::networks::parameters::Parameters;
use crate::engine::weights;
use crate::error::{Code, Error, Result};

/// Lets the one network of a job begin with these weights.
///
/// # Errors
/// [`Code::InvalidSpec`] where they are not those of its network, or several networks are trained.
pub(super) fn begin_with(prepared: &mut Prepared, weights: &[u8]) -> Result<()> {
    let EnsembleSpec { folds, seeds } = prepared.spec.ensemble.clone().unwrap_or_default();
    let networks = folds.max(1) * seeds.max(1);
    if networks > 1 {
        let detail = format!(
            "{networks} networks are to be averaged, which can't all begin with the weights of one; \
             give an ensemble of 1 fold and 1 seed to both trainings"
        );
        return Err(bad(&detail));
    }
    let asked = prepared.spec.start.as_ref().and_then(|start| start.weights);
    let weights = chosen(&weights::decode(weights)?, asked)?;
    let wanted = zeros(&prepared.recipe, &prepared.data)?;
    if let Some(detail) = difference(&weights, &wanted) {
        return Err(bad(&detail));
    }
    prepared.recipe.start = Some(Arc::new(Start { weights, is_pruned: false }));
    Ok(())
}

/// Those of the epoch that is asked for, or of the best one where there is one.
fn chosen(all: &Parameters, asked: Option<StartWeights>) -> Result<Parameters> {
    let of = |prefix: &str| -> Parameters {
        let named = all.iter().filter_map(|(name, p)| Some((name.strip_prefix(prefix)?, p)));
        named.map(|(name, p)| (name.to_owned(), p.clone())).collect()
    };
    let (best, last) = (of("best/"), of("last/"));
    match asked {
        Some(StartWeights::Best) if best.is_empty() => {
            let detail = "no epoch was over before that training diverged: there is no best one, only \
                          the last checkpoint";
            Err(Error::field(Code::InvalidSpec, "/start/weights", detail))
        }
        Some(StartWeights::Last) => Ok(last),
        _ if best.is_empty() => Ok(last),
        _ => Ok(best),
    }
}

fn bad(detail: &str) -> Error {
    Error::field(Code::InvalidSpec, "/start", detail)
}

/// The first that is another in the network than in the weights.
fn difference(weights: &Parameters, wanted: &Parameters) -> Option<String> {
    let names = weights.keys().chain(wanted.keys());
    names.into_iter().find_map(|name| match (weights.get(name), wanted.get(name)) {
        (Some(given), Some(wanted)) if given.shape == wanted.shape => None,
        (Some(given), Some(wanted)) => Some(format!(
            "the weights are of another network: {name} is {:?} in them, and {:?} in this one",
            given.shape, wanted.shape
        )),
        (Some(_), None) => {
            Some(format!("the weights are of another network: this one has no {name}"))
        }
        _ => Some(format!("the weights are of another network: they have no {name}")),
    })
}
