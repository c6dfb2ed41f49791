//! Holds what the server has against what its clients were told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::ledger::{Ledger, Notes};
use super::load::{ALIASES, MODEL, look, number, text};
use super::wire::{Request, Wire};

/// Waits until every job has ended.
pub(super) async fn drained(wire: &Wire, ledger: &Ledger, limit: Duration) {
    let deadline = Instant::now() + limit;
    loop {
        let pending = ledger.notes().pending.clone();
        if pending.is_empty() {
            return;
        }
        for id in &pending {
            look(wire, ledger, id).await;
        }
        assert!(Instant::now() < deadline, "the jobs end within {limit:?}; left: {pending:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Checks everything. Returns what there was to check.
pub(super) async fn check(wire: &Wire, ledger: &Ledger) -> String {
    let notes = std::mem::take(&mut *ledger.notes());
    let jobs = check_jobs(wire, &notes).await;
    check_datasets(wire, &notes, &jobs).await;
    check_versions(wire, &notes, &jobs).await;
    check_aliases(wire, &notes).await;
    check_keys(wire, &notes).await;
    check_records(wire, &notes).await;
    let failed = jobs.values().filter(|job| job["state"] == "failed").count();
    let summary = format!(
        "{} acknowledged, {} of them repeated: {} uploads, {} trainings ({failed} jobs failed), {} \
         moves, {} keys, {} records",
        notes.acknowledged,
        notes.repeated,
        notes.uploads.len(),
        notes.trainings.len(),
        notes.moves.len(),
        notes.keys.len(),
        notes.records.len()
    );
    *ledger.notes() = notes;
    summary
}

/// Every job that was acknowledged is there and has ended well, or has used its attempts up; no
/// other is there. Returns them by id.
async fn check_jobs(wire: &Wire, notes: &Notes) -> BTreeMap<String, Value> {
    let jobs = wire.list("/api/v1/jobs").await;
    let jobs: BTreeMap<String, Value> = jobs
        .into_iter()
        .filter(|job| job["kind"] != "sweep")
        .map(|job| (text(&job["id"]), job))
        .collect();
    let uploads = notes.uploads.iter().map(|upload| &upload.job);
    let asked: BTreeSet<&String> = uploads.chain(&notes.trainings).collect();
    assert_eq!(jobs.keys().collect::<BTreeSet<_>>(), asked, "the jobs that were asked for");
    assert_eq!(asked.len(), notes.uploads.len() + notes.trainings.len(), "one job for each");
    for job in jobs.values() {
        let exhausted = job["state"] == "failed" && job["error"]["code"] == "attempts_exhausted";
        assert!(job["state"] == "done" || exhausted, "{job}");
    }
    let done = jobs.values().filter(|job| job["state"] == "done").count();
    assert!(done * 2 > jobs.len(), "most jobs are done: {done} of {}", jobs.len());
    jobs
}

/// Every upload that is done is one version of its dataset, and there is no other; every content
/// has the hash that it is known by.
async fn check_datasets(wire: &Wire, notes: &Notes, jobs: &BTreeMap<String, Value>) {
    let mut versions = BTreeMap::new();
    for dataset in wire.list("/api/v1/datasets").await {
        let name = text(&dataset["name"]);
        for version in wire.list(&format!("/api/v1/datasets/{name}/versions")).await {
            let twin = versions.insert(text(&version["job"]), version);
            assert_eq!(twin, None, "one version of each job");
        }
    }
    for upload in &notes.uploads {
        let version = versions.remove(&upload.job);
        if jobs[&upload.job]["state"] != "done" {
            assert_eq!(version, None, "a failed upload leaves no version");
            continue;
        }
        let version = version.unwrap_or_else(|| panic!("lost: {}", jobs[&upload.job]));
        assert_eq!(version["dataset"], upload.dataset.as_str());
        assert_eq!(version["source"]["sha256"], upload.sha256.as_str());
        assert_eq!(version["rows"], upload.rows);
        let result = &jobs[&upload.job]["result"];
        assert_eq!(
            (&result["dataset"], &result["version"]),
            (&version["dataset"], &version["version"])
        );
        check_content(wire, &version).await;
    }
    assert!(versions.is_empty(), "nobody asked for {versions:?}");
}

async fn check_content(wire: &Wire, version: &Value) {
    let (dataset, number) = (text(&version["dataset"]), number(&version["version"]));
    let path = format!("/api/v1/datasets/{dataset}/versions/{number}/content");
    let request = Request::get(path).header(ACCEPT, "application/vnd.apache.parquet");
    let content = wire.insist(&request).await.0.expect(StatusCode::OK);
    let sha256 = hex::encode(Sha256::digest(&content.body));
    assert_eq!(version["sha256"], sha256.as_str());
    assert_eq!(version["size_bytes"], content.body.len());
    assert_eq!(content.etag, Some(format!("\"{sha256}.parquet\"")));
}

/// Every training that is done is one version of the model, and there is no other.
async fn check_versions(wire: &Wire, notes: &Notes, jobs: &BTreeMap<String, Value>) {
    let listed = wire.list(&format!("/api/v1/models/{MODEL}/versions")).await;
    let mut found = BTreeSet::new();
    for summary in listed {
        let number = number(&summary["version"]);
        let version = wire.read(format!("/api/v1/models/{MODEL}/versions/{number}")).await.json();
        let job = text(&version["provenance"]["job"]);
        assert_eq!(jobs[&job]["result"]["version"], number, "{version}");
        assert!(found.insert(job), "one version of each job: {version}");
    }
    let done = notes.trainings.iter().filter(|job| jobs[*job]["state"] == "done");
    assert_eq!(found, done.cloned().collect());
}

/// The history of every alias is without a gap, holds each move that was acknowledged under its
/// revision and no move that nobody asked for, and ends where the alias points.
async fn check_aliases(wire: &Wire, notes: &Notes) {
    for alias in ALIASES {
        let path = format!("/api/v1/models/{MODEL}/aliases/{alias}");
        let mut history = wire.list(&format!("{path}/history")).await;
        history.reverse();
        let asked: BTreeMap<&str, _> = notes
            .moves
            .iter()
            .filter(|asked| asked.alias == alias)
            .map(|asked| (asked.reason.as_str(), asked))
            .collect();
        let mut previous = Value::Null;
        let mut found = BTreeSet::new();
        for (index, entry) in history.iter().enumerate() {
            assert_eq!(entry["revision"], index + 1, "{entry}");
            assert_eq!(entry["previous"], previous, "{entry}");
            previous = entry["version"].clone();
            let reason = text(&entry["reason"]);
            let asked = asked.get(&*reason).unwrap_or_else(|| panic!("nobody asked for {entry}"));
            assert_eq!(entry["version"], asked.version, "{entry}");
            assert!(asked.revision.is_none_or(|revision| entry["revision"] == revision), "{entry}");
            assert!(found.insert(reason), "twice: {entry}");
        }
        for (reason, asked) in asked {
            let lost = asked.revision.is_some() && !found.contains(reason);
            assert!(!lost, "{reason} of {alias} was acknowledged and is lost");
        }
        let (now, _) = wire.insist(&Request::get(path)).await;
        match history.last() {
            None => assert_eq!(now.status, StatusCode::NOT_FOUND),
            Some(last) => {
                let now = now.expect(StatusCode::OK).json();
                assert_eq!(now["version"], last["version"]);
                assert_eq!(now["revision"], last["revision"]);
            }
        }
    }
}

/// Every key that was made opens the door, and there is no other.
async fn check_keys(wire: &Wire, notes: &Notes) {
    for key in &notes.keys {
        let wire = wire.with_key(&key.secret);
        let (answer, _) = wire.insist(&Request::get("/api/v1/datasets")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", key.name);
    }
    let listed = wire.list("/api/v1/keys").await;
    let listed = listed.iter().filter(|key| text(&key["name"]).starts_with("key "));
    let mut listed: Vec<_> = listed.map(|key| (text(&key["name"]), text(&key["id"]))).collect();
    let mut made: Vec<_> =
        notes.keys.iter().map(|key| (key.name.clone(), key.id.clone())).collect();
    listed.sort();
    made.sort();
    assert_eq!(listed, made);
}

/// Every recorded answer that a client has can be read as it was given, and is given again.
async fn check_records(wire: &Wire, notes: &Notes) {
    /// So many are scored again.
    const REPLAYED: usize = 50;
    for (index, record) in notes.records.iter().enumerate() {
        let path = format!("/api/v1/predictions/{}", record.id);
        let kept = wire.read(&path).await.json();
        assert_eq!(kept["rows"], record.rows, "{}", record.id);
        assert_eq!(kept["predictions"], record.predictions, "{}", record.id);
        if index < REPLAYED {
            let request = Request::act(format!("{path}/replay"));
            let replay = wire.insist(&request).await.0.expect(StatusCode::OK).json();
            assert_eq!(replay["identical"], true, "{replay}");
        }
    }
    let ids: BTreeSet<&String> = notes.records.iter().map(|record| &record.id).collect();
    assert_eq!(ids.len(), notes.records.len(), "one record for each");
}
