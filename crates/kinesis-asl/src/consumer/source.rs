//! Where a reader's pages come from: polling or a subscription, behind one call.

use kinesis_endpoint::ServiceError;

use crate::api::{KinesisApi, RawRecord};
use crate::consumer::cursor::Gap;
use crate::consumer::fan_out::FanOut;
use crate::consumer::page_size::PageSize;
use crate::consumer::polling::Polling;
use crate::consumer::trouble::Trouble;
use crate::sequence::SequenceNumber;
use crate::shard::ChildShard;

/// What a source gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// An iterator or a subscription: nothing from its place on can be missed.
    Opened,
    /// Records, possibly none.
    Page(Delivery),
    /// What it read from is used up and nothing was lost: ask again.
    Renewed,
}

/// Records and what is known beside them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) records: Vec<RawRecord>,
    pub(crate) millis_behind_latest: Option<i64>,
    /// Records before these may be lost.
    pub(crate) gap: Option<Gap>,
    /// The shards that follow, if this is the last page.
    pub(crate) end: Option<Vec<ChildShard>>,
}

/// Where pages come from.
pub(crate) enum Source {
    Polling(Polling),
    FanOut(FanOut),
}

impl Source {
    /// The next of them, as soon as it may be asked for.
    ///
    /// # Cancellation
    /// The source must not be used any more: what it was about to give may be lost.
    pub(crate) async fn next<A: KinesisApi + ?Sized>(&mut self, api: &A) -> Result<Got, ServiceError> {
        match self {
            Self::Polling(polling) => polling.next(api).await,
            Self::FanOut(fan_out) => fan_out.next(api).await,
        }
    }

    /// The last call failed and will be made again, later.
    pub(crate) fn wait_after(&mut self, trouble: Trouble) {
        match self {
            Self::Polling(polling) => polling.wait_after(trouble),
            Self::FanOut(fan_out) => fan_out.wait_after(trouble),
        }
    }

    /// The size of the next page, from that of the one before. What a subscription sends is for the service to say.
    pub(crate) fn set_page_size(&mut self, size: impl FnOnce(PageSize) -> PageSize) {
        match self {
            Self::Polling(polling) => polling.set_page_size(size),
            Self::FanOut(_) => {}
        }
    }

    /// Whether an iterator or subscription is open, so that a failure says nothing about the place.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Polling(polling) => polling.is_open(),
            Self::FanOut(fan_out) => fan_out.is_open(),
        }
    }

    /// Whether something that is missing may be made anew by the next call.
    pub(crate) fn mends_what_is_missing(&self) -> bool {
        match self {
            Self::Polling(_) => false,
            Self::FanOut(fan_out) => fan_out.registers(),
        }
    }

    /// Goes on at the oldest record, if it stood at a record. The answer is that record.
    pub(crate) fn skip_to_oldest(&mut self) -> Option<SequenceNumber> {
        match self {
            Self::Polling(polling) => polling.skip_to_oldest(),
            Self::FanOut(fan_out) => fan_out.skip_to_oldest(),
        }
    }
}
