//! What can be set on the model, as plain values with defaults.
//!
//! Promises: the default is a friendly local Kinesis (short delays, generous account limits) that keeps the limits a
//! client has to respect on AWS: record and request sizes, iterator life, retention.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::Limits;

/// Settings of a [`Model`](super::Model).
///
/// ```
/// use kinesis_local::model::Settings;
/// use std::time::Duration;
///
/// let settings = Settings { status_delay: Duration::ZERO, ..Settings::default() };
/// assert_eq!(settings.iterator_life, Duration::from_secs(300));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long a stream stays CREATING, UPDATING or DELETING. Default 20 ms: long enough that a client which does not
    /// wait for ACTIVE is found out, short enough not to be felt. Zero makes every change immediate.
    pub status_delay: Duration,
    /// How long a shard iterator, and a `NextToken`, is accepted. Default 5 minutes, as on AWS. Shorter values bring
    /// `ExpiredIteratorException` about in tests.
    pub iterator_life: Duration,
    /// The most memory that stored records may take, in bytes (payload text, partition key, and a fixed overhead per
    /// record). Default 1 GiB. When it is reached, writes fail with `ProvisionedThroughputExceededException` until
    /// retention has trimmed something.
    pub memory_cap: u64,
    /// The most open shards in all streams together. Default 20 000; AWS starts accounts with a few hundred.
    pub shard_limit: u32,
    /// The largest data payload of one record in a new stream, in bytes before base64. Default 1 MiB, AWS's default;
    /// UpdateMaxRecordSize changes it for a stream.
    pub max_record_size: usize,
    /// Whether rates are limited as on AWS. Default [`Limits::Off`]. With [`Limits::Aws`] clients see throttles where the
    /// service would throttle them, and a test that polls a shard without pause does not pass.
    pub limits: Limits,
    /// How long a subscription by SubscribeToShard lasts before its stream ends normally. Default 5 minutes, as on AWS.
    /// Shorter values show whether a client subscribes again.
    pub subscription_life: Duration,
    /// How long a subscription keeps its consumer's next one to the same shard out (`ResourceInUseException`); afterwards
    /// the next one takes over. Default 5 seconds, as on AWS. Zero lets tests take over at once.
    pub subscription_grace: Duration,
    /// How often a subscription without news sends an event without records. Default 5 seconds, as on AWS; less than a
    /// millisecond counts as a millisecond.
    pub heartbeat_interval: Duration,
    /// Whether a consumer gets no more than 2 MB per second from each shard by SubscribeToShard. Default off, which
    /// [`Limits::Aws`] overrides.
    pub fan_out_limit: bool,
    /// The region in the ARNs that are handed out. Default `us-east-1`. ARNs of any region are accepted.
    pub region: String,
    /// The account in ARNs and messages. Default `000000000000`. ARNs of any account are accepted.
    pub account: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            status_delay: Duration::from_millis(20),
            iterator_life: Duration::from_secs(300),
            memory_cap: 1 << 30,
            shard_limit: 20_000,
            max_record_size: 1 << 20,
            limits: Limits::Off,
            subscription_life: Duration::from_secs(300),
            subscription_grace: Duration::from_secs(5),
            heartbeat_interval: Duration::from_secs(5),
            fan_out_limit: false,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
        }
    }
}
