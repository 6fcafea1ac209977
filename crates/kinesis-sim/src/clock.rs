//! The one time source of a simulation: tokio's paused clock, seen as the time since the start and as wall-clock time.
//!
//! Two runs see the same times, because nothing here comes from the machine's clock.

use std::time::Duration;

use dstream_core::{Clock, Time};
use kinesis_asl::Timestamp;
use tokio::time::Instant;

/// When a simulation begins, in milliseconds since 1970: an arbitrary moment, the same in each run.
const EPOCH_MILLIS: i64 = 1_700_000_000_000;

/// Virtual time.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    start: Instant,
}

impl SimClock {
    /// A clock whose zero is now. Call it on a runtime with paused time.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The wall-clock time at a moment since the start.
    #[must_use]
    pub fn wall(since_start: Duration) -> Timestamp {
        let millis = i64::try_from(since_start.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(EPOCH_MILLIS.saturating_add(millis))
    }

    /// Milliseconds since 1970 as the simulated services see them.
    #[must_use]
    pub fn unix_millis(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(0)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        Time::from_millis(EPOCH_MILLIS).plus(self.elapsed())
    }

    fn sleep_until(&self, at: Time) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(at.since(self.now())))
    }
}
