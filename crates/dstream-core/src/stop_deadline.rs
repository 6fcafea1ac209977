//! How long a graceful stop may take before it is cut short, and what then is the result of the stop.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::StreamingContextBuilder;
use crate::config_error::ConfigError;

/// Why a graceful stop was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutShort {
    /// It took longer than [`stop_deadline`](StreamingContextBuilder::stop_deadline) allows.
    Deadline(Duration),
    /// A second signal came, see
    /// [`await_termination_or_signal`](crate::StreamingContext::await_termination_or_signal).
    SecondSignal,
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline(limit) => {
                write!(f, "after its deadline of {limit:?} (a longer one is set by stop_deadline(..))")
            }
            Self::SecondSignal => f.write_str("by a second signal"),
        }
    }
}

/// The deadline of one context's graceful stop.
#[derive(Debug)]
pub(crate) struct StopDeadline {
    limit: Option<Duration>,
    /// Known once the stop was asked for.
    at: Option<Instant>,
}

impl StopDeadline {
    pub(crate) const fn new(limit: Option<Duration>) -> Self {
        Self { limit, at: None }
    }

    /// The stop was asked for just now.
    pub(crate) fn begin(&mut self) {
        self.at = self.limit.and_then(|limit| Instant::now().checked_add(limit));
    }

    /// Resolves when the deadline is over; never, if there is none or no stop was asked for.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn over(&self) -> CutShort {
        if let (Some(limit), Some(at)) = (self.limit, self.at) {
            tokio::time::sleep_until(at).await;
            return CutShort::Deadline(limit);
        }
        std::future::pending().await
    }
}

impl StreamingContextBuilder {
    /// How long a graceful stop may take, from the request until the last batch is done and reported; more than zero. Default:
    /// as long as it takes. Spark's `gracefulStopTimeout`, which is ten batch intervals there.
    ///
    /// When it is over, the stop becomes an immediate one: no further batch runs, running tasks end at their next record,
    /// receivers close. Who waits for the end gets [`StreamingError::StopCutShort`](crate::StreamingError::StopCutShort), and
    /// what was not processed is delivered again at the next start. Nothing is lost. Code of the program that hangs is waited
    /// for all the same: no thread can be ended from outside.
    ///
    /// Set it below the time that whoever stops the process allows (Kubernetes: 30 s), less the failover time, which is the
    /// longest that receivers take to close. Too short a deadline makes a busy application repeat records at each deployment.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::StreamingContext;
    /// let builder = StreamingContext::builder("word count").batch_interval(Duration::from_secs(2));
    /// let ctx = builder.stop_deadline(Duration::from_secs(15)).build()?;
    /// # Ok::<(), dstream_core::ConfigError>(())
    /// ```
    pub const fn stop_deadline(mut self, limit: Duration) -> Self {
        self.stop_deadline = Some(limit);
        self
    }
}

/// A limit that leaves any time at all.
pub(crate) fn check(limit: Option<Duration>) -> Result<Option<Duration>, ConfigError> {
    if limit.is_some_and(|limit| limit.is_zero()) { Err(ConfigError::NoTimeToStop) } else { Ok(limit) }
}
