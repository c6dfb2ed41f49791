//! What is held in memory: keys, where aliases point, loaded models. Held only while changes are
//! heard, and forgotten when one may have made it stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache as Moka;

use super::predictions::Loaded;
use crate::domain::key::Key;
use crate::engine::{Explainer, Inspector};
use crate::store::Change;

/// Long enough to spare the database, short enough that nothing lives on by a lost message.
const KEEP: Duration = Duration::from_secs(60);

/// A model's name within its project.
pub(super) type ModelName = (String, String);

/// Where a model's aliases point.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) record: bool,
    pub(super) aliases: HashMap<String, u32>,
}

pub(super) struct Cache {
    keys: Moka<[u8; 32], (Key, String)>,
    registered: Moka<ModelName, Arc<Registered>>,
    loaded: Moka<(ModelName, u32), Arc<Loaded>>,
    explainers: Moka<(ModelName, u32), Arc<Explainer>>,
    /// With the bytes of their weights.
    inspectors: Moka<(ModelName, u32), (Arc<Inspector>, u64)>,
    hearing: AtomicBool,
    /// Raised whenever something is forgotten: what was read before is not kept after.
    epoch: AtomicU64,
}

impl Cache {
    pub(super) fn new(model_bytes: u64) -> Self {
        Self {
            keys: Moka::builder().max_capacity(10_000).time_to_live(KEEP).build(),
            registered: Moka::builder().max_capacity(10_000).time_to_live(KEEP).build(),
            loaded: Moka::builder()
                .max_capacity(model_bytes)
                .weigher(|_, loaded: &Arc<Loaded>| u32::try_from(loaded.bytes).unwrap_or(u32::MAX))
                .build(),
            // Beside those that answer: few are asked why.
            explainers: Moka::builder()
                .max_capacity(model_bytes / 4)
                .weigher(|_, one: &Arc<Explainer>| u32::try_from(one.bytes()).unwrap_or(u32::MAX))
                .build(),
            inspectors: Moka::builder()
                .max_capacity(model_bytes / 8)
                .weigher(|_, (_, bytes): &(_, u64)| u32::try_from(*bytes).unwrap_or(u32::MAX))
                .build(),
            hearing: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
        }
    }

    /// Says whether changes are heard.
    pub(super) fn hearing(&self, yes: bool) {
        self.hearing.store(yes, Ordering::SeqCst);
        self.forget();
        self.forget_versions();
    }

    /// Whether what is read now is kept.
    pub(super) fn keeps(&self) -> bool {
        self.hearing.load(Ordering::SeqCst)
    }

    pub(super) fn note(&self, change: Change) {
        match change {
            Change::Job(_) => {}
            Change::Key | Change::Registry => self.forget(),
            Change::Version | Change::Unknown => {
                self.forget();
                self.forget_versions();
            }
        }
    }

    /// Forgets keys and aliases.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.keys.invalidate_all();
        self.registered.invalidate_all();
    }

    fn forget_versions(&self) {
        self.loaded.invalidate_all();
        self.explainers.invalidate_all();
        self.inspectors.invalidate_all();
    }

    /// To be read before what is to be kept is read from the database.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    fn may_keep(&self, epoch: u64) -> bool {
        self.hearing.load(Ordering::SeqCst) && self.epoch() == epoch
    }

    /// Number of loaded versions, and the bytes of their weights and tables.
    pub(super) fn size(&self) -> (u64, u64) {
        // Counted when its own work is done, which nothing else may have asked for lately.
        self.loaded.run_pending_tasks();
        (self.loaded.entry_count(), self.loaded.weighted_size())
    }

    pub(super) fn key(&self, sha256: &[u8; 32]) -> Option<(Key, String)> {
        self.keys.get(sha256)
    }

    pub(super) fn keep_key(&self, epoch: u64, sha256: [u8; 32], key: Key, project: String) {
        if self.may_keep(epoch) {
            self.keys.insert(sha256, (key, project));
        }
    }

    pub(super) fn registered(&self, model: &ModelName) -> Option<Arc<Registered>> {
        self.registered.get(model)
    }

    pub(super) fn keep_registered(&self, epoch: u64, model: ModelName, found: Arc<Registered>) {
        if self.may_keep(epoch) {
            self.registered.insert(model, found);
        }
    }

    pub(super) fn explainer(&self, version: &(ModelName, u32)) -> Option<Arc<Explainer>> {
        self.explainers.get(version)
    }

    pub(super) fn keep_explainer(
        &self,
        epoch: u64,
        version: (ModelName, u32),
        found: Arc<Explainer>,
    ) {
        if self.may_keep(epoch) {
            self.explainers.insert(version, found);
        }
    }

    pub(super) fn inspector(&self, version: &(ModelName, u32)) -> Option<Arc<Inspector>> {
        self.inspectors.get(version).map(|(inspector, _)| inspector)
    }

    pub(super) fn keep_inspector(
        &self,
        epoch: u64,
        version: (ModelName, u32),
        found: Arc<Inspector>,
        bytes: u64,
    ) {
        if self.may_keep(epoch) {
            self.inspectors.insert(version, (found, bytes));
        }
    }

    pub(super) fn loaded(&self, version: &(ModelName, u32)) -> Option<Arc<Loaded>> {
        self.loaded.get(version)
    }

    pub(super) fn keep_loaded(&self, epoch: u64, version: (ModelName, u32), found: Arc<Loaded>) {
        if self.may_keep(epoch) {
            self.loaded.insert(version, found);
        }
    }
}
