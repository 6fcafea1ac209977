//! A record as the message handler gets it.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use dstream_core::{BlockRecord, BoxError};

use crate::origin::Origin;
use crate::position::Timestamp;
use crate::record_bytes;
use crate::sequence::Position;
use crate::shard::ShardId;

/// Bytes that a record costs beside its data and keys: this struct.
const FIXED_COST: usize = size_of::<KinesisRecord>();

/// What a record of this data and key costs in memory, in bytes; no part of an aggregate costs more than the aggregate.
pub(crate) fn cost_of(data: &Bytes, partition_key: &str) -> usize {
    FIXED_COST + data.len() + partition_key.len()
}

/// A user record: either a Kinesis record or one part of a KPL aggregate. Its bytes are slices of what came from
/// Kinesis; a clone copies no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KinesisRecord {
    pub(crate) data: Bytes,
    pub(crate) partition_key: ByteString,
    // Rare, so a record is small without.
    pub(crate) explicit_hash_key: Option<Box<ByteString>>,
    pub(crate) position: Position,
    pub(crate) aggregation: Aggregation,
    pub(crate) arrival: Option<Timestamp>,
    pub(crate) origin: Arc<Origin>,
}

/// Whether a user record was part of a KPL aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// A Kinesis record of its own.
    Plain,
    /// One part of an aggregate.
    Aggregated,
}

impl KinesisRecord {
    /// The payload.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The partition key: the user record's own, not the aggregate's.
    #[must_use]
    pub fn partition_key(&self) -> &str {
        &self.partition_key
    }

    /// The explicit hash key, known only for a part of an aggregate that was given one.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<&str> {
        self.explicit_hash_key.as_deref().map(|key| &**key)
    }

    /// Sequence number and sub-sequence number.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether it was part of a KPL aggregate.
    #[must_use]
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// When Kinesis received it, to the millisecond; approximate, as the service says.
    #[must_use]
    pub fn arrival(&self) -> Option<Timestamp> {
        self.arrival
    }

    /// The shard it was read from, by its name within the stream.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.origin.shard
    }

    /// The name of the stream it was read from.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.origin.stream
    }
}

impl BlockRecord for KinesisRecord {
    fn size_bytes(&self) -> usize {
        cost_of(&self.data, &self.partition_key)
    }

    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        record_bytes::encode(self, into)
    }

    fn decode(bytes: Bytes) -> Result<Self, BoxError> {
        Ok(record_bytes::decode(bytes)?)
    }

    fn describe(&self) -> Option<String> {
        Some(format!("record {} of shard '{}'", self.position, self.shard()))
    }
}
