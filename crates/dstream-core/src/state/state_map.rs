//! The states of one partition in all the versions that are still needed.
//!
//! The newest version is whole, in one hash map; every older one is what later versions changed, on top of it. So a batch
//! pays for the keys that it touches: to look them up, and to note what they had. Versions are batch times.

use std::collections::BTreeMap;
use std::hash::Hash;

use thiserror::Error;

use crate::state::live_entries::{Entry, Expiry, LiveEntries};
use crate::state::open_version::OpenVersion;
use crate::state::undo_log::UndoLog;
use crate::state::version_view::VersionView;
use crate::time::Time;

/// Keyed states, in versions.
#[derive(Debug)]
pub(crate) struct StateMap<K, S> {
    live: LiveEntries<K, S>,
    /// The oldest version.
    base: Time,
    /// What each later version changed.
    logs: BTreeMap<Time, UndoLog<K, S>>,
}

impl<K: Hash + Eq + Clone, S> StateMap<K, S> {
    /// A map whose only version is `base`, and empty.
    pub(crate) fn new(base: Time, expiry: Expiry) -> Self {
        Self { live: LiveEntries::new(expiry), base, logs: BTreeMap::new() }
    }

    /// A map whose only version is `base`, with the initial states `pairs`, all updated at `base`. Of two for one key the
    /// later one counts.
    pub(crate) fn from_pairs(base: Time, expiry: Expiry, pairs: impl IntoIterator<Item = (K, S)>) -> Self {
        let mut map = Self::new(base, expiry);
        for (key, value) in pairs {
            map.live.put(&key, Entry { value, updated: base });
        }
        map
    }

    /// The oldest version that can be read.
    #[cfg(test)]
    pub(crate) const fn oldest(&self) -> Time {
        self.base
    }

    /// The newest version.
    pub(crate) fn newest(&self) -> Time {
        self.logs.last_key_value().map_or(self.base, |(version, _)| *version)
    }

    /// The versions that can be read, the oldest first.
    pub(crate) fn versions(&self) -> impl Iterator<Item = Time> {
        std::iter::once(self.base).chain(self.logs.keys().copied())
    }

    /// A version to read.
    ///
    /// # Errors
    /// When it was forgotten, or never committed.
    pub(crate) fn at(&self, version: Time) -> Result<VersionView<'_, K, S>, VersionError> {
        self.must_hold(version)?;
        Ok(self.view(version))
    }

    /// Begins the version `version`, on top of the newest one.
    ///
    /// # Errors
    /// When it is not later than the newest version: [roll back](Self::roll_back_to) first.
    pub(crate) fn begin(&mut self, version: Time) -> Result<OpenVersion<'_, K, S>, VersionError> {
        let newest = self.newest();
        if version <= newest {
            return Err(VersionError::NotLater { version, newest });
        }
        Ok(OpenVersion::new(self, version))
    }

    /// Makes the version `version` the newest again; those after it have never been. Costs in proportion to what they
    /// changed.
    ///
    /// # Errors
    /// When it was forgotten, or never committed.
    pub(crate) fn roll_back_to(&mut self, version: Time) -> Result<(), VersionError> {
        self.must_hold(version)?;
        while self.newest() > version {
            if let Some((_, log)) = self.logs.pop_last() {
                log.undo(&mut self.live);
            }
        }
        Ok(())
    }

    /// Forgets the versions before `version`, but never the newest. Costs in proportion to what the forgotten ones'
    /// successors changed.
    pub(crate) fn forget_before(&mut self, version: Time) {
        while self.base < version
            && let Some((next, log)) = self.logs.pop_first()
        {
            self.base = next;
            drop(log);
        }
    }

    pub(super) const fn live(&self) -> &LiveEntries<K, S> {
        &self.live
    }

    pub(super) const fn live_mut(&mut self) -> &mut LiveEntries<K, S> {
        &mut self.live
    }

    pub(super) fn newest_view(&self) -> VersionView<'_, K, S> {
        VersionView::new(&self.live, Vec::new())
    }

    pub(super) fn commit(&mut self, version: Time, log: UndoLog<K, S>) {
        self.logs.insert(version, log);
    }

    /// What the versions after `after`, up to `version`, changed; the earliest first.
    pub(super) fn changes(&self, after: Time, version: Time) -> impl Iterator<Item = &UndoLog<K, S>> {
        let between = self.logs.iter().filter(move |(each, _)| (after < **each) && (**each <= version));
        between.map(|(_, log)| log)
    }

    pub(super) fn must_hold(&self, version: Time) -> Result<(), VersionError> {
        if version == self.base || self.logs.contains_key(&version) {
            return Ok(());
        }
        Err(VersionError::NotHeld { version, oldest: self.base, newest: self.newest() })
    }

    fn view(&self, version: Time) -> VersionView<'_, K, S> {
        let later = self.logs.iter().rev().take_while(|(each, _)| **each > version);
        VersionView::new(&self.live, later.map(|(_, log)| log).collect())
    }
}

/// A version that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum VersionError {
    /// It is not there.
    #[error("no state of version {version}: those from {oldest} to {newest} are held, as far as they were committed")]
    NotHeld {
        /// The version.
        version: Time,
        /// The oldest one held.
        oldest: Time,
        /// The newest one held.
        newest: Time,
    },
    /// It has been, or a later one has.
    #[error("the state is at version {newest} already: roll back before you begin version {version}")]
    NotLater {
        /// The version.
        version: Time,
        /// The newest one held.
        newest: Time,
    },
}

#[cfg(test)]
mod tests;
