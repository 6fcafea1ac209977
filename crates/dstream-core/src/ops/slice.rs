//! `remember_for` and `slice`: a look at the batches that were, from outside of them.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::data::Data;
use crate::dstream::{DStream, Node};
use crate::operator::OperatorName;
use crate::time::Time;

impl<T: Data> DStream<T> {
    /// Computes this stream in every batch, and keeps its batches in memory for `span`, so that [`slice`](Self::slice) can
    /// look at them: at batch time `t` those in `(t - span, t]`. Called again, the longer span counts. Returns the
    /// remembered stream; outputs that use it in place of this one do not compute its records again.
    ///
    /// A stream that is to be remembered only after the start stops the context with
    /// [`StreamingError::ChangedAfterStart`](crate::StreamingError::ChangedAfterStart).
    ///
    /// See [`slice`](Self::slice) for an example.
    #[expect(clippy::must_use_candidate, reason = "remembering is worth it without the result")]
    pub fn remember_for(&self, span: Duration) -> Self {
        let remembered = self.context().composite("remember_for", || self.kept(span).stream);
        self.context().add_remembered(Arc::<Node<T>>::clone(remembered.node()));
        remembered
    }

    /// The batch times from `from` to `to`, both included, with the records of this stream in these batches, oldest first.
    /// Times that are not those of batches are rounded down to such, with a warning in the log. Batches that were never
    /// made, or have not been computed yet, are absent. May be called from any thread, also after the context has stopped.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use dstream_core::{ManualClock, StopMode, StreamingContext, Time};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// # let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    /// # let builder = StreamingContext::builder("slices").batch_interval(Duration::from_secs(1));
    /// # let ctx = builder.clock(clock.clone()).build()?;
    /// // Batches come at 1 000 ms, 2 000 ms and so on.
    /// let numbers = ctx.queue_stream([vec![1], vec![2], vec![3]]).remember_for(Duration::from_secs(60));
    /// numbers.print();
    /// # ctx.start().await?;
    /// # clock.advance(Duration::from_secs(3));
    /// # ctx.stop(StopMode::Graceful).await?;
    /// // Later:
    /// let (from, to) = (Time::from_millis(2_000), Time::from_millis(3_000));
    /// assert_eq!(numbers.slice(from, to)?, [(from, vec![2]), (to, vec![3])]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SliceError`], when the context was not started, the stream is not remembered, or no longer.
    pub fn slice(&self, from: Time, to: Time) -> Result<Vec<(Time, Vec<T>)>, SliceError> {
        let stream = self.name();
        let kept = self.kept_batches().ok_or(SliceError::NotRemembered { stream })?;
        if !self.context().control().has_started() {
            return Err(SliceError::NotStarted { stream });
        }
        // No batch has been computed yet.
        let Some(zero) = kept.zero() else { return Ok(Vec::new()) };
        let floor = |time: Time| {
            let floored = time.floor_from(self.slide_duration(), zero);
            if floored != time {
                tracing::warn!(%stream, %time, %floored, "a slice does not begin or end at a batch time; it is rounded down");
            }
            floored
        };
        let (from, to) = (floor(from), floor(to));
        // Before the look at what was forgotten: what is let go in between is then reported, not silently missing.
        let records = kept.records(from, to);
        match kept.newest_forgotten() {
            Some(forgotten) if from <= forgotten && to > zero => Err(SliceError::Forgotten { stream, from, forgotten }),
            _ => Ok(records),
        }
    }
}

/// Why there is no slice of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SliceError {
    /// Nothing keeps its batches.
    #[error("the batches of {stream} are not remembered: call remember_for(..) on it before start()")]
    NotRemembered {
        /// The operator that makes the stream.
        stream: OperatorName,
    },
    /// There are no batches yet.
    #[error("{stream} has not been initialized: call start() before slice(..)")]
    NotStarted {
        /// The operator that makes the stream.
        stream: OperatorName,
    },
    /// Some of the batches are remembered no more.
    #[error(
        "{stream} remembers only batches after {forgotten}, not from {from} on: call remember_for(..) with a longer span"
    )]
    Forgotten {
        /// The operator that makes the stream.
        stream: OperatorName,
        /// The first batch time that was asked for.
        from: Time,
        /// The newest batch that is remembered no more.
        forgotten: Time,
    },
}
