//! Permutation importance: how much worse a version answers when a column is shuffled.

use super::Work;
use crate::domain::analysis::{
    AnalysisMetric, ColumnImportance, ImportanceResult, ImportanceSpec, MetricSense,
};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Error, Result};
use crate::stats;

const STAGE: &str = "importance";

/// Columns that are shuffled together, and their inputs.
struct Group {
    columns: Vec<String>,
    inputs: Vec<usize>,
}

/// Shuffles each column, or each group of columns, against all others.
///
/// # Errors
/// [`Code::InvalidRequest`] where the metric is not defined for the rows.
pub(super) fn importance(
    work: &mut Work<'_, '_>,
    spec: &ImportanceSpec,
) -> Result<ImportanceResult> {
    let metric = spec.metric.unwrap_or(AnalysisMetric::of(work.version.signature.task)[0]);
    let groups = groups(work, spec);
    let rows = work.held.inputs.rows;
    let total = (rows * (1 + groups.len() * spec.repeats as usize)) as u64;
    let undefined = || {
        let detail = format!(
            "{} is not defined for these rows: they are all of one class, or alike; take another \
             metric or other rows",
            metric.as_str()
        );
        Error::field(Code::InvalidRequest, "/analysis/metric", detail)
    };
    let answers = work.answers((STAGE, total), |_, _| {})?;
    let base = work.measured()?.value(metric, &answers)?.ok_or_else(undefined)?;
    let higher_is_better = metric.sense() == MetricSense::HigherIsBetter;
    let original = work.held.inputs.clone();
    let mut columns = Vec::with_capacity(groups.len());
    for (number, group) in groups.into_iter().enumerate() {
        let mut permuted = Vec::with_capacity(spec.repeats as usize);
        for repeat in 0..spec.repeats {
            let order = order(rows, work.seed, number, repeat);
            let answers = work.answers((STAGE, total), |row, inputs| {
                let other = &original.data[order[row] * original.width..][..original.width];
                group.inputs.iter().for_each(|&input| inputs[input] = other[input]);
            })?;
            permuted.push(work.measured()?.value(metric, &answers)?.ok_or_else(undefined)?);
        }
        let found = stats::permutation_importance(base, &permuted, higher_is_better);
        let found = found.ok_or_else(undefined)?;
        columns.push(ColumnImportance {
            columns: group.columns,
            mean: found.mean,
            standard_deviation: found.standard_deviation,
            standard_error: found.standard_error,
        });
    }
    columns.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    Ok(ImportanceResult { metric, sense: metric.sense(), base, repeats: spec.repeats, columns })
}

/// The row whose values each row gets: every group and repeat has an order of its own.
fn order(rows: usize, seed: u64, group: usize, repeat: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    shuffle(&mut keyed(seed, Purpose::Permutation, group as u64, repeat.into()), &mut order);
    order
}

/// The groups that are asked for, then every other column alone, in the order in which they are read.
fn groups(work: &Work<'_, '_>, spec: &ImportanceSpec) -> Vec<Group> {
    let columns = work.features.inputs_of_columns();
    let inputs_of = |name: &String| {
        let found = columns.iter().find(|(known, _)| known == name);
        found.map(|(_, inputs)| inputs.clone()).unwrap_or_default()
    };
    let asked = spec.groups.iter().map(|names| Group {
        columns: names.clone(),
        inputs: names.iter().flat_map(inputs_of).collect(),
    });
    let is_alone = |name: &str| !spec.groups.iter().flatten().any(|known| known == name);
    let alone = columns
        .iter()
        .filter(|(name, _)| is_alone(name))
        .map(|(name, inputs)| Group { columns: vec![(*name).to_owned()], inputs: inputs.clone() });
    asked.chain(alone).collect()
}
