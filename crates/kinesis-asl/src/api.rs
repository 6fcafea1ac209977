//! The seam to Kinesis: what the consumer asks of a stream.

use async_trait::async_trait;
use bytes::Bytes;
use bytestring::ByteString;
use kinesis_endpoint::ServiceError;

use crate::position::Timestamp;
use crate::sequence::SequenceNumber;
use crate::shard::{ChildShard, Shard, ShardId};
use crate::stream_identity::StreamIdentity;

/// One stream of Kinesis, read shard by shard.
#[async_trait]
pub trait KinesisApi: Send + Sync + 'static {
    /// Who the stream is.
    ///
    /// # Errors
    /// When the stream does not exist or may not be asked.
    async fn identity(&self) -> Result<StreamIdentity, ServiceError>;

    /// The shards that the stream shows through a filter, all pages.
    ///
    /// # Errors
    /// When the stream does not exist or cannot be asked.
    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError>;

    /// An iterator at a place in a shard; it lives for five minutes.
    ///
    /// # Errors
    /// When the shard does not exist any more, or the place is not in it.
    async fn shard_iterator(&self, shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError>;

    /// The next records at an iterator, possibly none, at most `limit`.
    ///
    /// # Errors
    /// When the iterator has expired or the stream cannot be read.
    async fn next_page(&self, shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError>;
}

/// Which shards to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardFilter {
    /// All that the stream still knows.
    All,
    /// Those that are open now.
    AtLatest,
    /// Those that were open at the oldest record kept.
    AtTrimHorizon,
    /// Those that were open at a moment.
    AtTimestamp(Timestamp),
}

/// A place in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The oldest record kept.
    TrimHorizon,
    /// Behind the newest record.
    Latest,
    /// The first record that arrived at or after a moment.
    AtTimestamp(Timestamp),
    /// A record.
    At(SequenceNumber),
    /// Behind a record.
    After(SequenceNumber),
}

/// A shard iterator: opaque, short-lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardIterator(pub String);

/// What one `GetRecords` gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records, in order; possibly none although more follow.
    pub records: Vec<RawRecord>,
    /// What comes next.
    pub next: NextPage,
    /// How far behind the newest record this page is; `None` where the service did not say.
    pub millis_behind_latest: Option<i64>,
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextPage {
    /// More, or more later, at this iterator.
    Iterator(ShardIterator),
    /// Nothing: the shard has ended, and these follow it.
    ShardEnd(Vec<ChildShard>),
}

/// A Kinesis record as the service gives it: one user record or a KPL aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Its place in the shard.
    pub sequence: SequenceNumber,
    /// The key it was put with.
    pub partition_key: ByteString,
    /// Its bytes.
    pub data: Bytes,
    /// When the service received it.
    pub arrival: Option<Timestamp>,
}
