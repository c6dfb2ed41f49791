//! Plots of decisions: how points are distributed, and how well they find those who default.

use super::Assessments;
use crate::domain::assessment::Decision;
use crate::domain::job::AssessmentJobResult;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};
use crate::stats;

const BINS: usize = 30;

fn axis(label: &str) -> Axis {
    Axis { label: label.to_owned(), scale: Scale::Number }
}

/// How points are distributed: of each decision, or of those who paid and those who did not where that is
/// known, as shares of each.
pub(super) fn points(assessed: &Assessments) -> Result<Plot, String> {
    let all = &assessed.response.assessments;
    let scored = || all.iter().filter_map(|one| one.points);
    let low = scored().fold(f64::INFINITY, f64::min);
    let high = scored().fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return Err("has nothing to draw: nobody was scored".to_owned());
    }
    let width = ((high - low) / BINS as f64).max(f64::MIN_POSITIVE);
    let layer = |name: &str, values: Vec<f64>| {
        let mut counts = vec![0_u64; BINS];
        for value in &values {
            let at = (((value - low) / width) as usize).min(BINS - 1);
            counts[at] += 1;
        }
        let middle = |bin: usize| low + (bin as f64 + 0.5) * width;
        let share = |n: u64| n as f64 / values.len().max(1) as f64;
        let points = counts.iter().enumerate().map(|(bin, n)| (middle(bin), share(*n)));
        Layer { name: name.to_owned(), mark: Mark::Line, points: points.collect() }
    };
    let layers: Vec<Layer> = match &assessed.outcomes {
        Some(outcomes) => [("paid", false), ("defaulted", true)]
            .into_iter()
            .map(|(name, wanted)| {
                let pairs = all.iter().zip(outcomes);
                let of = pairs.filter(|(_, outcome)| **outcome == Some(wanted));
                layer(name, of.filter_map(|(one, _)| one.points).collect())
            })
            .collect(),
        None => Decision::ALL
            .into_iter()
            .map(|decision| {
                let of = all.iter().filter(|one| one.decision == decision);
                (decision, of.filter_map(|one| one.points).collect::<Vec<f64>>())
            })
            .filter(|(_, values)| !values.is_empty())
            .map(|(decision, values)| layer(decision.as_str(), values))
            .collect(),
    };
    let (policy, number) = (&assessed.response.policy, assessed.response.policy_version);
    let by = if assessed.outcomes.is_some() { "outcome" } else { "decision" };
    Ok(Plot {
        title: format!("points by {by}, {policy} {number}"),
        x: axis("points"),
        y: axis("share"),
        layers,
    })
}

/// The share of all defaults among those with the fewest points.
pub(super) fn gain(assessed: &Assessments) -> Result<Plot, String> {
    let outcomes = assessed.outcomes.as_ref();
    let outcomes =
        outcomes.ok_or("gain needs outcome: assess(policy, rows, outcome=\"column\")")?;
    let known = assessed.response.assessments.iter().zip(outcomes);
    let (scores, truth): (Vec<f64>, Vec<bool>) =
        known.filter_map(|(one, outcome)| Some((one.pd?, (*outcome)?))).unzip();
    let points = stats::cumulative_gain(&scores, &truth)
        .ok_or("gain needs one default at least among those who were scored")?;
    let (policy, number) = (&assessed.response.policy, assessed.response.policy_version);
    let line = |name: &str, points| Layer { name: name.to_owned(), mark: Mark::Line, points };
    Ok(Plot {
        title: format!("cumulative gain, {policy} {number}"),
        x: axis("share of applicants, the worst first"),
        y: axis("share of defaults"),
        layers: vec![line("by points", points), line("by chance", vec![(0.0, 0.0), (1.0, 1.0)])],
    })
}

/// How points are distributed in a loan book, by decision.
pub(super) fn of_book(book: &AssessmentJobResult) -> Plot {
    let bins = &book.summary.points;
    let layer = |decision: Decision| {
        let points = bins.iter().map(|bin| {
            let count = match decision {
                Decision::Approve => bin.decisions.approve,
                Decision::Refer => bin.decisions.refer,
                Decision::Decline => bin.decisions.decline,
            };
            ((bin.low + bin.high) / 2.0, count as f64)
        });
        let name = decision.as_str().to_owned();
        Layer { name, mark: Mark::Line, points: points.collect() }
    };
    Plot {
        title: format!("points of {} {}", book.dataset, book.version),
        x: axis("points"),
        y: axis("loans"),
        layers: Decision::ALL.map(layer).to_vec(),
    }
}
