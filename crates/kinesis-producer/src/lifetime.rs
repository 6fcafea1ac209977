//! Pure: until when records may be tried: `record_ttl` after `send`, and not for long once the producer is to stop.

use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::FailureCause;

/// The ends of records' lives, and when to look for the next.
#[derive(Debug)]
pub(crate) struct Lifetime {
    ttl: Option<Duration>,
    stop_at: Option<Instant>,
    /// Not after the end of any record that waits.
    look_at: Option<Instant>,
}

impl Lifetime {
    pub(crate) fn new(ttl: Option<Duration>) -> Self {
        Self { ttl, stop_at: None, look_at: None }
    }

    /// The producer is to stop: no record lives longer than the grace from now on.
    pub(crate) fn stop(&mut self, now: Instant) {
        let at = *self.stop_at.get_or_insert(now + STOP_GRACE);
        self.look_no_later_than(Some(at));
    }

    /// When a record accepted at `accepted` ends.
    pub(crate) fn end(&self, accepted: Instant) -> Option<Instant> {
        [self.ttl.map(|ttl| accepted + ttl), self.stop_at].into_iter().flatten().min()
    }

    /// A record accepted at `accepted` waits from now on.
    pub(crate) fn watch(&mut self, accepted: Instant) {
        self.look_no_later_than(self.end(accepted));
    }

    /// When to look for records that have ended.
    pub(crate) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Somebody looked; the earliest of the records that still wait was accepted at `oldest`.
    pub(crate) fn looked(&mut self, now: Instant, oldest: Option<Instant>) {
        let next = oldest.and_then(|accepted| self.end(accepted));
        self.look_at = next.map(|end| end.max(now + BETWEEN_LOOKS));
    }

    /// Why a record accepted at `accepted` ends, which last failed with `last`.
    pub(crate) fn cause(&self, accepted: Instant, last: FailureCause) -> FailureCause {
        let last = Box::new(last);
        match self.ttl {
            Some(ttl) if self.stop_at.is_none_or(|stop_at| accepted + ttl <= stop_at) => {
                FailureCause::Expired { ttl, last }
            }
            _ => FailureCause::Stopped { grace: STOP_GRACE, last },
        }
    }

    fn look_no_later_than(&mut self, at: Option<Instant>) {
        self.look_at = [self.look_at, at].into_iter().flatten().min();
    }
}

/// How long records may still be tried after a stop: enough for a short outage or a throttled second to pass, and about
/// as long as somebody waits for a program that was told to stop.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// A look goes through all records that wait; records end at most this much late.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::EntryError;

    #[test]
    fn a_record_ends_by_its_own_time_or_by_the_stop_whichever_is_first_and_says_which() {
        let (start, ttl) = (Instant::now(), Duration::from_secs(30));
        let last = || FailureCause::Entry(EntryError { code: "InternalFailure".into(), message: String::new() });
        let mut lifetime = Lifetime::new(Some(ttl));
        assert_eq!(lifetime.end(start), Some(start + ttl));
        lifetime.stop(start + Duration::from_secs(27));
        let young = start + Duration::from_secs(20);
        assert_eq!(lifetime.end(start), Some(start + ttl));
        assert_eq!(lifetime.end(young), Some(start + Duration::from_secs(32)));
        assert!(matches!(lifetime.cause(start, last()), FailureCause::Expired { .. }));
        assert!(matches!(lifetime.cause(young, last()), FailureCause::Stopped { .. }));
        assert_eq!(Lifetime::new(None).end(start), None);
    }
}
