//! The receiver seam: what a source of records has to do, and what it hears back.
//!
//! The life of a receiver: [`positions`](Receiver::positions) → [`start`](Receiver::start) → pages are stored through the
//! [`ReceiverStore`] → [`stop_fetching`](Receiver::stop_fetching) → the stored blocks meet their fate →
//! [`close`](Receiver::close). A receiver owns the tasks it starts; the core never restarts one behind the program's back.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::block::{BlockRange, BlockRecord};
use crate::error::BoxError;
use crate::range_replay::RangeReplay;
use crate::receiver_store::ReceiverStore;
use crate::time::Time;

/// A source of records.
///
/// A receiver should not keep a [`StreamingContext`](crate::StreamingContext): the two would keep each other alive.
#[async_trait]
pub trait Receiver: Send + 'static {
    /// The raw record that is stored in blocks.
    type Record: BlockRecord;
    /// Where a page of records came from.
    type Range: BlockRange;

    /// Starts fetching, and returns once the receiver's tasks run; it must not wait for data.
    ///
    /// # Errors
    /// An error stops the application: `StreamingContext::start` returns it. A receiver that fails here cleans up after
    /// itself; neither `stop_fetching` nor `close` is called on it.
    ///
    /// # Cancellation
    /// When the context is stopped, or fails, before this has returned, the call is dropped wherever it waits, and neither
    /// `stop_fetching` nor `close` follows: dropping it must release what it holds, and end the tasks it began. The
    /// `store` is closed right after.
    async fn start(&mut self, store: ReceiverStore<Self::Record, Self::Range>) -> Result<(), ReceiverError>;

    /// What hears of the fate of what was stored. Called once, before `start`.
    fn positions(&self) -> Arc<dyn Positions<Self::Range>>;

    /// What reads the ranges of this receiver again after a restart. Asked once, before `start`. `None`, the default: the
    /// receiver cannot, and what a crash left unfinished comes again as new records.
    fn replay(&self) -> Option<Arc<dyn RangeReplay<Self::Record, Self::Range>>> {
        None
    }

    /// Stops fetching. When it returns, nothing more is stored. Leases and the like are kept until `close`.
    ///
    /// Batches go on while this runs, so a `store` call in flight may be awaited; it may also be dropped.
    async fn stop_fetching(&mut self);

    /// Every stored block has met its fate: write final positions, release what is held, end all tasks.
    ///
    /// # Errors
    /// The error is what `StreamingContext::stop` returns, unless the application failed before.
    async fn close(&mut self) -> Result<(), ReceiverError>;
}

/// Hears of the fate of what a receiver stored.
///
/// Both calls come from the one task that schedules batches: they must return quickly and must not block.
pub trait Positions<M>: Send + Sync + 'static {
    /// The block that holds these ranges is in the block store and queued for a batch.
    fn on_stored(&self, ranges: &[M]);

    /// Every output operation of the batch that holds these ranges has succeeded. Ranges come in the order of storing,
    /// each exactly once, and never out of that order across batches.
    fn on_processed(&self, batch: Time, ranges: &[M]);
}

/// Why a receiver cannot go on: its text says which call failed, on what, and what to do.
///
/// ```
/// use dstream_core::ReceiverError;
/// let error = ReceiverError::new("DescribeStream on \"orders\" was denied: allow kinesis:DescribeStream");
/// assert!(error.to_string().starts_with("DescribeStream"));
/// ```
pub struct ReceiverError {
    inner: BoxError,
}

impl ReceiverError {
    /// Takes the text and the chain of sources of `error`.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self { inner: error.into() }
    }

    /// The error inside, to be looked at or downcast.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.inner
    }
}

impl fmt::Debug for ReceiverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl fmt::Display for ReceiverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl Error for ReceiverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source()
    }
}

impl From<BoxError> for ReceiverError {
    fn from(inner: BoxError) -> Self {
        Self { inner }
    }
}
