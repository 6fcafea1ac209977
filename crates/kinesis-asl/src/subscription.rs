//! The seam to enhanced fan-out: registered consumers and their subscriptions. Part of [`KinesisApi`](crate::api::KinesisApi).

use std::fmt;

use async_trait::async_trait;
use kinesis_endpoint::{ServiceError, ServiceErrorKind};

use crate::api::RawRecord;
use crate::sequence::SequenceNumber;
use crate::shard::ChildShard;

/// The ARN of a registered consumer. It changes when a consumer of the same name is registered anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerArn(pub String);

impl fmt::Display for ConsumerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A registered consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredConsumer {
    /// Its ARN.
    pub arn: ConsumerArn,
    /// Whether it may subscribe.
    pub status: ConsumerStatus,
}

/// Whether a registered consumer may subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// It may.
    Active,
    /// Not yet: it is being registered.
    Creating,
    /// Not any more: it is being deregistered, and its name becomes free.
    Deleting,
}

/// One event of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedPage {
    /// The records, in order; none in an event that only shows that the subscription lives.
    pub records: Vec<RawRecord>,
    /// Behind which number the next subscription goes on; `None` at the end of the shard.
    pub continuation: Option<SequenceNumber>,
    /// The shards that follow, at the end of the shard; else none.
    pub children: Vec<ChildShard>,
    /// How far behind the newest record this event is; `None` where the service did not say.
    pub millis_behind_latest: Option<i64>,
}

/// An open subscription to a shard. Dropping it closes it.
#[async_trait]
pub trait Subscription: Send {
    /// The next event. `None` when the service has ended the subscription, as it does after five minutes.
    ///
    /// # Errors
    /// When the connection breaks or the service says why it ends; the subscription is over then.
    ///
    /// # Cancellation
    /// What was half received is lost: drop the subscription too and go on with a new one.
    async fn next_event(&mut self) -> Result<Option<SubscribedPage>, ServiceError>;
}

/// What an implementation without fan-out answers.
pub(crate) fn not_supported(call: &'static str) -> ServiceError {
    let reason = "enhanced fan-out is not supported here: use Retrieval::Polling";
    ServiceError {
        kind: ServiceErrorKind::InvalidRequest,
        ..ServiceError::invalid_response(call, "the stream", reason)
    }
}
