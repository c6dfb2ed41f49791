use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

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

fn all_positive(row: &Value) {
    for value in ["ours", "peer", "ratio"] {
        assert!(row[value].as_f64().unwrap() > 0.0, "{row}");
    }
    assert!(!row["name"].as_str().unwrap().is_empty(), "{row}");
}

/// Another program that answers over HTTP; its URL.
fn other_program() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/invocations", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut bytes) {
                    let asked = String::from_utf8_lossy(&bytes[..read]).into_owned();
                    assert!(asked.starts_with("POST /invocations "), "{asked}");
                    assert!(asked.contains("dataframe_split"), "{asked}");
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                }
            });
        }
    });
    url
}

#[test]
fn serving_is_measured_beside_its_limits() {
    let url = other_program();
    let small = ["--seconds", "0.05", "--rounds", "2", "--connections", "4"];
    let rows = rows(&[&["serve", "--peer-url", &url], &small[..]].concat());
    let figures = ["constant", "parsed", "p50", "p99", "model"];
    for model in ["serve", "serve.standard", "serve.default"] {
        for (size, figure) in [1, 1000].iter().flat_map(|size| figures.map(|f| (size, f))) {
            all_positive(&rows[&format!("{model}.{size}.{figure}")]);
        }
        all_positive(&rows[&format!("{model}.1.record")]);
    }
    all_positive(&rows["serve.1.peer"]);
    for model in ["serve", "serve.standard"] {
        all_positive(&rows[&format!("{model}.1000.binary")]);
        all_positive(&rows[&format!("{model}.1000.binary.parsed")]);
    }
    all_positive(&rows["serve.training.p99"]);
    assert_eq!(rows.len(), 39);
}

/// A program that answers as the script for PyTorch does, with a network of 5,569 parameters.
fn python(scratch: &Scratch) -> PathBuf {
    let file = scratch.path().join("python");
    let answer = r#"{"parameters": 5569, "times": [0.002, 0.001]}"#;
    std::fs::write(&file, format!("#!/bin/sh\nwhile read name; do echo '{answer}'; done\n"))
        .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn steps_are_measured_beside_those_of_the_same_network() {
    let scratch = Scratch::new("cli-bench-python");
    let python = python(&scratch);
    let small = ["train", "--seconds", "0.01", "--rounds", "2"];
    let peer = ["--peer", python.to_str().unwrap()];
    let with_peer = rows(&[&small[..], &peer, &["--only", "mlp"]].concat());
    all_positive(&with_peer["train.mlp"]);
    assert_eq!(with_peer["train.mlp"]["peer"].as_f64(), Some(1.0));

    let alone = rows(&small);
    let ids: Vec<&str> = alone.keys().map(String::as_str).collect();
    let measured = [
        "attention",
        "elementwise",
        "lenet",
        "lenet.threads",
        "lstm",
        "lstm.length",
        "lstm_256",
        "mlp",
        "tabm",
        "tabm.threads",
    ];
    assert_eq!(ids, measured.map(|what| format!("train.{what}")));
    for id in ["train.elementwise", "train.lenet.threads", "train.tabm.threads"] {
        all_positive(&alone[id]);
    }
    assert!(alone["train.lenet"]["peer"].is_null());

    // LeNet has another number of parameters.
    let mut command = actuary(scratch.path());
    let arguments = [&small[..], &peer, &["--only", "lenet"]].concat();
    let output = command.arg("bench").args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("can't be compared"), "{said}");
}

#[test]
fn weights_are_read_beside_copy() {
    let rows = rows(&["load", "--megabytes", "3", "--rounds", "1"]);
    all_positive(&rows["load.weights"]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_start_is_measured_to_its_first_prediction() {
    let rows = rows(&["start", "--rounds", "1", "--seconds", "0.05"]);
    for id in ["start.embedded", "start.external"] {
        all_positive(&rows[id]);
        let (whole, ready) = (&rows[id]["ours"], &rows[&format!("{id}.ready")]["ours"]);
        assert!(whole.as_f64() > ready.as_f64(), "{whole} {ready}");
    }
    for id in ["start.database", "start.memory.idle", "start.memory.load"] {
        assert!(rows[id]["ours"].as_f64().unwrap() > 1.0, "{id}");
        all_positive(&rows[id]);
    }
    assert!(
        rows["start.memory.load"]["ours"].as_f64() >= rows["start.memory.idle"]["ours"].as_f64()
    );
    assert_eq!(rows.len(), 7);
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
