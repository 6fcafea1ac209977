//! The log of a run and the checker that reads along: everything that happens goes through [`Chronicle::record`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::check::{Checker, Found};
use crate::clock::SimClock;
use crate::event::{Entry, Event};

/// The log of a run.
#[derive(Debug)]
pub struct Chronicle {
    clock: SimClock,
    /// Held for one entry at a time, never across an await.
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    entries: Vec<Entry>,
    checker: Checker,
}

impl Chronicle {
    /// An empty log. `failover` is that of the workers: the checker measures by it.
    #[must_use]
    pub fn new(clock: SimClock, failover: Duration) -> Self {
        Self { clock, pages: Mutex::new(Pages { entries: Vec::new(), checker: Checker::new(failover) }) }
    }

    /// Adds what has just happened, and checks it.
    pub fn record(&self, event: Event) {
        let entry = Entry { at: self.clock.elapsed(), event };
        let mut pages = self.lock();
        pages.checker.observe(&entry);
        pages.entries.push(entry);
    }

    /// Looks at what the checker knows.
    pub fn with_checker<T>(&self, look: impl FnOnce(&mut Checker) -> T) -> T {
        look(&mut self.lock().checker)
    }

    /// Looks at the log so far.
    pub fn with_entries<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.lock().entries)
    }

    /// Takes the log and what was found wrong.
    #[must_use]
    pub fn close(&self) -> (Vec<Entry>, Vec<Found>) {
        let mut pages = self.lock();
        let found = pages.checker.take_found();
        (std::mem::take(&mut pages.entries), found)
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
