//! Shards as Kinesis lists them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use kpl_deagg::HashKeyRange;

use crate::SequenceNumber;
use crate::stream_key::StreamKey;

/// Between the parts of a name. Kinesis allows it in no name of its own.
const SEPARATOR: char = ':';

/// The name of a shard within its application, such as `shardId-000000000003`, and the key of its lease. Where the application
/// reads several streams, the name begins with the stream's: see [`ShardId::in_scope`]. A clone is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(Arc<str>);

impl ShardId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shard as an application of several streams names it: `account:stream:epoch:shardId`, the KCL's lease key.
    #[must_use]
    pub fn in_scope(&self, stream: &StreamKey) -> Self {
        Self(format!("{stream}{SEPARATOR}{}", self.plain()).into())
    }

    /// The shard as its stream names it.
    #[must_use]
    pub fn without_scope(&self) -> Self {
        if self.scope().is_empty() { self.clone() } else { Self::from(self.plain()) }
    }

    /// The shard's name within its stream. Such a name has no colon.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.0.rsplit_once(SEPARATOR).map_or(&self.0, |(_, name)| name)
    }

    /// The text of the [`StreamKey`] that the name begins with; empty where the application reads one stream.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.0.rsplit_once(SEPARATOR).map_or("", |(scope, _)| scope)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_among_several_streams_is_named_as_the_kcl_names_its_lease_and_knows_its_plain_name() {
        let words = StreamKey::parse("123456789012:words:1700000000").expect("a key");
        let plain = ShardId::from("shardId-000000000003");
        let named = plain.in_scope(&words);
        assert_eq!(named.as_str(), "123456789012:words:1700000000:shardId-000000000003");
        assert_eq!((named.scope(), named.plain()), (words.as_str(), plain.as_str()));
        assert_eq!((plain.scope(), plain.plain()), ("", plain.as_str()));
        assert_eq!((named.without_scope(), plain.without_scope()), (plain.clone(), plain.clone()));
        assert_eq!(named.in_scope(&words), named, "once");
    }
}
