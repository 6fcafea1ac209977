//! A record as the message handler gets it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dstream_core::{BlockRecord, BoxError};

use crate::position::Timestamp;
use crate::record_bytes;
use crate::record_group::{RecordGroup, Said};
use crate::sequence::Position;
use crate::shard::ShardId;

/// A user record: either a Kinesis record or one part of a KPL aggregate. Its bytes are slices of what came from
/// Kinesis; a clone copies no data.
///
/// A record that is kept keeps what came with it: an aggregate, or up to 64 KiB of Kinesis records. What is to be kept for long is
/// better copied.
#[derive(Clone)]
pub struct KinesisRecord {
    pub(crate) group: Arc<RecordGroup>,
    pub(crate) place: u32,
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
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.said().data
    }

    /// The payload as a handle of its own, without copying. It keeps an aggregate, or up to 64 KiB of Kinesis records, in memory.
    #[must_use]
    pub fn data_bytes(&self) -> Bytes {
        self.group.data(self.place)
    }

    /// The partition key: the user record's own, not the aggregate's.
    #[inline]
    #[must_use]
    pub fn partition_key(&self) -> &str {
        self.said().partition_key
    }

    /// The explicit hash key, known only for a part of an aggregate that was given one.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<&str> {
        self.said().explicit_hash_key
    }

    /// Sequence number and sub-sequence number.
    #[must_use]
    pub fn position(&self) -> Position {
        self.said().position
    }

    /// Whether it was part of a KPL aggregate.
    #[must_use]
    pub fn aggregation(&self) -> Aggregation {
        self.said().aggregation
    }

    /// When Kinesis received it, to the millisecond; approximate, as the service says.
    #[must_use]
    pub fn arrival(&self) -> Option<Timestamp> {
        self.said().arrival
    }

    /// The shard it was read from, by its name within the stream.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.group.origin.shard
    }

    /// The name of the stream it was read from.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.group.origin.stream
    }

    #[inline]
    pub(crate) fn said(&self) -> Said<'_> {
        self.group.said(self.place)
    }
}

// By what it says, whatever came with it.
impl PartialEq for KinesisRecord {
    fn eq(&self, other: &Self) -> bool {
        self.said() == other.said() && self.group.origin == other.group.origin
    }
}

impl Eq for KinesisRecord {}

impl fmt::Debug for KinesisRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Said { data, partition_key, explicit_hash_key, position, arrival, aggregation } = self.said();
        f.debug_struct("KinesisRecord")
            .field("stream", &self.stream())
            .field("shard", self.shard())
            .field("position", &position)
            .field("aggregation", &aggregation)
            .field("arrival", &arrival)
            .field("partition_key", &partition_key)
            .field("explicit_hash_key", &explicit_hash_key)
            .field("data", &format_args!("b\"{}\"", data.escape_ascii()))
            .finish()
    }
}

impl BlockRecord for KinesisRecord {
    fn size_bytes(&self) -> usize {
        self.group.cost(self.place)
    }

    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        record_bytes::encode(self, into)
    }

    fn decode(bytes: Bytes) -> Result<Self, BoxError> {
        Ok(record_bytes::decode(bytes)?)
    }

    fn describe(&self) -> Option<String> {
        Some(format!("record {} of shard '{}' of stream '{}'", self.position(), self.shard(), self.stream()))
    }
}
