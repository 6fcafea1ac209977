//! SplitShard and MergeShards.
//!
//! Promises: a reshard is checked when it is asked for and takes effect when the stream is ACTIVE again; until then the
//! parents take records. Parents then are closed and name their children, the children name their parents.

use super::call_rates::Call;
use super::error::{ErrorKind, KinesisError};
use super::hash_key::HashKey;
use super::machine::Model;
use super::millis::Millis;
use super::shard::{Shard, ShardId};
use super::stream::{Change, Stream};
use super::stream_ref::StreamRef;

/// A SplitShard request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitShard {
    /// Which stream.
    pub stream: StreamRef,
    /// The shard to split.
    pub shard: ShardId,
    /// The first point of the upper half.
    pub new_starting_hash_key: HashKey,
}

/// A MergeShards request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeShards {
    /// Which stream.
    pub stream: StreamRef,
    /// The shard that becomes the child's parent.
    pub shard: ShardId,
    /// Its neighbour on the ring, above or below, which becomes the adjacent parent.
    pub adjacent: ShardId,
}

impl Model {
    /// Splits an open shard in two.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown stream or shard, `ResourceInUseException` when the stream is not
    /// ACTIVE, `InvalidArgumentException` when the shard is closed or the key is not inside it, `LimitExceededException`
    /// beyond `Settings::shard_limit`, `ValidationException` for an on-demand stream.
    pub fn split_shard(&mut self, now: Millis, request: &SplitShard) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::SplitShard, Some(&request.stream))?;
        let (name, stream) = self.find(&request.stream)?;
        let shard = self.reshardable(name, stream, request.shard)?;
        let (start, end) = (shard.range.start, shard.range.end);
        let key = request.new_starting_hash_key;
        if key.get() <= start.get().saturating_add(1) || key >= end {
            return Err(KinesisError::invalid_argument(format!(
                "NewStartingHashKey {key} used in SplitShard() on shard {} in stream {name} under account {} is not both greater than one plus the shard's StartingHashKey {start} and less than the shard's EndingHashKey {end}.",
                shard.id, self.settings.account
            )));
        }
        self.check_shard_limit(1)?;
        self.begin(&request.stream, Change::Split { parent: request.shard, at: key })
    }

    /// Merges two open neighbours into one.
    ///
    /// # Errors
    /// Those of [`split_shard`](Self::split_shard); `InvalidArgumentException` also when the two are no neighbours.
    pub fn merge_shards(&mut self, now: Millis, request: &MergeShards) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::MergeShards, Some(&request.stream))?;
        let (name, stream) = self.find(&request.stream)?;
        let shard = self.reshardable(name, stream, request.shard)?;
        let other = self.reshardable(name, stream, request.adjacent)?;
        let meets = |low: &Shard, high: &Shard| low.range.end.get().checked_add(1) == Some(high.range.start.get());
        if !meets(shard, other) && !meets(other, shard) {
            return Err(KinesisError::invalid_argument(format!(
                "Shards {} and {} in stream {name} under account {} are not an adjacent pair of shards eligible for merging",
                shard.id, other.id, self.settings.account
            )));
        }
        self.begin(&request.stream, Change::Merge { left: request.shard, right: request.adjacent })
    }

    /// The shard, if it is there and open.
    fn reshardable<'a>(&self, name: &str, stream: &'a Stream, id: ShardId) -> Result<&'a Shard, KinesisError> {
        self.check_provisioned(name, stream)?;
        let account = &self.settings.account;
        let shard = stream.shards.get(&id).ok_or_else(|| {
            KinesisError::new(
                ErrorKind::ResourceNotFound,
                format!("Could not find shard {id} in stream {name} under account {account}."),
            )
        })?;
        if shard.is_open() {
            return Ok(shard);
        }
        Err(KinesisError::invalid_argument(format!(
            "Shard {id} in stream {name} under account {account} has already been merged or split, and thus is not eligible for merging or splitting."
        )))
    }
}
