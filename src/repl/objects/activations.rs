//! Activations: what layers make of rows.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure};
use crate::domain::activation::{ActivationResponse, LayerActivations};
use crate::plot::{Axis, Layer, Mark, Plot, Scale, histogram};

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

pub(super) fn name(network: Option<u32>, layer: &str) -> String {
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
pub(super) fn share(share: f64) -> String {
    format!("{} %", figure((share * 1000.0).round() / 10.0))
}

/// How often numbers of a layer occur, of all rows; or from where the attention of the first row flows to
/// its answer.
///
/// # Errors
/// What is wrong with `what`.
pub(in crate::repl) fn plot(
    answer: &ActivationResponse,
    what: Option<&str>,
) -> Result<Plot, String> {
    plotted(answer, what).ok_or_else(|| {
        "names no layer whose numbers were answered: take one of the table, or name it in layers"
            .to_owned()
    })
}

fn plotted(answer: &ActivationResponse, what: Option<&str>) -> Option<Plot> {
    let title = format!("{} {}", answer.model, answer.version);
    let first = answer.activations.first()?;
    let flow = first.flow.first();
    if let (None | Some(FLOW), Some(flow)) = (what, flow) {
        let mut places: Vec<(&String, f64)> =
            flow.places.iter().zip(flow.to_answer.iter().copied()).collect();
        places.sort_by(|a, b| b.1.total_cmp(&a.1));
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
