//! What is held in memory: keys, where aliases point, loaded models. Held only while changes are
//! heard, and forgotten when one may have made it stale.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::{Cache as Quick, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

use super::loaded::Loaded;
use crate::domain::key::Key;
use crate::engine::{Explainer, Inspector};
use crate::store::Change;

/// Long enough to spare the database, short enough that nothing lives on by a lost message.
pub(super) const KEEP: Duration = Duration::from_secs(60);

/// So many keys, and so many models, are known at once.
const KNOWN: usize = 10_000;

/// A model's name within its project.
pub(super) type ModelName = (String, String);

/// The same of somebody else.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Named<'a> {
    pub(super) project: &'a str,
    pub(super) model: &'a str,
}

impl Named<'_> {
    pub(super) fn owned(self) -> ModelName {
        (self.project.to_owned(), self.model.to_owned())
    }
}

impl<'a> From<&'a ModelName> for Named<'a> {
    fn from((project, model): &'a ModelName) -> Self {
        Self { project, model }
    }
}

impl Equivalent<ModelName> for Named<'_> {
    fn equivalent(&self, (project, model): &ModelName) -> bool {
        self.project == project && self.model == model
    }
}

/// One of its versions.
#[derive(Debug, Clone, Copy, Hash)]
struct Numbered<'a>(Named<'a>, u32);

impl Equivalent<(ModelName, u32)> for Numbered<'_> {
    fn equivalent(&self, (name, number): &(ModelName, u32)) -> bool {
        self.1 == *number && self.0.equivalent(name)
    }
}

/// Where a model's aliases point.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) record: bool,
    pub(super) aliases: HashMap<String, u32>,
}

pub(super) struct Cache {
    /// By the SHA-256 of their secrets, each with its project.
    keys: Shelf<[u8; 32], Arc<(Key, String)>>,
    registered: Shelf<ModelName, Arc<Registered>>,
    loaded: Shelf<(ModelName, u32), Arc<Loaded>>,
    explainers: Shelf<(ModelName, u32), Arc<Explainer>>,
    inspectors: Shelf<(ModelName, u32), Arc<Inspector>>,
    hearing: AtomicBool,
    /// Raised whenever something is forgotten.
    epoch: AtomicU64,
    /// The epoch in which versions were forgotten.
    versions: AtomicU64,
}

impl Cache {
    pub(super) fn new(model_bytes: u64) -> Self {
        Self {
            keys: Shelf::of_many(KNOWN),
            registered: Shelf::of_many(KNOWN),
            loaded: Shelf::of_large(model_bytes),
            // Beside those that answer: few are asked why.
            explainers: Shelf::of_large(model_bytes / 4),
            inspectors: Shelf::of_large(model_bytes / 8),
            hearing: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            versions: AtomicU64::new(0),
        }
    }

    /// Says whether changes are heard.
    pub(super) fn hearing(&self, yes: bool) {
        // What was read while nothing was heard is neither kept nor told.
        if yes {
            self.forget_versions();
        }
        self.hearing.store(yes, Ordering::SeqCst);
        if !yes {
            self.forget_versions();
        }
    }

    /// Whether what is read now is kept.
    pub(super) fn keeps(&self) -> bool {
        self.hearing.load(Ordering::SeqCst)
    }

    pub(super) fn note(&self, change: Change) {
        match change {
            Change::Job(_) => {}
            Change::Key | Change::Registry => self.forget(),
            Change::Version | Change::Unknown => self.forget_versions(),
        }
    }

    /// Forgets keys and aliases.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.keys.clear();
        self.registered.clear();
    }

    /// Forgets all that there is.
    fn forget_versions(&self) {
        self.forget();
        self.versions.fetch_max(self.epoch(), Ordering::SeqCst);
        self.loaded.clear();
        self.explainers.clear();
        self.inspectors.clear();
    }

    /// To be read before what is to be kept is read from the database.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// The epoch from which on versions are still what they were.
    fn versions(&self) -> u64 {
        self.versions.load(Ordering::SeqCst)
    }

    /// Number of loaded versions, and the bytes of their weights and tables.
    pub(super) fn size(&self) -> (u64, u64) {
        self.loaded.size()
    }

    pub(super) fn key(&self, sha256: &[u8; 32]) -> Option<Arc<(Key, String)>> {
        self.keys.get(sha256, self.epoch())
    }

    pub(super) fn keep_key(&self, epoch: u64, sha256: [u8; 32], found: Arc<(Key, String)>) {
        if self.keeps() {
            self.keys.keep(sha256, found, 1, (epoch, self.epoch()));
        }
    }

    pub(super) fn registered(&self, name: Named<'_>) -> Option<Arc<Registered>> {
        self.registered.get(&name, self.epoch())
    }

    pub(super) fn keep_registered(&self, epoch: u64, name: Named<'_>, found: Arc<Registered>) {
        if self.keeps() {
            self.registered.keep(name.owned(), found, 1, (epoch, self.epoch()));
        }
    }

    pub(super) fn loaded(&self, name: Named<'_>, number: u32) -> Option<Arc<Loaded>> {
        self.loaded.get(&Numbered(name, number), self.versions())
    }

    pub(super) fn keep_loaded(&self, epoch: u64, name: Named<'_>, number: u32, found: Arc<Loaded>) {
        if self.keeps() {
            let bytes = found.bytes;
            let epochs = (epoch, self.versions());
            self.loaded.keep((name.owned(), number), found, bytes, epochs);
        }
    }

    pub(super) fn explainer(&self, name: Named<'_>, number: u32) -> Option<Arc<Explainer>> {
        self.explainers.get(&Numbered(name, number), self.versions())
    }

    pub(super) fn keep_explainer(
        &self,
        epoch: u64,
        name: Named<'_>,
        number: u32,
        found: Arc<Explainer>,
    ) {
        if self.keeps() {
            let bytes = found.bytes();
            let epochs = (epoch, self.versions());
            self.explainers.keep((name.owned(), number), found, bytes, epochs);
        }
    }

    pub(super) fn inspector(&self, name: Named<'_>, number: u32) -> Option<Arc<Inspector>> {
        self.inspectors.get(&Numbered(name, number), self.versions())
    }

    /// `bytes` are those of its weights.
    pub(super) fn keep_inspector(
        &self,
        epoch: u64,
        name: Named<'_>,
        number: u32,
        found: Arc<Inspector>,
        bytes: u64,
    ) {
        if self.keeps() {
            let epochs = (epoch, self.versions());
            self.inspectors.keep((name.owned(), number), found, bytes, epochs);
        }
    }
}

/// Values up to some weight together, each with the epoch in which it was read.
struct Shelf<K, V>(Quick<K, Held<V>, ByWeight, DefaultHashBuilder, DefaultLifecycle<K, Held<V>>>);

#[derive(Clone)]
struct Held<V> {
    value: V,
    weight: u64,
    epoch: u64,
}

#[derive(Clone)]
struct ByWeight;

impl<K, V> Weighter<K, Held<V>> for ByWeight {
    fn weight(&self, _: &K, held: &Held<V>) -> u64 {
        held.weight
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Shelf<K, V> {
    /// For so many values, each of the weight 1.
    fn of_many(values: usize) -> Self {
        Self::new(
            OptionsBuilder::new().estimated_items_capacity(values).weight_capacity(values as u64),
        )
    }

    /// For few values of so much weight together. They are not parted, as a part would be too small for what is
    /// large, and one alone may take all the room.
    fn of_large(weight: u64) -> Self {
        const FEW: usize = 64;
        let options = &mut OptionsBuilder::new();
        Self::new(
            options
                .shards(1)
                .hot_allocation(1.0)
                .estimated_items_capacity(FEW)
                .weight_capacity(weight),
        )
    }

    fn new(options: &OptionsBuilder) -> Self {
        #[expect(clippy::unwrap_used, reason = "both say how many and how much")]
        let options = options.build().unwrap();
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(Quick::with_options(options, ByWeight, hasher, lifecycle))
    }

    /// What was read in this epoch or later.
    fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, since: u64) -> Option<V> {
        self.0.get(key).filter(|held| held.epoch >= since).map(|held| held.value)
    }

    /// Keeps what was read in an epoch, unless it is to have been read since another.
    fn keep(&self, key: K, value: V, weight: u64, (epoch, since): (u64, u64)) {
        if epoch < since {
            return;
        }
        // What weighs nothing would never make room.
        self.0.insert(key, Held { value, weight: weight.max(1), epoch });
    }

    fn clear(&self) {
        // One by one: what is large is freed while others find theirs.
        self.0.drain().for_each(drop);
    }

    /// Number and weight of what is there.
    fn size(&self) -> (u64, u64) {
        (self.0.len() as u64, self.0.weight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_names_find_what_owned_ones_keep() {
        let shelf = Shelf::of_large(10);
        let name = |project: &str, model: &str| (project.to_owned(), model.to_owned());
        shelf.keep((name("a", "bc"), 1), "first", 1, (0, 0));
        shelf.keep((name("a", "bc"), 2), "second", 1, (0, 0));
        shelf.keep((name("ab", "c"), 1), "other", 1, (0, 0));
        let found =
            |project, model, number| shelf.get(&Numbered(Named { project, model }, number), 0);
        assert_eq!(found("a", "bc", 1), Some("first"));
        assert_eq!(found("a", "bc", 2), Some("second"));
        assert_eq!(found("ab", "c", 1), Some("other"));
        assert_eq!(found("a", "bc", 3), None);
        assert_eq!(found("", "abc", 1), None);
        assert_eq!(Named::from(&name("a", "b")).owned(), name("a", "b"));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_told_after_it() {
        let cache = Cache::new(1 << 20);
        let name = Named { project: "p", model: "m" };
        let found = || Arc::new(Registered { record: false, aliases: HashMap::new() });
        cache.keep_registered(cache.epoch(), name, found());
        assert!(cache.registered(name).is_none(), "nothing is heard");
        cache.hearing(true);
        let before = cache.epoch();
        cache.keep_registered(before, name, found());
        assert!(cache.registered(name).is_some());
        for change in [Change::Key, Change::Registry, Change::Version, Change::Unknown] {
            cache.keep_registered(cache.epoch(), name, found());
            assert!(cache.registered(name).is_some(), "{change:?}");
            cache.note(change);
            assert!(cache.registered(name).is_none(), "{change:?}");
            cache.keep_registered(before, name, found());
            assert!(cache.registered(name).is_none(), "it was on its way: {change:?}");
        }
        cache.keep_registered(cache.epoch(), name, found());
        cache.note(Change::Job(uuid::Uuid::nil()));
        assert!(cache.registered(name).is_some());
        cache.hearing(false);
        assert!(cache.registered(name).is_none());
    }

    #[test]
    fn versions_stay_until_one_is_deleted() {
        let cache = Cache::new(1 << 20);
        cache.hearing(true);
        let (epoch, versions) = (cache.epoch(), cache.versions());
        assert_eq!(epoch, versions);
        for change in [Change::Key, Change::Registry] {
            cache.note(change);
        }
        assert_eq!((cache.epoch(), cache.versions()), (epoch + 2, versions));
        for (count, change) in (1..).zip([Change::Version, Change::Unknown]) {
            cache.note(change);
            assert_eq!((cache.epoch(), cache.versions()), (epoch + 2 + count, epoch + 2 + count));
        }
    }

    #[test]
    fn what_is_old_is_neither_kept_nor_told() {
        let shelf = Shelf::of_many(10);
        shelf.keep(1, "new", 1, (5, 5));
        shelf.keep(1, "old", 1, (4, 5));
        assert_eq!((shelf.get(&1, 5), shelf.get(&1, 6)), (Some("new"), None));
        shelf.keep(2, "old", 1, (4, 5));
        assert_eq!(shelf.size(), (1, 1));
    }

    #[test]
    fn one_alone_may_take_all_the_room() {
        let shelf = Shelf::of_large(1_000);
        for key in 0..4 {
            shelf.keep(key, key, 200, (0, 0));
        }
        assert_eq!(shelf.size(), (4, 800));
        for (key, weight) in [(4, 900), (5, 1_000), (6, 600), (7, 600)] {
            shelf.keep(key, key, weight, (0, 0));
            assert_eq!((shelf.get(&key, 0), shelf.size()), (Some(key), (1, weight)));
        }
        shelf.keep(8, 8, 1_001, (0, 0));
        assert_eq!((shelf.get(&8, 0), shelf.get(&7, 0)), (None, Some(7)));
        shelf.clear();
        assert_eq!((shelf.get(&7, 0), shelf.size()), (None, (0, 0)));
        let none = Shelf::of_large(0);
        none.keep(1, 1, 0, (0, 0));
        assert_eq!((none.get(&1, 0), none.size()), (None, (0, 0)));
    }
}
