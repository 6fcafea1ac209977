//! One version of the state, to be read: the newest state, overridden by what later versions changed.

use std::hash::{Hash, Hasher};

use crate::key_hash::{KeyHasher, KeyMap};
use crate::state::live_entries::LiveEntries;
use crate::state::undo_log::UndoLog;
use crate::time::Time;

/// A version of a state map.
#[derive(Debug)]
pub(crate) struct VersionView<'a, K, S> {
    live: &'a LiveEntries<K, S>,
    /// Of the later versions, the latest first.
    later: Vec<&'a UndoLog<K, S>>,
}

/// A key, its state, and when that was last updated.
pub(crate) type Row<'a, K, S> = (&'a K, &'a S, Time);

impl<'a, K: Hash + Eq + Clone, S> VersionView<'a, K, S> {
    pub(crate) const fn new(live: &'a LiveEntries<K, S>, later: Vec<&'a UndoLog<K, S>>) -> Self {
        Self { live, later }
    }

    /// The state of `key`, and when it was last updated. Costs one look-up, and one for each later version.
    pub(crate) fn get(&self, key: &K) -> Option<(&'a S, Time)> {
        let newest = self.live.get(key).map(|entry| (&entry.value, entry.updated));
        self.later.iter().filter_map(|log| log.get(key)).fold(newest, |after, old| old.before(after))
    }

    /// Every key with its state, in the order of the keys' hashes: it depends on the keys alone, not on how they came or
    /// whether the map was restored meanwhile. Two keys of one 64-bit hash, should they ever meet, come in either order.
    pub(crate) fn rows(&self) -> Vec<Row<'a, K, S>> {
        let overridden = self.overridden();
        let newest = self.live.iter().filter(|(key, _)| !overridden.contains_key(key));
        let newest = newest.map(|(key, entry)| (key, &entry.value, entry.updated));
        let older = overridden.iter().filter_map(|(key, row)| row.map(|(value, updated)| (*key, value, updated)));
        let mut rows: Vec<(u64, Row<'a, K, S>)> = newest.chain(older).map(|row| (hash_of(row.0), row)).collect();
        rows.sort_unstable_by_key(|(hash, _)| *hash);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// How many keys have a state.
    pub(crate) fn len(&self) -> usize {
        let overridden = self.overridden();
        let here = overridden.values().filter(|row| row.is_some()).count();
        let later = overridden.keys().filter(|key| self.live.get(key).is_some()).count();
        self.live.len() + here - later
    }

    /// What the keys have that later versions changed.
    fn overridden(&self) -> KeyMap<&'a K, Option<(&'a S, Time)>> {
        let mut overridden = KeyMap::default();
        for (key, old) in self.later.iter().flat_map(|log| log.iter()) {
            let after = overridden.get(key).copied();
            let after = after.unwrap_or_else(|| self.live.get(key).map(|entry| (&entry.value, entry.updated)));
            overridden.insert(key, old.before(after));
        }
        overridden
    }
}

/// The hash by which rows are ordered.
pub(crate) fn hash_of<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = KeyHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}
