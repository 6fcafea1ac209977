//! Shards as Kinesis lists them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use kpl_deagg::HashKeyRange;

use crate::SequenceNumber;

/// The name of a shard, such as `shardId-000000000003`. A clone is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(Arc<str>);

impl ShardId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ShardId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A shard: its parents, its part of the hash key space, and whether it still takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its name.
    pub id: ShardId,
    /// The shards it came from: none, one (a split) or two (a merge). They may have expired already.
    pub parents: BTreeSet<ShardId>,
    /// Its part of the hash key space; `None` where the service did not say.
    pub hash_range: Option<HashKeyRange>,
    /// The first sequence number it can hold; `None` where the service did not say.
    pub starting_sequence: Option<SequenceNumber>,
    /// The last sequence number it can hold, once it is closed; `None` where the service did not say.
    pub ending_sequence: Option<SequenceNumber>,
    /// Whether it still takes records.
    pub state: ShardState,
}

/// Whether a shard still takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardState {
    /// It does.
    Open,
    /// It was split or merged.
    Closed,
}

/// A shard that follows one which ended, as `GetRecords` names it with the last page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildShard {
    /// Its name.
    pub id: ShardId,
    /// Its parents.
    pub parents: BTreeSet<ShardId>,
    /// Its part of the hash key space.
    pub hash_range: Option<HashKeyRange>,
}

/// The shards that follow one, among those that the stream lists.
#[must_use]
pub fn children_of(parent: &ShardId, listed: &[Shard]) -> Vec<ChildShard> {
    let follows = |shard: &&Shard| shard.parents.contains(parent);
    let child = |shard: &Shard| ChildShard {
        id: shard.id.clone(),
        parents: shard.parents.clone(),
        hash_range: shard.hash_range,
    };
    listed.iter().filter(follows).map(child).collect()
}
