use super::{actuary, stderr, succeeded};
use crate::support::{Program, Scratch};

#[test]
fn the_operator_makes_lists_and_revokes_keys_without_a_server() {
    let scratch = Scratch::new("cli-keys");
    let keys =
        |arguments: &[&str]| actuary(scratch.path()).arg("keys").args(arguments).output().unwrap();
    let made = keys(&[
        "create",
        "--name",
        "scoring",
        "--scope",
        "predict",
        "--scope",
        "read",
        "--expires-in",
        "2d",
    ]);
    let secret = succeeded(&made);
    assert!(
        secret.trim_end().starts_with("act_") && !secret.trim_end().contains(char::is_whitespace)
    );
    assert!(stderr(&made).contains("first admin key"), "{}", stderr(&made));
    let listed = succeeded(&keys(&["list"]));
    let line = listed.lines().find(|line| line.contains("scoring")).unwrap();
    assert!(line.contains("predict, read") && line.contains("until "), "{line}");
    assert!(!listed.contains(secret.trim_end()));
    let id = line.split_whitespace().next().unwrap();
    succeeded(&keys(&["revoke", id]));
    let listed = succeeded(&keys(&["list"]));
    let line = listed.lines().find(|line| line.contains("scoring")).unwrap();
    assert!(line.contains("revoked "), "{line}");
    let unknown = keys(&["revoke", "0198c0de-0000-7000-8000-000000000001"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).starts_with("error: there is no key"), "{}", stderr(&unknown));
    let misspelt = keys(&["create", "--name", "x", "--scope", "predikt"]);
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(stderr(&misspelt).contains("did you mean predict?"), "{}", stderr(&misspelt));
}

#[test]
fn the_first_key_is_not_lost_when_the_address_is_taken() {
    let scratch = Scratch::new("cli-first-key");
    let data_dir = scratch.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = actuary(&data_dir).args(["serve", "--address", &address]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(said.contains("taken by another program") && !said.contains("admin key"), "{said}");
    drop(taken);
    let log = scratch.path().join("log");
    let mut command = actuary(&data_dir);
    command.args(["serve", "--address", &address]);
    let mut program = Program::spawn(command, &log);
    program.url();
    assert!(program.stop().success());
    let said = std::fs::read_to_string(log).unwrap();
    assert!(said.contains("first admin key, shown this once: act_"), "{said}");
}
