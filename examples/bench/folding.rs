//! What folding the embeddings of numbers into the first layer of the default network gains: rows of drawn
//! numbers are scored by a version that is served so, and by the same one as it was trained, in turns.
//!
//!     cargo run --release --example folding

#![expect(clippy::print_stdout, reason = "what it measures is what it is for")]

use std::time::Duration;

use actuary::app::{Folding, Served};
use actuary::error::{Context, Result};
use serde_json::json;

const TURN: Duration = Duration::from_millis(100);
const TURNS: usize = 15;

struct Case {
    name: &'static str,
    rows: usize,
    columns: usize,
}

const CASES: [Case; 3] = [
    Case { name: "7 numbers, 1,000 rows", rows: 1_000, columns: 7 },
    Case { name: "23 numbers, 24,000 rows", rows: 24_000, columns: 23 },
    Case { name: "60 numbers, 24,000 rows", rows: 24_000, columns: 60 },
];

fn main() -> Result<()> {
    for case in CASES {
        let spec = json!({
            "dataset": {"name": "bench"}, "target": "y", "device": "cpu", "epochs": 3,
            "baselines": false, "calibration": "none", "network": {"kind": "tabm"}
        });
        let spec = serde_json::from_value(spec).context("making a training specification")?;
        let version = Folding::train(&spec, case.rows, case.columns)?;
        let (mib, apart) = (version.table_bytes() as f64 / f64::from(1 << 20), version.apart()?);
        println!("{}: tables of {mib:.1} MiB, logits within {apart:.0e}", case.name);
        for at_once in [1, 10, 100, 1000] {
            let rate = |rate: f64| 1e6 / rate;
            let network = |served| version.network(served, at_once, TURN).map(rate);
            report(&format!("network, {at_once} at once"), "µs a row", network)?;
        }
        for at_once in [1, 1000] {
            let rate = |rate: f64| 1e6 / rate;
            let whole = |served| version.version(served, at_once, TURN).map(rate);
            report(&format!("with its features, {at_once} at once"), "µs a row", whole)?;
        }
        report("loaded", "ms", |served| Ok(version.load(served)?.as_secs_f64() * 1e3))?;
    }
    Ok(())
}

/// Medians of both, in turns, and of their ratios.
fn report(name: &str, unit: &str, measure: impl Fn(Served) -> Result<f64>) -> Result<()> {
    let (mut folded, mut unfolded, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let pair = (measure(Served::Folded)?, measure(Served::Unfolded)?);
        folded.push(pair.0);
        unfolded.push(pair.1);
        ratios.push(pair.0 / pair.1);
    }
    let [folded, unfolded, ratio] = [folded, unfolded, ratios].map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    });
    println!("  {name:32} folded {folded:8.2}, unfolded {unfolded:8.2} {unit}, ratio {ratio:.2}");
    Ok(())
}
