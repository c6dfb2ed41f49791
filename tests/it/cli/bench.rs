use std::collections::BTreeMap;

use serde_json::Value;

use super::{actuary, succeeded};
use crate::support::Scratch;

/// The rows of a report by their ids, once the machine stands beside them.
fn rows(arguments: &[&str]) -> BTreeMap<String, Value> {
    let scratch = Scratch::new(&format!("cli-bench-{}", arguments[0]));
    let mut command = actuary(scratch.path());
    let output = command.arg("bench").args(arguments).arg("--json").output().unwrap();
    let report: Value = serde_json::from_str(&succeeded(&output)).unwrap();
    assert!(report["machine"]["cores"].as_u64().unwrap() >= 1, "{report}");
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone())).collect()
}

#[test]
fn serving_is_measured_beside_its_limits() {
    let rows = rows(&["serve", "--seconds", "0.05", "--rounds", "2", "--connections", "4"]);
    let figures = ["constant", "parsed", "p50", "p99", "model"];
    for model in ["serve", "serve.default"] {
        for (size, figure) in [1, 1000].iter().flat_map(|size| figures.map(|f| (size, f))) {
            let row = &rows[&format!("{model}.{size}.{figure}")];
            for value in ["ours", "peer", "ratio"] {
                assert!(row[value].as_f64().unwrap() > 0.0, "{row}");
            }
            assert!(!row["name"].as_str().unwrap().is_empty(), "{row}");
        }
    }
    assert_eq!(rows.len(), 20);
}

#[test]
fn ingestion_is_measured_beside_copy_and_its_memory_beside_its_limit() {
    let rows = rows(&["ingest", "--rows", "3000", "--rounds", "1"]);
    for id in ["ingest.rows", "ingest.bytes", "ingest.memory.server", "ingest.memory.child"] {
        let (ours, ratio) = (&rows[id]["ours"], rows[id]["ratio"].as_f64().unwrap());
        assert!(ours.as_f64().unwrap() >= 0.0, "{id}: {ours}");
        // A child that was never seen would show no memory at all.
        assert!(ratio > 0.0 || id == "ingest.memory.server", "{id}: {ratio}");
    }
    assert!(rows["ingest.memory.child"]["ratio"].as_f64().unwrap() < 1.0);
}
