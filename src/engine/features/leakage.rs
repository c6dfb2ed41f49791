//! Columns that know the answer.

use super::{FittedFeatures, Matrix};
use crate::stats;

/// Most training rows that are looked at.
const MAX_ROWS: usize = 10_000;
/// A column that ranks the classes better than this alone is suspect.
const SUSPECT_AUC: f64 = 0.999;
const SUSPECT_CORRELATION: f64 = 0.9999;

/// What is predicted in each training row.
pub(crate) enum Answer<'a> {
    Positive(&'a [bool]),
    Number(&'a [f64]),
}

/// A warning for every column one of whose inputs predicts the target too well to be known
/// beforehand.
pub(crate) fn leakage_warnings(
    features: &FittedFeatures,
    inputs: &Matrix,
    answer: &Answer<'_>,
) -> Vec<String> {
    let step = inputs.rows.div_ceil(MAX_ROWS).max(1);
    let column = |input: usize| -> Vec<f64> {
        let values = inputs.data.iter().skip(input).step_by(inputs.width.max(1) * step);
        values.map(|v| f64::from(*v)).collect()
    };
    let finding = |input: usize| -> Option<String> {
        let values = column(input);
        match answer {
            Answer::Positive(truth) => {
                let truth: Vec<bool> = truth.iter().copied().step_by(step).collect();
                let auc = stats::auc(&values, &truth)?;
                (auc.max(1.0 - auc) > SUSPECT_AUC)
                    .then(|| format!("an AUC of {:.4}", auc.max(1.0 - auc)))
            }
            Answer::Number(truth) => {
                let truth: Vec<f64> = truth.iter().copied().step_by(step).collect();
                let r = stats::correlation(&values, &truth)?;
                (r.abs() > SUSPECT_CORRELATION).then(|| format!("a correlation of {r:.5}"))
            }
        }
    };
    features
        .spans()
        .filter_map(|(name, mut range)| {
            let finding = range.find_map(finding)?;
            Some(format!(
                "column {name} alone predicts the target with {finding}: possible leakage; \
                 exclude it unless it is known before the outcome"
            ))
        })
        .collect()
}
