//! The memory budget: how many bytes of fetched and unprocessed records a context holds at most. A shell around
//! [`FairShares`], which says who comes next.
//!
//! A page waits until its turn has come and its bytes fit. A page larger than the whole budget waits until it is alone, then
//! passes: nothing is too big to be processed, and nothing deadlocks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Notify, oneshot};

use crate::fair_shares::{FairShares, Ticket};
use crate::lock::lock;

pub(crate) use crate::fair_shares::{Holder, Reserved};

#[derive(Debug)]
pub(crate) struct MemoryBudget {
    // Held for a few additions, and a look at everybody who waits: at most one for each reader.
    state: Mutex<State>,
    shortage: Notify,
}

#[derive(Debug)]
struct State {
    shares: FairShares,
    /// Who is told when it is served.
    waiting: BTreeMap<Ticket, oneshot::Sender<Reserved>>,
    next_holder: u64,
    closed: bool,
}

/// The budget was closed: the context is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BudgetClosed;

/// A place in line; what it was served while nobody listened any more goes back.
struct Waiting<'a> {
    budget: &'a MemoryBudget,
    ticket: Ticket,
    served: oneshot::Receiver<Reserved>,
}

impl MemoryBudget {
    /// A budget of `bytes`.
    pub(crate) const fn new(bytes: usize) -> Self {
        let state = State { shares: FairShares::new(bytes), waiting: BTreeMap::new(), next_holder: 0, closed: false };
        Self { state: Mutex::new(state), shortage: Notify::const_new() }
    }

    /// Somebody whose bytes are counted together from now on.
    pub(crate) fn new_holder(&self) -> Holder {
        let mut state = self.lock();
        let holder = Holder(state.next_holder);
        state.next_holder = state.next_holder.saturating_add(1);
        holder
    }

    /// Takes `bytes` from the budget for `holder`, or all of it if they are more; waits until it is its turn and they are free. Nothing
    /// at all is had without waiting.
    ///
    /// # Cancellation
    /// Safe: a dropped call has taken nothing and only loses its place in line.
    pub(crate) async fn reserve(&self, holder: Holder, bytes: usize) -> Result<Reserved, BudgetClosed> {
        let mut waiting = self.ask(holder, bytes)?;
        match waiting.served.try_recv() {
            Ok(reserved) => Ok(reserved),
            Err(TryRecvError::Closed) => Err(BudgetClosed),
            Err(TryRecvError::Empty) => {
                self.shortage.notify_one();
                (&mut waiting.served).await.map_err(|_| BudgetClosed)
            }
        }
    }

    /// Takes `bytes` for `holder` if nobody waits and they are free.
    pub(crate) fn reserve_now(&self, holder: Holder, bytes: usize) -> Option<Reserved> {
        let mut state = self.lock();
        if state.closed { None } else { state.shares.take_now(holder, bytes) }
    }

    /// Takes for `holder` what is free, at most `bytes`, without waiting, and past those who wait.
    pub(crate) fn take(&self, holder: Holder, bytes: usize) -> Reserved {
        self.lock().shares.take_free(holder, bytes)
    }

    fn ask(&self, holder: Holder, bytes: usize) -> Result<Waiting<'_>, BudgetClosed> {
        let (served, told) = oneshot::channel();
        let mut state = self.lock();
        if state.closed {
            return Err(BudgetClosed);
        }
        let ticket = state.shares.ask(holder, bytes);
        state.waiting.insert(ticket, served);
        state.serve();
        drop(state);
        Ok(Waiting { budget: self, ticket, served: told })
    }

    /// True while a page waits.
    pub(crate) fn is_short(&self) -> bool {
        self.lock().shares.has_waiting()
    }

    /// Resolves when a page has begun to wait since the last call; for one who listens.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn shortage(&self) {
        self.shortage.notified().await;
    }

    pub(crate) fn give_back(&self, reserved: Reserved) {
        let mut state = self.lock();
        state.shares.give_back(reserved);
        state.serve();
    }

    /// Whoever waits, now or later, gets [`BudgetClosed`].
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let tickets: Vec<_> = std::mem::take(&mut state.waiting).into_keys().collect();
        tickets.into_iter().for_each(|ticket| state.shares.withdraw(ticket));
    }

    /// Bytes that nobody holds.
    pub(crate) fn free(&self) -> usize {
        self.lock().shares.free()
    }

    /// All bytes that there are.
    pub(crate) fn limit(&self) -> usize {
        self.lock().shares.limit()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn serve(&mut self) {
        while let Some((ticket, reserved)) = self.shares.serve() {
            let unwanted = match self.waiting.remove(&ticket) {
                Some(told) => told.send(reserved).err(),
                None => Some(reserved),
            };
            // Who gives up withdraws under the same lock, so there is somebody as a rule.
            if let Some(unwanted) = unwanted {
                self.shares.give_back(unwanted);
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.waiting.remove(&self.ticket);
        state.shares.withdraw(self.ticket);
        if let Ok(unheard) = self.served.try_recv() {
            state.shares.give_back(unheard);
        }
        state.serve();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const ONE: Holder = Holder(0);
    const OTHER: Holder = Holder(1);

    fn take(budget: &MemoryBudget, holder: Holder, bytes: usize) -> Option<Reserved> {
        budget.reserve(holder, bytes).now_or_never().map(Result::unwrap)
    }

    #[test]
    fn a_page_waits_until_its_bytes_are_free() {
        let budget = MemoryBudget::new(100);
        let first = take(&budget, ONE, 80).unwrap();
        let mut second = Box::pin(budget.reserve(ONE, 30));
        assert!(second.as_mut().now_or_never().is_none());
        budget.give_back(first);
        assert_eq!(second.now_or_never().unwrap().unwrap().bytes(), 30);
    }

    #[test]
    fn a_page_of_a_small_holder_passes_one_of_a_large_holder_that_came_first() {
        let budget = MemoryBudget::new(100);
        let (large, half) = (take(&budget, ONE, 50).unwrap(), take(&budget, ONE, 50).unwrap());
        let mut first = Box::pin(budget.reserve(ONE, 30));
        let mut second = Box::pin(budget.reserve(OTHER, 50));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        budget.give_back(half);
        assert!(first.as_mut().now_or_never().is_none(), "it holds 50, the other one nothing");
        assert_eq!(second.now_or_never().unwrap().unwrap().bytes(), 50);
        budget.give_back(large);
        assert!(first.now_or_never().is_some());
    }

    #[test]
    fn a_shortage_is_told_and_lasts_until_the_page_got_its_bytes_or_gave_up() {
        let budget = MemoryBudget::new(10);
        let all = take(&budget, ONE, 10).unwrap();
        assert!(!budget.is_short() && budget.shortage().now_or_never().is_none());
        let mut waiting = Box::pin(budget.reserve(ONE, 1));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(budget.is_short() && budget.shortage().now_or_never().is_some());
        drop(waiting);
        assert!(!budget.is_short());
        let mut waiting = Box::pin(budget.reserve(ONE, 1));
        assert!(waiting.as_mut().now_or_never().is_none());
        budget.give_back(all);
        assert!(waiting.now_or_never().unwrap().is_ok() && !budget.is_short());
    }

    #[test]
    fn what_was_served_to_one_who_gave_up_goes_to_the_next() {
        let budget = MemoryBudget::new(10);
        let all = take(&budget, ONE, 10).unwrap();
        let mut gives_up = Box::pin(budget.reserve(ONE, 10));
        let mut next = Box::pin(budget.reserve(ONE, 10));
        assert!(gives_up.as_mut().now_or_never().is_none() && next.as_mut().now_or_never().is_none());
        budget.give_back(all);
        assert!(next.as_mut().now_or_never().is_none(), "it is the other one's turn");
        drop(gives_up);
        assert_eq!(next.now_or_never().unwrap().unwrap().bytes(), 10);
    }

    #[test]
    fn an_oversized_page_passes_when_it_is_alone_and_only_then() {
        let budget = MemoryBudget::new(100);
        let first = take(&budget, ONE, 1).unwrap();
        let mut oversized = Box::pin(budget.reserve(ONE, 1_000));
        assert!(oversized.as_mut().now_or_never().is_none());
        budget.give_back(first);
        let oversized = oversized.now_or_never().unwrap().unwrap();
        assert!(take(&budget, ONE, 1).is_none());
        budget.give_back(oversized);
        assert!(take(&budget, ONE, 100).is_some());
    }

    #[test]
    fn what_is_taken_without_waiting_is_what_is_free_and_no_more_than_asked_for() {
        let budget = MemoryBudget::new(100);
        let taken = [80; 3].map(|bytes| budget.take(ONE, bytes));
        assert_eq!(taken.each_ref().map(Reserved::bytes), [80, 20, 0]);
        taken.into_iter().for_each(|taken| budget.give_back(taken));
        assert_eq!(budget.free(), 100);
    }

    #[test]
    fn closing_the_budget_wakes_those_who_wait() {
        let budget = MemoryBudget::new(10);
        let _all = take(&budget, ONE, 10).unwrap();
        let mut waiting = Box::pin(budget.reserve(ONE, 1));
        assert!(waiting.as_mut().now_or_never().is_none());
        budget.close();
        assert_eq!(waiting.now_or_never().unwrap(), Err(BudgetClosed));
        assert_eq!(budget.reserve(OTHER, 0).now_or_never().unwrap(), Err(BudgetClosed));
    }
}
