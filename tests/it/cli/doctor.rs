use serde_json::Value;

use super::{actuary, stderr, stdout, succeeded};
use crate::support::{Program, Scratch};

fn findings(text: &str) -> Vec<(String, String)> {
    let all: Vec<Value> = serde_json::from_str(text).unwrap();
    let text = |f: &Value, name: &str| f[name].as_str().unwrap().to_owned();
    all.iter().map(|f| (text(f, "what"), text(f, "health"))).collect()
}

#[test]
fn the_doctor_looks_and_changes_nothing() {
    let scratch = Scratch::new("cli-doctor");
    let data_dir = scratch.path().join("data");
    let doctor = |address: &str| {
        let mut command = actuary(&data_dir);
        command.args(["doctor", "--json"]).env("ACTUARY_HTTP_ADDRESS", address);
        command.output().unwrap()
    };
    let found = findings(&succeeded(&doctor("127.0.0.1:0")));
    assert!(!data_dir.exists());
    let all = ["programs", "data directory", "disk", "memory", "database", "address", "devices"];
    assert_eq!(found.iter().map(|f| f.0.as_str()).collect::<Vec<_>>(), all);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bad = doctor(&taken.local_addr().unwrap().to_string());
    assert_eq!(bad.status.code(), Some(1));
    assert!(findings(&stdout(&bad)).contains(&("address".to_owned(), "bad".to_owned())));
    assert!(stderr(&bad).contains("1 of 7 findings are bad"), "{}", stderr(&bad));

    let mut command = actuary(&data_dir);
    command.args(["serve", "--address", "127.0.0.1:0"]);
    let mut program = Program::spawn(command, &scratch.path().join("log"));
    program.url();
    let shown = actuary(&data_dir).arg("doctor").output().unwrap();
    let shown = succeeded(&shown);
    for line in
        [" ✓ schema          as this program needs it", " ✓ address         a server serves"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(program.stop().success());
}

#[test]
fn the_doctor_says_what_is_missing() {
    let scratch = Scratch::new("cli-doctor-bad");
    let bad = actuary(scratch.path())
        .arg("doctor")
        .env("ACTUARY_POSTGRES_BIN_DIR", "/nowhere")
        .env("ACTUARY_HTTP_ADDRESS", "0.0.0.0:0")
        .output()
        .unwrap();
    assert_eq!(bad.status.code(), Some(1));
    let shown = stdout(&bad);
    assert!(
        shown.contains("✗ programs        /nowhere does not hold PostgreSQL's programs"),
        "{shown}"
    );
    assert!(shown.contains("✗ address") && shown.contains("--behind-proxy"), "{shown}");
}
