//! The first phase of checkpoints that depend on a snapshot.

use super::LeaseCore;
use crate::position::Checkpoint;
use crate::range::Holding;
use crate::shard::ShardId;

impl LeaseCore {
    /// Asks for a checkpoint to be prepared under a holding, after the checkpoint that was asked for before is stored. Only the last
    /// one asked for is; one that would not move the lease is none.
    pub fn prepare(&mut self, shard: &ShardId, holding: Holding, to: Checkpoint, snapshot: &str) {
        if let Some(held) = self.held(shard, holding) {
            held.prepare(to, snapshot);
        }
    }

    /// Whether a checkpoint is to be prepared, and is not yet.
    #[must_use]
    pub fn is_preparing(&self, shard: &ShardId, holding: Holding) -> bool {
        self.held.get(shard).is_some_and(|held| held.holding == holding && held.is_preparing())
    }
}
