//! The read rate of one consumer on one shard: 2 MB per second, as a bucket that may be overdrawn once.
//!
//! Promises: an event is never held back for its own size, only for what went before it, so that a record larger than
//! the bucket passes; over any time no more than the rate, one bucket and one event get through.

use super::millis::Millis;

/// How much of the bucket is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FanOutRate {
    used: u64,
    as_of: Millis,
}

impl FanOutRate {
    /// When the next event may go: `now` or later.
    pub(crate) fn free_at(&self, now: Millis) -> Millis {
        let excess = self.used_at(now).saturating_add(1).saturating_sub(BUCKET_BYTES);
        Millis::new(now.get().saturating_add(excess.div_ceil(BYTES_PER_MILLI)))
    }

    /// Notes an event of so many bytes.
    pub(crate) fn take(&mut self, now: Millis, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        *self = Self { used: self.used_at(now).saturating_add(bytes), as_of: now };
    }

    fn used_at(&self, now: Millis) -> u64 {
        self.used.saturating_sub(now.since(self.as_of).saturating_mul(BYTES_PER_MILLI))
    }
}

/// 2 MB per second (AWS, "Quotas and limits" of Kinesis Data Streams).
const BYTES_PER_MILLI: u64 = 2_000;
/// One second's worth.
const BUCKET_BYTES: u64 = 1_000 * BYTES_PER_MILLI;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_bucket_waits_until_a_byte_is_free_again() {
        let mut rate = FanOutRate::default();
        rate.take(Millis::new(1_000), 1_999_999);
        assert_eq!(rate.free_at(Millis::new(1_000)), Millis::new(1_000));
        rate.take(Millis::new(1_000), 1_000_001);
        assert_eq!(rate.free_at(Millis::new(1_000)), Millis::new(1_501));
        assert_eq!(rate.free_at(Millis::new(1_501)), Millis::new(1_501));
    }

    #[test]
    fn an_event_larger_than_the_bucket_passes_and_is_paid_for_afterwards() {
        let mut rate = FanOutRate::default();
        rate.take(Millis::new(0), 10_000_000);
        assert_eq!(rate.free_at(Millis::new(0)), Millis::new(4_001));
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_a_bucket_and_one_event(
            steps in proptest::collection::vec((0_u64..3_000, 1_usize..1_500_000), 1..200),
        ) {
            let (mut rate, mut now, mut sent) = (FanOutRate::default(), Millis::new(0), 0_u64);
            for (pause, bytes) in steps {
                now = Millis::new(now.get() + pause);
                now = rate.free_at(now);
                prop_assert_eq!(rate.free_at(now), now);
                rate.take(now, bytes);
                sent += u64::try_from(bytes).unwrap();
                prop_assert!(sent <= now.get() * BYTES_PER_MILLI + BUCKET_BYTES + 1_500_000);
            }
        }
    }
}
