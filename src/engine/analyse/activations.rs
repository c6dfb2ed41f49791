//! What the layers of a version make of many rows.

use super::Work;
use crate::domain::analysis::{ActivationsResult, ActivationsSpec, LayerStatistics};
use crate::engine::activations::{Inspector, Statistics};
use crate::error::Result;

const STAGE: &str = "activations";

/// Statistics of the layers and their units, and what is to be said beside.
///
/// # Errors
/// [`crate::error::Code::InvalidRequest`] for a layer that is not there.
pub(super) fn activations(
    work: &mut Work<'_, '_>,
    weights: &[u8],
    spec: &ActivationsSpec,
) -> Result<(ActivationsResult, Vec<String>)> {
    let version = work.version;
    let inspector = Inspector::load(
        &version.signature,
        &version.provenance.spec,
        work.features.clone(),
        weights,
    )?;
    let total = work.held.inputs.rows as u64;
    let wanted = Statistics { layers: &spec.layers, strongest: spec.strongest as usize };
    let on_step = &mut work.on_step;
    let (mut layers, warnings) =
        inspector.statistics(&work.held.inputs, wanted, &mut |done| on_step(STAGE, done, total))?;
    // Rows are named as the dataset has them.
    let rows = &work.held.rows;
    let units = layers.iter_mut().flat_map(|layer| &mut layer.all);
    for strongest in units.flat_map(|unit| &mut unit.strongest) {
        strongest.row = rows[strongest.row as usize] as u64;
    }
    let verdict = verdict(&layers);
    Ok((ActivationsResult { layers, verdict }, warnings))
}

/// `2 of 128 units are dead, in hidden.0; none of 64 is saturated`.
fn verdict(layers: &[LayerStatistics]) -> String {
    let counted = |what: &str, count: &dyn Fn(&LayerStatistics) -> Option<u64>| {
        let known: Vec<(&LayerStatistics, u64)> =
            layers.iter().filter_map(|layer| Some((layer, count(layer)?))).collect();
        let all: u64 = known.iter().map(|(layer, _)| layer.units).sum();
        let found: u64 = known.iter().map(|(_, found)| found).sum();
        let mut names: Vec<&str> = Vec::new();
        for (layer, _) in known.iter().filter(|(_, found)| *found > 0) {
            if !names.contains(&layer.layer.as_str()) {
                names.push(&layer.layer);
            }
        }
        match (all, found) {
            (0, _) => None,
            (_, 0) => Some(format!("none of {all} units is {what}")),
            (_, 1) => Some(format!("1 of {all} units is {what}, in {}", names.join(", "))),
            _ => Some(format!("{found} of {all} units are {what}, in {}", names.join(", "))),
        }
    };
    let parts = [counted("dead", &|l| l.dead), counted("saturated", &|l| l.saturated)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "its layers are sums, which neither die nor saturate".to_owned(),
        false => parts.join("; "),
    }
}
