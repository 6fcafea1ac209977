//! A record's fate: its place in the stream, or why it has none, with the record given back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tokio::sync::oneshot;

use crate::api::{EntryError, Receipt};
use crate::outcome;
use crate::record::Record;

/// The future of one record's fate. Dropping it changes nothing for the record.
#[derive(Debug)]
#[must_use = "a delivery tells whether the record arrived"]
pub struct Delivery(oneshot::Receiver<Result<Receipt, DeliveryError>>);

/// A record that was not delivered, as far as is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The record was given up; it is in the error.
    #[error(transparent)]
    Failed(Box<FailedDelivery>),
    /// The producer was dropped without `close`; the record may or may not be stored.
    #[error("the producer was dropped before it answered; call close to deliver everything first")]
    ProducerGone,
}

/// The record, and why it was given up.
#[derive(Debug, thiserror::Error)]
#[error("record with partition key {key:?} was given up after attempt {attempts}", key = self.record.partition_key())]
pub struct FailedDelivery {
    /// The record, to be sent again or kept elsewhere.
    pub record: Record,
    /// How often it was sent.
    pub attempts: u32,
    /// Why it was given up.
    #[source]
    pub cause: FailureCause,
}

/// Why a record was given up.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailureCause {
    /// The whole call failed in a way that no repetition helps. The SDK's error is this error's `source` field, and not a
    /// further source here: its text is in this error's reason already.
    #[error("{0}")]
    Call(Arc<ServiceError>),
    /// Kinesis refused this record in a way that no repetition helps.
    #[error(transparent)]
    Entry(EntryError),
    /// Its time was over before Kinesis took it.
    #[error("not taken within {ttl:?}{}", .last.advice("add shards, lower the rate, or raise record_ttl"))]
    Expired {
        /// The setting `record_ttl`.
        ttl: Duration,
        /// What the last attempt failed with: `Call` or `Entry`.
        #[source]
        last: Box<Self>,
    },
    /// The producer was asked to stop, and Kinesis did not take the record soon enough after.
    #[error(
        "not taken within {grace:?} of the stop{}", .last.advice("add shards, lower the rate, or flush before close")
    )]
    Stopped {
        /// How long records are tried after the request to stop.
        grace: Duration,
        /// What the last attempt failed with: `Call` or `Entry`.
        #[source]
        last: Box<Self>,
    },
}

impl FailureCause {
    /// The cause behind a record whose time was over, else this one.
    pub(crate) fn attempt(&self) -> &Self {
        match self {
            Self::Expired { last, .. } | Self::Stopped { last, .. } => last.attempt(),
            Self::Call(_) | Self::Entry(_) => self,
        }
    }

    /// What to do when a record's time was over by this cause. A failed call says so itself.
    fn advice(&self, when_throttled: &str) -> String {
        let advice = match self.attempt() {
            Self::Call(error) if error.kind == ServiceErrorKind::Throttled => when_throttled,
            Self::Entry(error) if outcome::is_throttling(&error.code) => when_throttled,
            Self::Entry(_) => "the service has trouble, send the record again later",
            _ => return String::new(),
        };
        format!("; {advice}")
    }
}

impl Delivery {
    /// A delivery and the end that answers it.
    pub(crate) fn channel() -> (Answer, Self) {
        let (sender, receiver) = oneshot::channel();
        (Answer(sender), Self(receiver))
    }
}

impl Future for Delivery {
    type Output = Result<Receipt, DeliveryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(DeliveryError::ProducerGone)))
    }
}

/// Answers one [`Delivery`].
#[derive(Debug)]
pub(crate) struct Answer(oneshot::Sender<Result<Receipt, DeliveryError>>);

impl Answer {
    /// Tells the fate; nobody may be listening any more.
    pub(crate) fn tell(self, fate: Result<Receipt, FailedDelivery>) {
        let fate = fate.map_err(|failed| DeliveryError::Failed(Box::new(failed)));
        // An error means that the `Delivery` was dropped: its owner does not want to know.
        drop(self.0.send(fate));
    }
}
