//! A simpler version beside its parent, measured in one go.

use std::time::{Duration, Instant};

use super::Parent;
use crate::domain::simplification::{Footprint, Simplification, SimplificationMethod};
use crate::domain::version::Metrics;
use crate::engine::features::Matrix;
use crate::engine::infer::LoadedModel;
use crate::engine::train::Trained;
use crate::engine::train::baselines::{Answers, difference};
use crate::engine::train::finish::tested;
use crate::engine::train::prepare::Prepared;
use crate::engine::weights;
use crate::error::Result;

/// Rows that are answered together, where a version is asked for many.
const BATCH: usize = 1000;
/// Turns in which both are timed, of which the median counts, and how long they take at most.
const TURNS: usize = 201;
const LIMIT: Duration = Duration::from_millis(800);

/// Puts the comparison of a version with its parent into it.
pub(super) fn compare(
    prepared: &Prepared,
    (parent, before): (&Parent, &LoadedModel),
    method: SimplificationMethod,
    trained: &mut Trained,
) -> Result<()> {
    let after = trained.model()?;
    let test = prepared.served_test();
    let (metrics, theirs) = tested(prepared, before, parent.version.signature.threshold)?;
    let ours = after.score(test)?.values;
    let row = Matrix { rows: 1, width: test.width, data: test.data[..test.width].to_vec() };
    let rows = test.rows.min(BATCH);
    let batch = Matrix { rows, width: test.width, data: test.data[..rows * test.width].to_vec() };
    let of_row = times([before, &after], &row)?;
    let of_batch = times([before, &after], &batch)?;
    let footprint = |metrics: &Metrics, weights: &[u8], which: usize| -> Result<Footprint> {
        let (metric, value) = metrics.main();
        let numbers: Vec<f32> =
            weights::decode(weights)?.into_values().flat_map(|p| p.values).collect();
        Ok(Footprint {
            metric: metric.to_owned(),
            value,
            log_loss: log_loss(metrics),
            bytes: weights.len() as u64,
            parameters: numbers.len() as u64,
            nonzero: numbers.iter().filter(|number| **number != 0.0).count() as u64,
            row_microseconds: of_row[which] * 1e6,
            rows_per_second: rows as f64 / of_batch[which].max(1e-9),
        })
    };
    let before = footprint(&metrics, &parent.weights, 0)?;
    let after = footprint(&trained.metrics, &trained.weights, 1)?;
    let answers = Answers { ours: &ours, theirs: &theirs };
    let (data, truth) = (&prepared.data, &prepared.test.1);
    let found = difference(data.task, data.positive, &answers, truth);
    let forecast = match (&metrics, &trained.metrics) {
        (Metrics::Forecast(theirs), Metrics::Forecast(ours)) => Some(theirs.mse - ours.mse),
        _ => None,
    };
    let simplification = Simplification {
        version: parent.version.version,
        method,
        before,
        after,
        difference: found.map(|found| found.value).or(forecast),
        interval: found.and_then(|found| found.interval),
        max_difference: ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max),
        same_labels: same_labels(parent, trained, [&theirs, &ours]),
    };
    trained.warnings.extend(warning(&simplification));
    trained.simplification = Some(simplification);
    Ok(())
}

/// Median seconds of each of two models for the same rows, taken in turns.
fn times(models: [&LoadedModel; 2], rows: &Matrix) -> Result<[f64; 2]> {
    let began = Instant::now();
    let mut taken = [Vec::new(), Vec::new()];
    while taken[0].len() < TURNS && (taken[0].len() < 3 || began.elapsed() < LIMIT) {
        for (model, taken) in models.iter().zip(&mut taken) {
            let start = Instant::now();
            std::hint::black_box(model.score(rows)?);
            taken.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(taken.map(|mut taken| {
        taken.sort_unstable_by(f64::total_cmp);
        taken[taken.len() / 2]
    }))
}

fn log_loss(metrics: &Metrics) -> Option<f64> {
    match metrics {
        Metrics::Binary(m) => Some(m.log_loss),
        Metrics::Multiclass(m) => Some(m.log_loss),
        Metrics::Regression(_) | Metrics::Forecast(_) => None,
    }
}

/// Share of the rows that both give the same label, each by its threshold.
fn same_labels(parent: &Parent, trained: &Trained, answers: [&[f64]; 2]) -> Option<f64> {
    let classes = &trained.signature.classes;
    if classes.is_empty() {
        return None;
    }
    let signatures = [&parent.version.signature, &trained.signature];
    let positive = trained.signature.positive_class.as_ref();
    let positive = positive.and_then(|class| classes.iter().position(|c| c == class));
    let label = |which: usize, row: &[f64]| match (positive, signatures[which].threshold) {
        (Some(positive), Some(threshold)) => usize::from(row[positive] >= threshold),
        _ => {
            let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter().position(|p| *p == greatest).unwrap_or(0)
        }
    };
    let rows = answers[0].chunks_exact(classes.len()).zip(answers[1].chunks_exact(classes.len()));
    let same = rows.clone().filter(|(theirs, ours)| label(0, theirs) == label(1, ours)).count();
    Some(same as f64 / rows.count().max(1) as f64)
}

/// That quality was lost, where chance alone does not explain it.
fn warning(found: &Simplification) -> Option<String> {
    let (difference, interval) = (found.difference?, found.interval?);
    (interval.high < 0.0).then(|| {
        format!(
            "it answers worse than version {}, from which it was made: {} {:.4} against {:.4}, a \
             difference of {difference:.4} with a 95 % interval of {:.4} to {:.4}",
            found.version,
            found.after.metric,
            found.after.value.unwrap_or_default(),
            found.before.value.unwrap_or_default(),
            interval.low,
            interval.high
        )
    })
}
