//! Activations: what layers make of rows, and statistics of their units.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure, grouped};
use crate::domain::activation::{ActivationResponse, LayerActivations};
use crate::domain::analysis::{ActivationsResult, Analysis, AnalysisResult, LayerStatistics};
use crate::error::Result;
use crate::plot::{Axis, Layer, Mark, Plot, Scale, histogram};

/// Places of a plot.
const BARS: usize = 20;
/// What the plot of attention is asked for by.
const FLOW: &str = "flow";

/// `1 row by default 3   5 layers, attention of 2`.
pub(super) fn text(answer: &ActivationResponse) -> String {
    let count = counted(answer.activations.len() as u64, "row");
    let mut text = format!("{count} by {} {}", answer.model, answer.version);
    if let Some(first) = answer.activations.first() {
        text.push_str(&format!("   {}", counted(first.layers.len() as u64, "layer")));
        if !first.attention.is_empty() {
            text.push_str(&format!(", {}", counted(first.attention.len() as u64, "attention map")));
            text.push_str(
                "\n! where attention looks is no attribution: explain() says what matters",
            );
        }
    }
    text
}

/// A row for each layer of each row.
pub(super) fn described(answer: &ActivationResponse) -> Vec<Map<String, Json>> {
    let mut rows = Vec::new();
    for (number, one) in answer.activations.iter().enumerate() {
        for layer in &one.layers {
            let mut row = Map::new();
            if answer.activations.len() > 1 {
                row.insert("row".to_owned(), number.into());
            }
            row.insert("layer".to_owned(), name(layer.network, &layer.layer).into());
            row.insert("mean".to_owned(), layer.summary.mean.into());
            row.insert("sd".to_owned(), layer.summary.standard_deviation.into());
            row.insert("least".to_owned(), layer.summary.least.into());
            row.insert("greatest".to_owned(), layer.summary.greatest.into());
            row.insert("zeros".to_owned(), layer.summary.zeros.into());
            rows.push(row);
        }
    }
    rows
}

fn name(network: Option<u32>, layer: &str) -> String {
    network.map_or_else(|| layer.to_owned(), |network| format!("{network}: {layer}"))
}

/// The layers of the first row.
pub(super) fn table(answer: &ActivationResponse) -> Table {
    let columns = [
        ("layer", false),
        ("function", false),
        ("shape", false),
        ("mean", true),
        ("sd", true),
        ("zeros", true),
        ("strongest", false),
    ];
    let row = |layer: &LayerActivations| {
        let shape: Vec<String> = layer.shape.iter().map(u32::to_string).collect();
        let strongest = layer.summary.strongest.iter().take(2).map(|unit| {
            let at: Vec<String> = unit.at.iter().map(u32::to_string).collect();
            format!("{}: {}", at.join(","), figure(f64::from(unit.value)))
        });
        vec![
            name(layer.network, &layer.layer),
            layer.function.as_str().to_owned(),
            shape.join(" × "),
            figure(layer.summary.mean),
            figure(layer.summary.standard_deviation),
            share(layer.summary.zeros),
            strongest.collect::<Vec<_>>().join("  "),
        ]
    };
    let layers = answer.activations.first().map(|one| one.layers.as_slice()).unwrap_or_default();
    Table::new(&columns, layers.iter().map(row).collect())
}

/// `41 %`.
fn share(share: f64) -> String {
    format!("{} %", figure((share * 1000.0).round() / 10.0))
}

/// How often numbers of a layer occur, of all rows; or from where the attention of the first row flows to
/// its answer. None where there is no such layer, or its numbers were not answered.
pub(in crate::repl) fn plot(answer: &ActivationResponse, what: Option<&str>) -> Option<Plot> {
    let title = format!("{} {}", answer.model, answer.version);
    let first = answer.activations.first()?;
    let flow = first.flow.first();
    if let (None | Some(FLOW), Some(flow)) = (what, flow) {
        let mut places: Vec<(&String, f64)> =
            flow.places.iter().zip(flow.to_answer.iter().copied()).collect();
        places.sort_by(|a, b| b.1.total_cmp(&a.1));
        places.truncate(BARS);
        let points = places.iter().enumerate().map(|(at, (_, share))| (at as f64, *share));
        return Some(Plot {
            title: format!("{title}, attention flow"),
            layers: vec![Layer {
                name: "flow".to_owned(),
                mark: Mark::Bars { width: 0.8 },
                points: points.collect(),
            }],
            x: Axis {
                label: "place".to_owned(),
                scale: Scale::Category(places.iter().map(|(name, _)| (*name).clone()).collect()),
            },
            y: Axis { label: "share of the flow to the answer".to_owned(), scale: Scale::Number },
        });
    }
    // The last hidden layer says most of what leads to the answer.
    let hidden = first.layers.iter().rev().filter(|layer| layer.values.is_some());
    let wanted = what.map(str::to_owned).or_else(|| {
        let of_units = hidden.clone().find(|layer| layer.axes.last().is_some_and(|a| a == "unit"));
        of_units.or(hidden.clone().next()).map(|layer| layer.layer.clone())
    })?;
    let layers = answer.activations.iter().flat_map(|one| &one.layers);
    let values: Vec<f64> = layers
        .filter(|layer| layer.layer == wanted)
        .flat_map(|layer| layer.values.iter().flatten())
        .map(|value| f64::from(*value))
        .collect();
    let title = format!("{title}, {wanted}");
    (!values.is_empty()).then(|| histogram(&title, "activation", &values, None))
}

fn result(analysis: &Analysis) -> Option<&ActivationsResult> {
    match &analysis.result {
        AnalysisResult::Activations(result) => Some(result),
        _ => None,
    }
}

/// `units of default 3 over 400 rows of loans 1: none of 64 units is dead`.
pub(super) fn units_text(analysis: &Analysis) -> String {
    let verdict = result(analysis).map(|result| result.verdict.as_str()).unwrap_or_default();
    let Analysis { model, version, dataset, dataset_version, rows, .. } = analysis;
    let rows = grouped(*rows);
    let mut text = format!(
        "units of {model} {version} over {rows} rows of {dataset} {dataset_version}: {verdict}"
    );
    for warning in &analysis.warnings {
        text.push_str(&format!("\n! {warning}"));
    }
    text
}

pub(super) fn units_fields(analysis: &Analysis) -> Result<Map<String, Json>> {
    let mut fields = super::object(analysis)?;
    if let Some(result) = result(analysis) {
        fields.extend(super::object(result)?);
    }
    Ok(fields)
}

/// A row for each unit.
pub(super) fn units_described(analysis: &Analysis) -> Vec<Map<String, Json>> {
    let layers = result(analysis).map(|result| result.layers.as_slice()).unwrap_or_default();
    let of_layer = |layer: &LayerStatistics| -> Vec<Map<String, Json>> {
        let row = |unit: &crate::domain::analysis::UnitStatistics| {
            let at: Vec<String> = unit.unit.iter().map(u32::to_string).collect();
            let strongest: Vec<Json> = unit.strongest.iter().map(|row| row.row.into()).collect();
            Map::from_iter([
                ("layer".to_owned(), name(layer.network, &layer.layer).into()),
                ("unit".to_owned(), at.join(",").into()),
                ("mean".to_owned(), unit.mean.into()),
                ("sd".to_owned(), unit.standard_deviation.into()),
                ("zeros".to_owned(), unit.zeros.into()),
                ("saturated".to_owned(), unit.saturated.map_or(Json::Null, Json::from)),
                ("rows".to_owned(), strongest.into()),
            ])
        };
        layer.all.iter().map(row).collect()
    };
    layers.iter().flat_map(of_layer).collect()
}

pub(super) fn units_table(analysis: &Analysis) -> Table {
    let columns = [
        ("layer", false),
        ("function", false),
        ("units", true),
        ("mean", true),
        ("sd", true),
        ("zeros", true),
        ("verdict", false),
    ];
    let row = |layer: &LayerStatistics| {
        vec![
            name(layer.network, &layer.layer),
            layer.function.as_str().to_owned(),
            grouped(layer.units),
            figure(layer.mean),
            figure(layer.standard_deviation),
            share(layer.zeros),
            layer.verdict.clone(),
        ]
    };
    let layers = result(analysis).map(|result| result.layers.as_slice()).unwrap_or_default();
    Table::new(&columns, layers.iter().map(row).collect())
}

/// How many units of a layer are 0, at an end of their range, or of what mean, how often: of the one that
/// is named, else the first one that has something to show. None where it has no units to show.
pub(in crate::repl) fn units_plot(analysis: &Analysis, what: Option<&str>) -> Option<Plot> {
    let layers = &result(analysis)?.layers;
    let is_telling = |layer: &&LayerStatistics| layer.dead.or(layer.saturated).is_some();
    let wanted = match what {
        Some(name) => layers.iter().find(|layer| layer.layer == name),
        None => layers.iter().find(is_telling).or(layers.first()),
    }?;
    let (label, values): (&str, Vec<f64>) = match (wanted.dead, wanted.saturated) {
        (Some(_), _) => ("share of zeros", wanted.all.iter().map(|unit| unit.zeros).collect()),
        (_, Some(_)) => {
            ("share at an end", wanted.all.iter().filter_map(|unit| unit.saturated).collect())
        }
        _ => ("mean", wanted.all.iter().map(|unit| unit.mean).collect()),
    };
    let title = format!("{} {}, units of {}", analysis.model, analysis.version, wanted.layer);
    (!values.is_empty()).then(|| histogram(&title, label, &values, None))
}
