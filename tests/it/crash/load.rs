//! The clients: each draws what it does next from its own seeded numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::StatusCode;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::ledger::{CreatedKey, Ledger, Move, Record, Upload};
use super::wire::{Answer, Request, Wire};

const DATASETS: [&str; 3] = ["base", "north", "south"];
pub(super) const MODEL: &str = "risk";
pub(super) const ALIASES: [&str; 2] = ["champion", "challenger"];
/// No more jobs are queued while so many are left.
const MOST_PENDING: usize = 8;

/// A dataset to train on and two versions of a model, before anything is killed.
pub(super) async fn prepare(wire: &Wire, ledger: &Arc<Ledger>) {
    let mut client = Client::new(u64::MAX, 0, wire.clone(), ledger.clone());
    client.upload("base").await;
    client.settle().await;
    client.train().await;
    client.train().await;
    client.settle().await;
    assert_eq!(ledger.notes().versions, [1, 2]);
}

pub(super) struct Client {
    index: u64,
    random: ChaCha8Rng,
    wire: Wire,
    ledger: Arc<Ledger>,
    /// Counts what it has done, so that everything has a name of its own.
    done: u64,
}

impl Client {
    pub(super) fn new(index: u64, seed: u64, wire: Wire, ledger: Arc<Ledger>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index.wrapping_add(1));
        Self { index, random, wire, ledger, done: 0 }
    }

    /// Works until it is to stop; what it has begun then is brought to its end.
    pub(super) async fn work(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let busy = self.ledger.notes().pending.len() >= MOST_PENDING;
            match self.random.random_range(0..100) {
                0..20 if !busy => {
                    let dataset = *DATASETS.choose(&mut self.random).expect("a dataset");
                    self.upload(dataset).await;
                }
                20..30 if !busy => self.train().await,
                0..30 => self.look_at_a_job().await,
                30..55 => self.move_alias().await,
                55..65 => self.create_key().await,
                65..95 => self.predict().await,
                _ => self.look_at_a_job().await,
            }
            let pause = self.random.random_range(5..40);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn next_name(&mut self) -> String {
        self.done += 1;
        format!("{}-{}", self.index, self.done)
    }

    /// Sends a request with an Idempotency-Key until it is answered, and now and then once more.
    async fn once(&mut self, request: Request, name: &str, status: StatusCode) -> Value {
        let request = request.once(name);
        let (answer, sent) = self.wire.insist(&request).await;
        let answer = answer.expect(status).json();
        if self.random.random_ratio(1, 8) {
            let (again, _) = self.wire.insist(&request).await;
            assert_eq!(again.expect(status).json(), answer, "one key, one answer");
        }
        let mut notes = self.ledger.notes();
        notes.acknowledged += 1;
        notes.repeated += u64::from(sent > 1);
        answer
    }

    async fn upload(&mut self, dataset: &str) {
        let name = self.next_name();
        let rows = self.random.random_range(200..400u64);
        let mut csv = "marker,x,y,region,target\n".to_owned();
        for row in 0..rows {
            let (x, y): (i32, i32) =
                (self.random.random_range(0..1000), self.random.random_range(0..1000));
            let target = u8::from(x + y + self.random.random_range(0..400) > 1200);
            let region = ["n", "s", "e"][usize::try_from(row % 3).expect("an index")];
            csv.push_str(&format!("{name},{x}.5,{y}.25,{region},{target}\n"));
        }
        let request = Request::upload(format!("/api/v1/datasets/{dataset}/versions"), &csv);
        let job = self.once(request, &format!("upload-{name}"), StatusCode::ACCEPTED).await;
        let mut notes = self.ledger.notes();
        notes.pending.push(text(&job["id"]));
        notes.uploads.push(Upload {
            job: text(&job["id"]),
            dataset: dataset.to_owned(),
            sha256: hex::encode(Sha256::digest(&csv)),
            rows,
        });
    }

    async fn train(&mut self) {
        let name = self.next_name();
        let spec = json!({
            "dataset": { "name": "base", "version": 1 },
            "target": "target",
            "exclude": ["marker"],
            "network": { "kind": "linear" },
            "epochs": self.random.random_range(2..6),
            "seed": self.random.random_range(0..1000),
            "device": "cpu",
        });
        let request = Request::post(format!("/api/v1/models/{MODEL}/versions"), &spec);
        let job = self.once(request, &format!("train-{name}"), StatusCode::ACCEPTED).await;
        let mut notes = self.ledger.notes();
        notes.pending.push(text(&job["id"]));
        notes.trainings.push(text(&job["id"]));
    }

    async fn create_key(&mut self) {
        let name = self.next_name();
        let wanted = json!({ "name": format!("key {name}"), "scopes": ["read"] });
        let request = Request::post("/api/v1/keys", &wanted);
        let key = self.once(request, &format!("key-{name}"), StatusCode::CREATED).await;
        self.ledger.notes().keys.push(CreatedKey {
            name: text(&key["name"]),
            id: text(&key["id"]),
            secret: text(&key["secret"]),
        });
    }

    /// Half of them with an Idempotency-Key; one without that is not answered is not repeated.
    async fn predict(&mut self) {
        let name = self.next_name();
        let rows: Vec<Value> = (0..self.random.random_range(1..4))
            .map(|_| {
                let x = f64::from(self.random.random_range(0..1000)) + 0.5;
                json!({ "x": x, "y": 12.25, "region": "n" })
            })
            .collect();
        let version = self.any_version();
        let asked = json!({ "rows": rows, "version": version, "record": true });
        let request = Request::post(format!("/api/v1/models/{MODEL}/predictions"), &asked);
        let answer = if self.random.random() {
            self.once(request, &format!("predict-{name}"), StatusCode::OK).await
        } else {
            let Some(answer) = self.wire.send(&request).await else { return };
            self.ledger.notes().acknowledged += 1;
            answer.expect(StatusCode::OK).json()
        };
        assert_eq!(answer["version"], version);
        self.ledger.notes().records.push(Record {
            id: text(&answer["id"]),
            rows: rows.into(),
            predictions: answer["predictions"].clone(),
        });
    }

    /// Moves an alias from where it is seen to be. A move without an answer is noted as such.
    async fn move_alias(&mut self) {
        let name = self.next_name();
        let alias = *ALIASES.choose(&mut self.random).expect("an alias");
        let path = format!("/api/v1/models/{MODEL}/aliases/{alias}");
        let (seen, _) = self.wire.insist(&Request::get(&path)).await;
        let (version, reason) = (self.any_version(), format!("move {name}"));
        let request = Request::put(path, &json!({ "version": version, "reason": reason }));
        let request = match seen.status {
            StatusCode::OK => request.if_match(number(&seen.json()["revision"])),
            StatusCode::NOT_FOUND => request.header(IF_NONE_MATCH, "*"),
            other => panic!("{other}: {seen:?}"),
        };
        let revision = match self.wire.send(&request).await {
            None => None,
            Some(Answer { status: StatusCode::PRECONDITION_FAILED, .. }) => return,
            Some(answer) => Some(number(&answer.expect(StatusCode::OK).json()["revision"])),
        };
        let mut notes = self.ledger.notes();
        notes.acknowledged += u64::from(revision.is_some());
        notes.moves.push(Move { alias: alias.to_owned(), reason, version, revision });
    }

    fn any_version(&mut self) -> u64 {
        let versions = self.ledger.notes().versions.clone();
        *versions.choose(&mut self.random).expect("a version")
    }

    async fn look_at_a_job(&mut self) {
        let pending = self.ledger.notes().pending.clone();
        if let Some(id) = pending.choose(&mut self.random) {
            look(&self.wire, &self.ledger, id).await;
        }
    }

    /// Waits until all jobs have ended.
    async fn settle(&self) {
        loop {
            let pending = self.ledger.notes().pending.clone();
            if pending.is_empty() {
                return;
            }
            for id in &pending {
                look(&self.wire, &self.ledger, id).await;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Looks at a job; what it has made can be used from then on.
pub(super) async fn look(wire: &Wire, ledger: &Ledger, id: &str) {
    let job = wire.read(format!("/api/v1/jobs/{id}")).await.json();
    if !matches!(job["state"].as_str(), Some("done" | "failed" | "cancelled")) {
        return;
    }
    let mut notes = ledger.notes();
    let before = notes.pending.len();
    notes.pending.retain(|pending| pending != id);
    if notes.pending.len() < before && job["result"]["kind"] == "model_version" {
        notes.versions.push(number(&job["result"]["version"]));
        notes.versions.sort_unstable();
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}
