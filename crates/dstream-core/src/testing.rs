//! Helpers for tests of programs and of receivers: no wall clock, no waiting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::batch_queue::MAX_WAITING_BATCHES;
use crate::block::{Block, BlockRange, BlockRecord, StreamId};
use crate::clock::ManualClock;
use crate::context::StreamingContext;
use crate::control::{Control, StopMode};
use crate::dstream::DStream;
use crate::error::{BoxError, StreamingError};
use crate::lock::lock;
use crate::memory_budget::MemoryBudget;
use crate::rate::RecordsPerSecond;
use crate::receiver_store::{Intake, ReceiverStore};
use crate::time::Time;

/// Runs the first `batches` batches of the stream that `build` makes, under a manual clock, and returns their records. The
/// batch times are 1 000 ms, 2 000 ms and so on; the task pool has two threads; a failed batch is not tried again.
///
/// # Errors
/// Those of `build`, of the start, and of a batch; and one if `batches` are more than may be due at once, which is 1 000.
///
/// ```
/// # use dstream_core::testing::batches_of;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
/// let batches = batches_of(2, |ctx| Ok(ctx.queue_stream([vec![1], vec![2, 3]]).count())).await?;
/// assert_eq!(batches, [[1], [2]]);
/// # Ok(()) }
/// ```
pub async fn batches_of<T: Send + 'static>(
    batches: usize,
    build: impl FnOnce(&StreamingContext) -> Result<DStream<T>, BoxError>,
) -> Result<Vec<Vec<T>>, BoxError> {
    if batches > MAX_WAITING_BATCHES {
        return Err(format!("{batches} batches are too many: ask for at most {MAX_WAITING_BATCHES}").into());
    }
    let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    let ctx = StreamingContext::builder("testing")
        .master("local[2]")
        .batch_interval(INTERVAL)
        .batch_attempts(1)
        .allow_multiple()
        .volatile_state()
        .clock(Arc::<ManualClock>::clone(&clock))
        .build()?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    build(&ctx)?.foreach_rdd(move |rdd, _| {
        let records = rdd.collect()?;
        lock(&sink).push(records);
        Ok(())
    });
    ctx.start().await?;
    clock.advance(INTERVAL.saturating_mul(u32::try_from(batches)?));
    // A graceful stop makes the batches that are due, and no further one: there is no receiver here.
    ctx.stop(StopMode::Graceful).await?;
    Ok(std::mem::take(&mut *lock(&seen)))
}

const INTERVAL: Duration = Duration::from_secs(1);

/// A [`ReceiverStore`] without a context, and a look behind it. `memory_budget` is in bytes.
///
/// ```
/// # use dstream_core::{StreamId, testing::receiver_store};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
/// let (store, probe) = receiver_store::<String, &str>(StreamId::new(0), 1_000);
/// store.store(vec!["hello".to_owned()], "from here").await?;
/// assert_eq!(probe.cut().ok_or("no block")?.ranges(), ["from here"]);
/// # Ok(()) }
/// ```
pub fn receiver_store<R: BlockRecord, M: BlockRange>(
    stream: StreamId,
    memory_budget: usize,
) -> (ReceiverStore<R, M>, StoreProbe<R, M>) {
    let control = Arc::new(Control::default());
    control.expect_ready(std::iter::once(stream));
    let budget = Arc::new(MemoryBudget::new(memory_budget));
    let intake = Arc::new(Intake::new(stream, "testing".into(), budget, Arc::clone(&control)));
    (ReceiverStore::new(Arc::clone(&intake)), StoreProbe { intake, control })
}

/// What is behind a [`ReceiverStore`] that has no context.
#[expect(missing_debug_implementations, reason = "a test handle with nothing to show")]
pub struct StoreProbe<R, M> {
    intake: Arc<Intake<R, M>>,
    control: Arc<Control>,
}

impl<R, M> StoreProbe<R, M> {
    /// The block of what was stored since the last cut; its bytes are free again.
    pub fn cut(&self) -> Option<Block<R, M>> {
        let sealed = self.intake.cut()?;
        self.intake.budget().give_back(sealed.reserved);
        Some(sealed.block)
    }

    /// True once the receiver said that it is ready.
    pub fn is_ready(&self) -> bool {
        !self.control.is_waiting_for(self.intake.stream())
    }

    /// Holds the receiver to this rate, as back pressure would.
    pub fn limit_rate(&self, rate: RecordsPerSecond) {
        self.intake.rates().update(rate);
    }

    /// The error with which the receiver failed.
    pub fn failure(&self) -> Option<StreamingError> {
        self.control.failure()
    }

    /// From now on, `store` says that it is closed.
    pub fn close(&self) {
        self.intake.budget().close();
        self.intake.close();
    }
}
