use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Place, give, stderr, stdout};

/// Hours, if nobody ends it.
const ENDLESS: &str = "train('loans', 'default', epochs=10000, patience=0, batch_size=1)";

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

/// Waits until the training runs: a child of an earlier job may not be gone yet.
fn until_running(place: &Place) {
    let start = Instant::now();
    while states(place) != "[\"running\"]\n" {
        assert!(start.elapsed() < Duration::from_secs(60), "no training was started");
    }
}

fn states(place: &Place) -> String {
    place.code("print([j.state for j in jobs(kind='training')]);")
}

#[test]
fn an_interrupted_script_cancels_its_job_and_says_so() {
    let place = Place::new("repl-interrupted-script");
    place.code("load('loans.csv');");
    let script = format!("print('begun')\n{ENDLESS}\nprint('never')");
    let child = place.command(&["run", "-c", &script]).spawn().unwrap();
    until_running(&place);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_eq!(stdout(&output), "begun\n");
    let said = stderr(&output);
    assert!(said.contains("interrupted; the training job was cancelled on the server"), "{said}");
    assert!(said.contains("--> -c:2:1"), "{said}");
    assert_eq!(states(&place), "[\"cancelled\"]\n");
}

#[test]
fn an_interrupt_ends_the_cell_and_never_the_session() {
    let place = Place::new("repl-interrupted-cell");
    place.code("load('loans.csv');");
    let mut session = place.command(&["repl"]).stdin(Stdio::piped()).spawn().unwrap();
    give(&mut session, &format!("x = 1\n{ENDLESS}\n"));
    until_running(&place);
    interrupt(&session);
    give(&mut session, "print('after the job', x)\n");
    let start = Instant::now();
    while states(&place) != "[\"cancelled\"]\n" {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", states(&place));
    }
    give(&mut session, "for i in range(2000000000): pass\n");
    std::thread::sleep(Duration::from_secs(2));
    interrupt(&session);
    give(&mut session, "print('after the loop', x)\n");
    session.stdin = None;
    let output = session.wait_with_output().unwrap();
    assert_eq!(stdout(&output), "after the job 1\nafter the loop 1\n", "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("the training job was cancelled on the server"), "{said}");
    assert!(said.ends_with("error: interrupted\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
