//! What may be read of a shard and when: five calls and 2 MB a second, shared by everyone in this process who reads the
//! shard. Pure: `now` is an argument.
//!
//! Promises: calls are evenly apart, so that no window of a second has more than five; a page is paid for afterwards, because
//! nobody knows its size before, and until it is paid for nobody reads. That is the service's own rule: an answer of 10 MB
//! closes the shard for 5 s.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::consumer::retrieval::ReadLimits;
use crate::limits::{READ_BYTES_PER_SECOND, READS_PER_SECOND};

/// The time between two calls.
pub const BETWEEN_CALLS: Duration = Duration::from_millis(1_000 / READS_PER_SECOND);

/// What is left of a shard's allowance.
#[derive(Debug, Clone)]
pub struct ReadBudget {
    limits: ReadLimits,
    next_call: Option<Instant>,
    paid: Option<Instant>,
}

impl ReadBudget {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(limits: ReadLimits) -> Self {
        Self { limits, next_call: None, paid: None }
    }

    /// Takes a call.
    ///
    /// # Errors
    /// When it is too early: the moment at which to ask again. Somebody else may be first then.
    pub fn take_call(&mut self, now: Instant) -> Result<(), Instant> {
        if self.limits == ReadLimits::Unlimited {
            return Ok(());
        }
        let earliest = self.next_call.max(self.paid).filter(|earliest| *earliest > now);
        match earliest {
            Some(earliest) => Err(earliest),
            None => {
                self.next_call = Some(now + BETWEEN_CALLS);
                Ok(())
            }
        }
    }

    /// Pays for what a call gave.
    pub fn spend(&mut self, now: Instant, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let time = Duration::from_micros(bytes.saturating_mul(1_000_000) / READ_BYTES_PER_SECOND);
        self.paid = Some(self.paid.map_or(now, |paid| paid.max(now)) + time);
    }
}

/// A shard's allowance as those who read it share it. Held for a few additions, never across an await.
#[derive(Debug)]
pub struct SharedBudget(Mutex<ReadBudget>);

impl SharedBudget {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(limits: ReadLimits) -> Self {
        Self(Mutex::new(ReadBudget::new(limits)))
    }

    /// Waits for a call and takes it.
    ///
    /// # Cancellation
    /// Safe: a call that was not waited for to the end was not taken.
    pub async fn take_call(&self) {
        loop {
            let taken = self.lock().take_call(tokio::time::Instant::now().into_std());
            match taken {
                Ok(()) => return,
                Err(earliest) => tokio::time::sleep_until(earliest.into()).await,
            }
        }
    }

    /// Pays for what a call gave.
    pub fn spend(&self, bytes: usize) {
        self.lock().spend(tokio::time::Instant::now().into_std(), bytes);
    }

    fn lock(&self) -> MutexGuard<'_, ReadBudget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn no_window_of_a_second_has_more_than_five_calls() {
        let (begin, mut budget) = (start(), ReadBudget::new(ReadLimits::Service));
        let taken: Vec<u64> =
            (0..3_000).filter(|ms| budget.take_call(begin + Duration::from_millis(*ms)).is_ok()).collect();
        assert_eq!(taken.len(), 15, "the full rate is used");
        for first in &taken {
            let window = taken.iter().filter(|at| (*first..first + 1_000).contains(at)).count();
            assert!(window <= 5, "{window} calls from {first} ms on");
        }
    }

    #[test]
    fn a_page_of_ten_megabytes_closes_the_shard_for_five_seconds_and_small_pages_for_no_longer_than_a_call() {
        let (begin, mut budget) = (start(), ReadBudget::new(ReadLimits::Service));
        assert_eq!(budget.take_call(begin), Ok(()));
        budget.spend(begin, 10_000_000);
        assert_eq!(budget.take_call(begin + Duration::from_secs(1)), Err(begin + Duration::from_secs(5)));
        let later = begin + Duration::from_secs(5);
        assert_eq!(budget.take_call(later), Ok(()));
        budget.spend(later, 1_000);
        assert_eq!(budget.take_call(later), Err(later + BETWEEN_CALLS));
    }

    #[test]
    fn without_limits_nothing_waits() {
        let (begin, mut budget) = (start(), ReadBudget::new(ReadLimits::Unlimited));
        budget.spend(begin, usize::MAX);
        assert!((0..100).all(|_| budget.take_call(begin).is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn two_who_read_one_shard_share_its_five_calls_a_second() {
        let budget = Arc::new(SharedBudget::new(ReadLimits::Service));
        let begun = tokio::time::Instant::now();
        let ten = |budget: Arc<SharedBudget>| async move {
            for _ in 0..10 {
                budget.take_call().await;
            }
        };
        tokio::join!(ten(Arc::clone(&budget)), ten(budget));
        assert!(begun.elapsed() >= BETWEEN_CALLS * 19, "{:?}", begun.elapsed());
        assert!(begun.elapsed() < BETWEEN_CALLS * 20, "{:?}", begun.elapsed());
    }
}
