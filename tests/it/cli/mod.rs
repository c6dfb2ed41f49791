//! The program as a shell runs it.

mod demo;
mod keys;
mod settings;

use std::path::Path;
use std::process::{Command, Output};

/// The program, with nothing in its environment that a developer may have set.
fn actuary(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_actuary"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_setting = text.starts_with("ACTUARY_") && !text.starts_with("ACTUARY_POSTGRES_");
        if is_setting || text.contains("DATABASE_URL") || text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
    command.arg("--data-dir").arg(data_dir);
    command
}

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
