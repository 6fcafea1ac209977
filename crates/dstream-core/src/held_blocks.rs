//! The sealed blocks of one stream: where each of them is, and the bytes of the memory budget that it holds.
//!
//! Promises: a block holds its bytes of the budget until its memory is free, because nobody needs it any more or because it is
//! on disk and no task reads it; and it can be read from its cut to its release.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::block::{Block, BlockId, BlockRange, BlockRecord};
use crate::block_builder::SealedBlock;
use crate::block_store::BlockStoreError;
use crate::lock::lock;
use crate::memory_budget::{MemoryBudget, Reserved};
use crate::spill::{Candidate, Seal, SpillDesk, Wish, encode_block};
use crate::storage_level::Placement;
use crate::tracker::BlockInfo;

pub(crate) struct HeldBlocks<R, M> {
    placement: Placement,
    desk: Arc<SpillDesk>,
    budget: Arc<MemoryBudget>,
    // Held for one map operation.
    blocks: Mutex<BTreeMap<BlockId, Held<R, M>>>,
}

struct Held<R, M> {
    ranges: Arc<[M]>,
    place: Place<R, M>,
}

enum Place<R, M> {
    Memory(InMemory<R, M>),
    Disk,
}

struct InMemory<R, M> {
    // Shared with tasks that read it, and with the spiller that writes it.
    block: Arc<Block<R, M>>,
    reserved: Reserved,
    seal: Seal,
}

/// The records of a block, as a task finds them.
pub(crate) enum Content<R, M> {
    Memory(Arc<Block<R, M>>),
    /// As [`encode_block`] wrote them.
    Encoded(Bytes),
}

impl<R: BlockRecord, M: BlockRange> HeldBlocks<R, M> {
    pub(crate) fn new(placement: Placement, desk: Arc<SpillDesk>, budget: Arc<MemoryBudget>) -> Self {
        Self { placement, desk, budget, blocks: Mutex::default() }
    }

    pub(crate) fn uses_disk(&self) -> bool {
        self.placement != Placement::Memory
    }

    pub(crate) fn add(&self, SealedBlock { block, reserved }: SealedBlock<R, M>) -> BlockInfo {
        let info = BlockInfo { id: block.id(), records: block.records().len(), bytes: block.size_bytes() };
        let ranges = Arc::from(block.ranges());
        let place = Place::Memory(InMemory { block: Arc::new(block), reserved, seal: self.desk.next_seal() });
        lock(&self.blocks).insert(info.id, Held { ranges, place });
        if self.uses_disk() {
            self.desk.ring();
        }
        info
    }

    /// The block, or `None` once it was released. Blocks while it is read from disk.
    pub(crate) fn content(&self, id: BlockId) -> Result<Option<Content<R, M>>, BlockStoreError> {
        match lock(&self.blocks).get(&id) {
            None => return Ok(None),
            Some(Held { place: Place::Memory(here), .. }) => {
                return Ok(Some(Content::Memory(Arc::clone(&here.block))));
            }
            Some(Held { place: Place::Disk, .. }) => {}
        }
        Ok(self.desk.store().get(id)?.map(Content::Encoded))
    }

    /// The ranges of a block; none once it was released.
    pub(crate) fn ranges(&self, id: BlockId) -> Arc<[M]> {
        lock(&self.blocks).get(&id).map_or_else(|| Arc::from([]), |held| Arc::clone(&held.ranges))
    }

    /// The blocks that may go to disk.
    pub(crate) fn spillable(&self) -> Vec<Candidate> {
        let wish = match self.placement {
            Placement::Memory => return Vec::new(),
            Placement::MemoryAndDisk => Wish::Memory,
            Placement::Disk => Wish::Disk,
        };
        let blocks = lock(&self.blocks);
        let unread = blocks.iter().filter_map(|(id, held)| match &held.place {
            // A block that a task reads keeps its memory anyway.
            Place::Memory(here) if Arc::strong_count(&here.block) == 1 => {
                Some(Candidate { id: *id, seal: here.seal, wish })
            }
            Place::Memory(_) | Place::Disk => None,
        });
        unread.collect()
    }

    /// Takes a block to disk, unless it was released or a task began to read it meanwhile; blocks.
    pub(crate) fn spill(&self, id: BlockId) -> Result<(), BlockStoreError> {
        let found = match lock(&self.blocks).get(&id) {
            Some(Held { place: Place::Memory(here), .. }) => Arc::clone(&here.block),
            Some(Held { place: Place::Disk, .. }) | None => return Ok(()),
        };
        let bytes = encode_block(found.records().iter(), found.size_bytes()).map_err(BlockStoreError::new)?;
        self.desk.store().put(id, &bytes)?;
        match self.settle(id, &found) {
            Settled::OnDisk(InMemory { block, reserved, .. }) => {
                drop((found, block));
                self.budget.give_back(reserved);
            }
            Settled::InMemory => self.desk.store().remove(id),
        }
        Ok(())
    }

    /// Decides where the block is that was just written.
    fn settle(&self, id: BlockId, written: &Arc<Block<R, M>>) -> Settled<R, M> {
        let mut blocks = lock(&self.blocks);
        let Some(held) = blocks.get_mut(&id) else { return Settled::InMemory };
        // Ours, and the one in the map. Nobody gets another one while the map is locked.
        if Arc::strong_count(written) > 2 {
            return Settled::InMemory;
        }
        match std::mem::replace(&mut held.place, Place::Disk) {
            Place::Memory(freed) => Settled::OnDisk(freed),
            Place::Disk => Settled::InMemory,
        }
    }

    /// Nobody needs these blocks any more: drops them and gives their bytes back. Files go a little later.
    pub(crate) fn release(&self, ids: impl Iterator<Item = BlockId>) {
        let mut on_disk = Vec::new();
        for id in ids {
            let held = lock(&self.blocks).remove(&id);
            match held.map(|held| held.place) {
                Some(Place::Memory(InMemory { block, reserved, .. })) => {
                    drop(block);
                    self.budget.give_back(reserved);
                }
                Some(Place::Disk) => on_disk.push(id),
                None => {}
            }
        }
        self.desk.drop_later(on_disk);
    }

    /// Releases every block that there is.
    pub(crate) fn release_all(&self) {
        let ids: Vec<_> = lock(&self.blocks).keys().copied().collect();
        self.release(ids.into_iter());
    }
}

enum Settled<R, M> {
    /// Its memory can be freed.
    OnDisk(InMemory<R, M>),
    /// Or it was released; the file is of no use.
    InMemory,
}

#[cfg(test)]
mod tests;
