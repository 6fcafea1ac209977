//! Memory that is set aside for a page before it is taken apart, so that the next one may be fetched meanwhile.

use crate::memory_budget::{MemoryBudget, Reserved};

/// Bytes of the memory budget that wait for their page. Get it by [`ReceiverStore::deposit`](crate::ReceiverStore::deposit), use it up
/// by [`ReceiverStore::room`](crate::ReceiverStore::room). What is left goes back when it is dropped.
#[derive(Debug)]
#[must_use = "it is memory that nobody else has"]
pub struct Deposit<'a> {
    budget: &'a MemoryBudget,
    reserved: Reserved,
}

impl<'a> Deposit<'a> {
    pub(crate) const fn new(budget: &'a MemoryBudget, reserved: Reserved) -> Self {
        Self { budget, reserved }
    }

    /// How many bytes it is.
    pub fn bytes(&self) -> usize {
        self.reserved.bytes()
    }

    /// Adds to it.
    pub(crate) fn add(&mut self, more: Reserved) {
        self.reserved.add(more);
    }

    /// Takes `bytes` out of it, if there are so many.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<Reserved> {
        self.reserved.split(bytes)
    }

    /// Gives everything back.
    pub(crate) fn give_back(&mut self) {
        let unused = std::mem::take(&mut self.reserved);
        if unused.bytes() > 0 {
            self.budget.give_back(unused);
        }
    }
}

impl Drop for Deposit<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
