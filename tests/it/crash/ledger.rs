//! What the clients were told, and what they asked for without being told.

use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

/// The model that the audit holds against the server.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Notes>);

#[derive(Default)]
pub(super) struct Notes {
    /// Requests that were answered well.
    pub(super) acknowledged: u64,
    /// Requests that had to be sent again.
    pub(super) repeated: u64,
    pub(super) uploads: Vec<Upload>,
    pub(super) trainings: Vec<String>,
    pub(super) moves: Vec<Move>,
    pub(super) keys: Vec<CreatedKey>,
    pub(super) records: Vec<Record>,
    /// Jobs that are not known to have ended.
    pub(super) pending: Vec<String>,
    /// Versions that aliases can be pointed at.
    pub(super) versions: Vec<u64>,
}

pub(super) struct Upload {
    pub(super) job: String,
    pub(super) dataset: String,
    /// Of what was uploaded.
    pub(super) sha256: String,
    pub(super) rows: u64,
}

/// A move of an alias; its reason is its name.
pub(super) struct Move {
    pub(super) alias: String,
    pub(super) reason: String,
    pub(super) version: u64,
    /// None where no answer came.
    pub(super) revision: Option<u64>,
}

pub(super) struct CreatedKey {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) secret: String,
}

pub(super) struct Record {
    pub(super) id: String,
    pub(super) rows: Value,
    pub(super) predictions: Value,
}

impl Ledger {
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().expect("notes")
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.notes().acknowledged
    }

    pub(super) fn repeated(&self) -> u64 {
        self.notes().repeated
    }
}
