//! The handle through which a receiver stores pages, says that it is ready, and fails the application.

use std::fmt;
use std::sync::{Arc, Mutex};

use thiserror::Error;

use crate::block::{BlockRange, BlockRecord, StreamId};
use crate::block_builder::{BlockBuilder, Page, Push, SealedBlock};
use crate::control::Control;
use crate::error::StreamingError;
use crate::event::Event;
use crate::lock::lock;
use crate::memory_budget::{MemoryBudget, Reserved};
use crate::rate::{Passed, RateCap, RateGate, RecordsPerSecond};
use crate::receiver::ReceiverError;
use crate::store_gate::StoreGate;

/// What a receiver stores through. Cheap to clone; all clones feed the same stream.
pub struct ReceiverStore<R, M> {
    intake: Arc<Intake<R, M>>,
}

impl<R: BlockRecord, M: BlockRange> ReceiverStore<R, M> {
    pub(crate) const fn new(intake: Arc<Intake<R, M>>) -> Self {
        Self { intake }
    }

    /// Stores one page of records, all from `range`. The page is atomic: it lands whole in one block. Pages of one task
    /// are stored in the order of its calls. A page may be empty; its range then counts as stored all the same.
    ///
    /// While unfinished batches of an earlier run are run again, it waits for their end. Then it waits until the rate limit of the receiver lets the page pass, if there is one: a page passes whole, and the next one
    /// waits until it is paid for. Then waits while the memory budget of the context is used up; a page larger than the whole
    /// budget waits until it is alone.
    ///
    /// # Errors
    /// [`StoreClosed`] when the context has stopped taking data: the page was not stored, and the caller should end.
    ///
    /// # Cancellation
    /// Safe: a dropped call has stored nothing.
    pub async fn store(&self, page: Vec<R>, range: M) -> Result<(), StoreClosed> {
        let bytes = page.iter().map(BlockRecord::size_bytes).fold(0, usize::saturating_add);
        let intake = &self.intake;
        intake.gate.pass().await.map_err(|_| StoreClosed)?;
        let records = u64::try_from(page.len()).unwrap_or(u64::MAX);
        let passed = intake.rates.pass(records).await.map_err(|_| StoreClosed)?;
        let reserved = intake.budget.reserve(bytes).await.map_err(|_| StoreClosed)?;
        let push = lock(&intake.builder).push(Page { records: page, range, bytes, reserved });
        match push {
            Push::Taken => {
                Passed::kept(passed);
                Ok(())
            }
            Push::Refused(reserved) => {
                intake.budget.give_back(reserved);
                Err(StoreClosed)
            }
        }
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
        Self { intake: Arc::clone(&self.intake) }
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

    pub(crate) const fn gate(&self) -> &StoreGate {
        &self.gate
    }

    /// Seals records that no page brought as the next block.
    pub(crate) fn seal(&self, records: Vec<R>, ranges: Vec<M>, bytes: usize, reserved: Reserved) -> SealedBlock<R, M> {
        lock(&self.builder).seal(records, ranges, bytes, reserved)
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
