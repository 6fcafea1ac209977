//! Pure: a true rate. How many records are due follows from the time since the start alone, so no delay adds up.

use std::time::Duration;

use tokio::time::Instant;

/// A rate from a start on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Instant,
    per_second: u32,
}

impl Pace {
    /// `per_second` must not be zero: nothing would ever be due.
    pub(crate) fn new(start: Instant, per_second: u32) -> Self {
        Self { start, per_second: per_second.max(1) }
    }

    /// How many more records than `sent` should have been sent by `now`.
    pub(crate) fn due(&self, now: Instant, sent: u64) -> u64 {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        let total = elapsed.saturating_mul(u128::from(self.per_second)) / NANOS_PER_SECOND;
        u64::try_from(total).unwrap_or(u64::MAX).saturating_sub(sent)
    }

    /// When the next record after `sent` ones is due.
    pub(crate) fn next_at(&self, sent: u64) -> Instant {
        let nanos = (u128::from(sent) + 1).saturating_mul(NANOS_PER_SECOND).div_ceil(u128::from(self.per_second));
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn after_n_seconds_exactly_n_times_the_rate_are_due_however_often_one_looked(
            per_second in 1..100_000_u32, seconds in 1..100_u32, looks in proptest::collection::vec(0..2000_u64, 0..50),
        ) {
            let start = Instant::now();
            let pace = Pace::new(start, per_second);
            let end = start + Duration::from_secs(seconds.into());
            let (mut now, mut sent) = (start, 0);
            for look in looks {
                now = (now + Duration::from_millis(look)).min(end);
                sent += pace.due(now, sent);
            }
            sent += pace.due(end, sent);
            prop_assert_eq!(sent, u64::from(per_second) * u64::from(seconds));
        }

        #[test]
        fn the_next_record_is_due_at_its_time_and_not_a_nanosecond_before(
            per_second in 1..1_000_000_u32, sent in 0..10_000_000_u64,
        ) {
            let pace = Pace::new(Instant::now(), per_second);
            let at = pace.next_at(sent);
            prop_assert_eq!(pace.due(at, sent), 1);
            prop_assert_eq!(pace.due(at - Duration::from_nanos(1), sent), 0);
        }
    }
}
