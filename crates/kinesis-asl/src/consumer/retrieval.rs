//! How records are fetched: what a user chooses.

use std::time::Duration;

/// How records come from Kinesis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Retrieval {
    /// `GetRecords`, again and again. All readers of a shard share its five calls and 2 MB a second. The default: it costs
    /// nothing beside the shards.
    #[default]
    Polling,
    /// Enhanced fan-out: `SubscribeToShard` as a registered consumer, which has 2 MB a second of each shard for itself and gets
    /// records as they come. It is billed for each shard and hour, and for what it reads.
    FanOut {
        /// The name of the registered consumer: 1 to 128 letters, digits, `_`, `-`, `.`. The KCL takes the application's name.
        /// Two applications must not share one: each would take the other's subscriptions away.
        consumer_name: String,
        /// Who registers and deregisters it.
        lifecycle: Lifecycle,
    },
}

/// Who registers and deregisters the consumer of enhanced fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifecycle {
    /// The job: it registers the consumer if it is missing, and deregisters it at a graceful stop if this process registered it
    /// and no other worker of the application holds a lease. The default.
    #[default]
    ManagedByJob,
    /// Somebody else: a consumer that is missing is an error, and it is never deregistered.
    SelfManaged,
}

/// When a subscription of enhanced fan-out is replaced by a new one. Nothing is lost or read twice by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionTiming {
    /// The age at which a subscription is renewed. Default 4 min 30 s: the service ends it after 5 min. Must be more than 5 s on AWS,
    /// which refuses a second subscription before.
    pub renew_after: Duration,
    /// The time without an event after which a subscription counts as dead. Default 11 s: the service sends an event every 5 s
    /// even when there are no records, so two were missed.
    pub silence: Duration,
}

impl Default for SubscriptionTiming {
    fn default() -> Self {
        Self { renew_after: Duration::from_secs(270), silence: Duration::from_secs(11) }
    }
}

/// How fast one shard is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadLimits {
    /// Kinesis' own: five calls and 2 MB a second and shard. The default.
    #[default]
    Service,
    /// None, for endpoints that have none, such as embedded ones in a load test. On AWS most calls would be throttled.
    Unlimited,
}

/// How often and how long a call is tried that reads the records of an unfinished batch again after a restart. Throttling, time-outs
/// and failures of the service are tried again; what does not pass is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RereadRetry {
    /// The pause before the second attempt; it doubles with each further one. Default 100 ms, Spark's
    /// `spark.streaming.kinesis.retry.waitTime`.
    pub wait_time: Duration,
    /// The most attempts at one call. Default 3, Spark's `spark.streaming.kinesis.retry.maxAttempts`.
    pub max_attempts: u32,
    /// The time that one call has, with all of its attempts and the pauses between them. It is the batch interval, as in Spark.
    pub timeout: Duration,
}

impl RereadRetry {
    /// The defaults for a batch interval.
    #[must_use]
    pub fn new(batch_interval: Duration) -> Self {
        Self { wait_time: Duration::from_millis(100), max_attempts: 3, timeout: batch_interval }
    }
}

/// What to do when records have expired with the stream's retention time before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExpired {
    /// Stop the application with [`KinesisError::Expired`](crate::KinesisError::Expired). The default: no record is skipped silently.
    #[default]
    Fail,
    /// Go on at the oldest record that is kept; the loss is logged and counted in the [`ReadingBoard`](crate::ReadingBoard).
    Continue,
}
