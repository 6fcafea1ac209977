//! A receiver stream as the scheduler sees it: start, cut, report, release, stop, close, without its types.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use futures::FutureExt;

use crate::block::{Block, BlockId, StreamId};
use crate::block_builder::SealedBlock;
use crate::block_store::{BlockStore, BlockStoreError, StoredBlock};
use crate::error::{StreamingError, panic_message};
use crate::lock::lock;
use crate::memory_budget::Reserved;
use crate::rate::RecordsPerSecond;
use crate::receiver::{Positions, Receiver, ReceiverError};
use crate::receiver_store::{Intake, ReceiverStore};
use crate::storage_level::StorageLevel;
use crate::time::Time;
use crate::tracker::BlockInfo;

#[async_trait]
pub(crate) trait Input: Send + Sync {
    fn stream(&self) -> StreamId;
    fn name(&self) -> &Arc<str>;
    async fn start(&self) -> Result<(), ReceiverError>;
    /// Seals what was stored since the last cut and puts it into the block store.
    fn cut(&self) -> Result<Option<BlockInfo>, StreamingError>;
    /// The block is queued for a batch.
    fn report_stored(&self, block: BlockId);
    /// The batch that holds these blocks is done.
    fn report_processed(&self, batch: Time, blocks: &[BlockInfo]);
    /// Nobody needs these blocks any more: drops them and gives their bytes back.
    fn release(&self, blocks: &[BlockInfo]);
    /// Drops every block that there is.
    fn release_all(&self);
    /// Holds the receiver to this rate, or to its maximum; returns the limit.
    fn limit_rate(&self, rate: RecordsPerSecond) -> Option<RecordsPerSecond>;
    /// Refuses pages from now on.
    fn refuse_pages(&self);
    async fn stop_fetching(&self);
    async fn close(&self) -> Result<(), ReceiverError>;
}

pub(crate) struct ReceiverInput<Rc: Receiver> {
    level: StorageLevel,
    store: Arc<dyn BlockStore>,
    // Asynchronous, because its calls are; they follow one another anyway.
    receiver: tokio::sync::Mutex<Rc>,
    positions: OnceLock<Arc<dyn Positions<Rc::Range>>>,
    intake: Arc<Intake<Rc::Record, Rc::Range>>,
    // What is kept of a block outside of the store. Held for one map operation.
    held: Mutex<BTreeMap<BlockId, Held<Rc::Range>>>,
}

/// A sealed block of a receiver.
pub(crate) type BlockOf<Rc> = Arc<Block<<Rc as Receiver>::Record, <Rc as Receiver>::Range>>;

struct Held<M> {
    ranges: Arc<[M]>,
    reserved: Reserved,
}

impl<Rc: Receiver> ReceiverInput<Rc> {
    pub(crate) fn new(
        receiver: Rc,
        level: StorageLevel,
        store: Arc<dyn BlockStore>,
        intake: Intake<Rc::Record, Rc::Range>,
    ) -> Self {
        let (receiver, intake) = (tokio::sync::Mutex::new(receiver), Arc::new(intake));
        Self { level, store, receiver, positions: OnceLock::new(), intake, held: Mutex::default() }
    }

    /// The block, or `None` once it was released.
    pub(crate) fn block(&self, id: BlockId) -> Result<Option<BlockOf<Rc>>, BlockStoreError> {
        Ok(self.store.get(id)?.and_then(StoredBlock::downcast))
    }

    /// Where the records of a block came from, in words.
    pub(crate) fn describe(&self, id: BlockId) -> String {
        let ranges = self.ranges(id);
        let mut text = format!("records of {:?}, block {id}", self.intake.name());
        for (separator, range) in std::iter::once(": ").chain(std::iter::repeat(", ")).zip(ranges.iter()) {
            text.push_str(separator);
            text.push_str(&range.to_string());
        }
        text
    }

    fn ranges(&self, id: BlockId) -> Arc<[Rc::Range]> {
        lock(&self.held).get(&id).map_or_else(|| Arc::from([]), |held| Arc::clone(&held.ranges))
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
        let Some(SealedBlock { block, reserved }) = self.intake.cut() else { return Ok(None) };
        let info = BlockInfo { id: block.id(), records: block.records().len(), bytes: block.size_bytes() };
        let ranges = Arc::from(block.ranges());
        lock(&self.held).insert(info.id, Held { ranges, reserved });
        self.store
            .put(info.id, StoredBlock::new(block), self.level)
            .map_err(|source| StreamingError::BlockStore { block: info.id, source: Arc::new(source) })?;
        Ok(Some(info))
    }

    fn report_stored(&self, block: BlockId) {
        if let Some(positions) = self.positions.get() {
            positions.on_stored(&self.ranges(block));
        }
    }

    fn report_processed(&self, batch: Time, blocks: &[BlockInfo]) {
        let ranges: Vec<Rc::Range> = blocks.iter().flat_map(|block| self.ranges(block.id).to_vec()).collect();
        if let Some(positions) = self.positions.get() {
            positions.on_processed(batch, &ranges);
        }
    }

    fn release(&self, blocks: &[BlockInfo]) {
        for block in blocks {
            self.store.remove(block.id);
            let held = lock(&self.held).remove(&block.id);
            if let Some(held) = held {
                self.intake.budget().give_back(held.reserved);
            }
        }
    }

    fn release_all(&self) {
        let held = std::mem::take(&mut *lock(&self.held));
        for (id, Held { reserved, .. }) in held {
            self.store.remove(id);
            self.intake.budget().give_back(reserved);
        }
    }

    fn limit_rate(&self, rate: RecordsPerSecond) -> Option<RecordsPerSecond> {
        self.intake.rates().update(rate)
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
async fn caught<R>(call: impl Future<Output = R> + Send) -> Result<R, ReceiverError> {
    let result = AssertUnwindSafe(call).catch_unwind().await;
    result.map_err(|panic| ReceiverError::new(format!("the receiver panicked: {}", panic_message(&*panic))))
}
