//! How a lease that another worker asked for leaves this one: its reader ends, what was read is processed, the last position
//! is checkpointed, and the asker becomes the owner. Nothing is read twice. Renewals go on until then, so an asker waits at
//! most as long as the batches under way take.

use tracing::info;

use super::WorkerTask;
use crate::range::Holding;
use crate::shard::ShardId;
use crate::worker::reading::Phase;

impl WorkerTask {
    /// Another worker has asked for a lease: it is to get it with the position of the last record that was read.
    pub(super) fn on_wanted(&mut self, shard: &ShardId, holding: Holding) {
        let Some(held) = self.held(shard, holding) else { return };
        match held.phase {
            Phase::Asking | Phase::WaitingForParents | Phase::Opening | Phase::Reading => {
                info!(%shard, "another worker asked for a lease; handing it over");
                held.phase = Phase::Yielding;
                self.readers.stop(|reading| reading.shard == *shard && reading.holding == holding);
            }
            // It ends or is released anyway.
            Phase::Stopped | Phase::MakingChildren | Phase::Draining | Phase::Yielding => {}
        }
    }

    pub(super) fn hand_over_what_is_done(&mut self) {
        for held in self.shards.values().filter(|held| held.phase == Phase::Yielding) {
            let shard = &held.lease.shard;
            let position = self.tracker.with(|progress| progress.drained(shard, held.holding));
            if let Some(position) = position.filter(|_| self.readers.has_ended(shard, held.holding)) {
                position.into_iter().for_each(|to| self.core.checkpoint(shard, held.holding, to));
                self.core.hand_over(shard, held.holding);
            }
        }
    }
}
