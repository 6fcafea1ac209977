//! The memory budget: how many bytes of fetched and unprocessed records a context holds at most.
//!
//! A page waits, first come first served, until its bytes fit. A page larger than the whole budget waits until it is
//! alone, then passes: nothing is too big to be processed, and nothing deadlocks.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// One unit of the semaphore is one byte.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: u32,
    free: Semaphore,
    /// Pages that wait.
    waiting: AtomicUsize,
    shortage: Notify,
}

/// A page that waits; dropped when it waits no more.
struct Waiting<'a>(&'a AtomicUsize);

/// Bytes taken from the budget. Given back by value with [`MemoryBudget::give_back`]; it has no `Drop`, since its owner (a
/// block) may be sealed, stored and forgotten in different places.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Reserved(usize);

impl Reserved {
    pub(crate) const fn add(&mut self, Self(more): Self) {
        self.0 = self.0.saturating_add(more);
    }
}

/// The budget was closed: the context is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BudgetClosed;

impl MemoryBudget {
    /// A budget of `bytes`; more than 4 GiB - 1 count as that, which is what one semaphore can hand out at a time.
    pub(crate) fn new(bytes: usize) -> Self {
        let limit = u32::try_from(bytes.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let free = Semaphore::new(usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS));
        Self { limit, free, waiting: AtomicUsize::new(0), shortage: Notify::new() }
    }

    /// Takes `bytes` from the budget, or all of it if they are more; waits until they are free.
    ///
    /// # Cancellation
    /// Safe: a dropped call has taken nothing and only loses its place in the queue.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Reserved, BudgetClosed> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.limit);
        let permit = match self.free.try_acquire_many(wanted) {
            Ok(permit) => permit,
            Err(_) => self.wait_for(wanted).await?,
        };
        let reserved = Reserved(permit.num_permits());
        permit.forget();
        Ok(reserved)
    }

    /// Takes of the budget what is free, at most `bytes`, without waiting.
    pub(crate) fn take(&self, bytes: usize) -> Reserved {
        let wanted = u32::try_from(bytes.min(self.free.available_permits())).unwrap_or(u32::MAX).min(self.limit);
        self.free.try_acquire_many(wanted).map_or_else(
            // Somebody else was faster.
            |_| Reserved::default(),
            |permit| {
                let reserved = Reserved(permit.num_permits());
                permit.forget();
                reserved
            },
        )
    }

    async fn wait_for(&self, bytes: u32) -> Result<SemaphorePermit<'_>, BudgetClosed> {
        let _waiting = Waiting::among(&self.waiting);
        self.shortage.notify_one();
        self.free.acquire_many(bytes).await.map_err(|_| BudgetClosed)
    }

    /// True while a page waits.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Resolves when a page has begun to wait since the last call; for one who listens.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn shortage(&self) {
        self.shortage.notified().await;
    }

    pub(crate) fn give_back(&self, Reserved(bytes): Reserved) {
        self.free.add_permits(bytes);
    }

    /// Whoever waits, now or later, gets [`BudgetClosed`].
    pub(crate) fn close(&self) {
        self.free.close();
    }

    /// Bytes that nobody holds.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }
}

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_page_waits_until_its_bytes_are_free() {
        let budget = MemoryBudget::new(100);
        let first = budget.reserve(80).now_or_never().unwrap().unwrap();
        let mut second = Box::pin(budget.reserve(30));
        assert!(second.as_mut().now_or_never().is_none());
        budget.give_back(first);
        assert_eq!(second.now_or_never().unwrap(), Ok(Reserved(30)));
    }

    #[test]
    fn a_shortage_is_told_and_lasts_until_the_page_got_its_bytes_or_gave_up() {
        let budget = MemoryBudget::new(10);
        let all = budget.reserve(10).now_or_never().unwrap().unwrap();
        assert!(!budget.is_short() && budget.shortage().now_or_never().is_none());
        let mut waiting = Box::pin(budget.reserve(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(budget.is_short() && budget.shortage().now_or_never().is_some());
        drop(waiting);
        assert!(!budget.is_short());
        let mut waiting = Box::pin(budget.reserve(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        budget.give_back(all);
        assert!(waiting.now_or_never().unwrap().is_ok() && !budget.is_short());
    }

    #[test]
    fn an_oversized_page_passes_when_it_is_alone_and_only_then() {
        let budget = MemoryBudget::new(100);
        let first = budget.reserve(1).now_or_never().unwrap().unwrap();
        let mut oversized = Box::pin(budget.reserve(1_000));
        assert!(oversized.as_mut().now_or_never().is_none());
        budget.give_back(first);
        let oversized = oversized.now_or_never().unwrap().unwrap();
        assert!(budget.reserve(1).now_or_never().is_none());
        budget.give_back(oversized);
        assert!(budget.reserve(100).now_or_never().is_some());
    }

    #[test]
    fn what_is_taken_without_waiting_is_what_is_free_and_no_more_than_asked_for() {
        let budget = MemoryBudget::new(100);
        assert_eq!((budget.take(80), budget.take(80), budget.take(80)), (Reserved(80), Reserved(20), Reserved(0)));
        budget.give_back(Reserved(100));
        assert_eq!(budget.free(), 100);
    }

    #[test]
    fn closing_the_budget_wakes_those_who_wait() {
        let budget = MemoryBudget::new(10);
        let _all = budget.reserve(10).now_or_never().unwrap().unwrap();
        let mut waiting = Box::pin(budget.reserve(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        budget.close();
        assert_eq!(waiting.now_or_never().unwrap(), Err(BudgetClosed));
    }
}
