//! Pure: whether calls succeed, how many may be open, and when the next may start after one failed.
//!
//! A call that fails as a whole says nothing about its records, so all of them pause: with jitter, longer each time,
//! until a call succeeds. While calls fail only one is open at a time.

use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::ServiceError;
use rand::Rng;
use tokio::time::Instant;

use crate::backoff::Backoff;

/// The way to the service, as far as its answers tell.
#[derive(Debug)]
pub(crate) struct Connection {
    backoff: Backoff,
    open: usize,
    /// Whether the service has ever answered.
    reached: bool,
    failing: Option<Failing>,
}

/// Calls fail.
#[derive(Debug)]
struct Failing {
    since: Instant,
    /// Failed calls, counted together when they were open at the same time.
    rounds: u32,
    calls: u64,
    resume_at: Instant,
    last: Arc<ServiceError>,
}

/// What an answer changed.
#[derive(Debug)]
pub(crate) enum Change {
    /// Calls succeeded, or there was none; now they fail.
    Fails(Arc<ServiceError>),
    /// Calls failed; now they succeed.
    GoesOn {
        /// How long they failed.
        after: Duration,
        /// How many failed.
        calls: u64,
    },
}

impl Connection {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self { backoff, open: 0, reached: false, failing: None }
    }

    /// When the next call may start: `None` while too many are open, and an instant in the past means at once.
    pub(crate) fn ready_at(&self, now: Instant) -> Option<Instant> {
        let (most, at) = self.failing.as_ref().map_or((MAX_IN_FLIGHT, now), |failing| (1, failing.resume_at));
        (self.open < most).then_some(at)
    }

    /// A call starts.
    pub(crate) fn start(&mut self) {
        self.open += 1;
    }

    /// A call was answered.
    pub(crate) fn succeed(&mut self, now: Instant) -> Option<Change> {
        self.open = self.open.saturating_sub(1);
        self.reached = true;
        let failing = self.failing.take()?;
        Some(Change::GoesOn { after: now.saturating_duration_since(failing.since), calls: failing.calls })
    }

    /// A call failed as a whole.
    pub(crate) fn fail(&mut self, now: Instant, error: Arc<ServiceError>, rng: &mut impl Rng) -> Option<Change> {
        self.open = self.open.saturating_sub(1);
        let Some(failing) = &mut self.failing else {
            let resume_at = now + self.backoff.delay(1, rng);
            let last = Arc::clone(&error);
            self.failing = Some(Failing { since: now, rounds: 1, calls: 1, resume_at, last });
            return Some(Change::Fails(error));
        };
        // A call that was open when another failed belongs to the same round: it delays the next but does not count.
        if now >= failing.resume_at {
            failing.rounds = failing.rounds.saturating_add(1);
        }
        failing.calls += 1;
        failing.resume_at = failing.resume_at.max(now + self.backoff.delay(failing.rounds, rng));
        failing.last = error;
        None
    }

    /// Whether any call was ever answered.
    pub(crate) fn was_reached(&self) -> bool {
        self.reached
    }

    /// What the last call failed with, if calls fail.
    pub(crate) fn failure(&self) -> Option<&Arc<ServiceError>> {
        self.failing.as_ref().map(|failing| &failing.last)
    }
}

/// Requests in flight at a time. With 500 records each and round trips of 50 ms that is 40 000 records/s, the rate of
/// forty shards; more requests would only make throttling worse.
const MAX_IN_FLIGHT: usize = 4;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const BASE: Duration = Duration::from_millis(100);

    fn connection() -> (Connection, StdRng, Instant) {
        let backoff = Backoff { base: BASE, cap: BASE * 8 };
        (Connection::new(backoff), StdRng::seed_from_u64(3), Instant::now())
    }

    fn error() -> Arc<ServiceError> {
        Arc::new(ServiceError::invalid_response("PutRecords", "x", "y"))
    }

    #[test]
    fn pauses_grow_to_their_cap_and_only_the_first_failure_and_the_first_success_are_changes() {
        let (mut connection, mut rng, start) = connection();
        let mut now = start;
        for (round, full) in [1, 2, 4, 8, 8, 8].into_iter().enumerate() {
            connection.start();
            let change = connection.fail(now, error(), &mut rng);
            assert_eq!(matches!(change, Some(Change::Fails(_))), round == 0);
            let at = connection.ready_at(now).unwrap();
            assert!(now + BASE * full / 2 <= at && at <= now + BASE * full);
            now = at;
        }
        connection.start();
        let change = connection.succeed(now);
        assert!(matches!(change, Some(Change::GoesOn { after, calls: 6 }) if after == now - start));
        assert_eq!(connection.ready_at(now), Some(now));
        connection.start();
        assert!(connection.succeed(now).is_none());
        connection.start();
        connection.fail(now, error(), &mut rng);
        assert!(connection.ready_at(now).unwrap() <= now + BASE);
    }

    #[test]
    fn calls_that_fail_together_make_one_pause_and_one_call_tries_again() {
        let (mut connection, mut rng, now) = connection();
        for _ in 0..MAX_IN_FLIGHT {
            assert_eq!(connection.ready_at(now), Some(now));
            connection.start();
        }
        assert_eq!(connection.ready_at(now), None);
        for _ in 0..MAX_IN_FLIGHT {
            connection.fail(now, error(), &mut rng);
        }
        assert!(connection.ready_at(now).is_some_and(|at| now + BASE / 2 <= at && at <= now + BASE));
        connection.start();
        assert_eq!(connection.ready_at(now), None);
    }
}
