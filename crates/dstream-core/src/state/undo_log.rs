//! What a version changed, as it was before: enough to take the version back, and to read the one before it.

use std::hash::Hash;

use crate::key_hash::KeyMap;
use crate::state::live_entries::{Entry, LiveEntries};
use crate::time::Time;

/// What a key had before a version changed it.
#[derive(Debug)]
pub(crate) enum Old<S> {
    /// Nothing.
    Absent,
    /// Another state.
    Was(Entry<S>),
    /// The same state, last updated at another time: the value itself was not changed, and need not be kept twice.
    Touched(Time),
}

impl<S> Old<S> {
    /// What the key had, given what it had after the change.
    pub(crate) fn before<'a>(&'a self, after: Option<(&'a S, Time)>) -> Option<(&'a S, Time)> {
        match self {
            Self::Absent => None,
            Self::Was(entry) => Some((&entry.value, entry.updated)),
            Self::Touched(updated) => after.map(|(value, _)| (value, *updated)),
        }
    }
}

/// The changes of one version, each key once.
#[derive(Debug)]
pub(crate) struct UndoLog<K, S> {
    old: KeyMap<K, Old<S>>,
}

impl<K, S> Default for UndoLog<K, S> {
    fn default() -> Self {
        Self { old: KeyMap::default() }
    }
}

impl<K: Hash + Eq + Clone, S> UndoLog<K, S> {
    /// Notes that `key` was given another state, or none, in the place of `replaced`.
    pub(crate) fn replaced(&mut self, key: &K, replaced: Option<Entry<S>>) {
        match (self.old.get_mut(key), replaced) {
            (None, replaced) => {
                self.old.insert(key.clone(), replaced.map_or(Old::Absent, Old::Was));
            }
            // Until now the version had only kept it alive: the value is the one from before, with a newer time.
            (Some(old), Some(Entry { value, .. })) => {
                if let Old::Touched(updated) = *old {
                    *old = Old::Was(Entry { value, updated });
                }
            }
            (Some(_), None) => {}
        }
    }

    /// Notes that `key` was kept alive; it was last updated at `updated`.
    pub(crate) fn touched(&mut self, key: &K, updated: Time) {
        if !self.old.contains_key(key) {
            self.old.insert(key.clone(), Old::Touched(updated));
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&Old<S>> {
        self.old.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &Old<S>)> {
        self.old.iter()
    }

    /// Takes the changes back; they must be the last ones that were made.
    pub(crate) fn undo(self, live: &mut LiveEntries<K, S>) {
        for (key, old) in self.old {
            match old {
                Old::Absent => {
                    live.remove(&key);
                }
                Old::Was(entry) => {
                    live.insert(key, entry);
                }
                Old::Touched(updated) => {
                    live.touch(&key, updated);
                }
            }
        }
    }
}
