//! Models, their versions, and the moves of their aliases.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{figure, grouped};
use crate::domain::calibration::CalibratorKind;
use crate::domain::forecast::BaselineKind;
use crate::domain::model::{Model, Task};
use crate::domain::network::NetworkSpec;
use crate::domain::simplification::{Simplification, SimplificationMethod};
use crate::domain::version::{Baseline, Interval, Metrics, Version};
use crate::error::Result;

/// A version, and what stands beside it.
pub(in crate::repl) struct Trained {
    pub(in crate::repl) version: Version,
    /// Aliases that point at it, where they were asked for.
    pub(in crate::repl) aliases: Vec<String>,
    /// The champion's number and main metric, where that is another version.
    pub(in crate::repl) champion: Option<(u32, Option<f64>)>,
}

/// An alias that was moved.
#[derive(Debug, Serialize)]
pub(in crate::repl) struct Move {
    pub(in crate::repl) model: String,
    pub(in crate::repl) alias: String,
    /// None: it is new.
    pub(in crate::repl) previous: Option<u32>,
    pub(in crate::repl) version: u32,
    pub(in crate::repl) revision: u64,
}

impl Move {
    pub(super) fn text(&self) -> String {
        let Self { model, alias, version, .. } = self;
        match self.previous {
            Some(previous) if previous == *version => {
                format!("{alias} of {model} stays at {version}")
            }
            Some(previous) => format!("{alias} of {model}: {previous} → {version}"),
            None => format!("{alias} of {model}: {version}, the first"),
        }
    }
}

/// `AUC`, `accuracy`, `R2`.
fn label(metric: &str) -> &str {
    match metric {
        "auc" => "AUC",
        "r2" => "R2",
        "mse" => "MSE",
        other => other,
    }
}

/// A metric to three digits.
fn short(value: Option<f64>) -> String {
    value.map_or_else(|| "not defined".to_owned(), |value| format!("{value:.3}"))
}

fn interval(metrics: &Metrics) -> Option<Interval> {
    match metrics {
        Metrics::Binary(m) => m.auc_interval,
        Metrics::Multiclass(m) => Some(m.accuracy_interval),
        // The interval of a regression is the RMSE's.
        Metrics::Regression(_) | Metrics::Forecast(_) => None,
    }
}

fn tested(metrics: &Metrics) -> u64 {
    match metrics {
        Metrics::Binary(m) => m.n,
        Metrics::Multiclass(m) => m.n,
        Metrics::Regression(m) => m.n,
        Metrics::Forecast(m) => m.n,
    }
}

impl Trained {
    /// `default 3   AUC 0.783 (0.774 to 0.792)   champion 2: 0.776   threshold 0.18   n test 6,000`.
    pub(super) fn text(&self) -> String {
        let version = &self.version;
        let (metric, value) = version.metrics.main();
        let mut figures = format!("{} {}", label(metric), short(value));
        if let Some(Interval { low, high }) = interval(&version.metrics) {
            figures.push_str(&format!(" ({low:.3} to {high:.3})"));
        }
        let mut parts = vec![format!("{} {}", version.model, version.version), figures];
        if let Metrics::Multiclass(m) = &version.metrics {
            parts.push(format!("macro-F1 {}", short(Some(m.macro_f1))));
        }
        if let Metrics::Regression(m) = &version.metrics {
            let spread =
                m.rmse_interval.map(|i| format!(" ({} to {})", figure(i.low), figure(i.high)));
            parts.push(format!("RMSE {}{}", figure(m.rmse), spread.unwrap_or_default()));
        }
        parts.extend(beside_simplest(&version.metrics));
        if let Some((number, value)) = self.champion {
            parts.push(format!("champion {number}: {}", short(value)));
        }
        if let Some(threshold) = version.signature.threshold {
            let class = version.signature.positive_class.as_ref();
            let of = class.map(|class| format!(" for {class}")).unwrap_or_default();
            parts.push(format!("threshold {threshold:.2}{of}"));
        }
        parts.extend(calibrated(version));
        parts.push(format!("n test {}", grouped(tested(&version.metrics))));
        if !self.aliases.is_empty() {
            parts.push(self.aliases.join(", "));
        }
        let mut text = parts.join("   ");
        let order = &version.provenance.spec.monotone;
        if !order.is_empty() {
            let columns = order.iter().map(|(name, way)| format!("{name} {}", way.as_str()));
            text.push_str(&format!("\n  monotone: {}", columns.collect::<Vec<_>>().join(", ")));
        }
        if let Some(record) = &version.search {
            text.push_str(&format!("\n  {}", super::search::text(record)));
        }
        if let Metrics::Forecast(m) = &version.metrics {
            for measured in &m.intervals {
                text.push_str(&format!("\n  {}", measured.text()));
            }
        }
        for baseline in &version.baselines {
            let beside = if order.is_empty() { "" } else { ", held to no order" };
            text.push_str(&format!("\n  {}{beside}", baseline_text(baseline)));
        }
        if let Some(simplification) = &version.simplification {
            text.push_str(&simplification_text(simplification));
        }
        for warning in &version.warnings {
            text.push_str(&format!("\n! {warning}"));
        }
        text
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        let mut fields = super::object(&self.version)?;
        fields.insert("aliases".to_owned(), self.aliases.clone().into());
        Ok(fields)
    }

    /// Its metrics, then how it came about.
    pub(super) fn described(&self) -> Result<Vec<Map<String, Json>>> {
        let version = &self.version;
        let mut rows: Vec<(String, Json)> = Vec::new();
        for (name, value) in super::object(&version.metrics)? {
            match value {
                Json::Object(parts) => rows.extend(of_parts(&name, &parts)),
                Json::Array(_) => {}
                value => rows.push((name, value)),
            }
        }
        let provenance = &version.provenance;
        let parts = provenance.rows;
        let data = &provenance.spec.dataset;
        let number = data.version.map(|n| format!(" {n}")).unwrap_or_default();
        rows.extend([
            ("network".to_owned(), provenance.spec.network_kind().into()),
            ("parameters".to_owned(), provenance.parameters.into()),
            ("best epoch".to_owned(), provenance.best_epoch.into()),
            ("dataset".to_owned(), format!("{}{number}", data.name).into()),
            (
                "rows".to_owned(),
                format!(
                    "{} train, {} validation, {} test",
                    grouped(parts.train),
                    grouped(parts.validation),
                    grouped(parts.test)
                )
                .into(),
            ),
            ("device".to_owned(), provenance.device.clone().into()),
            ("seconds".to_owned(), provenance.seconds.into()),
        ]);
        if let Some(cost) = &provenance.cost {
            rows.push(("cost".to_owned(), super::advice::cost(cost).into()));
        }
        let row = |(name, value): (String, Json)| {
            Map::from_iter([
                ("field".to_owned(), name.into()),
                ("value".to_owned(), super::cell_of(&value).into()),
            ])
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// What a metric of several parts comes to: its own words, a range, how well probabilities come true, or else
/// those of its parts that are numbers.
fn of_parts(name: &str, parts: &Map<String, Json>) -> Vec<(String, Json)> {
    if let Some(text) = parts.get("text") {
        return vec![(name.to_owned(), text.clone())];
    }
    let number = |part: &str| parts.get(part).and_then(Json::as_f64);
    if let (Some(low), Some(high)) = (number("low"), number("high")) {
        return vec![(name.to_owned(), format!("{} to {}", figure(low), figure(high)).into())];
    }
    if let Some(reliability) = parts.get("reliability") {
        let told = [
            ("ECE", reliability.get("expected_error")),
            ("calibration slope", parts.get("line").and_then(|line| line.get("slope"))),
        ];
        let told = told.into_iter();
        return told.filter_map(|(what, value)| Some((what.to_owned(), value?.clone()))).collect();
    }
    let numbers = parts.iter().filter(|(_, value)| value.is_number());
    numbers.map(|(part, value)| (format!("{name} {part}"), value.clone())).collect()
}

/// Errors of the simplest forecasts beside that of a version, and whether that is better.
fn beside_simplest(metrics: &Metrics) -> Vec<String> {
    let Metrics::Forecast(metrics) = metrics else { return Vec::new() };
    let of = |kind: BaselineKind| {
        let baseline = metrics.baselines.iter().find(|baseline| baseline.kind == kind)?;
        Some(format!("{} {}", kind.as_str().replace('_', " "), short(Some(baseline.mse))))
    };
    let simplest = [BaselineKind::RandomWalk, BaselineKind::Ridge].into_iter().filter_map(of);
    simplest.chain([metrics.verdict().text]).collect()
}

/// `calibrated temperature (ECE 0.011)`.
fn calibrated(version: &Version) -> Option<String> {
    let reliability = match &version.metrics {
        Metrics::Binary(metrics) => metrics.calibration.as_ref().map(|of| &of.reliability),
        Metrics::Multiclass(metrics) => metrics.calibration.as_ref().map(|of| &of.reliability),
        Metrics::Regression(_) | Metrics::Forecast(_) => None,
    };
    let (reliability, choice) = (reliability?, version.calibration.as_ref()?);
    let error = short(Some(reliability.expected_error));
    let way = match choice.kind {
        CalibratorKind::None => "as learnt",
        CalibratorKind::Temperature => "temperature",
        CalibratorKind::Platt => "Platt",
        CalibratorKind::Isotonic => "isotonic",
    };
    Some(format!("calibrated {way} (ECE {error})"))
}

/// What was saved and lost, in two lines, each with its line break before it.
fn simplification_text(simplification: &Simplification) -> String {
    let Simplification { version, method, before, after, difference, interval, .. } =
        simplification;
    let mut first = format!(
        "{} {} → {}",
        label(&after.metric),
        digits(before.value, 4),
        digits(after.value, 4)
    );
    if let Some(difference) = difference {
        let range = interval.map(|i| format!(", 95 % interval {:+.4} to {:+.4}", i.low, i.high));
        first.push_str(&format!(" ({difference:+.4}{})", range.unwrap_or_default()));
    }
    if let (Some(before), Some(after)) = (before.log_loss, after.log_loss) {
        first.push_str(&format!("   log-loss {before:.4} → {after:.4}"));
    }
    let mut parts = vec![
        format!("bytes {} → {}", grouped(before.bytes), grouped(after.bytes)),
        format!("numbers not 0 {} → {}", grouped(before.nonzero), grouped(after.nonzero)),
        format!("one row {:.1} → {:.1} µs", before.row_microseconds, after.row_microseconds),
    ];
    if let Some(share) = simplification.same_labels {
        parts.push(format!("same labels {:.1} %", 100.0 * share));
    }
    format!("\n  {} of version {version}: {first}\n  {}", done(method), parts.join("   "))
}

/// What became of the parent.
fn done(method: &SimplificationMethod) -> String {
    match method {
        SimplificationMethod::Prune(pruning) => {
            format!("pruned by {} %", figure(100.0 * pruning.sparsity))
        }
        SimplificationMethod::Distil(distillation) => {
            let student = distillation.network.as_ref().map_or("a student", NetworkSpec::kind);
            format!("{student}, taught by the answers")
        }
        SimplificationMethod::Quantise(_) => "8 bits for each weight".to_owned(),
    }
}

/// A metric to so many digits.
fn digits(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "not defined".to_owned(), |value| format!("{value:.digits$}"))
}

/// `0.012 better than linear (AUC 0.768), 95 % interval 0.004 to 0.020`.
fn baseline_text(baseline: &Baseline) -> String {
    let than =
        format!("{} ({} {})", baseline.network, label(&baseline.metric), short(baseline.value));
    let Some(difference) = baseline.difference else { return format!("beside {than}") };
    let which = if difference < 0.0 { "worse" } else { "better" };
    let range = baseline
        .interval
        .map(|i| format!(", 95 % interval of the difference {:.3} to {:.3}", i.low, i.high));
    format!("{:.3} {which} than {than}{}", difference.abs(), range.unwrap_or_default())
}

pub(super) fn table(versions: &[&Trained]) -> Table {
    let metric = versions.first().map_or("metric", |first| label(first.version.metrics.main().0));
    let columns = [
        ("version", true),
        (metric, true),
        ("95 % interval", false),
        ("threshold", true),
        ("n test", true),
        ("network", false),
        ("aliases", false),
        ("created", false),
    ];
    let rows = versions
        .iter()
        .map(|trained| {
            let version = &trained.version;
            let range = interval(&version.metrics);
            vec![
                version.version.to_string(),
                short(version.metrics.main().1),
                range.map(|i| format!("{:.3} to {:.3}", i.low, i.high)).unwrap_or_default(),
                version.signature.threshold.map(|t| format!("{t:.2}")).unwrap_or_default(),
                grouped(tested(&version.metrics)),
                version.provenance.spec.network_kind().to_owned(),
                trained.aliases.join(", "),
                version.created_at.format("%Y-%m-%d %H:%M").to_string(),
            ]
        })
        .collect();
    Table::new(&columns, rows)
}

/// `default   binary   newest version 3`.
pub(super) fn model_text(model: &Model) -> String {
    let recorded = if model.record { "   every prediction is recorded" } else { "" };
    format!(
        "{}   {}   newest version {}{recorded}",
        model.name,
        Task::as_str(model.task),
        model.latest_version
    )
}

pub(super) fn model_table(models: &[&Model]) -> Table {
    let columns = [
        ("model", false),
        ("task", false),
        ("newest version", true),
        ("recorded", false),
        ("created", false),
    ];
    let rows = models
        .iter()
        .map(|model| {
            vec![
                model.name.clone(),
                model.task.as_str().to_owned(),
                model.latest_version.to_string(),
                if model.record { "always" } else { "on request" }.to_owned(),
                model.created_at.format("%Y-%m-%d %H:%M").to_string(),
            ]
        })
        .collect();
    Table::new(&columns, rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_two_ends_is_a_range() {
        let told = |name: &str, parts: Json| of_parts(name, parts.as_object().unwrap());
        let of = |name: &str, value: Json| (name.to_owned(), value);
        let interval = told("auc_interval", json!({"low": 0.7, "high": 0.8}));
        assert_eq!(interval, [of("auc_interval", json!("0.7 to 0.8"))]);
        let reliability = json!({"bins": [], "expected_error": 0.011, "maximum_error": 0.1});
        let calibration = json!({"reliability": reliability, "brier": {"resolution": 0.1},
                                 "line": {"slope": 0.97, "intercept": 0.1, "in_the_large": 0.0}});
        assert_eq!(
            told("calibration", calibration),
            [of("ECE", json!(0.011)), of("calibration slope", json!(0.97))]
        );
        let of_classes = told("calibration", json!({"reliability": {"expected_error": 0.02}}));
        assert_eq!(of_classes, [of("ECE", json!(0.02))]);
        let quantiles = told("quantiles", json!({"pinball": 1.5, "crps": 3.0, "levels": []}));
        assert_eq!(
            quantiles,
            [of("quantiles pinball", json!(1.5)), of("quantiles crps", json!(3.0))]
        );
    }
}
