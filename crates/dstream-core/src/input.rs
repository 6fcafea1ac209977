//! A receiver stream as the scheduler sees it: start, cut, report, release, stop, close, without its types.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::block::{Block, BlockId, BlockRecord as _, StreamId};
use crate::block_store::BlockStoreError;
use crate::error::{BoxError, StreamingError, panic_message};
use crate::failed_records::{DeadLetter, OnFailedRecord, ReceiverOptions, RecordFate};
use crate::held_blocks::{Content, HeldBlocks};
use crate::left_out::RecordId;
use crate::rate::RecordsPerSecond;
use crate::receiver::{Positions, Receiver, ReceiverError};
use crate::receiver_store::{Intake, ReceiverStore};
use crate::replay_desk::{ReplayDesk, TypedDesk};
use crate::spill::{BlockFrames, Candidate, SpillDesk};
use crate::store_gate::StoreGate;
use crate::time::Time;
use crate::tracker::BlockInfo;

/// Tells receivers what was processed, once.
pub(crate) type Report = Box<dyn FnOnce() + Send>;

#[async_trait]
pub(crate) trait Input: Send + Sync {
    fn stream(&self) -> StreamId;
    fn name(&self) -> &Arc<str>;
    async fn start(&self) -> Result<(), ReceiverError>;
    /// Seals what was stored since the last cut.
    fn cut(&self) -> Result<Option<BlockInfo>, StreamingError>;
    /// The block is queued for a batch.
    fn report_stored(&self, block: BlockId);
    /// What tells the receiver that the batch that holds these blocks is done; it may be called when they are gone.
    fn processed(&self, batch: Time, blocks: &[BlockInfo]) -> Report;
    /// Nobody needs these blocks any more: drops them and gives their bytes back.
    fn release(&self, blocks: &[BlockInfo]);
    /// Drops every block that there is.
    fn release_all(&self);
    /// Holds the receiver to this rate, or to its maximum; returns the limit.
    fn limit_rate(&self, rate: RecordsPerSecond) -> Option<RecordsPerSecond>;
    /// Whether the storage level knows the disk.
    fn uses_disk(&self) -> bool;
    /// The blocks that may go to disk.
    fn spillable(&self) -> Vec<Candidate>;
    /// Takes a block to disk; blocks.
    fn spill(&self, block: BlockId) -> Result<(), BlockStoreError>;
    /// What reads the receiver's ranges again, if it can. Asked once, before the start.
    async fn replay_desk(&self) -> Result<Option<Arc<dyn ReplayDesk>>, ReceiverError>;
    /// Where pages wait while unfinished batches are run again.
    fn gate(&self) -> &StoreGate;
    /// How many records of a batch may be left out, at most.
    fn may_leave_out(&self) -> usize;
    /// What becomes of those that are.
    fn fate(&self) -> RecordFate;
    /// A record of a block that was not released; blocks while it is read from disk.
    fn failed_record(&self, id: RecordId) -> Result<FailedRecord, BoxError>;
    /// Refuses pages from now on.
    fn refuse_pages(&self);
    async fn stop_fetching(&self);
    async fn close(&self) -> Result<(), ReceiverError>;
}

/// A record that is left out, without its type.
pub(crate) struct FailedRecord {
    /// Where it came from, in words.
    pub(crate) place: String,
    pub(crate) name: Arc<str>,
    pub(crate) fate: RecordFate,
    /// Makes it safe; does nothing if it is to be skipped.
    pub(crate) hand_over: HandOver,
}

pub(crate) type HandOver = Box<dyn Fn(Arc<Failure>) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// How the program failed on a record.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) batch: Time,
    pub(crate) attempts: u32,
    pub(crate) error: Arc<str>,
}

pub(crate) struct ReceiverInput<Rc: Receiver> {
    // Asynchronous, because its calls are; they follow one another anyway.
    receiver: tokio::sync::Mutex<Rc>,
    positions: OnceLock<Arc<dyn Positions<Rc::Range>>>,
    intake: Arc<Intake<Rc::Record, Rc::Range>>,
    held: Arc<HeldBlocks<Rc::Record, Rc::Range>>,
    on_failed_record: OnFailedRecord<Rc::Record>,
    may_leave_out: usize,
}

/// A sealed block of a receiver.
pub(crate) type ContentOf<Rc> = Content<<Rc as Receiver>::Record, <Rc as Receiver>::Range>;

impl<Rc: Receiver> ReceiverInput<Rc> {
    pub(crate) fn new(
        receiver: Rc,
        options: ReceiverOptions<Rc::Record>,
        desk: Arc<SpillDesk>,
        intake: Intake<Rc::Record, Rc::Range>,
    ) -> Self {
        let may_leave_out = options.may_leave_out();
        let held = Arc::new(HeldBlocks::new(options.level.placement(), desk, Arc::clone(intake.budget())));
        let (receiver, intake) = (tokio::sync::Mutex::new(receiver), Arc::new(intake));
        let on_failed_record = options.on_failed_record;
        Self { receiver, positions: OnceLock::new(), intake, held, on_failed_record, may_leave_out }
    }

    /// The block, or `None` once it was released. Blocks while it is read from disk.
    pub(crate) fn block(&self, id: BlockId) -> Result<Option<ContentOf<Rc>>, BlockStoreError> {
        self.held.content(id)
    }

    /// A record of a block, owned.
    fn owned(&self, id: RecordId) -> Result<Owned<Rc>, BoxError> {
        let gone = || BoxError::from(format!("{id} is gone; please report this"));
        match self.block(id.block)?.ok_or_else(gone)? {
            Content::Memory(block) => Ok(Owned::Shared(block, id.record)),
            Content::Encoded(block) => {
                let frame = BlockFrames::of(block).nth(id.record).ok_or_else(gone)?;
                Ok(Owned::Alone(Rc::Record::decode(frame?)?))
            }
        }
    }

    /// Where the records of a block came from, in words.
    pub(crate) fn describe(&self, id: BlockId) -> String {
        let ranges = self.held.ranges(id);
        let mut text = format!("records of {:?}, block {id}", self.intake.name());
        for (separator, range) in std::iter::once(": ").chain(std::iter::repeat(", ")).zip(ranges.iter()) {
            text.push_str(separator);
            text.push_str(&range.to_string());
        }
        text
    }
}

/// A record that outlives the call that looked it up.
enum Owned<Rc: Receiver> {
    Shared(Arc<Block<Rc::Record, Rc::Range>>, usize),
    Alone(Rc::Record),
}

impl<Rc: Receiver> Owned<Rc> {
    fn record(&self) -> Option<&Rc::Record> {
        match self {
            Self::Shared(block, record) => block.records().get(*record),
            Self::Alone(record) => Some(record),
        }
    }
}

#[async_trait]
impl<Rc: Receiver> Input for ReceiverInput<Rc> {
    fn stream(&self) -> StreamId {
        self.intake.stream()
    }

    fn name(&self) -> &Arc<str> {
        self.intake.name()
    }

    async fn start(&self) -> Result<(), ReceiverError> {
        let mut receiver = self.receiver.lock().await;
        let start = async {
            let _ = self.positions.set(receiver.positions());
            receiver.start(ReceiverStore::new(Arc::clone(&self.intake))).await
        };
        caught(start).await?
    }

    fn cut(&self) -> Result<Option<BlockInfo>, StreamingError> {
        Ok(self.intake.cut().map(|sealed| self.held.add(sealed)))
    }

    fn report_stored(&self, block: BlockId) {
        if let Some(positions) = self.positions.get() {
            positions.on_stored(&self.held.ranges(block));
        }
    }

    fn processed(&self, batch: Time, blocks: &[BlockInfo]) -> Report {
        let ranges: Vec<Rc::Range> = blocks.iter().flat_map(|block| self.held.ranges(block.id).to_vec()).collect();
        let positions = self.positions.get().cloned();
        Box::new(move || {
            if let Some(positions) = positions {
                positions.on_processed(batch, &ranges);
            }
        })
    }

    fn release(&self, blocks: &[BlockInfo]) {
        self.held.release(blocks.iter().map(|block| block.id));
    }

    fn release_all(&self) {
        self.held.release_all();
    }

    fn uses_disk(&self) -> bool {
        self.held.uses_disk()
    }

    fn spillable(&self) -> Vec<Candidate> {
        self.held.spillable()
    }

    fn spill(&self, block: BlockId) -> Result<(), BlockStoreError> {
        self.held.spill(block)
    }

    fn limit_rate(&self, rate: RecordsPerSecond) -> Option<RecordsPerSecond> {
        self.intake.rates().update(rate)
    }

    async fn replay_desk(&self) -> Result<Option<Arc<dyn ReplayDesk>>, ReceiverError> {
        let receiver = self.receiver.lock().await;
        let replay = catch_unwind(AssertUnwindSafe(|| receiver.replay())).map_err(|panic| panicked(&*panic))?;
        Ok(replay.map(|replay| {
            let desk = TypedDesk::new(replay, Arc::clone(&self.intake), Arc::clone(&self.held));
            let desk: Arc<dyn ReplayDesk> = Arc::new(desk);
            desk
        }))
    }

    fn gate(&self) -> &StoreGate {
        self.intake.gate()
    }

    fn may_leave_out(&self) -> usize {
        self.may_leave_out
    }

    fn fate(&self) -> RecordFate {
        match self.on_failed_record {
            OnFailedRecord::DeadLetter(_) => RecordFate::DeadLettered,
            OnFailedRecord::Stop | OnFailedRecord::Skip => RecordFate::Skipped,
        }
    }

    fn failed_record(&self, id: RecordId) -> Result<FailedRecord, BoxError> {
        let owned = Arc::new(self.owned(id)?);
        let raw = owned.record().ok_or_else(|| format!("there is no {id}; please report this"))?;
        let place = raw.describe().unwrap_or_else(|| id.to_string());
        let (stream, name) = (self.stream(), Arc::clone(self.name()));
        let letters = match &self.on_failed_record {
            OnFailedRecord::DeadLetter(letters) => Some(Arc::clone(letters)),
            OnFailedRecord::Stop | OnFailedRecord::Skip => None,
        };
        let (fate, of_letter) = (self.fate(), Arc::clone(&name));
        let hand_over: HandOver = Box::new(move |failure| {
            let (owned, letters, name) = (Arc::clone(&owned), letters.clone(), Arc::clone(&of_letter));
            let put = async move {
                let (Some(letters), Some(record)) = (letters, owned.record()) else { return Ok(()) };
                let Failure { batch, attempts, error } = &*failure;
                let (batch, attempts) = (*batch, *attempts);
                letters.put(DeadLetter { record, stream, name: &name, batch, attempts, error }).await
            };
            put.boxed()
        });
        Ok(FailedRecord { place, name, fate, hand_over })
    }

    fn refuse_pages(&self) {
        self.intake.close();
    }

    async fn stop_fetching(&self) {
        let mut receiver = self.receiver.lock().await;
        if let Err(error) = caught(receiver.stop_fetching()).await {
            tracing::error!(stream = %self.stream(), %error, "a receiver panicked while it stopped fetching");
        }
    }

    async fn close(&self) -> Result<(), ReceiverError> {
        let mut receiver = self.receiver.lock().await;
        caught(receiver.close()).await?
    }
}

/// Turns a panic of a receiver into its error, so that the other receivers still get stopped and closed.
pub(crate) async fn caught<R>(call: impl Future<Output = R> + Send) -> Result<R, ReceiverError> {
    let result = AssertUnwindSafe(call).catch_unwind().await;
    result.map_err(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> ReceiverError {
    ReceiverError::new(format!("the receiver panicked: {}", panic_message(panic)))
}
