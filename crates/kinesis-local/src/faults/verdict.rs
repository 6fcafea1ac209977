//! What is to be done with one call.
//!
//! Promises: everything that is needed to do it, so that whoever carries it out asks nothing more.

use std::time::Duration;

use super::dice::roll;
use super::fault::Effect;
use crate::start_error::Service;

/// What to do with a call: wait, do or not do it, wait again, answer or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// To wait before the call happens.
    pub(crate) delay: Duration,
    /// What happens.
    pub(crate) outcome: Outcome,
    /// To wait before the reply goes out.
    pub(crate) delay_reply: Duration,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// What the caller asked for.
    Pass,
    /// Nothing but this answer.
    Refuse(Refusal),
    /// Nothing, and no answer.
    CutBefore,
    /// What the caller asked for, and no answer.
    CutAfter,
    /// Some of the records.
    PartialPut(PartialPut),
    /// What the caller asked for, up to that many events.
    CutStream { events: u64 },
}

/// An error in the form of the JSON protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// `__type`.
    pub(crate) error: String,
    pub(crate) message: String,
}

/// Which records of a batch fail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartialPut {
    pub(super) share: f64,
    pub(super) seed: u64,
    pub(super) call: u64,
    pub(super) shard: Option<String>,
}

impl PartialPut {
    /// Whether the record at that place of the batch fails, which goes to that shard.
    pub(crate) fn fails(&self, place: usize, shard: Option<&str>) -> bool {
        let here = self.shard.is_none() || self.shard.as_deref() == shard;
        // The first part of a call's chance decided about the call itself.
        let part = u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1);
        here && (self.share >= 1.0 || roll(self.seed, self.call, part) < self.share)
    }
}

impl Verdict {
    pub(crate) const PASS: Self = Self { delay: Duration::ZERO, outcome: Outcome::Pass, delay_reply: Duration::ZERO };
}

/// The answer that an effect gives instead of the service; `None` for effects that give none.
pub(super) fn refusal(effect: &Effect, service: Service, operation: &str) -> Option<Refusal> {
    let (status, error, message) = match effect {
        Effect::Fail { error, message, status } => {
            (*status, error.as_str(), message.as_deref().unwrap_or("Failed on purpose by an injected fault."))
        }
        Effect::Throttle => (400, throttle(service, operation), "Rate exceeded (injected fault)."),
        Effect::ServerError { status: 503 } => {
            (503, "ServiceUnavailable", "The service is unavailable (injected fault).")
        }
        Effect::ServerError { status } => (*status, internal(service), "Internal service failure (injected fault)."),
        _ => return None,
    };
    Some(Refusal { status, error: error.to_owned(), message: message.to_owned() })
}

fn internal(service: Service) -> &'static str {
    match service {
        Service::Kinesis => "InternalFailure",
        Service::DynamoDb => "InternalServerError",
    }
}

/// The error with which the service throttles that operation.
fn throttle(service: Service, operation: &str) -> &'static str {
    const THROUGHPUT: &str = "ProvisionedThroughputExceededException";
    match (service, operation) {
        (Service::Kinesis, "GetRecords" | "GetShardIterator" | "PutRecord" | "PutRecords") => THROUGHPUT,
        (Service::Kinesis, _) => "LimitExceededException",
        (
            Service::DynamoDb,
            "BatchGetItem" | "BatchWriteItem" | "DeleteItem" | "GetItem" | "PutItem" | "Query" | "Scan"
            | "TransactGetItems" | "TransactWriteItems" | "UpdateItem",
        ) => THROUGHPUT,
        (Service::DynamoDb, _) => "ThrottlingException",
    }
}
