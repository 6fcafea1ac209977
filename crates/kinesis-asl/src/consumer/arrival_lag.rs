//! How far behind a reader is by our own estimate: from the arrival time that the service put on a record to the moment at which the
//! record was stored here. Pure.
//!
//! Unlike `MillisBehindLatest` it says how old what is stored is, and it counts the time that a page waited for memory. It compares two
//! clocks, the service's and ours: if ours is behind by a second it is a second too small, and never below zero.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dstream_core::Clock;

use crate::position::Timestamp;

/// The lag after a page whose newest record arrived at `newest`; `None` when the page says nothing about it.
#[must_use]
pub fn after_page(newest: Option<Timestamp>, millis_behind_latest: Option<i64>, now: Timestamp) -> Option<Duration> {
    match newest {
        Some(arrival) => {
            let millis = now.as_millis().saturating_sub(arrival.as_millis());
            Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
        }
        // The tip, and nothing new: all that there is has been stored.
        None if millis_behind_latest.is_some_and(|millis| millis <= 0) => Some(Duration::ZERO),
        None => None,
    }
}

/// What tells the time of day.
#[derive(Clone)]
pub(crate) struct WallClock(pub(crate) Arc<dyn Clock>);

impl WallClock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now().as_millis())
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_record_is_as_far_behind_as_it_is_old_when_it_is_stored() {
        assert_eq!(after_page(Some(at(1_000)), Some(0), at(3_500)), Some(Duration::from_millis(2_500)));
    }

    #[test]
    fn a_clock_that_is_behind_the_services_makes_the_lag_zero_and_not_negative() {
        assert_eq!(after_page(Some(at(1_000)), Some(0), at(400)), Some(Duration::ZERO));
        assert_eq!(
            after_page(Some(at(i64::MIN)), None, at(i64::MAX)),
            Some(Duration::from_millis(i64::MAX.unsigned_abs()))
        );
    }

    #[test]
    fn an_empty_page_says_that_nothing_is_behind_at_the_tip_only() {
        assert_eq!(after_page(None, Some(0), at(1)), Some(Duration::ZERO));
        assert_eq!(after_page(None, Some(5), at(1)), None);
        assert_eq!(after_page(None, None, at(1)), None);
    }
}
