//! EnableEnhancedMonitoring and DisableEnhancedMonitoring: which shard-level metrics a stream says that it publishes.
//!
//! Promises: the choice is remembered and described; nothing is measured or published anywhere.

use super::call_rates::Call;
use super::error::KinesisError;
use super::machine::Model;
use super::millis::Millis;
use super::stream::Change;
use super::stream_ref::StreamRef;

/// A set of shard-level metrics.
///
/// ```
/// use kinesis_local::model::ShardMetrics;
///
/// let some = ShardMetrics::named("IncomingBytes").unwrap().and(ShardMetrics::named("OutgoingBytes").unwrap());
/// assert_eq!(some.names().collect::<Vec<_>>(), ["IncomingBytes", "OutgoingBytes"]);
/// assert_eq!(ShardMetrics::named("ALL").unwrap().names().count(), 7);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShardMetrics(u8);

impl ShardMetrics {
    /// The metric of that name, or all of them for `ALL`; none for any other text.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == "ALL" {
            return Some(Self(u8::MAX >> 1));
        }
        NAMES.iter().position(|known| *known == name).map(|place| Self(1 << place))
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names, as they go over the wire.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, name)| name)
    }
}

/// An EnableEnhancedMonitoring or DisableEnhancedMonitoring request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeMonitoring {
    /// Which stream.
    pub stream: StreamRef,
    /// The metrics to begin or to end with.
    pub metrics: ShardMetrics,
}

/// The metrics of a stream before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoringReply {
    /// The stream's name.
    pub name: String,
    /// The stream's ARN.
    pub arn: String,
    /// What was published before.
    pub current: ShardMetrics,
    /// What is published when the stream is ACTIVE again.
    pub desired: ShardMetrics,
}

impl Model {
    /// Adds shard-level metrics.
    ///
    /// # Errors
    /// `ResourceInUseException` when the stream is not ACTIVE, `ResourceNotFoundException` when there is none.
    pub fn enable_monitoring(
        &mut self,
        now: Millis,
        request: &ChangeMonitoring,
    ) -> Result<MonitoringReply, KinesisError> {
        self.change_monitoring(now, request, Call::EnableMonitoring, ShardMetrics::and)
    }

    /// Takes shard-level metrics away.
    ///
    /// # Errors
    /// Those of [`enable_monitoring`](Self::enable_monitoring).
    pub fn disable_monitoring(
        &mut self,
        now: Millis,
        request: &ChangeMonitoring,
    ) -> Result<MonitoringReply, KinesisError> {
        self.change_monitoring(now, request, Call::DisableMonitoring, ShardMetrics::without)
    }

    fn change_monitoring(
        &mut self,
        now: Millis,
        request: &ChangeMonitoring,
        call: Call,
        change: impl FnOnce(ShardMetrics, ShardMetrics) -> ShardMetrics,
    ) -> Result<MonitoringReply, KinesisError> {
        let now = self.advance(now);
        self.meter(now, call, Some(&request.stream))?;
        let (name, stream) = self.find(&request.stream)?;
        let (name, arn, current) = (name.to_owned(), stream.arn.clone(), stream.metrics);
        let desired = change(current, request.metrics);
        self.begin(&request.stream, Change::Metrics { metrics: desired })?;
        Ok(MonitoringReply { name, arn, current, desired })
    }
}

/// By their bits.
const NAMES: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
];
