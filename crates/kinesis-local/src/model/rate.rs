//! Two ways to say "not so fast": how many calls in a span of time, and how much per second.
//!
//! Promises: pure, with `now` as an argument; a `now` that goes back changes nothing; refusing costs the caller nothing.

use std::collections::VecDeque;
use std::time::Duration;

use super::millis::{Millis, whole_millis};

/// At most so many calls in any span of a given length, wherever the span starts.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    most: usize,
    span: u64,
    /// When the calls were made that still count, oldest first; at most `most` of them.
    calls: VecDeque<Millis>,
}

impl Window {
    pub(crate) fn new(most: usize, span: Duration) -> Self {
        Self { most, span: whole_millis(span), calls: VecDeque::new() }
    }

    /// Whether another call is allowed.
    pub(crate) fn admits(&mut self, now: Millis) -> bool {
        while self.calls.pop_front_if(|call| now.since(*call) >= self.span).is_some() {}
        self.calls.len() < self.most
    }

    /// Counts a call.
    pub(crate) fn note(&mut self, now: Millis) {
        self.calls.push_back(now);
    }

    /// Counts a call if it is allowed.
    pub(crate) fn take(&mut self, now: Millis) -> bool {
        let admitted = self.admits(now);
        if admitted {
            self.note(now);
        }
        admitted
    }
}

/// An allowance that fills steadily and holds what one second brings.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    per_second: i64,
    /// In thousandths, because so much comes in a millisecond; below zero is a debt.
    level: i64,
    updated: Millis,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(per_second: u32, now: Millis) -> Self {
        let per_second = i64::from(per_second);
        Self { per_second, level: per_second.saturating_mul(1_000), updated: now }
    }

    /// Whether so much may be taken: what is there, or, so that something larger than the bucket gets through at all,
    /// anything when the bucket is full.
    pub(crate) fn admits(&mut self, now: Millis, amount: usize) -> bool {
        self.fill(now);
        thousandths(amount) <= self.level || self.level >= self.capacity()
    }

    /// Takes so much, into debt if need be.
    pub(crate) fn take(&mut self, now: Millis, amount: usize) {
        self.fill(now);
        self.level = self.level.saturating_sub(thousandths(amount));
    }

    pub(crate) fn is_full(&mut self, now: Millis) -> bool {
        self.fill(now);
        self.level >= self.capacity()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.level <= 0
    }

    fn capacity(&self) -> i64 {
        self.per_second.saturating_mul(1_000)
    }

    fn fill(&mut self, now: Millis) {
        let elapsed = i64::try_from(now.since(self.updated)).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(elapsed.saturating_mul(self.per_second)).min(self.capacity());
        self.updated = self.updated.max(now);
    }
}

fn thousandths(amount: usize) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Millis {
        Millis::new(1_000_000 + millis)
    }

    proptest! {
        #[test]
        fn no_second_wherever_it_starts_holds_more_calls_than_allowed(gaps in proptest::collection::vec(0_u64..400, 1..80)) {
            let mut window = Window::new(5, SECOND);
            let mut now = at(0);
            let mut admitted = Vec::new();
            for gap in gaps {
                now = now.plus(Duration::from_millis(gap));
                if window.take(now) {
                    admitted.push(now);
                }
            }
            for (n, first) in admitted.iter().enumerate() {
                let within = admitted[n..].iter().take_while(|call| call.since(*first) < 1_000).count();
                prop_assert!(within <= 5);
            }
        }

        #[test]
        fn over_any_time_no_more_is_taken_than_came_in_and_what_was_there(
            takes in proptest::collection::vec((0_u64..500, 1_usize..150), 1..100),
        ) {
            let mut bucket = Bucket::new(100, at(0));
            let (mut now, mut taken) = (at(0), 0);
            for (gap, amount) in takes {
                now = now.plus(Duration::from_millis(gap));
                if bucket.admits(now, amount) {
                    bucket.take(now, amount);
                    taken += amount;
                }
            }
            // The last that was taken may have been larger than a full bucket.
            let came = usize::try_from(now.since(at(0))).unwrap() * 100 / 1_000;
            prop_assert!(taken <= 100 + came + 50, "{taken} taken, {came} came");
        }
    }

    #[test]
    fn a_window_opens_again_when_its_oldest_call_is_a_span_ago() {
        let mut window = Window::new(2, SECOND);
        assert!(window.take(at(0)) && window.take(at(300)) && !window.take(at(999)));
        assert!(window.take(at(1_000)) && !window.take(at(1_299)) && window.take(at(1_300)));
    }

    #[test]
    fn more_than_a_bucket_holds_passes_when_it_is_full_and_leaves_a_debt() {
        let mut bucket = Bucket::new(100, at(0));
        assert!(bucket.admits(at(0), 300));
        bucket.take(at(0), 300);
        assert!(!bucket.admits(at(2_000), 1) && bucket.admits(at(2_010), 1));
        assert!(!bucket.is_full(at(2_999)) && bucket.is_full(at(3_000)));
    }

    #[test]
    fn a_clock_that_goes_back_fills_nothing_twice() {
        let mut bucket = Bucket::new(100, at(1_000));
        bucket.take(at(1_000), 100);
        assert!(!bucket.admits(at(0), 1) && !bucket.admits(at(1_000), 1));
        assert!(bucket.admits(at(1_500), 50) && !bucket.admits(at(1_500), 51));
    }
}
