//! The newest state, whole: the entry of every key, and, when states can time out, an index of them by time.

use std::hash::Hash;

use crate::key_hash::KeyMap;
use crate::state::time_index::TimeIndex;
use crate::time::Time;

/// The state of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<S> {
    pub(crate) value: S,
    /// When it was last updated, or kept alive by data.
    pub(crate) updated: Time,
}

/// Whether keys can be asked for by the time of their last update. That takes a copy of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Off,
    ByTime,
}

/// Keeps the entries and their index in step.
#[derive(Debug)]
pub(crate) struct LiveEntries<K, S> {
    entries: KeyMap<K, Entry<S>>,
    by_time: Option<TimeIndex<K>>,
}

impl<K: Hash + Eq + Clone, S> LiveEntries<K, S> {
    pub(crate) fn new(expiry: Expiry) -> Self {
        let by_time = match expiry {
            Expiry::Off => None,
            Expiry::ByTime => Some(TimeIndex::default()),
        };
        Self { entries: KeyMap::default(), by_time }
    }

    pub(crate) fn reserve(&mut self, keys: usize) {
        self.entries.reserve(keys);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&Entry<S>> {
        self.entries.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &Entry<S>)> {
        self.entries.iter()
    }

    /// Sets the entry of `key` and returns the one it had.
    pub(crate) fn insert(&mut self, key: K, entry: Entry<S>) -> Option<Entry<S>> {
        let updated = entry.updated;
        let Some(by_time) = &mut self.by_time else { return self.entries.insert(key, entry) };
        let old = self.entries.insert(key.clone(), entry);
        match &old {
            Some(old) if old.updated == updated => {}
            Some(old) => {
                by_time.remove(old.updated, &key);
                by_time.insert(updated, key);
            }
            None => by_time.insert(updated, key),
        }
        old
    }

    /// Removes `key` and returns the entry it had.
    pub(crate) fn remove(&mut self, key: &K) -> Option<Entry<S>> {
        let old = self.entries.remove(key)?;
        if let Some(by_time) = &mut self.by_time {
            by_time.remove(old.updated, key);
        }
        Some(old)
    }

    /// Sets the time of `key` alone and returns the one it had; `None` when it has no entry.
    pub(crate) fn touch(&mut self, key: &K, updated: Time) -> Option<Time> {
        let entry = self.entries.get_mut(key)?;
        let old = std::mem::replace(&mut entry.updated, updated);
        if let Some(by_time) = &mut self.by_time
            && old != updated
        {
            by_time.remove(old, key);
            by_time.insert(updated, key.clone());
        }
        Some(old)
    }

    /// The keys last updated before `threshold`, and not at it. None when they cannot be asked for by time.
    pub(crate) fn updated_before(&self, threshold: Time) -> Vec<&K> {
        self.by_time.as_ref().map(|by_time| by_time.before(threshold)).unwrap_or_default()
    }
}
