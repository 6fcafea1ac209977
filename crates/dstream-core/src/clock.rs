//! The clock seam: what batch times, block cuts and delays are measured with.
//!
//! Two versions: [`SystemClock`] for programs and [`ManualClock`] for tests. This is the only file that reads the wall clock.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::time::Time;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Time;

    /// Resolves once `now() >= at`; at once when that holds already.
    ///
    /// # Cancellation
    /// Dropping the future has no effect on the clock.
    fn sleep_until(&self, at: Time) -> BoxFuture<'_, ()>;
}

/// The time of the system: the wall clock as it was when the process first asked, and what has passed since.
///
/// The wall clock is read once in the life of a process; all later times come from the monotonic clock. So when somebody
/// steps the wall clock, forwards or back, nothing happens: batches go on evenly, and their times differ from the wall
/// clock by the size of the step until the process is started again. The same holds for the time that a machine is
/// suspended, on systems whose monotonic clock stands still meanwhile; on others, time jumps forwards when it resumes.
///
/// Under a paused tokio clock, it follows that one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Ties the monotonic clock to the wall clock.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    since_epoch: Duration,
    at: Instant,
}

impl Anchor {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is told to ask")]
    fn drop_now() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { since_epoch, at: Instant::now() }
    }

    fn time_at(&self, now: Instant) -> Time {
        // Each tokio runtime whose clock was paused has its own idea of now; it may be earlier than the anchor.
        let before = self.at.saturating_duration_since(now);
        let after = now.saturating_duration_since(self.at);
        Time::from_millis(0).plus(self.since_epoch.saturating_add(after).saturating_sub(before))
    }
}

/// One for the process, so that all its clocks agree.
static ANCHOR: OnceLock<Anchor> = OnceLock::new();

impl Clock for SystemClock {
    fn now(&self) -> Time {
        // The anchor first: made now, it must not be later than what it is asked about.
        let anchor = ANCHOR.get_or_init(Anchor::drop_now);
        anchor.time_at(Instant::now())
    }

    fn sleep_until(&self, at: Time) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // In a loop: a timer may fire a fraction early.
            loop {
                let left = at.since(self.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left).await;
            }
        })
    }
}

/// A clock that stands still until it is told to move; it never goes back.
///
/// ```
/// use dstream_core::{Clock, ManualClock, Time};
/// use std::time::Duration;
///
/// let clock = ManualClock::new(Time::from_millis(0));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now(), Time::from_millis(1_000));
/// ```
pub struct ManualClock {
    now: watch::Sender<Time>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Time) -> Self {
        Self { now: watch::Sender::new(now) }
    }

    /// Moves the clock on by `by` and wakes whoever waits for a time up to then.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = now.plus(by));
    }

    /// Moves the clock to `to`; does nothing when `to` is in its past.
    pub fn set(&self, to: Time) {
        self.now.send_if_modified(|now| {
            let moves = to > *now;
            *now = to.max(*now);
            moves
        });
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Time) -> BoxFuture<'_, ()> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, which this future borrows: waiting cannot fail.
            let _ = now.wait_for(|now| *now >= at).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_manual_clock_wakes_sleepers_exactly_when_their_time_has_come() {
        let clock = ManualClock::new(Time::from_millis(0));
        let mut sleep = clock.sleep_until(Time::from_millis(100));
        clock.advance(Duration::from_millis(99));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_millis(1));
        assert!(sleep.now_or_never().is_some());
    }

    #[test]
    fn a_manual_clock_never_goes_back() {
        let clock = ManualClock::new(Time::from_millis(10));
        clock.set(Time::from_millis(5));
        assert_eq!(clock.now(), Time::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_does_not_wait_for_the_past() {
        SystemClock.sleep_until(SystemClock.now()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_goes_by_the_time_that_passed_and_not_by_the_wall_clock() {
        const DAY: Duration = Duration::from_secs(86_400);
        let begun = SystemClock.now();
        // The wall clock stays a day behind meanwhile, as if it had been set back.
        tokio::time::advance(DAY).await;
        assert_eq!(SystemClock.now(), begun.plus(DAY));
        SystemClock.sleep_until(begun.plus(DAY * 2)).await;
        assert_eq!(SystemClock.now(), begun.plus(DAY * 2));
    }

    #[test]
    fn the_system_clock_begins_with_the_wall_clock_and_counts_both_ways_from_there() {
        let anchor = Anchor { since_epoch: Duration::from_millis(5_000), at: Instant::now() };
        let second = Duration::from_secs(1);
        assert_eq!(anchor.time_at(anchor.at), Time::from_millis(5_000));
        assert_eq!(anchor.time_at(anchor.at + second), Time::from_millis(6_000));
        assert_eq!(anchor.time_at(anchor.at - second), Time::from_millis(4_000));
    }
}
