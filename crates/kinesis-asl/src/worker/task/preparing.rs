//! The first of two phases of a checkpoint that belongs to a snapshot: positions are prepared before the snapshot is published, and
//! made after it. Whoever gains a lease with a prepared position asks whether the snapshot is there, and begins accordingly: what
//! is in a snapshot is not delivered again even if the process ended between the two.

use std::collections::btree_map::Entry;

use tokio::sync::oneshot;
use tracing::info;

use super::WorkerTask;
use crate::checkpoint::published::Published;
use crate::consumer::board::Doing;
use crate::position::Checkpoint;
use crate::range::{Holding, SequenceRange};
use crate::shard::ShardId;
use crate::worker::reading::Phase;

/// Somebody who waits until positions are prepared.
#[derive(Debug)]
pub(super) struct WaitingPreparation {
    shards: Vec<(ShardId, Holding)>,
    answer: oneshot::Sender<()>,
}

impl WorkerTask {
    /// Prepares positions. What the snapshot before this one covers is checkpointed first: a prepared position stands in the place of
    /// the one before.
    pub(super) fn on_prepare(&mut self, snapshot: &str, through: Vec<SequenceRange>, answer: oneshot::Sender<()>) {
        self.stage_checkpoints();
        let mut shards = Vec::with_capacity(through.len());
        for SequenceRange { shard, to, .. } in through {
            // Ranges of a snapshot do not say under which holding they were read. What is in it is in it: the lease that we have now
            // may say so.
            let Some(holding) = self.shards.get(&shard).map(|held| held.holding) else { continue };
            self.core.prepare(&shard, holding, Checkpoint::At(to), snapshot);
            shards.push((shard, holding));
        }
        self.preparations.push(WaitingPreparation { shards, answer });
    }

    /// Answers those whose positions are all prepared, or will not be: their leases are gone.
    pub(super) fn answer_preparations(&mut self) {
        for waiting in std::mem::take(&mut self.preparations) {
            if waiting.shards.iter().any(|(shard, holding)| self.core.is_preparing(shard, *holding)) {
                self.preparations.push(waiting);
            } else {
                // Nobody waits any more if it took too long.
                let _ = waiting.answer.send(());
            }
        }
    }

    /// A lease was gained that has a prepared position. Most leases of a run name the same snapshot, which is looked for once.
    pub(super) fn ask_for_snapshot(&mut self, name: String, shard: ShardId, holding: Holding) {
        self.settings.reading.board.set(&shard, Doing::LookingForSnapshot);
        match self.asking.entry(name) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push((shard, holding)),
            Entry::Vacant(new) => {
                self.ops.look_up(new.key().clone(), self.settings.snapshots.clone());
                new.insert(vec![(shard, holding)]);
            }
        }
    }

    pub(super) fn on_looked_up(&mut self, name: &str, published: Published) {
        for (shard, holding) in self.asking.remove(name).unwrap_or_default() {
            self.begin_by_snapshot(&shard, holding, published);
        }
    }

    fn begin_by_snapshot(&mut self, shard: &ShardId, holding: Holding, published: Published) {
        let Some(held) = self.held(shard, holding).filter(|held| held.phase == Phase::Asking) else { return };
        held.phase = Phase::WaitingForParents;
        if let (Published::Yes, Some(prepared)) = (published, held.lease.prepared.clone()) {
            info!(%shard, stored = %held.lease.checkpoint, prepared = %prepared.to, "begins behind a prepared position");
            held.lease.checkpoint = prepared.to;
            self.core.checkpoint(shard, holding, prepared.to);
        }
        self.settings.reading.board.set(shard, Doing::WaitingForParents);
        self.begin(shard, holding);
    }
}
