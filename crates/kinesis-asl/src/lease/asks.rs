//! The leases that this worker has asked other workers for. Pure.
//!
//! What stands in the table counts: an ask is known from the moment a listing, or the answer to its write, shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::lease::lease::WorkerId;
use crate::lease::snapshot::Snapshot;
use crate::shard::ShardId;

/// Asks that stand, and writes about asks that are under way.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// Since when each is known to stand.
    standing: BTreeMap<ShardId, Instant>,
    writing: BTreeSet<ShardId>,
}

impl Asks {
    /// Keeps the asks that a listing shows, and those that are younger than the call that brought it; forgets the others, which
    /// were answered one way or the other.
    pub(crate) fn on_listing(&mut self, snapshot: &Snapshot, me: &WorkerId, sent: Instant, now: Instant) {
        let before = std::mem::take(&mut self.standing);
        let promised = snapshot.leases().filter(|lease| lease.promised_to() == Some(me) && !lease.is_ended());
        let since = |shard: &ShardId| before.get(shard).copied().unwrap_or(now);
        self.standing = promised.map(|lease| (lease.shard.clone(), since(&lease.shard))).collect();
        self.standing
            .extend(before.iter().filter(|(_, since)| **since >= sent).map(|(shard, since)| (shard.clone(), *since)));
    }

    /// Asks that were not answered for longer than `patience`.
    pub(crate) fn overdue(&self, patience: Duration, now: Instant) -> Vec<ShardId> {
        let late = |since: &Instant| now.saturating_duration_since(*since) > patience;
        self.standing.iter().filter(|(_, since)| late(since)).map(|(shard, _)| shard.clone()).collect()
    }

    /// The shards that are asked for, or may be.
    pub(crate) fn shards(&self) -> impl Iterator<Item = &ShardId> {
        self.standing.keys().chain(&self.writing)
    }

    /// Whether an ask stands that is not older than that.
    pub(crate) fn is_fresh(&self, age: Duration, now: Instant) -> bool {
        self.standing.values().any(|since| now.saturating_duration_since(*since) <= age)
    }

    /// Asks that stand.
    pub(crate) fn standing(&self) -> Vec<ShardId> {
        self.standing.keys().cloned().collect()
    }

    /// A write about an ask begins; `false` while another one is under way.
    pub(crate) fn begin(&mut self, shard: &ShardId) -> bool {
        self.writing.insert(shard.clone())
    }

    /// A write about an ask has ended; what stands now is said by [`Asks::note`].
    pub(crate) fn end(&mut self, shard: &ShardId) {
        self.writing.remove(shard);
        self.standing.remove(shard);
    }

    /// An ask stands.
    pub(crate) fn note(&mut self, shard: &ShardId, now: Instant) {
        self.standing.entry(shard.clone()).or_insert(now);
    }

    /// Whether nothing is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.standing.is_empty() && self.writing.is_empty()
    }
}
