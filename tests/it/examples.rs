//! The examples that need nothing but a shell and curl, as they stand.

use std::process::Command;

use crate::support::{Scratch, actuary, unset_settings};

fn path(example: &str) -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/").to_owned() + example
}

fn runs(script: &str, says: &[&str]) {
    let mut command = Command::new("bash");
    unset_settings(&mut command);
    command.arg(path(script)).env("ACTUARY_BIN", env!("CARGO_BIN_EXE_actuary"));
    says_all(&mut command, says);
}

fn says_all(command: &mut Command, says: &[&str]) {
    let output = command.output().unwrap();
    let (said, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{log}");
    for wanted in says {
        assert!(said.contains(wanted), "{wanted}:\n{said}\n{log}");
    }
}

#[test]
fn the_operator_backs_up_and_restores() {
    runs("operator/run.sh", &["✓ schema", "every SHA-256 right", r#""model":"demo-default""#]);
}

#[test]
fn the_auditor_finds_who_decided_and_the_same_answer() {
    runs("auditor/run.sh", &[r#""version":1"#, r#""identical":true"#, r#""max_difference":0.0"#]);
}

#[test]
fn texts_are_told_apart() {
    runs(
        "texts/run.sh",
        &[r#""kind":"text_cnn""#, r#""label":"down""#, r#""label":"up""#, "macro_f1"],
    );
}

#[test]
fn every_network_is_tried_once() {
    let kinds = [
        "linear",
        "mlp",
        "tabm",
        "transformer",
        "lenet",
        "cnn",
        "text_cnn",
        "text_attention",
        "lstm",
        "attention",
        "nlinear",
        "dlinear",
    ];
    let says = kinds.map(|kind| format!("{kind} has "));
    runs("networks/run.sh", &says.each_ref().map(String::as_str));
}

#[test]
fn the_analyst_explores_compares_and_promotes() {
    let scratch = Scratch::new("examples-analyst");
    let mut demo = actuary(scratch.path());
    says_all(
        demo.args(["demo", "--rows", "1500"]),
        &["actuary repl", "explore, train and compare"],
    );
    let mut advised = actuary(scratch.path());
    advised.args(["run", &path("analyst/advise.star")]);
    says_all(&mut advised, &["linear would take", "expected", "advised 1"]);
    let mut explored = actuary(scratch.path());
    explored.args(["run", &path("analyst/explore.star")]);
    says_all(
        &mut explored,
        &["better on rows that neither has seen", "champion of explored", "5 rows by"],
    );
    let mut simpler = actuary(scratch.path());
    simpler.args(["run", &path("analyst/simplify.star")]);
    says_all(
        &mut simpler,
        &["8 bits for each weight of version 1", "pruned by 70 %", "taught by", "times smaller, "],
    );
    let mut optimisers = actuary(scratch.path());
    optimisers.args(["run", &path("analyst/optimisers.star")]);
    says_all(&mut optimisers, &["momentum at", "adam at", "as far as sgd in epoch"]);
    let mut searched = actuary(scratch.path());
    searched.args(["run", &path("analyst/search.star")]);
    says_all(
        &mut searched,
        &[
            "trial  state",
            "to its end",
            "best of 9 configurations",
            "the same again: True",
            "searched 1",
        ],
    );
}
