//! Limits of the services, checked against the AWS documentation of 2026.

/// `GetRecords` calls a second and shard, shared by all readers of the shard.
/// Source: Kinesis Data Streams developer guide, "Quotas and limits".
pub(crate) const READS_PER_SECOND: u64 = 5;

/// Records in one answer of `GetRecords`, the most that may be asked for.
/// Source: Kinesis Data Streams API reference, `GetRecords`.
pub(crate) const RECORDS_PER_READ: u16 = 10_000;

/// Characters of a stream's name. Source: API reference, `CreateStream`.
pub(crate) const STREAM_NAME_LENGTH: usize = 128;

/// Characters of a table's name, at least and at most. Source: DynamoDB API reference, `CreateTable`.
pub(crate) const TABLE_NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=255;

/// Bytes a second and shard that `GetRecords` gives to all readers together. Source: Kinesis Data Streams developer guide, "Quotas and
/// limits": 2 MB.
pub(crate) const READ_BYTES_PER_SECOND: u64 = 2_000_000;

/// The age at which a shard iterator is replaced; it lives five minutes. Source: API reference, `GetShardIterator`.
pub(crate) const ITERATOR_RENEWAL: std::time::Duration = std::time::Duration::from_secs(270);

/// Characters of a registered consumer's name. Source: API reference, `RegisterStreamConsumer`.
pub(crate) const CONSUMER_NAME_LENGTH: usize = 128;
