//! The version that a batch attempt is making. Dropped without [`commit`](OpenVersion::commit), it has never been.

use std::hash::Hash;
use std::mem::take;

use crate::state::live_entries::Entry;
use crate::state::state_map::StateMap;
use crate::state::undo_log::UndoLog;
use crate::time::Time;

/// Changes on top of the newest version.
#[derive(Debug)]
#[must_use = "what is not committed is rolled back"]
pub(crate) struct OpenVersion<'a, K: Hash + Eq + Clone, S> {
    map: &'a mut StateMap<K, S>,
    version: Time,
    log: UndoLog<K, S>,
}

impl<'a, K: Hash + Eq + Clone, S> OpenVersion<'a, K, S> {
    pub(crate) fn new(map: &'a mut StateMap<K, S>, version: Time) -> Self {
        Self { map, version, log: UndoLog::default() }
    }

    /// The state of `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&S> {
        self.map.live().get(key).map(|entry| &entry.value)
    }

    /// When the state of `key` was last updated.
    pub(crate) fn updated(&self, key: &K) -> Option<Time> {
        self.map.live().get(key).map(|entry| entry.updated)
    }

    /// How many keys have a state.
    pub(crate) fn len(&self) -> usize {
        self.map.live().len()
    }

    /// Gives `key` a state, updated at `now`.
    pub(crate) fn put(&mut self, key: &K, value: S, now: Time) {
        let replaced = self.map.live_mut().put(key, Entry { value, updated: now });
        self.log.replaced(key, replaced);
    }

    /// Keeps the state of `key` alive, as if it had been updated at `now`. Does nothing when there is none.
    pub(crate) fn touch(&mut self, key: &K, now: Time) {
        if let Some(before) = self.map.live_mut().touch(key, now) {
            self.log.touched(key, before);
        }
    }

    /// Takes the state of `key` away. Does nothing when there is none.
    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(removed) = self.map.live_mut().remove(key) {
            self.log.replaced(key, Some(removed));
        }
    }

    /// The keys last updated before `threshold`, and not at it; by time, and by key hash within a time. Costs in proportion
    /// to them. None when the map has no [`Expiry`](super::Expiry) by time.
    pub(crate) fn expired(&self, threshold: Time) -> Vec<K> {
        self.map.live().updated_before(threshold).into_iter().cloned().collect()
    }

    /// The changes are the newest version from now on.
    pub(crate) fn commit(mut self) {
        let log = take(&mut self.log);
        self.map.commit(self.version, log);
    }

    /// Takes the changes back. The same as dropping it.
    pub(crate) fn roll_back(self) {
        drop(self);
    }
}

impl<K: Hash + Eq + Clone, S> Drop for OpenVersion<'_, K, S> {
    fn drop(&mut self) {
        // Empty after a commit.
        take(&mut self.log).undo(self.map.live_mut());
    }
}
