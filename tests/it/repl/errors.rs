use std::process::Stdio;

use super::{Place, give, stderr, stdout};
use crate::support::{Scratch, actuary};

#[test]
fn an_error_has_its_place_and_an_exit_code() {
    let place = Place::new("repl-errors");
    let file = place.scratch.path().join("wrong.star");
    std::fs::write(&file, "print('before')\n\nx = 1 +\n").unwrap();
    let parsed = place.run(&["run", "wrong.star"], "");
    assert_eq!(parsed.status.code(), Some(1));
    assert_eq!(stdout(&parsed), "");
    assert!(stderr(&parsed).contains("--> wrong.star:3:"), "{}", stderr(&parsed));
    assert!(stderr(&parsed).contains("3 | x = 1 +\n"), "{}", stderr(&parsed));

    std::fs::write(&file, "print('before')\ndef f(name):\n    load(name)\n\nf('loan')\n").unwrap();
    place.code("load('loans.csv');");
    let failed = place.run(&["run", "wrong.star"], "");
    assert_eq!((failed.status.code(), stdout(&failed).as_str()), (Some(1), "before\n"));
    assert_eq!(
        stderr(&failed),
        "error: there is no dataset loan; did you mean loans? (a file's name ends in .csv, .jsonl \
         or .parquet; datasets() lists what there is)\n --> wrong.star:3:5\n3 |     load(name)\n  \
         |     ^^^^^^^^^^\n   called from wrong.star, line 5\n"
    );
    assert_eq!(place.run(&["run", "-c", "exit(7)"], "").status.code(), Some(7));
    let missing = place.run(&["run", "none.star"], "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).starts_with("error: none.star can't be read"), "{}", stderr(&missing));
}

#[test]
fn what_the_server_refuses_is_named_as_an_argument() {
    let place = Place::new("repl-refused");
    let cells = "load('loans.csv');\n\
                 train('loans', 'defautl')\n\
                 train('loans', 'default', network={'kind': 'mlp', 'hidden': [0]}, epochs=0)\n\
                 train('loans', 'default', network='linear', epochs=1, model='risk');\n\
                 predict('risk', {'income': 1})\n\
                 predict('risk', {'incom': 1, 'age': 'old'}, version=1)\n\
                 predict('rsk', {})\n\
                 version('risk', 9)\n\
                 bin('loans', 'default')\n\
                 1 + 1\n";
    let output = place.run(&["repl"], cells);
    assert_eq!(output.status.code(), Some(1), "a cell failed");
    assert_eq!(stdout(&output), "2\n", "{}", stderr(&output));
    let said = stderr(&output);
    for part in [
        "did you mean default?",
        "network.hidden",
        "epochs",
        "risk has no champion: promote(\"risk\", n) sets one",
        "rows[0].incom: ",
        "did you mean income?",
        "rows[0].age: ",
        "there is no model rsk; did you mean risk?",
        "--> In [8]:1:1",
        "name the outcome: bin(data, target=\"default\")",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
}

#[test]
fn a_lost_server_is_the_cells_error_and_not_the_sessions_end() {
    let Place { server, url, scratch } = Place::new("repl-lost");
    let made = actuary(scratch.path())
        .args(["keys", "create", "--name", "t", "--scope", "read"])
        .output()
        .unwrap();
    let key = stdout(&made);
    let mut session = actuary(scratch.path());
    session.args(["repl", "--url", &url]).env("ACTUARY_KEY", key.trim());
    session.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut session = session.spawn().unwrap();
    give(&mut session, "models()\n");
    // A script of the same server ends after the session has connected.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(server.stop().success());
    give(&mut session, "models()\nprint('still here')\n");
    session.stdin = None;
    let output = session.wait_with_output().unwrap();
    assert_eq!(stdout(&output), "[]\nstill here\n", "{}", stderr(&output));
    let said = stderr(&output);
    assert_eq!(said.matches("trying again").count(), 1, "{said}");
    assert!(said.contains("error: no Actuary answers at"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_server_that_is_named_needs_a_key_that_is_good() {
    let place = Place::new("repl-keys");
    let without = place.run(&["run", "--url", &place.url, "-c", "1"], "");
    assert_eq!(without.status.code(), Some(1));
    assert!(stderr(&without).contains("needs a key: set ACTUARY_KEY"), "{}", stderr(&without));
    let wrong = place.run(&["run", "--url", &place.url, "--key", "act_x", "-c", "1"], "");
    assert_eq!(wrong.status.code(), Some(1));
    let lone = Scratch::new("repl-lone-key");
    let lone = actuary(lone.path()).args(["run", "--key", "act_x", "-c", "1"]).output().unwrap();
    assert!(stderr(&lone).contains("--url"), "{}", stderr(&lone));
}
