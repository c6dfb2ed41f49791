//! How decisions fall on groups.

use serde_json::{Map, Value as Json};

use super::super::super::table::Table;
use super::super::super::text::{figure, grouped};
use crate::domain::analysis::FairnessResult;
use crate::domain::fairness::{GroupDistance, GroupFairness, GroupRate};
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// `region: 0 is favourable, south the reference`.
pub(super) fn text(found: &FairnessResult) -> String {
    let FairnessResult { column, favourable, figures, .. } = found;
    format!("{column}: {favourable} is favourable, {} the reference", figures.reference)
}

/// What stands out, and the distances between groups.
pub(super) fn told(found: &FairnessResult) -> Vec<String> {
    let figures = &found.figures;
    let distances = [
        ("demographic parity difference", &figures.demographic_parity_difference),
        ("demographic parity ratio", &figures.demographic_parity_ratio),
        ("equalised odds difference", &figures.equalized_odds_difference),
        ("equal opportunity difference", &figures.equal_opportunity_difference),
    ];
    let distances =
        distances.iter().filter_map(|(name, of)| Some(format!("{name} {}", shown(of)?)));
    let said = found.verdict.iter().cloned().chain(distances);
    said.chain([found.notice.clone()]).collect()
}

/// `0.21 (0.13 to 0.29)`.
fn shown(distance: &GroupDistance) -> Option<String> {
    let value = figure(round(distance.value?));
    Some(match distance.interval {
        Some(i) => format!("{value} ({} to {})", figure(round(i.low)), figure(round(i.high))),
        None => value,
    })
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// A row for each group.
pub(super) fn described(found: &FairnessResult) -> Vec<Map<String, Json>> {
    let of_group = |group: &GroupFairness| super::super::object(group).ok();
    found.figures.groups.iter().filter_map(of_group).collect()
}

pub(super) fn table(found: &FairnessResult) -> Table {
    let columns = [
        ("group", false),
        ("rows", true),
        ("selected", true),
        ("95 % interval", false),
        ("TPR", true),
        ("FPR", true),
        ("AUC", true),
        ("predicted", true),
        ("observed", true),
        ("ratio", true),
        ("p", true),
    ];
    Table::new(&columns, found.figures.groups.iter().map(row).collect())
}

fn row(group: &GroupFairness) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| figure(round(v)));
    let rate = |rate: &Option<GroupRate>| number(rate.as_ref().map(|rate| rate.value));
    let interval = group.selection_rate.map(|rate| {
        let (low, high) = (rate.interval.low, rate.interval.high);
        format!("{} to {}", figure(round(low)), figure(round(high)))
    });
    let calibration = group.calibration;
    let few = if group.judged { "" } else { " (too few)" };
    vec![
        format!("{}{few}", group.name),
        grouped(group.n),
        rate(&group.selection_rate),
        interval.unwrap_or_default(),
        rate(&group.true_positive_rate),
        rate(&group.false_positive_rate),
        number(group.auc),
        number(calibration.map(|c| c.mean_predicted)),
        number(calibration.map(|c| c.observed)),
        number(group.impact.and_then(|impact| impact.ratio)),
        number(group.impact.and_then(|impact| impact.p_value)),
    ]
}

/// The rate at which each group is favoured, with its interval.
pub(super) fn plot(title: &str, found: &FairnessResult) -> Plot {
    let rates: Vec<(&String, GroupRate)> = found
        .figures
        .groups
        .iter()
        .filter_map(|group| Some((&group.name, group.selection_rate?)))
        .collect();
    let points = |of: fn(&GroupRate) -> f64| -> Vec<(f64, f64)> {
        rates.iter().enumerate().map(|(at, (_, rate))| (at as f64, of(rate))).collect()
    };
    let layer = |name: &str, mark, points| Layer { name: name.to_owned(), mark, points };
    let upper = rates.iter().map(|(_, rate)| rate.interval.high).collect();
    Plot {
        title: format!("{title}, fairness by {}", found.column),
        x: Axis {
            label: found.column.clone(),
            scale: Scale::Category(rates.iter().map(|(name, _)| (*name).clone()).collect()),
        },
        y: Axis { label: format!("share of {}", found.favourable), scale: Scale::Number },
        layers: vec![
            layer("95 % interval", Mark::Intervals { upper }, points(|rate| rate.interval.low)),
            layer("selection rate", Mark::Points, points(|rate| rate.value)),
        ],
    }
}
