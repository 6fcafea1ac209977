//! The block store seam: where blocks go that leave the memory, until the batches that need them are done.
//!
//! Two versions: [`DiskBlockStore`](crate::DiskBlockStore) for programs and [`MemoryBlockStore`] for tests. Both are called
//! where blocking does no harm: by tasks, and on threads for blocking work.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use bytes::Bytes;
use thiserror::Error;

use crate::block::BlockId;
use crate::error::BoxError;
use crate::lock::lock;

/// Keeps encoded blocks by name, for as long as the process lives. All calls may block.
pub trait BlockStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps `block` under `id`, in place of what was there.
    ///
    /// # Errors
    /// When the block could not be kept; it stays in memory then, and the next steps are those of the
    /// [`StorageLevel`](crate::StorageLevel).
    fn put(&self, id: BlockId, block: &Bytes) -> Result<(), BlockStoreError>;

    /// The block under `id`, if there is one.
    ///
    /// # Errors
    /// When the store cannot tell, or cannot read it as it was written; the batch attempt that asked fails.
    fn get(&self, id: BlockId) -> Result<Option<Bytes>, BlockStoreError>;

    /// Forgets the block under `id`, if there is one.
    fn remove(&self, id: BlockId);
}

/// A block could not be kept, or not be had back; the text of its cause says where, and what to do.
#[derive(Debug, Error)]
#[error("the block store failed")]
pub struct BlockStoreError {
    source: BoxError,
}

impl BlockStoreError {
    /// Wraps the error of a store.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into() }
    }
}

/// Keeps encoded blocks in memory, outside of the memory budget: for tests of programs and of stores.
#[derive(Debug, Default)]
pub struct MemoryBlockStore {
    // Held for one map operation at a time.
    blocks: Mutex<BTreeMap<BlockId, Bytes>>,
}

impl MemoryBlockStore {
    /// How many blocks there are.
    pub fn len(&self) -> usize {
        lock(&self.blocks).len()
    }

    /// True when there is no block.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl BlockStore for MemoryBlockStore {
    fn put(&self, id: BlockId, block: &Bytes) -> Result<(), BlockStoreError> {
        lock(&self.blocks).insert(id, block.clone());
        Ok(())
    }

    fn get(&self, id: BlockId) -> Result<Option<Bytes>, BlockStoreError> {
        Ok(lock(&self.blocks).get(&id).cloned())
    }

    fn remove(&self, id: BlockId) {
        lock(&self.blocks).remove(&id);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::block::StreamId;

    /// What every block store promises.
    pub(crate) fn conforms(store: &dyn BlockStore) {
        let ids = [0, 1].map(|number| BlockId::new(StreamId::new(0), number));
        assert_eq!(store.get(ids[0]).unwrap(), None);
        store.put(ids[0], &Bytes::from_static(b"one")).unwrap();
        store.put(ids[1], &Bytes::new()).unwrap();
        assert_eq!(store.get(ids[0]).unwrap().unwrap(), "one");
        assert_eq!(store.get(ids[1]).unwrap().unwrap(), "");
        store.put(ids[0], &Bytes::from_static(b"two")).unwrap();
        assert_eq!(store.get(ids[0]).unwrap().unwrap(), "two");
        store.remove(ids[0]);
        store.remove(ids[0]);
        assert_eq!(store.get(ids[0]).unwrap(), None);
        store.remove(ids[1]);
        store.put(ids[0], &Bytes::from_static(b"again")).unwrap();
        assert_eq!(store.get(ids[0]).unwrap().unwrap(), "again");
    }

    #[test]
    fn the_memory_store_conforms() {
        conforms(&MemoryBlockStore::default());
    }
}
