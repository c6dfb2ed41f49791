//! How decisions fall on groups.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{figure, grouped};
use crate::domain::analysis::{Analysis, AnalysisResult, FairnessResult};
use crate::domain::fairness::{GroupDistance, GroupFairness, GroupRate};
use crate::error::Result;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

fn result(analysis: &Analysis) -> Option<&FairnessResult> {
    match &analysis.result {
        AnalysisResult::Fairness(result) => Some(result.as_ref()),
        _ => None,
    }
}

/// `fairness of default 3 by gender over 400 rows of loans 1: rate of no against male`, and what stands
/// out.
pub(super) fn text(analysis: &Analysis) -> String {
    let Some(found) = result(analysis) else { return String::new() };
    let Analysis { model, version, dataset, dataset_version, rows, .. } = analysis;
    let FairnessResult { column, favourable, figures, .. } = found;
    let mut text = format!(
        "fairness of {model} {version} by {column} over {} rows of {dataset} {dataset_version}: {} is \
         favourable, {} the reference",
        grouped(*rows),
        favourable,
        figures.reference
    );
    for said in found.verdict.iter().chain(&analysis.warnings) {
        text.push_str(&format!("\n! {said}"));
    }
    let distances = [
        ("demographic parity difference", &figures.demographic_parity_difference),
        ("demographic parity ratio", &figures.demographic_parity_ratio),
        ("equalised odds difference", &figures.equalized_odds_difference),
        ("equal opportunity difference", &figures.equal_opportunity_difference),
    ];
    for (name, distance) in distances {
        if let Some(shown) = shown(distance) {
            text.push_str(&format!("\n{name} {shown}"));
        }
    }
    text.push_str(&format!("\n{}", found.notice));
    text
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

pub(super) fn fields(analysis: &Analysis) -> Result<Map<String, Json>> {
    let mut fields = super::object(analysis)?;
    if let Some(result) = result(analysis) {
        fields.extend(super::object(result)?);
        fields.extend(super::object(&result.figures)?);
    }
    Ok(fields)
}

/// A row for each group.
pub(super) fn described(analysis: &Analysis) -> Result<Vec<Map<String, Json>>> {
    let groups = result(analysis).map(|found| found.figures.groups.as_slice()).unwrap_or_default();
    groups.iter().map(super::object).collect()
}

pub(super) fn table(analysis: &Analysis) -> Table {
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
    let groups = result(analysis).map(|found| found.figures.groups.as_slice()).unwrap_or_default();
    Table::new(&columns, groups.iter().map(row).collect())
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
pub(in crate::repl) fn plot(analysis: &Analysis) -> Option<Plot> {
    let found = result(analysis)?;
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
    Some(Plot {
        title: format!("{} {} by {}", analysis.model, analysis.version, found.column),
        x: Axis {
            label: found.column.clone(),
            scale: Scale::Category(rates.iter().map(|(name, _)| (*name).clone()).collect()),
        },
        y: Axis { label: format!("share of {}", found.favourable), scale: Scale::Number },
        layers: vec![
            layer("95 % interval", Mark::Band { upper }, points(|rate| rate.interval.low)),
            layer("selection rate", Mark::Points, points(|rate| rate.value)),
        ],
    })
}
