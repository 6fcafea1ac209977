//! Room for a slice of a page: its turn at the rate limit and its bytes of the memory budget, until it is stored.

use std::fmt;

use crate::block_builder::{Page, Push};
use crate::lock::lock;
use crate::memory_budget::Reserved;
use crate::page_slices::Slice;
use crate::rate::Passed;
use crate::receiver_store::{Intake, StoreClosed};

/// Room for a number of records. Get it by [`ReceiverStore::room`](crate::ReceiverStore::room); dropped, it costs nothing.
#[must_use = "nothing is stored yet"]
pub struct Room<'a, R, M> {
    intake: &'a Intake<R, M>,
    slice: Slice,
    passed: Passed<'a>,
    reserved: Given<'a, R, M>,
}

/// Bytes that go back when they are not used.
struct Given<'a, R, M> {
    intake: &'a Intake<R, M>,
    reserved: Reserved,
}

impl<'a, R, M> Room<'a, R, M> {
    pub(crate) const fn new(intake: &'a Intake<R, M>, slice: Slice, passed: Passed<'a>, reserved: Reserved) -> Self {
        Self { intake, slice, passed, reserved: Given { intake, reserved } }
    }

    /// For how many records it is; 0 for a page without records.
    pub const fn records(&self) -> usize {
        self.slice.records
    }

    /// Stores the records that it was made for, all from `range`. They land whole in one block.
    ///
    /// # Errors
    /// [`StoreClosed`] when the context has stopped taking data: nothing was stored.
    pub fn store(self, records: Vec<R>, range: M) -> Result<(), StoreClosed> {
        let Self { intake, slice: Slice { bytes, .. }, passed, mut reserved } = self;
        let page = Page { records, range, bytes, reserved: std::mem::take(&mut reserved.reserved) };
        match lock(intake.builder()).push(page) {
            Push::Taken => {
                passed.kept();
                Ok(())
            }
            Push::Refused(refused) => {
                reserved.reserved = refused;
                Err(StoreClosed)
            }
        }
    }
}

impl<R, M> Drop for Given<'_, R, M> {
    fn drop(&mut self) {
        let unused = std::mem::take(&mut self.reserved);
        if unused.bytes() > 0 {
            self.intake.budget().give_back(unused);
        }
    }
}

impl<R, M> fmt::Debug for Room<'_, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("slice", &self.slice).finish_non_exhaustive()
    }
}
