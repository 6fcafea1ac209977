//! Where the streams of a context leave word for the one who takes their blocks to disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::block::BlockId;
use crate::block_store::BlockStore;
use crate::lock::lock;

/// One for a context.
#[derive(Debug)]
pub(crate) struct SpillDesk {
    store: Arc<dyn BlockStore>,
    next_seal: AtomicU64,
    bell: Notify,
    // Blocks of the store that nobody needs any more; removing a file takes too long for those who find that out. At most as
    // many as there were blocks in the last batches.
    dropped: Mutex<Vec<BlockId>>,
}

/// The place of a block in the order of cutting, over all streams of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seal(u64);

impl Seal {
    #[cfg(test)]
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl SpillDesk {
    pub(crate) fn new(store: Arc<dyn BlockStore>) -> Self {
        Self { store, next_seal: AtomicU64::new(0), bell: Notify::new(), dropped: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &Arc<dyn BlockStore> {
        &self.store
    }

    pub(crate) fn next_seal(&self) -> Seal {
        Seal(self.next_seal.fetch_add(1, Ordering::Relaxed))
    }

    /// There is a block that may have to go.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Resolves when the bell was rung since the last call; for one who listens.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// These blocks of the store are to be removed.
    pub(crate) fn drop_later(&self, blocks: Vec<BlockId>) {
        if !blocks.is_empty() {
            lock(&self.dropped).extend(blocks);
            self.ring();
        }
    }

    pub(crate) fn has_dropped(&self) -> bool {
        !lock(&self.dropped).is_empty()
    }

    /// Removes the dropped blocks from the store; blocks.
    pub(crate) fn remove_dropped(&self) {
        let dropped = std::mem::take(&mut *lock(&self.dropped));
        dropped.into_iter().for_each(|id| self.store.remove(id));
    }
}
