//! The seam to Kinesis: what the consumer asks of a stream.

use async_trait::async_trait;
use bytes::Bytes;
use bytestring::ByteString;
use kinesis_endpoint::ServiceError;

use crate::position::Timestamp;
use crate::sequence::SequenceNumber;
use crate::shard::{ChildShard, Shard, ShardId};
use crate::stream_identity::StreamIdentity;
use crate::stream_key::StreamKey;
use crate::subscription::{ConsumerArn, RegisteredConsumer, Subscription, not_supported};

/// One stream of Kinesis, read shard by shard.
#[async_trait]
pub trait KinesisApi: Send + Sync + 'static {
    /// Who the stream is.
    ///
    /// # Errors
    /// When the stream does not exist or may not be asked.
    async fn identity(&self) -> Result<StreamIdentity, ServiceError>;

    /// Who the stream is among all of its account: what lease keys of an application of several streams begin with.
    ///
    /// # Errors
    /// When the stream does not exist or may not be asked. Where accounts are not known: always.
    async fn key(&self) -> Result<StreamKey, ServiceError> {
        let reason = "its account is not known here: read one stream with each application";
        Err(ServiceError::invalid_response("DescribeStreamSummary", "the stream", reason))
    }

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

    /// The registered consumer of that name; `None` when there is none.
    ///
    /// # Errors
    /// When the stream cannot be asked. Without enhanced fan-out: always, as for the three calls below.
    async fn find_consumer(&self, _name: &str) -> Result<Option<RegisteredConsumer>, ServiceError> {
        Err(not_supported("DescribeStreamConsumer"))
    }

    /// Registers a consumer; it is not active at once.
    ///
    /// # Errors
    /// `InUse` when the name is taken, `Throttled` when the stream has as many consumers as it may.
    async fn register_consumer(&self, _name: &str) -> Result<RegisteredConsumer, ServiceError> {
        Err(not_supported("RegisterStreamConsumer"))
    }

    /// Deregisters a consumer; its subscriptions end.
    ///
    /// # Errors
    /// `NotFound` when it is gone already.
    async fn deregister_consumer(&self, _consumer: &ConsumerArn) -> Result<(), ServiceError> {
        Err(not_supported("DeregisterStreamConsumer"))
    }

    /// Subscribes a consumer to a shard from a place on. It takes the place of the consumer's earlier subscription to the shard.
    ///
    /// # Errors
    /// `InUse` within five seconds of the earlier one; when consumer or shard does not exist, or the place is not in it.
    async fn subscribe(
        &self,
        _consumer: &ConsumerArn,
        _shard: &ShardId,
        _place: Place,
    ) -> Result<Box<dyn Subscription>, ServiceError> {
        Err(not_supported("SubscribeToShard"))
    }
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
