//! Waiting for something that the endpoint does in its own time.
//!
//! Promises: looks often at first and seldom later, so that it suits a model with delays of milliseconds and a service
//! with delays of half a minute; gives up with the name of what did not come.

use std::time::Duration;

use tokio::time::Instant;

use crate::mismatch::Mismatch;

/// The rhythm of one wait.
#[derive(Debug)]
pub(crate) struct Pace {
    what: String,
    begun: Instant,
    limit: Duration,
    next: Duration,
}

impl Pace {
    /// A wait for that, of at most [`PATIENCE`].
    pub(crate) fn for_the(what: impl Into<String>) -> Self {
        Self::within(PATIENCE, what)
    }

    pub(crate) fn within(limit: Duration, what: impl Into<String>) -> Self {
        Self { what: what.into(), begun: Instant::now(), limit, next: FIRST }
    }

    /// Waits until it is time to look again.
    pub(crate) async fn pause(&mut self) -> Result<(), Mismatch> {
        if self.begun.elapsed() >= self.limit {
            return Err(Mismatch::new(format!("waited {} s for {}", self.limit.as_secs(), self.what)));
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LAST);
        Ok(())
    }

    /// Looks as often again as at the start.
    pub(crate) fn progressed(&mut self) {
        self.next = FIRST;
    }
}

/// AWS takes about half a minute for a reshard.
const PATIENCE: Duration = Duration::from_secs(90);
const FIRST: Duration = Duration::from_millis(5);
const LAST: Duration = Duration::from_millis(500);
