//! Analyses: what was found of a version over many rows. One file per kind.

mod activations;
mod dependence;
mod fairness;
mod importance;
mod rolling_origin;
mod surrogate;

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::counted;
use crate::domain::analysis::{Analysis, AnalysisResult};
use crate::domain::schema::Cell;
use crate::error::Result;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// `importance for default 1   auc 0.78, 10 repeats   4,000 rows of loans 1`, and what was noticed.
pub(super) fn text(analysis: &Analysis) -> String {
    let kind = analysis.request.analysis.kind().as_str();
    let found = match &analysis.result {
        AnalysisResult::Importance(found) => importance::text(found),
        AnalysisResult::Dependence(found) => dependence::text(found),
        AnalysisResult::Surrogate(found) => surrogate::text(found),
        AnalysisResult::Activations(found) => found.verdict.clone(),
        AnalysisResult::Fairness(found) => fairness::text(found),
        AnalysisResult::RollingOrigin(found) => rolling_origin::text(found),
    };
    let rows = match &analysis.result {
        AnalysisResult::RollingOrigin(_) => counted(analysis.rows, "window"),
        _ => counted(analysis.rows, "row"),
    };
    let mut text = format!(
        "{kind} for {} {}   {found}   {rows} of {} {}",
        analysis.model, analysis.version, analysis.dataset, analysis.dataset_version
    );
    for warning in &analysis.warnings {
        text.push_str(&format!("\n! {warning}"));
    }
    let told = match &analysis.result {
        AnalysisResult::Fairness(found) => fairness::told(found),
        AnalysisResult::RollingOrigin(found) => rolling_origin::told(found),
        _ => Vec::new(),
    };
    for said in told {
        text.push_str(&format!("\n{said}"));
    }
    text
}

/// Those of the analysis, with what is mostly asked for under names of its own.
pub(super) fn fields(analysis: &Analysis) -> Result<Map<String, Json>> {
    let mut fields = super::object(analysis)?;
    match &analysis.result {
        AnalysisResult::Importance(found) => {
            fields.insert("importances".to_owned(), importance::means(found).into());
        }
        AnalysisResult::Dependence(found) => {
            fields.insert("points".to_owned(), dependence::points(found)?.into());
        }
        AnalysisResult::Surrogate(found) => {
            fields.insert("tree".to_owned(), found.tree.text.clone().into());
            fields.insert("rules".to_owned(), surrogate::rules(found).into());
        }
        AnalysisResult::Activations(found) => fields.extend(super::object(found)?),
        AnalysisResult::Fairness(found) => {
            fields.insert("groups".to_owned(), fairness::described(found).into());
            fields.insert("verdict".to_owned(), found.verdict.clone().into());
        }
        AnalysisResult::RollingOrigin(found) => fields.extend(super::object(found)?),
    }
    Ok(fields)
}

pub(super) fn described(analysis: &Analysis) -> Vec<Map<String, Json>> {
    match &analysis.result {
        AnalysisResult::Importance(found) => importance::described(found),
        AnalysisResult::Dependence(found) => dependence::described(found),
        AnalysisResult::Surrogate(found) => surrogate::described(found),
        AnalysisResult::Activations(found) => activations::described(found),
        AnalysisResult::Fairness(found) => fairness::described(found),
        AnalysisResult::RollingOrigin(found) => rolling_origin::described(found),
    }
}

pub(super) fn table(analysis: &Analysis) -> Table {
    match &analysis.result {
        AnalysisResult::Importance(found) => importance::table(found),
        AnalysisResult::Dependence(found) => dependence::table(found),
        AnalysisResult::Surrogate(found) => surrogate::table(found),
        AnalysisResult::Activations(found) => activations::table(found),
        AnalysisResult::Fairness(found) => fairness::table(found),
        AnalysisResult::RollingOrigin(found) => rolling_origin::table(found),
    }
}

/// The plot of what was found; of a dependence that of the column `what`, of units of the layer, the first
/// one when absent.
///
/// # Errors
/// What is wrong with `what`.
pub(in crate::repl) fn plot(analysis: &Analysis, what: Option<&str>) -> Result<Plot, String> {
    let of = |what: &str| format!("{} {}, {what}", analysis.model, analysis.version);
    let title = format!("{} {}", analysis.model, analysis.version);
    match (&analysis.result, what) {
        (AnalysisResult::Dependence(found), what) => dependence::plot(&title, found, what),
        (AnalysisResult::Activations(found), what) => activations::plot(&title, found, what),
        (_, Some(_)) => Err("is for versions, dependences and units; leave it out".to_owned()),
        (AnalysisResult::Fairness(found), None) => Ok(fairness::plot(&title, found)),
        (AnalysisResult::RollingOrigin(found), None) => {
            Ok(rolling_origin::plot(of("rolling origin"), found))
        }
        (AnalysisResult::Importance(found), None) => Ok(importance::plot(of("importance"), found)),
        (AnalysisResult::Surrogate(found), None) => {
            Ok(surrogate::plot(of("line of the surrogate"), found))
        }
    }
}

/// Bars with their names, the first ones at the top. `of` says what is named, and what its numbers are. Those that
/// have no room are counted where they are drawn.
pub(super) fn bars(title: String, (of, label): (&str, &str), named: Vec<(String, f64)>) -> Plot {
    let points = named.iter().enumerate().map(|(at, (_, value))| (at as f64, *value)).collect();
    let names = named.into_iter().map(|(name, _)| name).collect();
    Plot {
        title,
        x: Axis { label: of.to_owned(), scale: Scale::Category(names) },
        y: Axis { label: label.to_owned(), scale: Scale::Number },
        layers: vec![Layer { name: label.to_owned(), mark: Mark::Bars { width: 0.8 }, points }],
    }
}

/// A value as it is read.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => "missing".to_owned(),
        cell => super::cell_of(&json_of(cell)),
    }
}

fn json_of(cell: &Cell) -> Json {
    serde_json::to_value(cell).unwrap_or_default()
}
