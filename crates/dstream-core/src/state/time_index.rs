//! Which keys were last updated when, so that finding those that time out costs in proportion to them alone.

use std::collections::BTreeMap;
use std::hash::Hash;

use crate::key_hash::KeyMap;
use crate::state::version_view::hash_of;
use crate::time::Time;

/// Keys by the time of their last update. The keys of one batch share a time, so there are few times.
#[derive(Debug)]
pub(crate) struct TimeIndex<K> {
    by_time: BTreeMap<Time, KeyMap<K, ()>>,
}

impl<K> Default for TimeIndex<K> {
    fn default() -> Self {
        Self { by_time: BTreeMap::new() }
    }
}

impl<K: Hash + Eq> TimeIndex<K> {
    pub(crate) fn insert(&mut self, time: Time, key: K) {
        self.by_time.entry(time).or_default().insert(key, ());
    }

    pub(crate) fn remove(&mut self, time: Time, key: &K) {
        if let Some(keys) = self.by_time.get_mut(&time) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_time.remove(&time);
            }
        }
    }

    /// The keys updated before `threshold`, and not at it; by time, and by key hash within a time.
    pub(crate) fn before(&self, threshold: Time) -> Vec<&K> {
        let mut keys: Vec<(Time, u64, &K)> = self
            .by_time
            .range(..threshold)
            .flat_map(|(time, keys)| keys.keys().map(|key| (*time, hash_of(key), key)))
            .collect();
        keys.sort_unstable_by_key(|(time, hash, _)| (*time, *hash));
        keys.into_iter().map(|(_, _, key)| key).collect()
    }
}
