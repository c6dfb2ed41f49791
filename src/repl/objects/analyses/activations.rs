//! Statistics of units.

use serde_json::{Map, Value as Json};

use super::super::super::table::Table;
use super::super::super::text::{figure, grouped};
use super::super::activations::{name, share};
use crate::domain::analysis::{ActivationsResult, LayerStatistics, UnitStatistics};
use crate::plot::{Plot, histogram};

/// A row for each unit.
pub(super) fn described(found: &ActivationsResult) -> Vec<Map<String, Json>> {
    let of_layer = |layer: &LayerStatistics| -> Vec<Map<String, Json>> {
        let row = |unit: &UnitStatistics| {
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
    found.layers.iter().flat_map(of_layer).collect()
}

pub(super) fn table(found: &ActivationsResult) -> Table {
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
    Table::new(&columns, found.layers.iter().map(row).collect())
}

/// How many units of a layer are 0, at an end of their range, or of what mean, how often: of the one that
/// is named, else the first one that has something to show.
///
/// # Errors
/// What is wrong with `what`.
pub(super) fn plot(
    title: &str,
    found: &ActivationsResult,
    what: Option<&str>,
) -> Result<Plot, String> {
    let layers = &found.layers;
    let is_telling = |layer: &&LayerStatistics| layer.dead.or(layer.saturated).is_some();
    let wanted = match what {
        Some(name) => layers.iter().find(|layer| layer.layer == name),
        None => layers.iter().find(is_telling).or(layers.first()),
    };
    let wanted = wanted.filter(|layer| !layer.all.is_empty()).ok_or_else(|| {
        let known: Vec<&str> = layers.iter().map(|layer| layer.layer.as_str()).collect();
        format!("names no layer whose units are listed; its layers: {}", known.join(", "))
    })?;
    let (label, values): (&str, Vec<f64>) = match (wanted.dead, wanted.saturated) {
        (Some(_), _) => ("share of zeros", wanted.all.iter().map(|unit| unit.zeros).collect()),
        (_, Some(_)) => {
            ("share at an end", wanted.all.iter().filter_map(|unit| unit.saturated).collect())
        }
        _ => ("mean", wanted.all.iter().map(|unit| unit.mean).collect()),
    };
    Ok(histogram(&format!("{title}, units of {}", wanted.layer), label, &values, None))
}
