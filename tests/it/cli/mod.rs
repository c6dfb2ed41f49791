//! The program as a shell runs it.

mod backup;
mod bench;
mod demo;
mod doctor;
mod keys;
mod settings;

use std::process::Output;

use crate::support::actuary;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What it prints when it succeeds.
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", stdout(output), stderr(output));
    stdout(output)
}
