//! One stream: its status, its shards, and which open shard a hash key belongs to.
//!
//! Promises: the open shards cover the ring exactly at all times after creation; a change that was accepted takes effect
//! at its due time, whoever looks first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::birth::Birth;
use super::call_rates::CallRates;
use super::consumer::Consumers;
use super::hash_key::{HashKey, HashKeyRange};
use super::limits::SHORTEST_RETENTION;
use super::millis::Millis;
use super::monitoring::ShardMetrics;
use super::shard::{Shard, ShardId};
use serde::{Deserialize, Serialize};

/// What AWS calls the stream's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamStatus {
    /// Accepted, not usable yet.
    Creating,
    /// Usable, no change under way.
    Active,
    /// Usable, a change is under way.
    Updating,
    /// About to disappear.
    Deleting,
}

impl StreamStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// How the capacity of a stream is paid for. Here it only is remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamMode {
    /// A number of shards that the owner chooses.
    #[default]
    Provisioned,
    /// Shards that AWS chooses; starts with 4.
    OnDemand,
}

impl StreamMode {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

/// A change that takes effect when the stream becomes ACTIVE again.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Change {
    Split { parent: ShardId, at: HashKey },
    Merge { left: ShardId, right: ShardId },
    Rescale { shards: u32 },
    Retention { hours: u32 },
    Mode { mode: StreamMode },
    Metrics { metrics: ShardMetrics },
    RecordSize { bytes: usize },
}

/// The states of a stream; the variants own what is pending.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Phase {
    Creating { due: Millis, shards: u32 },
    Active,
    Updating { due: Millis, change: Change },
    Deleting { due: Millis },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) arn: String,
    pub(crate) created: Millis,
    /// The second in the sequence numbers of its first shards.
    pub(crate) created_second: u64,
    pub(crate) mode: StreamMode,
    pub(crate) phase: Phase,
    pub(crate) retention_hours: u32,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) metrics: ShardMetrics,
    /// The largest data payload of a record, in bytes.
    pub(crate) max_record_size: usize,
    /// The calls that count against the stream's own quotas.
    #[serde(skip)]
    pub(crate) calls: CallRates,
    pub(crate) shards: BTreeMap<ShardId, Shard>,
    pub(crate) consumers: Consumers,
    /// The open shards by the first point of their range.
    pub(crate) open: BTreeMap<HashKey, ShardId>,
    next_shard: u32,
}

impl Stream {
    pub(crate) fn new(arn: String, birth: Birth, mode: StreamMode, due: Millis, shards: u32) -> Self {
        Self {
            arn,
            created: birth.at,
            created_second: birth.second,
            mode,
            phase: Phase::Creating { due, shards },
            retention_hours: SHORTEST_RETENTION,
            tags: BTreeMap::new(),
            metrics: ShardMetrics::default(),
            max_record_size: DEFAULT_RECORD_SIZE,
            calls: CallRates::default(),
            shards: BTreeMap::new(),
            consumers: Consumers::default(),
            open: BTreeMap::new(),
            next_shard: 0,
        }
    }

    pub(crate) fn status(&self) -> StreamStatus {
        match self.phase {
            Phase::Creating { .. } => StreamStatus::Creating,
            Phase::Active => StreamStatus::Active,
            Phase::Updating { .. } => StreamStatus::Updating,
            Phase::Deleting { .. } => StreamStatus::Deleting,
        }
    }

    /// When the pending change takes effect.
    pub(crate) fn due(&self) -> Option<Millis> {
        match self.phase {
            Phase::Active => None,
            Phase::Creating { due, .. } | Phase::Updating { due, .. } | Phase::Deleting { due } => Some(due),
        }
    }

    /// How many shards are open, or will be when creation is through.
    pub(crate) fn open_count(&self) -> u32 {
        match self.phase {
            Phase::Creating { shards, .. } => shards,
            _ => u32::try_from(self.open.len()).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn shard_at(&mut self, point: HashKey) -> Option<&mut Shard> {
        let id = self.shard_id_at(point)?;
        self.shards.get_mut(&id)
    }

    pub(crate) fn shard_id_at(&self, point: HashKey) -> Option<ShardId> {
        self.open.range(..=point).next_back().map(|(_, id)| *id)
    }

    /// The time before which records are gone.
    pub(crate) fn horizon(&self, now: Millis) -> Millis {
        now.minus(Duration::from_secs(u64::from(self.retention_hours) * 3_600))
    }

    /// Trims by retention and forgets closed shards that cannot hold a record any more; the memory that gave back.
    pub(crate) fn trim(&mut self, now: Millis) -> u64 {
        let horizon = self.horizon(now);
        let freed = self.shards.values_mut().map(|shard| shard.trim(horizon)).sum();
        self.shards.retain(|_, shard| shard.closed.is_none_or(|closed| closed.at >= horizon) || !shard.is_empty());
        freed
    }

    /// Makes the pending change effective, as of its due time. Deletion is the owner's business.
    pub(crate) fn settle(&mut self) {
        match self.phase {
            Phase::Active | Phase::Deleting { .. } => return,
            Phase::Creating { shards, .. } => {
                for range in HashKeyRange::divide_ring(shards) {
                    self.open_shard(range, self.created, self.created_second, None, None);
                }
            }
            Phase::Updating { due, change } => self.apply(due, change),
        }
        self.phase = Phase::Active;
    }

    fn apply(&mut self, at: Millis, change: Change) {
        match change {
            Change::Split { parent, at: point } => self.split(parent, point, at),
            Change::Merge { left, right } => self.merge(left, right, at),
            Change::Rescale { shards } => self.rescale(shards, at),
            Change::Retention { hours } => self.retention_hours = hours,
            Change::Mode { mode } => self.mode = mode,
            Change::Metrics { metrics } => self.metrics = metrics,
            Change::RecordSize { bytes } => self.max_record_size = bytes,
        }
    }

    /// Closes a shard and opens two that share its range; `point` is the first of the upper one.
    pub(crate) fn split(&mut self, parent: ShardId, point: HashKey, at: Millis) {
        let Some((range, created)) = self.shards.get(&parent).map(|shard| (shard.range, shard.created_second)) else {
            return;
        };
        let left = HashKeyRange { start: range.start, end: HashKey::new(point.get().saturating_sub(1)) };
        let right = HashKeyRange { start: point, end: range.end };
        let second = at.seconds().max(created.saturating_add(1));
        self.open.remove(&range.start);
        let children = [left, right].map(|half| self.open_shard(half, at, second, Some(parent), None));
        self.close_shard(parent, at, children.to_vec());
    }

    /// Closes two neighbours and opens one in their place.
    pub(crate) fn merge(&mut self, left: ShardId, right: ShardId, at: Millis) {
        let (Some(low), Some(high)) = (self.shards.get(&left), self.shards.get(&right)) else { return };
        let range =
            HashKeyRange { start: low.range.start.min(high.range.start), end: low.range.end.max(high.range.end) };
        let second = at.seconds().max(low.created_second.max(high.created_second).saturating_add(1));
        for start in [low.range.start, high.range.start] {
            self.open.remove(&start);
        }
        let child = self.open_shard(range, at, second, Some(left), Some(right));
        self.close_shard(left, at, vec![child]);
        self.close_shard(right, at, vec![child]);
    }

    fn open_shard(
        &mut self,
        range: HashKeyRange,
        opened: Millis,
        created_second: u64,
        parent: Option<ShardId>,
        adjacent_parent: Option<ShardId>,
    ) -> ShardId {
        let id = ShardId(self.next_shard);
        self.next_shard = self.next_shard.saturating_add(1);
        let mut shard = Shard::new(id, range, opened, created_second);
        (shard.parent, shard.adjacent_parent) = (parent, adjacent_parent);
        self.shards.insert(id, shard);
        self.open.insert(range.start, id);
        id
    }

    fn close_shard(&mut self, id: ShardId, at: Millis, children: Vec<ShardId>) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.close(at, children);
        }
    }
}

/// The record size of a stream that was made without settings: 1 MiB.
const DEFAULT_RECORD_SIZE: usize = 1 << 20;
