//! Backups of a server under load, and what comes back from them.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actuary::client::{Client, Source, outcome};
use actuary::domain::dataset::DataFormat;
use actuary::domain::prediction::{PredictionRequest, PredictionResponse, Row};
use actuary::domain::schema::Cell;
use actuary::domain::version::AliasTarget;

use super::{actuary, stderr, succeeded};
use crate::support::{Program, Scratch};

const MODEL: &str = "risk";

fn serve(data_dir: &Path, log: &Path) -> (Program, String) {
    let mut command = actuary(data_dir);
    command.args(["serve", "--address", "127.0.0.1:0"]);
    let mut program = Program::spawn(command, log);
    let url = program.url();
    (program, url)
}

fn new_key(data_dir: &Path) -> String {
    let mut command = actuary(data_dir);
    command.args(["keys", "create", "--name", "test"]);
    for scope in ["read", "predict", "train"] {
        command.args(["--scope", scope]);
    }
    succeeded(&command.output().unwrap()).trim().to_owned()
}

fn run(data_dir: &Path, what: &str, file: &Path) -> Output {
    actuary(data_dir).arg(what).arg(file).output().unwrap()
}

async fn train(client: &Client) -> u32 {
    let rows: String = (0..600u32).map(|i| format!("{},{}\n", i * 7 % 101, i % 3 / 2)).collect();
    let source = Source::Bytes(format!("x,y\n{rows}").into());
    let job = client.upload_dataset("loans", DataFormat::Csv, &[], source).await.unwrap();
    outcome(client.wait_for_job(job.id, |_| {}).await.unwrap()).unwrap();
    let spec = serde_json::json!({"dataset": {"name": "loans"}, "target": "y", "epochs": 2});
    let spec = serde_json::from_value(spec).unwrap();
    let job = client.train(MODEL, &spec).await.unwrap();
    outcome(client.wait_for_job(job.id, |_| {}).await.unwrap()).unwrap();
    let target = AliasTarget { version: 1, reason: None };
    client.move_alias(MODEL, "champion", &target, None).await.unwrap();
    1
}

async fn predict(client: &Client, record: bool) -> PredictionResponse {
    let row: Row = [("x".to_owned(), Cell::Int(42))].into();
    let request = PredictionRequest { rows: Some(vec![row]), record, ..Default::default() };
    client.predict(MODEL, &request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_comes_back_with_the_same_champion_and_answers() {
    let scratch = Scratch::new("cli-backup");
    let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
    let (file, log) = (scratch.path().join("all.backup"), scratch.path().join("log"));
    let empty = run(&one, "backup", &file);
    assert!(stderr(&empty).contains("nothing to back up"), "{}", stderr(&empty));

    let (program, url) = serve(&one, &log);
    let key = new_key(&one);
    let client = Client::new(&url, &key).unwrap();
    let version = train(&client).await;
    let before = predict(&client, true).await;
    // The load: predictions that are recorded, each durable before it is answered.
    let (stop, recorded) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let load = tokio::spawn({
        let (client, stop, recorded) = (client.clone(), stop.clone(), recorded.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                predict(&client, true).await;
                recorded.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let at_least = 20;
    while recorded.load(Ordering::Relaxed) < at_least {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let made = tokio::task::spawn_blocking({
        let (one, file) = (one.clone(), file.clone());
        move || run(&one, "backup", &file)
    });
    succeeded(&made.await.unwrap());
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    assert!(stderr(&run(&one, "backup", &file)).contains("exists already"));
    assert!(stderr(&run(&one, "restore", &file)).contains("is not empty"));
    assert!(program.stop().success());

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = scratch.path().join("damaged.backup");
    std::fs::write(&damaged, bytes).unwrap();
    let refused = run(&two, "restore", &damaged);
    assert!(stderr(&refused).contains("SHA-256"), "{}", stderr(&refused));
    assert!(!two.exists(), "nothing was touched");

    let said = succeeded(&run(&two, "restore", &file));
    assert!(said.contains("every SHA-256 right"), "{said}");
    let (program, url) = serve(&two, &log);
    // The same keys, the same champion, the same bits.
    let client = Client::new(&url, &key).unwrap();
    let champion = client.get_alias(MODEL, "champion").await.unwrap().unwrap();
    assert_eq!(champion.version, version);
    let after = predict(&client, false).await;
    assert_eq!((after.predictions, after.version), (before.predictions.clone(), version));
    let kept = client.get_prediction(before.id.unwrap()).await.unwrap();
    assert_eq!(kept.predictions, before.predictions);
    assert!(program.stop().success());
}
