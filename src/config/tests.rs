use std::path::Path;

use super::*;
use crate::telemetry::LogFormat;

fn environment_of(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn flags_of(pairs: &[(&'static str, &str)]) -> Flags {
    Flags { file: None, values: pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect() }
}

fn with_dir(dir: &Path, more: &[(&'static str, &str)]) -> Flags {
    let mut flags = flags_of(more);
    flags.values.insert("data_dir", dir.display().to_string());
    flags
}

fn places(error: &Error) -> Vec<String> {
    match error {
        Error::Problem { errors, .. } => {
            errors.iter().map(|e| format!("{}: {}", e.pointer, e.detail)).collect()
        }
        Error::Internal { .. } => Vec::new(),
    }
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE_NAME);
    let load = |flags: &[(&'static str, &str)], environment: &[(&str, &str)]| {
        let config =
            Config::load(with_dir(dir.path(), flags), &environment_of(environment)).unwrap();
        (config.http.address.port(), config.source("http.address").clone())
    };
    assert_eq!(load(&[], &[]), (8080, Source::Default));
    std::fs::write(&file, "# ours\n[http]\naddress = \"127.0.0.1:1\"\n").unwrap();
    assert_eq!(load(&[], &[]), (1, Source::File(format!("{}, line 3", file.display()))));
    let environment = [("ACTUARY_HTTP_ADDRESS", "127.0.0.1:2")];
    let source = Source::Environment("ACTUARY_HTTP_ADDRESS".into());
    assert_eq!(load(&[], &environment), (2, source));
    assert_eq!(load(&[("http.address", "127.0.0.1:3")], &environment), (3, Source::Flag));
    assert_eq!(load(&[], &[("ACTUARY_HTTP_ADDRESS", "")]).0, 1);
}

#[test]
fn a_named_file_is_read_instead_of_the_one_in_the_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), "[worker]\nslots = 2\n").unwrap();
    let named = dir.path().join("other.toml");
    std::fs::write(&named, format!("data_dir = \"{}\"", dir.path().display())).unwrap();
    let by_variable = environment_of(&[("ACTUARY_CONFIG", named.to_str().unwrap())]);
    let config = Config::load(Flags::default(), &by_variable).unwrap();
    assert_eq!((config.data_dir.as_path(), config.worker.slots.get()), (dir.path(), 1));
    let missing = Flags { file: Some(dir.path().join("none.toml")), ..Flags::default() };
    let error = Config::load(missing, &by_variable).unwrap_err();
    assert!(error.to_string().contains("none.toml can't be read"), "{error}");
}

#[test]
fn everything_wrong_in_a_file_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE_NAME);
    std::fs::write(&file, "log = 3\n[http]\nadress = \"x\"\nworkers = [1]\n[htpt]\na = 1\n")
        .unwrap();
    let error = Config::load(with_dir(dir.path(), &[]), &Environment::new()).unwrap_err();
    let at = |line| format!("{}, line {line}: ", file.display());
    let mut found = places(&error);
    found.sort();
    assert_eq!(
        found,
        [
            at(1) + "log is a section: write [log] and its settings below",
            at(3) + "there is no setting http.adress; did you mean http.address?",
            at(4) + "http.workers takes a single value, not this array",
            at(5) + "there is no setting htpt; did you mean http?",
        ]
    );
    std::fs::write(&file, "[http]\naddress = \n").unwrap();
    let error = Config::load(with_dir(dir.path(), &[]), &Environment::new()).unwrap_err();
    assert!(places(&error)[0].starts_with(&at(2)), "{:?}", places(&error));
    std::fs::write(&file, "data_dir = \"/elsewhere\"\n").unwrap();
    let error = Config::load(with_dir(dir.path(), &[]), &Environment::new()).unwrap_err();
    assert!(error.to_string().contains("--data-dir"), "{error}");
}

#[test]
fn every_bad_value_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), "[log]\nformat = \"xml\"\n").unwrap();
    let wrong = [("ACTUARY_WORKER_SLOTS", "many"), ("ACTUARY_WORKER_NICENESS", "20")];
    let flags = with_dir(dir.path(), &[("http.address", "8080")]);
    let found = places(&Config::load(flags, &environment_of(&wrong)).unwrap_err());
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].contains("127.0.0.1:8080"), "{found:?}");
    let slots =
        "ACTUARY_WORKER_SLOTS: worker.slots can't be 'many': give a whole number from 1 to 1024";
    assert_eq!(found[1], slots);
    let niceness = "ACTUARY_WORKER_NICENESS: worker.niceness can't be '20': give a whole number \
                    from 0 to 19";
    assert_eq!(found[2], niceness);
    assert!(found[3].contains("actuary.toml, line 2: log.format can't be 'xml'"), "{found:?}");
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("url");
    std::fs::write(&secret, "postgres://me:secret@db:5432/a?password=secret\n").unwrap();
    let path = secret.to_str().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), format!("[database]\nurl_file = \"{path}\"\n"))
        .unwrap();
    let by_variable = environment_of(&[("ACTUARY_DATABASE_URL_FILE", path)]);
    for environment in [Environment::new(), by_variable] {
        let config = Config::load(with_dir(dir.path(), &[]), &environment).unwrap();
        let url = config.database_url.as_deref().unwrap();
        assert_eq!(url, "postgres://me:secret@db:5432/a?password=secret");
        let shown = config.effective().iter().find(|e| e.key == "database.url").unwrap();
        assert_eq!(shown.value.as_deref(), Some("postgres://me:***@db:5432/a"));
    }
    let both = environment_of(&[("DATABASE_URL", "postgres://b/x"), ("ACTUARY_DATABASE_URL", "c")]);
    let config = Config::load(with_dir(dir.path(), &[]), &both).unwrap();
    assert_eq!(config.database_url.as_deref(), Some("c"));
    let missing = environment_of(&[("DATABASE_URL_FILE", "/nowhere/url")]);
    let error = Config::load(with_dir(dir.path(), &[]), &missing).unwrap_err();
    assert!(places(&error)[0].contains("/nowhere/url can't be read"), "{:?}", places(&error));
}

#[test]
fn every_setting_is_resolved_once_in_the_order_of_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment_of(&[("RUST_LOG", "debug"), ("ACTUARY_LOG_FORMAT", "json")]);
    let config = Config::load(with_dir(dir.path(), &[]), &environment).unwrap();
    let keys: Vec<_> = config.effective().iter().map(|e| e.key).collect();
    assert_eq!(keys, settings::file_keys().collect::<Vec<_>>());
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.level.as_deref(), Some("debug"));
}

#[test]
fn numbers_that_would_stop_the_program_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let load = |key: &'static str, value: &str| {
        Config::load(with_dir(dir.path(), &[(key, value)]), &Environment::new())
    };
    for (key, bad, wanted) in [
        ("database.connections", "0", "from 2 on"),
        ("database.connections", "1", "from 2 on"),
        ("worker.slots", "0", "from 1 to 1024"),
        ("worker.threads", "0", "from 1 to 1024"),
        ("worker.threads", "1000000", "from 1 to 1024"),
        ("http.workers", "0", "from 1 to 1024"),
        ("http.workers", "1000000", "from 1 to 1024"),
        ("http.max_connections", "0", "from 1 on"),
        ("http.upload_limit_bytes", "0", "from 1 on"),
        ("http.body_idle_seconds", "0", "from 1 on"),
    ] {
        let found = places(&load(key, bad).unwrap_err());
        let said = format!("flag for {key}: {key} can't be '{bad}': give a whole number {wanted}");
        assert_eq!(found, [said]);
    }
    assert_eq!(load("database.connections", "2").unwrap().pool.max_connections, 2);
    assert_eq!(load("worker.slots", "1024").unwrap().worker.slots.get(), 1024);
    assert_eq!(load("http.workers", "1").unwrap().http.workers, Some(NonZeroUsize::MIN));
}

#[test]
fn a_variable_that_is_no_setting_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment_of(&[
        ("ACTUARY_HTTP_ADRESS", "127.0.0.1:1"),
        ("ACTUARY_KEY", "ak_x"),
        ("ACTUARY_LOG", "info"),
        ("ACTUARY_URL", "http://127.0.0.1:1"),
        ("HTTP_ADRESS", "x"),
    ]);
    let config = Config::load(with_dir(dir.path(), &[]), &environment).unwrap();
    let told = "the variable ACTUARY_HTTP_ADRESS is ignored: there is no such setting; did you mean \
                ACTUARY_HTTP_ADDRESS?";
    assert_eq!(config.unknown_variables(), [told]);
    let secret = dir.path().join("url");
    std::fs::write(&secret, "postgres://db/x").unwrap();
    let read = environment_of(&[("ACTUARY_DATABASE_URL_FILE", secret.to_str().unwrap())]);
    let config = Config::load(with_dir(dir.path(), &[]), &read).unwrap();
    assert!(config.unknown_variables().is_empty());
}
