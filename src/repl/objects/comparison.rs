//! Versions side by side.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{figure, grouped};
use super::version::Trained;
use crate::domain::calibration::{Reliability, ReliabilityBin};
use crate::domain::forecast::COVERAGES;
use crate::domain::version::{EpochLoss, Metrics, Version};
use crate::error::Result;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// Versions that are compared.
pub(in crate::repl) struct Comparison(pub(in crate::repl) Vec<Trained>);

fn name(version: &Version) -> String {
    format!("{} {}", version.model, version.version)
}

/// The data that a version was made of.
fn data(version: &Version) -> String {
    let dataset = &version.provenance.spec.dataset;
    let number = dataset.version.map(|number| format!(" {number}")).unwrap_or_default();
    format!("{}{number}", dataset.name)
}

/// The share of test values that intervals of a coverage covered, where it was measured.
fn covered(version: &Version, coverage: f64) -> String {
    let Metrics::Forecast(metrics) = &version.metrics else { return String::new() };
    let measured = metrics.intervals.iter().find(|measured| measured.coverage == coverage);
    measured.map(|m| format!("{:.1} %", 100.0 * m.covered)).unwrap_or_default()
}

impl Comparison {
    /// Says where figures can't be held against each other, and what forecasts are worth.
    pub(super) fn text(&self) -> String {
        let names: Vec<String> = self.0.iter().map(|trained| name(&trained.version)).collect();
        let mut text = names.join(", ");
        // Rows are parted by the seed, where chance parts them.
        let tested = |version: &Version| {
            let (made, spec) = (&version.provenance, &version.provenance.spec);
            (
                made.dataset_sha256.clone(),
                made.rows.test,
                (spec.seed, spec.parts.clone(), spec.window.clone()),
            )
        };
        let first = self.0.first().map(|trained| tested(&trained.version));
        if self.0.iter().any(|trained| Some(tested(&trained.version)) != first) {
            text.push_str("\n! they were tested on different rows: their metrics don't compare");
        }
        for Trained { version, .. } in &self.0 {
            if let Metrics::Forecast(metrics) = &version.metrics {
                text.push_str(&format!("\n  {} {}", name(version), metrics.verdict().text));
            }
        }
        text
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        let versions: Result<Vec<Json>> =
            self.0.iter().map(|trained| Ok(trained.fields()?.into())).collect();
        Ok(Map::from_iter([("versions".to_owned(), versions?.into())]))
    }

    /// A row for each figure, a column for each version.
    pub(super) fn table(&self) -> Table {
        let of_each = |text: &dyn Fn(&Version) -> String| -> Vec<String> {
            self.0.iter().map(|trained| text(&trained.version)).collect()
        };
        let mut rows = vec![
            ("network".to_owned(), of_each(&|v| v.provenance.spec.network_kind().to_owned())),
            ("dataset".to_owned(), of_each(&data)),
        ];
        let metrics: Vec<Map<String, Json>> = self
            .0
            .iter()
            .map(|trained| super::object(&trained.version.metrics).unwrap_or_default())
            .collect();
        let mut names: Vec<&String> = Vec::new();
        for (metric, value) in metrics.iter().flatten() {
            if value.is_number() && !names.contains(&metric) {
                names.push(metric);
            }
        }
        for metric in names {
            let value = |metrics: &Map<String, Json>| {
                metrics.get(metric).and_then(Json::as_f64).map(figure).unwrap_or_default()
            };
            rows.push((metric.clone(), metrics.iter().map(value).collect()));
        }
        let verdict = |version: &Version| match &version.metrics {
            Metrics::Forecast(metrics) => metrics.verdict().text,
            _ => String::new(),
        };
        if self.0.iter().any(|trained| matches!(trained.version.metrics, Metrics::Forecast(_))) {
            rows.push(("random walk".to_owned(), of_each(&verdict)));
            for coverage in COVERAGES {
                let name = format!("covered of {} %", (1000.0 * coverage).round() / 10.0);
                rows.push((name, of_each(&|version| covered(version, coverage))));
            }
        }
        rows.extend([
            ("parameters".to_owned(), of_each(&|v| grouped(v.provenance.parameters))),
            ("best epoch".to_owned(), of_each(&|v| v.provenance.best_epoch.to_string())),
            ("seconds".to_owned(), of_each(&|v| figure(v.provenance.seconds))),
        ]);
        let headings: Vec<String> = self.0.iter().map(|trained| name(&trained.version)).collect();
        let mut columns = vec![("", false)];
        columns.extend(headings.iter().map(|heading| (heading.as_str(), true)));
        let line = |(name, values): (String, Vec<String>)| {
            std::iter::once(name).chain(values).collect::<Vec<String>>()
        };
        Table::new(&columns, rows.into_iter().map(line).collect())
    }

    /// The loss on validation rows, epoch by epoch.
    pub(super) fn plot(&self) -> Option<Plot> {
        let layers: Vec<Layer> = self
            .0
            .iter()
            .map(|trained| Layer {
                name: name(&trained.version),
                mark: Mark::Line,
                points: points(&trained.version, |loss| loss.validation_loss),
            })
            .filter(|layer| layer.points.len() > 1)
            .collect();
        (!layers.is_empty()).then(|| of_epochs("validation loss".to_owned(), layers))
    }
}

fn points(version: &Version, of: impl Fn(&EpochLoss) -> f64) -> Vec<(f64, f64)> {
    version.curve.iter().map(|loss| (f64::from(loss.epoch), of(loss))).collect()
}

fn of_epochs(title: String, layers: Vec<Layer>) -> Plot {
    Plot {
        title,
        x: Axis { label: "epoch".to_owned(), scale: Scale::Number },
        y: Axis { label: "loss".to_owned(), scale: Scale::Number },
        layers,
    }
}

/// Of the rows of bins, how many were of the positive class, or of the one that was answered of several,
/// by how many were predicted to be.
pub(in crate::repl) fn reliability(title: String, of: &Reliability) -> Plot {
    let bins = &of.bins;
    let points = |of: fn(&ReliabilityBin) -> f64| -> Vec<(f64, f64)> {
        bins.iter().map(|bin| (bin.mean_predicted, of(bin))).collect()
    };
    let interval = Mark::Band { upper: bins.iter().map(|bin| bin.interval.high).collect() };
    let ends = [bins.first(), bins.last()].into_iter().flatten();
    let line = ends.map(|bin| (bin.mean_predicted, bin.mean_predicted)).collect();
    let axis = |label: &str| Axis { label: label.to_owned(), scale: Scale::Number };
    let layer = |name: &str, mark, points| Layer { name: name.to_owned(), mark, points };
    Plot {
        title,
        x: axis("predicted"),
        y: axis("observed"),
        layers: vec![
            layer("95 % interval", interval, points(|bin| bin.interval.low)),
            layer("observed", Mark::Points, points(|bin| bin.observed)),
            layer("as predicted", Mark::Line, line),
        ],
    }
}

/// The losses of training and validation rows, epoch by epoch; the best epoch is a point.
pub(in crate::repl) fn curves(title: String, losses: &[EpochLoss], best: Option<u32>) -> Plot {
    let line = |name: &str, of: fn(&EpochLoss) -> f64| Layer {
        name: name.to_owned(),
        mark: Mark::Line,
        points: losses.iter().map(|loss| (f64::from(loss.epoch), of(loss))).collect(),
    };
    let mut layers =
        vec![line("training", |l| l.train_loss), line("validation", |l| l.validation_loss)];
    let best = losses.iter().find(|loss| Some(loss.epoch) == best);
    layers.extend(best.map(|loss| Layer {
        name: "best".to_owned(),
        mark: Mark::Points,
        points: vec![(f64::from(loss.epoch), loss.validation_loss)],
    }));
    of_epochs(title, layers)
}
