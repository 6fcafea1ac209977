//! One rule: which calls, what happens to them, how often.
//!
//! Promises: plain values; a rule that can never apply, or that AWS's protocol cannot express, is refused by
//! [`Fault::check`] and so by whoever takes rules.

use std::time::Duration;

use super::when::When;
use crate::start_error::Service;

/// A rule.
///
/// ```
/// use kinesis_local::faults::{Effect, Fault};
///
/// let hot_shard = Fault::kinesis(Effect::Throttle).stream("words").shard("shardId-000000000001").share(0.2, 42);
/// assert!(hot_shard.check().is_ok());
/// let lost_renewals = Fault::dynamodb(Effect::CutAfter).operation("UpdateItem").table("leases").every(10);
/// assert!(lost_renewals.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Whose calls.
    pub service: Service,
    /// The operation, by the name that the API reference gives it; `None` for all.
    pub operation: Option<String>,
    /// The name of the stream, or for DynamoDB of the table; `None` for all. A stream that the caller names by ARN, by
    /// consumer ARN or by a shard iterator is known too; the stream behind a `NextToken` is not.
    pub resource: Option<String>,
    /// The shard; `None` for all. Known for calls with a `ShardId`, for GetRecords by its iterator, for SplitShard and
    /// MergeShards, and for PutRecord and PutRecords by the keys of their records (one record in the shard is enough).
    pub shard: Option<String>,
    /// What happens to a call that is hit.
    pub effect: Effect,
    /// Which of the matching calls are hit.
    pub when: When,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// It does not happen, and is answered with this error.
    Fail {
        /// The error's name, such as `ExpiredIteratorException`.
        error: String,
        /// Its sentence; one that says that it was injected unless given.
        message: Option<String>,
        /// The HTTP status, 400 to 599. AWS has 400 for what the caller can mend.
        status: u16,
    },
    /// It does not happen, and is answered as AWS throttles that operation: `ProvisionedThroughputExceededException`
    /// where records or items move, `LimitExceededException` (DynamoDB: `ThrottlingException`) elsewhere.
    Throttle,
    /// It does not happen, and is answered with 500 `InternalFailure` (DynamoDB: `InternalServerError`) or 503
    /// `ServiceUnavailable`.
    ServerError {
        /// 500 or 503.
        status: u16,
    },
    /// It happens so much later; later rules apply as well. A caller that gives up before prevents it.
    Delay(Duration),
    /// It happens at once and its reply is so much later; later rules apply as well.
    DelayReply(Duration),
    /// It does not happen, and its connection is closed without a reply (HTTP/2: its stream is reset).
    CutBefore,
    /// It happens, and its connection is closed without a reply (HTTP/2: its stream is reset).
    CutAfter,
    /// PutRecords only: some records fail with `ProvisionedThroughputExceededException`, the others are stored. With a
    /// shard in the rule, only records of that shard fail. A batch of which every record fails is not looked at further.
    PartialPutRecords {
        /// The share of records that fail, 0 to 1, chosen by the seed of [`When`].
        share: f64,
    },
    /// SubscribeToShard only: the connection is cut (HTTP/2: the stream is reset) 50 ms after so many events.
    CutStream {
        /// How many events are delivered first, those without records included.
        events: u64,
    },
}

/// A rule that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFault {
    /// A share outside of 0 to 1.
    #[error("a share of {share} is none: give a number from 0 to 1")]
    Share {
        /// The share.
        share: f64,
    },
    /// Every 0th call.
    #[error("every 0th call is none: give 1 for each call, 2 for every second")]
    Every,
    /// A status that is none for that effect.
    #[error("status {status} is none for this effect: give 400 to 599 to fail, 500 or 503 for a server error")]
    Status {
        /// The status.
        status: u16,
    },
    /// An error without a name, or with one that no client could match.
    #[error("'{error}' is no name of an error: give one such as ExpiredIteratorException")]
    ErrorName {
        /// The name.
        error: String,
    },
    /// An effect on an operation that cannot show it.
    #[error("this effect is for {only} alone: name that operation or none")]
    Operation {
        /// The operation that it is for.
        only: &'static str,
    },
    /// A shard of something else than Kinesis.
    #[error("only Kinesis has shards: leave the shard out")]
    Shard,
}

impl Effect {
    /// Fails with an error of that name, status 400 and a sentence of ours.
    #[must_use]
    pub fn fail(error: &str) -> Self {
        Self::Fail { error: error.to_owned(), message: None, status: 400 }
    }

    /// The one operation that can show this effect.
    pub(super) fn only(&self) -> Option<&'static str> {
        match self {
            Self::PartialPutRecords { .. } => Some("PutRecords"),
            Self::CutStream { .. } => Some("SubscribeToShard"),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), InvalidFault> {
        match self {
            Self::Fail { error, status, .. } => {
                if error.is_empty() || !error.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
                {
                    return Err(InvalidFault::ErrorName { error: error.clone() });
                }
                if (400..600).contains(status) { Ok(()) } else { Err(InvalidFault::Status { status: *status }) }
            }
            Self::ServerError { status } if !matches!(status, 500 | 503) => {
                Err(InvalidFault::Status { status: *status })
            }
            Self::PartialPutRecords { share } => check_share(*share),
            _ => Ok(()),
        }
    }
}

impl Fault {
    /// A rule for every call to Kinesis.
    #[must_use]
    pub fn kinesis(effect: Effect) -> Self {
        let service = Service::Kinesis;
        Self { service, operation: None, resource: None, shard: None, effect, when: When::default() }
    }

    /// A rule for every call to DynamoDB.
    #[must_use]
    pub fn dynamodb(effect: Effect) -> Self {
        Self { service: Service::DynamoDb, ..Self::kinesis(effect) }
    }

    /// Only for this operation, such as `PutRecords`.
    #[must_use]
    pub fn operation(mut self, name: &str) -> Self {
        self.operation = Some(name.to_owned());
        self
    }

    /// Only for this stream.
    #[must_use]
    pub fn stream(mut self, name: &str) -> Self {
        self.resource = Some(name.to_owned());
        self
    }

    /// Only for this table.
    #[must_use]
    pub fn table(self, name: &str) -> Self {
        self.stream(name)
    }

    /// Only for this shard, such as `shardId-000000000000`.
    #[must_use]
    pub fn shard(mut self, id: &str) -> Self {
        self.shard = Some(id.to_owned());
        self
    }

    /// So many matching calls pass first.
    #[must_use]
    pub fn after(mut self, calls: u64) -> Self {
        self.when.after = calls;
        self
    }

    /// Only every `n`th of the matching calls.
    #[must_use]
    pub fn every(mut self, n: u64) -> Self {
        self.when.every = n;
        self
    }

    /// Only this share of the matching calls, chosen by the seed.
    #[must_use]
    pub fn share(mut self, share: f64, seed: u64) -> Self {
        self.when.share = share;
        self.when.seed = seed;
        self
    }

    /// At most so many times.
    #[must_use]
    pub fn times(mut self, most: u64) -> Self {
        self.when.times = Some(most);
        self
    }

    /// Whether the rule can be.
    ///
    /// # Errors
    /// [`InvalidFault`] says what to give instead.
    pub fn check(&self) -> Result<(), InvalidFault> {
        check_share(self.when.share)?;
        if self.when.every == 0 {
            return Err(InvalidFault::Every);
        }
        if self.service == Service::DynamoDb && self.shard.is_some() {
            return Err(InvalidFault::Shard);
        }
        if let Some(only) = self.effect.only() {
            let named = self.operation.as_deref().is_none_or(|operation| operation == only);
            if !named || self.service != Service::Kinesis {
                return Err(InvalidFault::Operation { only });
            }
        }
        self.effect.check()
    }
}

fn check_share(share: f64) -> Result<(), InvalidFault> {
    if (0.0..=1.0).contains(&share) { Ok(()) } else { Err(InvalidFault::Share { share }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_cannot_be_are_refused_each_with_its_reason() {
        let fault = Fault::kinesis;
        let refused = |fault: Fault| fault.check().unwrap_err();
        assert_eq!(refused(fault(Effect::Throttle).share(1.5, 0)), InvalidFault::Share { share: 1.5 });
        assert!(matches!(refused(fault(Effect::Throttle).share(f64::NAN, 0)), InvalidFault::Share { .. }));
        assert_eq!(refused(fault(Effect::Throttle).every(0)), InvalidFault::Every);
        assert_eq!(refused(fault(Effect::ServerError { status: 400 })), InvalidFault::Status { status: 400 });
        assert_eq!(refused(fault(Effect::fail(""))), InvalidFault::ErrorName { error: String::new() });
        assert!(matches!(refused(fault(Effect::fail("two words"))), InvalidFault::ErrorName { .. }));
        let partial = Effect::PartialPutRecords { share: 0.5 };
        assert_eq!(refused(fault(partial).operation("PutRecord")), InvalidFault::Operation { only: "PutRecords" });
        assert_eq!(refused(Fault::dynamodb(Effect::Throttle).shard("s")), InvalidFault::Shard);
    }
}
