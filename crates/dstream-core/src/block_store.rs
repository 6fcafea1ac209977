//! The block store seam: where sealed blocks wait until the batches that need them are done.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use thiserror::Error;

use crate::block::{Block, BlockId};
use crate::error::BoxError;
use crate::lock::lock;
use crate::storage_level::StorageLevel;

/// Keeps blocks by name. Calls come from the scheduling task and from the task pool, and return quickly.
pub trait BlockStore: Send + Sync + 'static {
    /// Keeps `block` under `id`, in place of what was there.
    ///
    /// # Errors
    /// When the block could not be kept; the context then stops with that error.
    fn put(&self, id: BlockId, block: StoredBlock, level: StorageLevel) -> Result<(), BlockStoreError>;

    /// The block under `id`, if there is one.
    ///
    /// # Errors
    /// When the store cannot tell or cannot read it; the batch attempt that asked fails.
    fn get(&self, id: BlockId) -> Result<Option<StoredBlock>, BlockStoreError>;

    /// Forgets the block under `id`, if there is one.
    fn remove(&self, id: BlockId);
}

/// A block without its types, shared.
#[derive(Clone)]
pub struct StoredBlock {
    block: Arc<dyn Any + Send + Sync>,
}

impl StoredBlock {
    /// Hides the types of `block`.
    pub fn new<R: Send + Sync + 'static, M: Send + Sync + 'static>(block: Block<R, M>) -> Self {
        Self { block: Arc::new(block) }
    }

    /// The block, if these are its types.
    pub fn downcast<R: Send + Sync + 'static, M: Send + Sync + 'static>(self) -> Option<Arc<Block<R, M>>> {
        self.block.downcast().ok()
    }
}

impl fmt::Debug for StoredBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredBlock").finish_non_exhaustive()
    }
}

/// The block store could not do what it was asked; its text says what to do.
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

/// Keeps every block in memory, whatever its storage level.
#[derive(Debug, Default)]
pub struct MemoryBlockStore {
    // Held for one map operation at a time.
    blocks: Mutex<BTreeMap<BlockId, StoredBlock>>,
}

impl BlockStore for MemoryBlockStore {
    fn put(&self, id: BlockId, block: StoredBlock, _level: StorageLevel) -> Result<(), BlockStoreError> {
        lock(&self.blocks).insert(id, block);
        Ok(())
    }

    fn get(&self, id: BlockId) -> Result<Option<StoredBlock>, BlockStoreError> {
        Ok(lock(&self.blocks).get(&id).cloned())
    }

    fn remove(&self, id: BlockId) {
        let removed = lock(&self.blocks).remove(&id);
        // Outside the lock: dropping a large block takes a while.
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::StreamId;

    /// What every block store promises.
    fn conforms(store: &dyn BlockStore) {
        let id = BlockId::new(StreamId::new(0), 0);
        let put = |records: Vec<u32>| {
            let block = StoredBlock::new(Block::new(id, records, vec!["r"], 4));
            store.put(id, block, StorageLevel::MemoryAndDisk).unwrap();
        };
        let records = || Some(store.get(id).unwrap()?.downcast::<u32, &str>().unwrap().records().to_vec());
        assert_eq!(records(), None);
        put(vec![1]);
        assert_eq!(records(), Some(vec![1]));
        put(vec![2]);
        assert_eq!(records(), Some(vec![2]));
        assert!(store.get(id).unwrap().unwrap().downcast::<u64, &str>().is_none());
        store.remove(id);
        store.remove(id);
        assert_eq!(records(), None);
    }

    #[test]
    fn the_memory_store_conforms() {
        conforms(&MemoryBlockStore::default());
    }
}
