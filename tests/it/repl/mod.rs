//! Cells against a server: as scripts, from a pipe, and broken off.

mod connection;
mod drawings;
mod errors;
mod interrupts;
mod notebooks;
mod scripts;
mod terminal;

use std::io::Write;
use std::process::{Child, Output, Stdio};

use crate::support::{Program, Scratch, actuary};

/// A server on a fresh data directory, with a file to load beside it.
struct Place {
    // The first to go.
    server: Program,
    url: String,
    scratch: Scratch,
}

impl Place {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let mut command = actuary(scratch.path());
        command.args(["serve", "--address", "127.0.0.1:0"]);
        let mut server = Program::spawn(command, &scratch.path().join("server.log"));
        let url = server.url();
        std::fs::write(scratch.path().join("loans.csv"), loans(600)).unwrap();
        std::fs::write(scratch.path().join("rates.csv"), rates(200)).unwrap();
        Self { server, url, scratch }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = actuary(self.scratch.path());
        command.args(arguments).current_dir(self.scratch.path());
        command.env("XDG_STATE_HOME", self.scratch.path().join("state"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        give(&mut child, input);
        child.stdin = None;
        child.wait_with_output().unwrap()
    }

    /// What a text prints when it succeeds.
    fn code(&self, code: &str) -> String {
        let output = self.run(&["run", "-c", code], "");
        assert!(output.status.success(), "{code}\n{}", stderr(&output));
        stdout(&output)
    }
}

/// Writes to a program's standard input.
fn give(child: &mut Child, text: &str) {
    let input = child.stdin.as_mut().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    input.flush().unwrap();
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Loans of which the poor default more often.
fn loans(rows: u32) -> String {
    let mut text = "income,age,zip,region,default\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 16;
        let income = 15_000 + noise % 70_000;
        let age = 20 + (noise / 7) % 50;
        let default = u32::from(noise % 100 + income / 1_500 < 70);
        let region = ["north", "south", "west"][(noise % 3) as usize];
        text.push_str(&format!("{income},{age},0{:04},{region},{default}\n", noise % 900));
    }
    text
}

/// A rate that rises and falls by the day.
fn rates(days: u32) -> String {
    let mut text = "date,rate\n".to_owned();
    for day in 0..days {
        let (month, of_month) = (1 + day / 28, 1 + day % 28);
        let noise = f64::from(day.wrapping_mul(2_654_435_761) >> 20) / 4096.0;
        let rate = 3.0 + (f64::from(day) / 5.0).sin() + 0.1 * noise;
        text.push_str(&format!("2025-{month:02}-{of_month:02},{rate:.4}\n"));
    }
    text
}
