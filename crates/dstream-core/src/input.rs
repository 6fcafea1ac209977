//! A receiver stream as the scheduler sees it: start, cut, report, release, stop, close, without its types.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::FutureExt;

use crate::block::{BlockId, StreamId};
use crate::block_store::BlockStoreError;
use crate::error::{StreamingError, panic_message};
use crate::held_blocks::{Content, HeldBlocks};
use crate::rate::RecordsPerSecond;
use crate::receiver::{Positions, Receiver, ReceiverError};
use crate::receiver_store::{Intake, ReceiverStore};
use crate::replay_desk::{ReplayDesk, TypedDesk};
use crate::spill::{Candidate, SpillDesk};
use crate::storage_level::StorageLevel;
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
    /// Refuses pages from now on.
    fn refuse_pages(&self);
    async fn stop_fetching(&self);
    async fn close(&self) -> Result<(), ReceiverError>;
}

pub(crate) struct ReceiverInput<Rc: Receiver> {
    // Asynchronous, because its calls are; they follow one another anyway.
    receiver: tokio::sync::Mutex<Rc>,
    positions: OnceLock<Arc<dyn Positions<Rc::Range>>>,
    intake: Arc<Intake<Rc::Record, Rc::Range>>,
    held: Arc<HeldBlocks<Rc::Record, Rc::Range>>,
}

/// A sealed block of a receiver.
pub(crate) type ContentOf<Rc> = Content<<Rc as Receiver>::Record, <Rc as Receiver>::Range>;

impl<Rc: Receiver> ReceiverInput<Rc> {
    pub(crate) fn new(
        receiver: Rc,
        level: StorageLevel,
        desk: Arc<SpillDesk>,
        intake: Intake<Rc::Record, Rc::Range>,
    ) -> Self {
        let held = Arc::new(HeldBlocks::new(level.placement(), desk, Arc::clone(intake.budget())));
        let (receiver, intake) = (tokio::sync::Mutex::new(receiver), Arc::new(intake));
        Self { receiver, positions: OnceLock::new(), intake, held }
    }

    /// The block, or `None` once it was released. Blocks while it is read from disk.
    pub(crate) fn block(&self, id: BlockId) -> Result<Option<ContentOf<Rc>>, BlockStoreError> {
        self.held.content(id)
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
