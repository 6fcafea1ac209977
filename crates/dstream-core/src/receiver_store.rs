//! The handle through which a receiver stores pages, says that it is ready, and fails the application.

use std::fmt;
use std::sync::{Arc, Mutex};

use thiserror::Error;

use crate::block::{BlockRange, BlockRecord, StreamId};
use crate::block_builder::{BlockBuilder, SealedBlock};
use crate::control::Control;
use crate::deposit::Deposit;
use crate::error::StreamingError;
use crate::event::Event;
use crate::lock::lock;
use crate::memory_budget::{Holder, MemoryBudget, Reserved};
use crate::page_slices::{Slice, bytes_at_once, first_slice};
use crate::rate::{RateCap, RateGate, RecordsPerSecond};
use crate::receiver::ReceiverError;
use crate::room::Room;
use crate::store_gate::StoreGate;

/// What a receiver stores through. Cheap to clone; all clones feed the same stream, and have one share of the memory budget; see
/// [`lane`](Self::lane).
pub struct ReceiverStore<R, M> {
    intake: Arc<Intake<R, M>>,
    holder: Holder,
}

impl<R: BlockRecord, M: BlockRange> ReceiverStore<R, M> {
    pub(crate) fn new(intake: Arc<Intake<R, M>>) -> Self {
        let holder = intake.budget.new_holder();
        Self { intake, holder }
    }

    /// A handle to the same stream with a share of its own of the memory budget: for a task of the receiver that reads a part of the
    /// source, such as a shard. While pages wait for memory, the one whose handle holds least comes first, so a part that brings much
    /// does not keep the others out.
    #[must_use]
    pub fn lane(&self) -> Self {
        Self::new(Arc::clone(&self.intake))
    }

    /// Stores one page of records, all from `range`. The page is atomic: it lands whole in one block. Pages of one task
    /// are stored in the order of its calls. A page may be empty; its range then counts as stored all the same.
    ///
    /// While unfinished batches of an earlier run are run again, it waits for their end. Then it waits until the rate limit of the
    /// receiver lets the page pass, if there is one: a page passes whole, and the next one waits until it is paid for. Then it waits
    /// while the memory budget of the context is used up; a page larger than the whole budget waits until it is alone. Whoever can cut a page in two asks for [`room`](Self::room) instead.
    ///
    /// # Errors
    /// [`StoreClosed`] when the context has stopped taking data: the page was not stored, and the caller should end.
    ///
    /// # Cancellation
    /// Safe: a dropped call has stored nothing.
    pub async fn store(&self, page: Vec<R>, range: M) -> Result<(), StoreClosed> {
        let whole = first_slice(page.iter().map(BlockRecord::size_bytes), None, usize::MAX);
        self.room_for(whole, &mut self.deposit(0)).await?.store(page, range)
    }

    /// Sets `bytes` of the memory budget aside for a page that is about to be taken apart; nothing if they are not free, or others wait
    /// for them, and nothing while there is a rate limit: it would wait for its turn with memory that other streams need. As long as the deposit holds what the page needs, the next one may be fetched meanwhile, and the receiver has no more
    /// than one page outside of the budget.
    pub fn deposit(&self, bytes: usize) -> Deposit<'_> {
        let Intake { gate, rates, budget, .. } = &*self.intake;
        let at_once = gate.is_open() && rates.limit().is_none();
        let reserved = if at_once { budget.reserve_now(self.holder, bytes) } else { None };
        Deposit::new(budget, reserved.unwrap_or_default())
    }

    /// Whether less than a quarter of the memory budget is free. A receiver may ask for smaller pages then: what a page takes until it is
    /// stored comes on top of the budget.
    pub fn is_memory_scarce(&self) -> bool {
        let budget = &self.intake.budget;
        budget.free() < budget.limit() / 4
    }

    /// Waits for room for as many of `records`, from the first on, as may be stored at once: no more than the rate limit lets come in a
    /// second, no more bytes than the deposit and the free memory hold (or a sixteenth of the budget, if there is no deposit and less is
    /// free), at least one. While there is a rate limit, the deposit is given back first. The room is for exactly these; the next call, for the rest, goes by the limits as they are then.
    ///
    /// # Errors
    /// [`StoreClosed`] when the context has stopped taking data.
    ///
    /// # Cancellation
    /// Safe: a dropped call, or a room that is dropped, has stored nothing.
    pub async fn room(&self, records: &[R], deposit: &mut Deposit<'_>) -> Result<Room<'_, R, M>, StoreClosed> {
        let Intake { rates, budget, gate, .. } = &*self.intake;
        if !gate.is_open() {
            // Memory belongs to others until it opens.
            deposit.give_back();
            gate.pass().await.map_err(|_| StoreClosed)?;
        }
        let (rate, sizes) = (rates.limit(), || records.iter().map(BlockRecord::size_bytes));
        let all = first_slice(sizes(), rate, usize::MAX);
        if rate.is_some() {
            // Who waits for the rate limit holds no memory.
            deposit.give_back();
            let slice = first_slice(sizes(), rate, bytes_at_once(budget.free(), budget.limit()));
            return self.room_for(slice, deposit).await;
        }
        let missing = all.bytes.saturating_sub(deposit.bytes());
        if let Some(more) = budget.reserve_now(self.holder, missing) {
            deposit.add(more);
        }
        let slice = match deposit.bytes() {
            enough if enough >= all.bytes => all,
            0 => first_slice(sizes(), rate, bytes_at_once(budget.free(), budget.limit())),
            some => first_slice(sizes(), rate, some),
        };
        self.room_for(slice, deposit).await
    }

    async fn room_for(&self, slice: Slice, deposit: &mut Deposit<'_>) -> Result<Room<'_, R, M>, StoreClosed> {
        let Intake { rates, budget, gate, .. } = &*self.intake;
        gate.pass().await.map_err(|_| StoreClosed)?;
        let records = u64::try_from(slice.records).unwrap_or(u64::MAX);
        let passed = rates.pass(records).await.map_err(|_| StoreClosed)?;
        let reserved = match deposit.take(slice.bytes) {
            Some(reserved) => reserved,
            None => {
                // Who waits holds nothing: two that wait for each other's deposits would wait for ever.
                deposit.give_back();
                budget.reserve(self.holder, slice.bytes).await.map_err(|_| StoreClosed)?
            }
        };
        Ok(Room::new(&self.intake, slice, passed, reserved))
    }

    /// The most records per second that `store` lets pass now; `None` when there is no limit. A receiver may ask for smaller
    /// pages then, so that they come evenly.
    pub fn rate_limit(&self) -> Option<RecordsPerSecond> {
        self.intake.rates.limit()
    }

    /// Says that this receiver has all it needs: nothing that is produced from now on is missed. Once is enough.
    pub fn ready(&self) {
        let Intake { stream, name, control, .. } = &*self.intake;
        if control.receiver_ready(*stream) {
            control.emit(&Event::ReceiverReady { stream: *stream, name: Arc::clone(name) });
        }
    }

    /// Stops the application with this error, unless another error was first.
    pub fn fail(&self, error: ReceiverError) {
        let Intake { stream, name, control, .. } = &*self.intake;
        let (stream, name, source) = (*stream, Arc::clone(name), Arc::new(error));
        control.emit(&Event::ReceiverFailed { stream, name: Arc::clone(&name), error: Arc::clone(&source) });
        control.fail(StreamingError::Receiver { stream, name, source });
    }

    /// The stream that is stored into.
    pub fn stream_id(&self) -> StreamId {
        self.intake.stream
    }
}

// By hand: a derived `Clone` would ask for `R: Clone`.
impl<R, M> Clone for ReceiverStore<R, M> {
    fn clone(&self) -> Self {
        Self { intake: Arc::clone(&self.intake), holder: self.holder }
    }
}

impl<R, M> fmt::Debug for ReceiverStore<R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverStore").field("stream", &self.intake.stream).finish_non_exhaustive()
    }
}

/// The context has stopped taking data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the context has stopped taking data: end the task that stores")]
pub struct StoreClosed;

/// Where the pages of one stream come in.
pub(crate) struct Intake<R, M> {
    stream: StreamId,
    name: Arc<str>,
    // Held for one push or one cut; pages come from several tasks of a receiver.
    builder: Mutex<BlockBuilder<R, M>>,
    budget: Arc<MemoryBudget>,
    control: Arc<Control>,
    rates: RateGate,
    gate: StoreGate,
}

impl<R, M> Intake<R, M> {
    pub(crate) fn new(stream: StreamId, name: Arc<str>, budget: Arc<MemoryBudget>, control: Arc<Control>) -> Self {
        let (builder, rates) = (Mutex::new(BlockBuilder::new(stream)), RateGate::new(RateCap::default()));
        Self { stream, name, builder, budget, control, rates, gate: StoreGate::default() }
    }

    /// The same, held to a rate.
    pub(crate) fn limited(mut self, cap: RateCap) -> Self {
        self.rates = RateGate::new(cap);
        self
    }

    pub(crate) const fn rates(&self) -> &RateGate {
        &self.rates
    }

    pub(crate) const fn stream(&self) -> StreamId {
        self.stream
    }

    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) const fn budget(&self) -> &Arc<MemoryBudget> {
        &self.budget
    }

    pub(crate) const fn builder(&self) -> &Mutex<BlockBuilder<R, M>> {
        &self.builder
    }

    pub(crate) const fn gate(&self) -> &StoreGate {
        &self.gate
    }

    /// Seals records that no page brought as the next block.
    pub(crate) fn seal(
        &self,
        pages: Vec<Vec<R>>,
        ranges: Vec<M>,
        bytes: usize,
        reserved: Reserved,
    ) -> SealedBlock<R, M> {
        lock(&self.builder).seal(pages, ranges, bytes, reserved)
    }

    pub(crate) fn cut(&self) -> Option<SealedBlock<R, M>> {
        lock(&self.builder).cut()
    }

    /// Refuses pages from now on.
    pub(crate) fn close(&self) {
        self.gate.close();
        self.rates.close();
        lock(&self.builder).close();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_page_that_waits_for_the_rate_limit_holds_no_memory() {
        let page = vec![Bytes::from_static(b"a record"); 4];
        let cost: usize = page.iter().map(BlockRecord::size_bytes).sum();
        let budget = Arc::new(MemoryBudget::new(cost));
        let store = |stream| {
            let (budget, control) = (Arc::clone(&budget), Arc::default());
            ReceiverStore::new(Arc::new(Intake::<Bytes, u64>::new(StreamId::new(stream), "s".into(), budget, control)))
        };
        let (slow, other) = (store(0), store(1));
        let mut deposit = slow.deposit(cost);
        assert_eq!(deposit.bytes(), cost);
        slow.intake.rates.update(RecordsPerSecond::new(1.0).unwrap());
        slow.room(&page, &mut deposit).await.unwrap().store(vec![page[0].clone()], 0).unwrap();
        assert_eq!((deposit.bytes(), slow.deposit(1).bytes()), (0, 0));
        let rest = slow.room(&page[1..], &mut deposit);
        tokio::pin!(rest);
        assert!(futures::poll!(&mut rest).is_pending());
        assert_eq!(budget.free(), cost / 4 * 3);
        other.store(page[1..].to_vec(), 0).now_or_never().unwrap().unwrap();
    }
}
