//! Advice: what is recommended, why, and what else was considered.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, duration, grouped};
use crate::domain::advice::{Advice, Finding, FindingCode};
use crate::domain::cost::Cost;

/// What is recommended, the reasons that decided, and every warning.
pub(super) fn text(advice: &Advice) -> String {
    let spec = &advice.spec;
    let mut parts = vec![format!("{} ({})", advice.network, advice.task.as_str())];
    if let Some(epochs) = spec.epochs {
        parts.push(counted(epochs.into(), "epoch"));
    }
    if let Some(ensemble) = &spec.ensemble {
        parts.push(counted((ensemble.folds * ensemble.seeds).into(), "network"));
    }
    parts.push(cost(&advice.estimate));
    let mut text = parts.join("   ");
    for reason in &advice.reasons {
        text.push_str(&format!("\n  {}", reason.text));
    }
    // A leak is left out for a reason, and warned about.
    let said = |w: &&Finding| !advice.reasons.iter().any(|r| r.text == w.text);
    for warning in advice.warnings.iter().filter(said) {
        text.push_str(&format!("\n! {}", warning.text));
    }
    for service in &advice.services {
        text.push_str(&format!("\n{}   {}", service.path, service.text));
    }
    // What the first one lacks; a.services has the rest.
    for lack in advice.services.iter().take(1).flat_map(|service| &service.missing) {
        text.push_str(&format!("\n! {}", lack.text));
    }
    text
}

/// `48 s on cpu, 393 MiB, 0.0013 EUR`.
pub(super) fn cost(cost: &Cost) -> String {
    let time = duration(Duration::try_from_secs_f64(cost.seconds).unwrap_or_default());
    let memory = grouped(cost.memory_bytes >> 20);
    let price = match &cost.price {
        Some(price) => format!(", {:.4} {}", price.amount, price.currency),
        None => String::new(),
    };
    format!("{time} on {}, {memory} MiB{price}", cost.device)
}

/// The networks, the recommended one first.
pub(super) fn table(advice: &Advice) -> Table {
    let row = |network: &str, estimate: &Cost, rows_per_second: f64, why: &str| {
        let time = Duration::try_from_secs_f64(estimate.seconds).unwrap_or_default();
        vec![
            network.to_owned(),
            duration(time),
            format!("{} MiB", grouped(estimate.memory_bytes >> 20)),
            grouped(rows_per_second as u64),
            why.to_owned(),
        ]
    };
    let first = row(
        &advice.network,
        &advice.estimate,
        advice.probe.rows_per_second,
        "recommended: train(..., spec=a.spec)",
    );
    let others = advice
        .alternatives
        .iter()
        .map(|a| row(a.network.kind(), &a.estimate, a.rows_per_second, &a.why_not));
    let columns =
        [("network", false), ("time", true), ("memory", true), ("rows/s", true), ("why", false)];
    Table::new(&columns, std::iter::once(first).chain(others).collect())
}

/// A row for each reason and each warning.
pub(super) fn described(advice: &Advice) -> Vec<Map<String, Json>> {
    let row = |kind: &str, finding: &Finding| {
        let code = serde_json::to_value::<FindingCode>(finding.code).unwrap_or_default();
        Map::from_iter([
            ("kind".to_owned(), kind.into()),
            ("code".to_owned(), code),
            ("text".to_owned(), finding.text.clone().into()),
        ])
    };
    let reasons = advice.reasons.iter().map(|finding| row("reason", finding));
    reasons.chain(advice.warnings.iter().map(|finding| row("warning", finding))).collect()
}
