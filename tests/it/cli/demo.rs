use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{actuary, succeeded};
use crate::support::Scratch;

const ROWS: &str = "1500";

/// An address that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn demo(data_dir: &Path, address: &str, arguments: &[&str]) -> String {
    let output = actuary(data_dir)
        .arg("demo")
        .args(arguments)
        .env("ACTUARY_HTTP_ADDRESS", address)
        .output()
        .unwrap();
    succeeded(&output)
}

fn line<'a>(printed: &'a str, what: &str) -> &'a str {
    printed.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}:\n{printed}"))
}

/// A server that was started by the line that the demonstration printed.
struct Served(Child);

impl Served {
    fn start(command: &str, address: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .env("ACTUARY_HTTP_ADDRESS", address)
            .env_remove("DATABASE_URL")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.starts_with(&format!("serving http://{address}")), "{first}");
        Self(child)
    }

    fn stop(mut self) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
    }
}

/// The status that a printed curl line gets; None where there is no curl.
fn status(curl: &str) -> Option<String> {
    Command::new("curl").arg("--version").output().ok()?;
    let script = format!("{curl} -o /dev/null -w '%{{http_code}}'");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    Some(succeeded(&output))
}

#[test]
fn the_demonstration_trains_promotes_predicts_and_what_it_prints_works() {
    let scratch = Scratch::new("cli-demo");
    let address = free_address();
    let printed = demo(scratch.path(), &address, &["--rows", ROWS]);
    assert!(!printed.contains('\x1b'), "no colours where there is no terminal");
    assert!(line(&printed, "database").contains("embedded PostgreSQL"));
    assert!(line(&printed, "dataset").contains("demo-loans 1   1,500 rows × 14 columns"));
    let training = line(&printed, "training");
    assert!(training.contains("AUC 0.") && training.contains("best attainable 0."), "{training}");
    for network in ["linear", "mlp", "tabm"] {
        assert!(training.contains(network), "{training}");
    }
    assert!(line(&printed, "champion").contains("demo-default 1"));
    assert!(line(&printed, "applicant").contains("decision at 0."));
    let scored = printed.lines().filter(|line| line.trim_start().starts_with('#'));
    assert!((2..=3).contains(&scored.count()), "{printed}");

    let next = line(&printed, "next  ").trim_start_matches("next").trim();
    let served = Served::start(next.split("   ").next().unwrap(), &address);
    let curls: Vec<&str> =
        printed.lines().map(str::trim).filter(|l| l.starts_with("curl")).collect();
    assert_eq!(curls.len(), 3, "{printed}");
    for curl in curls {
        assert!(matches!(status(curl).as_deref(), None | Some("200")), "{curl}");
    }

    let again = demo(scratch.path(), &address, &["--rows", ROWS]);
    assert!(line(&again, "database").contains(&format!("http://{address}")), "{again}");
    assert!(line(&again, "dataset").contains("demo-loans 2"), "{again}");
    assert!(line(&again, "champion").contains("demo-default 2"), "{again}");
    served.stop();
}

#[test]
fn the_demonstration_takes_the_users_own_file() {
    let scratch = Scratch::new("cli-demo-file");
    let file = scratch.path().join("Houses.csv");
    let mut text = "size,rooms,town,price\n".to_owned();
    for row in 0..400u32 {
        let (size, rooms) = (40 + row * 37 % 160, 1 + row * 13 % 6);
        let town = ["north", "south"][row as usize % 2];
        let price = 1_000 * size + 5_000 * rooms + 20_000 * (row % 2);
        text.push_str(&format!("{size},{rooms},{town},{price}\n"));
    }
    std::fs::write(&file, text).unwrap();
    let arguments = ["--data", file.to_str().unwrap(), "--target", "price"];
    let printed = demo(scratch.path(), &free_address(), &arguments);
    assert!(
        line(&printed, "dataset").contains("demo-houses 1   400 rows × 4 columns"),
        "{printed}"
    );
    assert!(line(&printed, "training").contains("R2 "), "{printed}");
    assert!(line(&printed, "champion").contains("demo-price 1"), "{printed}");
    let wrong = ["--data", file.to_str().unwrap(), "--target", "prize"];
    let output = actuary(scratch.path()).arg("demo").args(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = super::stderr(&output);
    assert_eq!(said.matches("did you mean price?").count(), 1, "{said}");
    assert!(said.contains("at --target"), "{said}");
    assert_eq!(super::stdout(&output), "", "nothing was started");
}
