//! The service's limits: the switch that turns the rates on, and every figure with its unit.
//!
//! Figures as AWS documented them in November 2026: "Quotas and limits" of the developer guide
//! (<https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html>) and the API reference. Sizes and counts
//! of single requests hold always; what happens per second or per day holds with [`Limits::Aws`].

/// Whether rates are limited as on AWS.
///
/// ```
/// use kinesis_local::model::{Limits, Settings};
///
/// let settings = Settings { limits: Limits::Aws, ..Settings::default() };
/// assert_eq!(Settings::default().limits, Limits::Off);
/// # drop(settings);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Limits {
    /// As fast as the machine can. The default, because a local test should not wait for its quota.
    #[default]
    Off,
    /// Rates as on AWS: reads and writes of a shard, calls of an account, changes of a stream per day. What exceeds them
    /// fails with `ProvisionedThroughputExceededException` or `LimitExceededException`.
    Aws,
}

/// GetRecords calls in any second of one shard.
pub(crate) const READS_PER_SECOND: usize = 5;
/// GetShardIterator calls in any second of one shard.
pub(crate) const ITERATORS_PER_SECOND: usize = 5;
/// Bytes that GetRecords takes from one shard in a second: 2 MiB.
pub(crate) const READ_BYTES_PER_SECOND: u32 = 2 << 20;
/// Bytes, keys included, that one shard takes in a second: 1 MiB.
pub(crate) const WRITE_BYTES_PER_SECOND: u32 = 1 << 20;
/// Records that one shard takes in a second.
pub(crate) const WRITE_RECORDS_PER_SECOND: u32 = 1_000;
/// Streams of an account that may be CREATING or DELETING at once.
pub(crate) const STREAMS_IN_TRANSIT: usize = 5;
/// On-demand streams of an account.
pub(crate) const ON_DEMAND_STREAMS: u32 = 50;
/// Shards of a new on-demand stream.
pub(crate) const ON_DEMAND_SHARDS: u32 = 4;
/// Tags of a stream.
pub(crate) const TAGS: usize = 50;
/// Characters of a tag's key, at least one.
pub(crate) const TAG_KEY_CHARACTERS: usize = 128;
/// Characters of a tag's value.
pub(crate) const TAG_VALUE_CHARACTERS: usize = 256;
/// The shortest retention, in hours, which is also that of a new stream.
pub(crate) const SHORTEST_RETENTION: u32 = 24;
/// The longest retention, in hours: a year.
pub(crate) const LONGEST_RETENTION: u32 = 8_760;
/// The smallest and the largest that a stream's record size can be set to, in KiB.
pub(crate) const RECORD_SIZES_KIB: (u32, u32) = (1_024, 10_240);
