//! The seam to Kinesis: one call, in this crate's own terms. The SDK's types stop behind it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kinesis_endpoint::ServiceError;

use crate::record::Record;

/// Puts records into one stream. The stream is the implementation's own; so are time-outs. It does not try again.
#[async_trait]
pub trait PutRecordsApi: fmt::Debug + Send + Sync + 'static {
    /// Puts up to 500 records with one request.
    ///
    /// The answer has one result for each record, in their order. It may refuse some and store others.
    ///
    /// # Errors
    ///
    /// The call as a whole failed. Its [kind](ServiceError::kind) says whether the records may be stored nevertheless.
    ///
    /// # Cancellation
    ///
    /// The records may or may not be stored.
    async fn put_records(&self, records: &[Record]) -> Result<Vec<EntryResult>, ServiceError>;
}

/// What became of one record of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryResult {
    /// It is in the stream.
    Stored(Receipt),
    /// It is not.
    Refused(EntryError),
}

/// Where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The shard that took it.
    pub shard_id: ShardId,
    /// Its place in the shard.
    pub sequence_number: SequenceNumber,
}

/// Kinesis refused one record of a request and took others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kinesis refused the record with {code}: {message}")]
pub struct EntryError {
    /// Kinesis' error code, such as `ProvisionedThroughputExceededException`.
    pub code: String,
    /// Kinesis' message.
    pub message: String,
}

/// The id of a shard, such as `shardId-000000000000`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(Arc<str>);

/// A sequence number as Kinesis writes it. It has no order here: numbers of different length compare as numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber(Box<str>);

impl ShardId {
    /// The id with this text.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SequenceNumber {
    /// The number with this decimal text.
    #[must_use]
    pub fn new(number: &str) -> Self {
        Self(number.into())
    }

    /// The decimal text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
