//! The rate limit of a receiver: what may come now, and how long the rest has to wait.
//!
//! A bucket of debt. Taking records makes debt, time pays it off at the rate of the limit, and nothing is taken while there
//! is debt; so a page of any size passes in one piece, and the next one waits for it. Time in which nothing was taken counts
//! in advance up to [`SLACK`], which makes up for late wake-ups without letting a pause end in a burst.

use std::time::Duration;

use crate::rate::records_per_second::{RecordsPerSecond, count};
use crate::time::Time;

/// The rates that a program set for its receivers, in records per second and receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RateCap {
    /// The limit that no estimate raises. Default: none.
    pub(crate) max: Option<RecordsPerSecond>,
    /// The limit until there is an estimate. Default: `max`.
    pub(crate) initial: Option<RecordsPerSecond>,
}

impl RateCap {
    /// The limit to begin with; `None`: there is none.
    pub(crate) fn first(self) -> Option<RecordsPerSecond> {
        self.initial.map(|initial| self.capped(initial)).or(self.max)
    }

    /// The limit that follows from an estimate. The cap wins, over the floor of the estimator too.
    pub(crate) fn capped(self, estimate: RecordsPerSecond) -> RecordsPerSecond {
        self.max.map_or(estimate, |max| max.min(estimate))
    }
}

/// Whether records may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Admission {
    /// They are taken.
    Go,
    /// They are not: ask again after this long, at least 1 ms.
    Wait(Duration),
}

/// Holds one receiver to its limit.
#[derive(Clone, Debug)]
pub(crate) struct RateLimiter {
    cap: RateCap,
    limit: Option<RecordsPerSecond>,
    /// Records taken that time has not paid for at `as_of`; negative: paid for in advance.
    debt: f64,
    as_of: Time,
}

impl RateLimiter {
    /// A limiter that begins at `now` with the first limit of `cap`.
    pub(crate) fn new(cap: RateCap, now: Time) -> Self {
        Self { cap, limit: cap.first(), debt: 0.0, as_of: now }
    }

    /// The limit; `None`: there is none.
    pub(crate) const fn limit(&self) -> Option<RecordsPerSecond> {
        self.limit
    }

    /// Takes an estimate for the limit, within the cap. Debt from before is paid off at the new rate.
    pub(crate) fn update(&mut self, estimate: RecordsPerSecond, now: Time) {
        self.settle(now);
        self.limit = Some(self.cap.capped(estimate));
    }

    /// Takes `records` if no earlier ones stand in the way. No record at all may always go.
    pub(crate) fn acquire(&mut self, records: u64, now: Time) -> Admission {
        self.settle(now);
        let Some(limit) = self.limit else { return Admission::Go };
        if self.debt > NEGLIGIBLE && records > 0 {
            return Admission::Wait(whole_millis_up(limit.time_of(self.debt)));
        }
        self.debt += count(records);
        Admission::Go
    }

    /// Lets the time up to `now` pay off debt. Time that goes back pays nothing.
    fn settle(&mut self, now: Time) {
        if let Some(limit) = self.limit {
            let paid = self.debt - limit.records_in(now.since(self.as_of));
            self.debt = paid.max(-limit.records_in(SLACK));
        }
        self.as_of = self.as_of.max(now);
    }
}

/// As many milliseconds as cover `wait`, at least 1: times are in whole milliseconds, and an earlier question is in vain.
fn whole_millis_up(wait: Duration) -> Duration {
    let rest = wait.subsec_nanos() % NANOS_PER_MILLI;
    let up =
        if rest == 0 { wait } else { wait.saturating_add(Duration::from_nanos(u64::from(NANOS_PER_MILLI - rest))) };
    up.max(Duration::from_millis(1))
}

const NANOS_PER_MILLI: u32 = 1_000_000;

/// How much unused time counts in advance: some periods of a timer, less than a block interval.
const SLACK: Duration = Duration::from_millis(100);

/// A part of a record that only comes from rounding.
const NEGLIGIBLE: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(rate: f64) -> RecordsPerSecond {
        RecordsPerSecond::new(rate).unwrap()
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn limiter(max: Option<f64>, initial: Option<f64>) -> RateLimiter {
        RateLimiter::new(RateCap { max: max.map(rate), initial: initial.map(rate) }, at(0))
    }

    #[test]
    fn without_a_cap_an_estimate_is_the_limit_t103() {
        let mut limiter = limiter(None, None);
        assert_eq!(limiter.limit(), None);
        limiter.update(rate(105.0), at(0));
        assert_eq!(limiter.limit(), Some(rate(105.0)));
    }

    #[test]
    fn an_estimate_below_the_cap_is_the_limit_t104() {
        let mut limiter = limiter(Some(110.0), None);
        assert_eq!(limiter.limit(), Some(rate(110.0)));
        limiter.update(rate(105.0), at(0));
        assert_eq!(limiter.limit(), Some(rate(105.0)));
    }

    #[test]
    fn an_estimate_above_the_cap_is_held_down_to_it_t105() {
        let mut limiter = limiter(Some(100.0), None);
        limiter.update(rate(105.0), at(0));
        assert_eq!(limiter.limit(), Some(rate(100.0)));
    }

    #[test]
    fn the_first_limit_is_the_initial_rate_within_the_cap() {
        assert_eq!(limiter(Some(100.0), Some(50.0)).limit(), Some(rate(50.0)));
        assert_eq!(limiter(Some(100.0), Some(500.0)).limit(), Some(rate(100.0)));
        assert_eq!(limiter(None, Some(500.0)).limit(), Some(rate(500.0)));
    }

    #[test]
    fn without_a_limit_everything_goes() {
        let mut limiter = limiter(None, None);
        assert!((0..100).all(|_| limiter.acquire(u64::MAX, at(0)) == Admission::Go));
    }

    #[test]
    fn a_page_goes_in_one_piece_and_the_next_one_waits_for_it() {
        let mut limiter = limiter(Some(100.0), None);
        assert_eq!(limiter.acquire(50, at(0)), Admission::Go);
        assert_eq!(limiter.acquire(1, at(0)), Admission::Wait(Duration::from_millis(500)));
        assert_eq!(limiter.acquire(0, at(0)), Admission::Go);
        assert_eq!(limiter.acquire(1, at(499)), Admission::Wait(Duration::from_millis(1)));
        assert_eq!(limiter.acquire(1, at(500)), Admission::Go);
    }

    #[test]
    fn a_new_limit_counts_for_the_debt_that_is_left() {
        let mut limiter = limiter(None, Some(100.0));
        assert_eq!(limiter.acquire(100, at(0)), Admission::Go);
        limiter.update(rate(1_000.0), at(500));
        assert_eq!(limiter.acquire(1, at(500)), Admission::Wait(Duration::from_millis(50)));
    }

    #[test]
    fn a_long_pause_does_not_end_in_a_burst() {
        let mut limiter = limiter(Some(100.0), None);
        let now = at(3_600_000);
        let burst = (0..1_000).take_while(|_| limiter.acquire(1, now) == Admission::Go).count();
        assert_eq!(burst, 11, "what 100 ms are worth, and the one that makes debt");
    }

    #[test]
    fn a_clock_that_goes_back_pays_nothing_and_takes_nothing() {
        let mut limiter = limiter(Some(100.0), None);
        assert_eq!(limiter.acquire(100, at(1_000)), Admission::Go);
        let waits = limiter.acquire(1, at(1_000));
        assert_eq!(limiter.acquire(1, at(0)), waits);
    }

    proptest! {
        #[test]
        fn no_more_is_taken_than_the_limit_the_slack_and_one_page_allow(
            limit in 1_u32..100_000,
            calls in proptest::collection::vec((0_i64..50, 1_u64..500), 1..200),
        ) {
            let mut limiter = limiter(Some(f64::from(limit)), None);
            let (mut now, mut taken, mut largest) = (0, 0, 0);
            for (step, records) in calls {
                now += step;
                if limiter.acquire(records, at(now)) == Admission::Go {
                    taken += records;
                    largest = largest.max(records);
                }
            }
            let allowed = f64::from(limit) * (at(now).since(at(0)) + SLACK).as_secs_f64();
            prop_assert!(count(taken) <= allowed + count(largest) + 1.0);
        }

        #[test]
        fn who_waits_as_long_as_told_gets_the_whole_limit(
            limit in 1_u32..100_000,
            pages in proptest::collection::vec(1_u64..500, 1..100),
        ) {
            let mut limiter = limiter(Some(f64::from(limit)), None);
            let (mut now, mut taken) = (at(0), 0);
            let last = pages.last().copied().unwrap_or(0);
            for records in pages {
                while let Admission::Wait(wait) = limiter.acquire(records, now) {
                    now = now.plus(wait);
                }
                taken += records;
            }
            // All but the last page have been paid for by now, and at most 1 ms was lost to rounding.
            let due = f64::from(limit) * (now.since(at(0)).as_secs_f64() - 0.001);
            prop_assert!(count(taken - last) >= due - 1.0, "{} of {}", taken - last, due);
        }
    }
}
