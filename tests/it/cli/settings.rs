use super::{actuary, stderr, succeeded};
use crate::support::Scratch;

#[test]
fn settings_are_printed_with_their_sources_and_no_secret() {
    let scratch = Scratch::new("cli-settings");
    let file = scratch.path().join("actuary.toml");
    std::fs::write(&file, "[worker]\nslots = 3\n[log]\nformat = \"json\"\n").unwrap();
    let printed = actuary(scratch.path())
        .arg("config")
        .env("DATABASE_URL", "postgres://me:hunter2@db/actuary")
        .env("ACTUARY_LOG_FORMAT", "pretty")
        .output()
        .unwrap();
    let printed = succeeded(&printed);
    let line = |key: &str| {
        let line = printed.lines().find(|line| line.starts_with(key)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    let place = format!("{}, line 2", file.display());
    assert_eq!(line("data_dir")[1..], [scratch.path().to_str().unwrap(), "flag"]);
    assert_eq!(line("worker.slots")[1..], ["3", &place]);
    assert_eq!(line("log.format")[1..], ["pretty", "ACTUARY_LOG_FORMAT"]);
    assert_eq!(line("http.address")[1..], ["127.0.0.1:8080", "default"]);
    assert_eq!(line("database.url")[1..], ["postgres://me:***@db/actuary", "DATABASE_URL"]);
    assert!(!printed.contains("hunter2"));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_the_way_out() {
    let scratch = Scratch::new("cli-errors");
    let file = scratch.path().join("actuary.toml");
    std::fs::write(&file, "[http]\nadress = \"127.0.0.1:1\"\n").unwrap();
    let refused = actuary(scratch.path()).arg("serve").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let place = file.display();
    assert_eq!(
        stderr(&refused),
        format!(
            "error: the settings file {place} does not hold\n  {place}, line 2: there is no \
             setting http.adress; did you mean http.address?\n"
        )
    );
    std::fs::remove_file(&file).unwrap();
    let open = ["serve", "--address", "0.0.0.0:8080"];
    let refused = actuary(scratch.path()).args(open).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("--behind-proxy"), "{}", stderr(&refused));
    let misused = actuary(scratch.path()).args(["serve", "--adress", "x"]).output().unwrap();
    assert_eq!(misused.status.code(), Some(2));
    assert!(stderr(&misused).contains("--address"), "{}", stderr(&misused));
}

/// A database takes seconds to make, and stays.
#[test]
fn what_keeps_a_server_from_starting_is_found_before_a_database_is_made() {
    let scratch = Scratch::new("cli-early");
    let data_dir = scratch.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let key = scratch.path().join("key.pem");
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let key = key.to_str().unwrap();
    for (arguments, said) in [
        (vec!["--address", &address], "is taken by another program"),
        (vec!["--tls-cert", key, "--tls-key", key], "it holds no certificate, but a private key"),
    ] {
        let refused = actuary(&data_dir).arg("serve").args(arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
        assert!(!stderr(&refused).contains("WARN"), "{}", stderr(&refused));
        assert!(!data_dir.exists());
    }
}

#[test]
fn a_mistyped_variable_is_told() {
    let scratch = Scratch::new("cli-variable");
    let printed = actuary(scratch.path())
        .arg("config")
        .env("ACTUARY_HTTP_ADRESS", "127.0.0.1:1")
        .output()
        .unwrap();
    assert!(succeeded(&printed).contains("127.0.0.1:8080"));
    let told = "warning: the variable ACTUARY_HTTP_ADRESS is ignored: there is no such setting; did \
                you mean ACTUARY_HTTP_ADDRESS?\n";
    assert_eq!(stderr(&printed), told);
}

#[test]
fn the_document_of_the_interface_and_the_version_are_printed() {
    let scratch = Scratch::new("cli-prints");
    let printed = succeeded(&actuary(scratch.path()).arg("openapi").output().unwrap());
    let document: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(document["paths"]["/api/v1/models/{model}/predictions"].is_object());
    let printed = succeeded(&actuary(scratch.path()).arg("--version").output().unwrap());
    assert!(printed.starts_with(concat!("actuary ", env!("CARGO_PKG_VERSION"))), "{printed}");
}
