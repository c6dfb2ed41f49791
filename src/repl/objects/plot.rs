//! Plots: what is drawn of something.

use serde_json::{Map, Value as Json};

use super::super::text::counted;
use crate::error::Result;
use crate::plot::Plot;

/// Points that are listed.
const MOST_LISTED: usize = 10_000;

pub(super) fn text(plot: &Plot) -> String {
    let points: usize = plot.layers.iter().map(|layer| layer.points.len()).sum();
    format!("plot of {}   {}", plot.title, counted(points as u64, "point"))
}

/// What is drawn, by the name of each series where it is not too much.
pub(super) fn fields(plot: &Plot) -> Result<Map<String, Json>> {
    let mut fields = Map::from_iter([("title".to_owned(), plot.title.clone().into())]);
    // A list of millions would be larger than what it is of.
    if plot.layers.iter().map(|layer| layer.points.len()).sum::<usize>() <= MOST_LISTED {
        let points =
            |points: &[(f64, f64)]| points.iter().map(|(x, y)| vec![*x, *y].into()).collect();
        let series: Map<String, Json> = plot
            .layers
            .iter()
            .map(|layer| (layer.name.clone(), Json::Array(points(&layer.points))))
            .collect();
        fields.insert("series".to_owned(), series.into());
    }
    Ok(fields)
}
