//! Forecasts from origin after origin.

use serde_json::{Map, Value as Json};

use super::super::super::table::Table;
use super::super::super::text::{counted, figure};
use crate::domain::analysis::{OriginResult, RolledCoverage, RollingOriginResult};
use crate::domain::forecast::ForecastBaseline;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// `MSE 0.52 from 12 origins, 12 trainings   does not beat the random walk (Diebold-Mariano p = 0.41)`.
pub(super) fn text(found: &RollingOriginResult) -> String {
    let origins = counted(found.origins.len() as u64, "origin");
    let trainings = counted(found.refits, "training");
    let verdict = &found.against_random_walk.text;
    format!("MSE {} from {origins}, {trainings}   {verdict}", figure(found.mse))
}

/// A line for each baseline, and for each coverage of intervals.
pub(super) fn told(found: &RollingOriginResult) -> Vec<String> {
    let baseline = |of: &ForecastBaseline| {
        let test = of.diebold_mariano.map(|test| {
            format!(", Diebold-Mariano {} (p {:.3})", figure(test.statistic), test.p_value)
        });
        let name = of.kind.as_str().replace('_', " ");
        format!("  {name}: MSE {}{}", figure(of.mse), test.unwrap_or_default())
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let coverage = |of: &RolledCoverage| {
        format!(
            "  {} % intervals covered {} (95 % interval {} to {})",
            (1000.0 * of.coverage).round() / 10.0,
            percent(of.covered),
            percent(of.interval.low),
            percent(of.interval.high)
        )
    };
    let baselines = found.baselines.iter().map(baseline);
    baselines.chain(found.intervals.iter().map(coverage)).collect()
}

pub(super) fn described(found: &RollingOriginResult) -> Vec<Map<String, Json>> {
    let row = |origin: &OriginResult| {
        let mut row = Map::from_iter([
            ("from".to_owned(), origin.from.clone().into()),
            ("refitted".to_owned(), origin.refitted.into()),
            ("training windows".to_owned(), origin.training_windows.into()),
            ("series".to_owned(), origin.series.into()),
            ("mse".to_owned(), origin.mse.into()),
            ("mae".to_owned(), origin.mae.into()),
            ("mase".to_owned(), origin.mase.into()),
        ]);
        let baselines = origin.baselines.iter();
        row.extend(baselines.map(|(kind, mse)| (format!("{kind} mse"), (*mse).into())));
        let covered = origin.covered.iter();
        row.extend(
            covered.map(|(coverage, share)| (format!("covered of {coverage}"), (*share).into())),
        );
        row
    };
    found.origins.iter().map(row).collect()
}

/// A row for each origin: its error beside those of the baselines, and what the intervals covered.
pub(super) fn table(found: &RollingOriginResult) -> Table {
    let kinds: Vec<String> = found.baselines.iter().map(|b| b.kind.as_str().to_owned()).collect();
    let names: Vec<String> = kinds.iter().map(|kind| kind.replace('_', " ")).collect();
    let coverages: Vec<String> = found.intervals.iter().map(|c| c.coverage.to_string()).collect();
    let headings: Vec<String> = found
        .intervals
        .iter()
        .map(|of| format!("covered of {} %", (1000.0 * of.coverage).round() / 10.0))
        .collect();
    let mut columns = vec![("from", false), ("trained on", true), ("MSE", true), ("MASE", true)];
    columns.extend(names.iter().map(|name| (name.as_str(), true)));
    columns.extend(headings.iter().map(|heading| (heading.as_str(), true)));
    let row = |origin: &OriginResult| {
        let trained_on = match origin.refitted {
            true => origin.training_windows.to_string(),
            false => String::new(),
        };
        let mase = origin.mase.map(figure).unwrap_or_default();
        let mut row = vec![origin.from.clone(), trained_on, figure(origin.mse), mase];
        let of = |kind: &String| origin.baselines.get(kind).map(|mse| figure(*mse));
        row.extend(kinds.iter().map(|kind| of(kind).unwrap_or_default()));
        let share = |c: &String| origin.covered.get(c).map(|s| format!("{:.0} %", 100.0 * s));
        row.extend(coverages.iter().map(|coverage| share(coverage).unwrap_or_default()));
        row
    };
    Table::new(&columns, found.origins.iter().map(row).collect())
}

/// The error from origin to origin, beside those of the baselines.
pub(super) fn plot(title: String, found: &RollingOriginResult) -> Plot {
    let line = |name: String, of: &dyn Fn(&OriginResult) -> Option<f64>| Layer {
        name,
        mark: Mark::Line,
        points: found
            .origins
            .iter()
            .enumerate()
            .filter_map(|(at, origin)| Some(((at + 1) as f64, of(origin)?)))
            .collect(),
    };
    let own = line("version".to_owned(), &|origin| Some(origin.mse));
    let baselines = found.baselines.iter().map(|baseline| {
        let kind = baseline.kind.as_str();
        line(kind.replace('_', " "), &|origin| origin.baselines.get(kind).copied())
    });
    let axis = |label: &str| Axis { label: label.to_owned(), scale: Scale::Number };
    Plot {
        title,
        x: axis("origin"),
        y: axis("squared error, scaled"),
        layers: std::iter::once(own).chain(baselines).collect(),
    }
}
