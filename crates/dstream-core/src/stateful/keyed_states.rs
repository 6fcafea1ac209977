//! The states of a keyed operator: one versioned map for each partition, and what checkpoints store of them.
//!
//! Promises: a batch costs in proportion to the keys that it asks for and changes; versions are batch times, and one stays
//! readable until it is forgotten, whatever later batches do; a version is made whole or not at all. No lock is held
//! while user code runs: states are handed out as shared values, and changes come back as a list.

use std::sync::Mutex;

use bytes::Bytes;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::batch::Batch;
use crate::codec::CodecError;
use crate::data::{Data, Key};
use crate::key_hash::bucket_of;
use crate::lock::lock;
use crate::state::{Expiry, StateMap, VersionError};
use crate::stateful::shared_state::Shared;
use crate::stream_node::Memory;
use crate::time::Time;

/// Keys and their states.
pub(crate) type HeldStates<K, S> = Vec<(K, Shared<S>)>;

/// What a batch does to the states of keys.
pub(crate) type Changes<K, S> = Vec<(K, Update<S>)>;

/// What a batch does to the state of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Update<S> {
    Put(S),
    Remove,
    /// It stays as it is, and counts as updated now.
    Touch,
}

pub(crate) struct KeyedStates<K, S> {
    expiry: Expiry,
    // Each is held for look-ups and for the changes of one batch.
    parts: Vec<Mutex<Part<K, S>>>,
}

struct Part<K, S> {
    map: StateMap<K, Shared<S>>,
    /// The states of the program, until the first batch makes a version of them.
    initial: Vec<(K, S)>,
}

impl<K: Key, S: Data> KeyedStates<K, S> {
    pub(crate) fn new(partitions: usize, expiry: Expiry, initial: Vec<(K, S)>) -> Self {
        let empty = || Part { map: StateMap::new(UNBORN, expiry), initial: Vec::new() };
        let mut parts: Vec<Part<K, S>> = std::iter::repeat_with(empty).take(partitions).collect();
        for (key, state) in initial {
            let bucket = bucket_of(&key, partitions);
            if let Some(part) = parts.get_mut(bucket) {
                part.initial.push((key, state));
            }
        }
        Self { expiry, parts: parts.into_iter().map(Mutex::new).collect() }
    }

    pub(crate) const fn partitions(&self) -> usize {
        self.parts.len()
    }

    /// Makes the initial states the version of the time before all batches, if that is still to be done. They count as
    /// updated in the first batch.
    pub(crate) fn be_born(&self, partition: usize, batch: &Batch) -> Result<(), VersionError> {
        let Some(mut part) = self.part(partition) else { return Ok(()) };
        let initial = std::mem::take(&mut part.initial);
        // States that were restored go before the initial ones.
        if initial.is_empty() || part.map.newest() != UNBORN {
            return Ok(());
        }
        let mut open = part.map.begin(batch.zero)?;
        for (key, state) in initial {
            open.put(&key, Shared::new(state), batch.time);
        }
        open.commit();
        Ok(())
    }

    /// The newest version before `batch`; `None` when there is none.
    pub(crate) fn version_before(&self, partition: usize, batch: Time) -> Option<Time> {
        let before = self.part(partition)?.map.versions().filter(|version| *version < batch).last();
        before.filter(|version| *version != UNBORN)
    }

    /// Whether `version` was made and not forgotten.
    pub(crate) fn has_version(&self, partition: usize, version: Time) -> bool {
        self.part(partition).is_some_and(|part| part.map.at(version).is_ok())
    }

    /// The states of `keys` in `version`, in their order. With `None`, no key has one.
    pub(crate) fn read<'k>(
        &self,
        partition: usize,
        version: Option<Time>,
        keys: impl Iterator<Item = &'k K>,
    ) -> Result<Vec<Option<Shared<S>>>, VersionError> {
        let Some((part, version)) = self.part(partition).zip(version) else { return Ok(keys.map(|_| None).collect()) };
        let view = part.map.at(version)?;
        Ok(keys.map(|key| view.get(key).map(|(state, _)| state.clone())).collect())
    }

    /// The keys last updated before `threshold`, with their states, on top of which `batch` comes. Costs in proportion to
    /// them. `None` when `batch` was made already.
    pub(crate) fn expired(
        &self,
        partition: usize,
        batch: Time,
        threshold: Time,
    ) -> Result<Option<HeldStates<K, S>>, VersionError> {
        let Some(mut part) = self.part(partition) else { return Ok(None) };
        if part.map.newest() >= batch {
            return Ok(None);
        }
        let open = part.map.begin(batch)?;
        let keys = open.expired(threshold);
        let rows = keys.into_iter().filter_map(|key| {
            let state = open.get(&key)?.clone();
            Some((key, state))
        });
        let rows = rows.collect();
        open.roll_back();
        Ok(Some(rows))
    }

    /// Makes the version of `batch`.
    pub(crate) fn commit(&self, partition: usize, batch: Time, changes: Changes<K, S>) -> Result<(), VersionError> {
        let Some(mut part) = self.part(partition) else { return Ok(()) };
        let mut open = part.map.begin(batch)?;
        for (key, update) in changes {
            match update {
                Update::Put(state) => open.put(&key, Shared::new(state), batch),
                Update::Remove => open.remove(&key),
                Update::Touch => open.touch(&key, batch),
            }
        }
        open.commit();
        Ok(())
    }

    /// All rows of `version`, in an order that depends on the keys alone.
    pub(crate) fn rows(&self, partition: usize, version: Time) -> Result<HeldStates<K, S>, VersionError> {
        let Some(part) = self.part(partition) else { return Ok(Vec::new()) };
        let rows = part.map.at(version)?.rows();
        Ok(rows.into_iter().map(|(key, state, _)| (key.clone(), state.clone())).collect())
    }

    /// The oldest version that any partition holds; `None` before the first. The empty one before all of them does not count: as long as
    /// a slow snapshot of it is made it stays, and what the others were made of is needed all the same.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.parts.iter().filter_map(|part| lock(part).map.versions().find(|version| *version != UNBORN)).min()
    }

    fn part(&self, partition: usize) -> Option<std::sync::MutexGuard<'_, Part<K, S>>> {
        self.parts.get(partition).map(lock)
    }

    /// The rows of maps of another number of partitions, in this one's.
    fn repartition(&self, maps: &[StateMap<K, Shared<S>>]) -> Result<Vec<StateMap<K, Shared<S>>>, VersionError> {
        let version = maps.iter().map(StateMap::newest).max().unwrap_or(UNBORN);
        let empty = || StateMap::new(UNBORN, self.expiry);
        let mut made: Vec<_> = std::iter::repeat_with(empty).take(self.partitions()).collect();
        if version == UNBORN {
            return Ok(made);
        }
        for (bucket, map) in made.iter_mut().enumerate() {
            let mut open = map.begin(version)?;
            for old in maps {
                let rows = old.at(old.newest())?.rows();
                let mine = rows.into_iter().filter(|(key, ..)| bucket_of(*key, self.partitions()) == bucket);
                mine.for_each(|(key, state, updated)| open.put(key, state.clone(), updated));
            }
            open.commit();
            map.forget_before(version);
        }
        Ok(made)
    }
}

impl<K: Key, S: Data> Memory for KeyedStates<K, S> {
    fn forget_through(&self, batch: Time) {
        for part in &self.parts {
            let mut part = lock(part);
            // A stream that is not due in this batch goes on from an earlier version.
            if let Some(newest) = part.map.versions().filter(|version| *version <= batch).last() {
                part.map.forget_before(newest);
            }
        }
    }

    fn undo(&self, batch: Time) {
        for part in &self.parts {
            let mut part = lock(part);
            let before = part.map.versions().take_while(|version| *version < batch).last();
            // The version before one that is the newest was not forgotten.
            if let Some(Err(error)) = before.map(|before| part.map.roll_back_to(before)) {
                tracing::error!(%error, %batch, "the states of a batch cannot be taken back; please report this");
            }
        }
    }

    /// One part for each partition.
    fn encode(&self, through: Time) -> Result<Vec<Bytes>, CodecError> {
        let encode = |part: &Mutex<Part<K, S>>| {
            let part = lock(part);
            let version = part.map.versions().filter(|version| *version <= through).last();
            let bytes = part.map.encode(version.unwrap_or(UNBORN), Vec::new()).map_err(CodecError::state)?;
            Ok(Bytes::from(bytes))
        };
        self.parts.par_iter().map(encode).collect()
    }

    fn decode(&self, _through: Time, parts: &[Bytes]) -> Result<(), CodecError> {
        let maps: Result<Vec<_>, _> = parts.iter().map(|part| StateMap::decode(&**part, self.expiry)).collect();
        let mut maps = maps.map_err(CodecError::state)?;
        if maps.len() != self.partitions() {
            maps = self.repartition(&maps).map_err(CodecError::state)?;
        }
        for (part, map) in self.parts.iter().zip(maps) {
            // A state that never was is no version to go on from: the initial one is still to come then.
            lock(part).map = map;
        }
        Ok(())
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        self.parts.iter().map(|part| lock(part).map.versions().count()).max().unwrap_or(0)
    }
}

/// The version of states that no batch has made yet: before all times.
const UNBORN: Time = Time::from_millis(i64::MIN);

#[cfg(test)]
mod tests;
