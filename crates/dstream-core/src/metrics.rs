//! The figures of a context: counters that only grow, gauges of this moment.

use std::sync::Arc;

use crate::batch::BatchInfo;
use crate::context::StreamingContext;

/// The figures of a context at one moment. All are zero before the start. They move with the events, each before listeners hear
/// of it; after the stop nothing waits or runs, and nothing moves any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Receivers that run.
    pub receivers: usize,
    /// Batches all of whose output operations succeeded.
    pub completed_batches: u64,
    /// Batches that failed for good.
    pub failed_batches: u64,
    /// Batches that were not made since too many were due.
    pub skipped_batches: u64,
    /// Raw records of the batches that were started.
    pub received_records: u64,
    /// Raw records of the batches that were completed, also those that were left out.
    pub processed_records: u64,
    /// Records that were left out, since the program fails on them, and handed to [`DeadLetters`](crate::DeadLetters).
    pub dead_lettered_records: u64,
    /// Records that were left out, since the program fails on them, and skipped.
    pub skipped_records: u64,
    /// Batches that have their blocks and wait for their turn.
    pub waiting_batches: usize,
    /// Batches whose output operations run.
    pub running_batches: usize,
    /// Batches that have ended, and are still shown by [`StreamingContext::statistics`].
    pub retained_batches: usize,
    /// The last batch that was completed, with its delays.
    pub last_completed: Option<Arc<BatchInfo>>,
    /// The last batch that was made, with its records.
    pub last_received: Option<Arc<BatchInfo>>,
}

impl Metrics {
    /// Batches that were made and have not ended.
    pub const fn unprocessed_batches(&self) -> usize {
        self.waiting_batches.saturating_add(self.running_batches)
    }
}

impl StreamingContext {
    /// The figures of this moment, for a metrics system or a log. Cheap.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use dstream_core::{ManualClock, StopMode, StreamingContext, Time};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// # let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    /// # let builder = StreamingContext::builder("figures").batch_interval(Duration::from_secs(1));
    /// # let ctx = builder.clock(clock.clone()).allow_multiple().build()?;
    /// ctx.queue_stream([vec![1, 2, 3]]).foreach_rdd(|_, _| Ok(()));
    /// # ctx.start().await?;
    /// # clock.advance(Duration::from_secs(1));
    /// # ctx.stop(StopMode::Graceful).await?;
    /// // After the first batch:
    /// let metrics = ctx.metrics();
    /// assert_eq!((metrics.completed_batches, metrics.unprocessed_batches()), (1, 0));
    /// let last = metrics.last_completed.ok_or("no batch")?;
    /// println!("the last batch took {:?}", last.processing_delay());
    /// # Ok(()) }
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.control().listeners().history().metrics()
    }
}
