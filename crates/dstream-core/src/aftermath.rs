//! What follows from the end of a batch: positions move, or are held back; datasets and blocks that nobody needs go.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::block::StreamId;
use crate::checkpoint::Completed;
use crate::receivers::Receivers;
use crate::stream_node::StreamNode;
use crate::time::Time;

pub(crate) struct Aftermath {
    nodes: Vec<Arc<dyn StreamNode>>,
    remember: Duration,
    /// Batches that are done, and whose blocks are remembered; the oldest first.
    remembered: VecDeque<Arc<Batch>>,
    /// Streams of which a batch was not processed: their positions must not move over it.
    held_back: BTreeSet<StreamId>,
    /// What the memories hold as of this batch is still needed.
    pinned: Option<Time>,
}

impl Aftermath {
    pub(crate) const fn new(nodes: Vec<Arc<dyn StreamNode>>, remember: Duration) -> Self {
        Self { nodes, remember, remembered: VecDeque::new(), held_back: BTreeSet::new(), pinned: None }
    }

    /// What the memories hold as of `batch` stays as it is, until another one is named, or none.
    pub(crate) const fn pin(&mut self, batch: Option<Time>) {
        self.pinned = batch;
    }

    /// All output operations of the batch succeeded, and all earlier batches have had their aftermath. Returns what follows for
    /// its positions.
    pub(crate) fn of_processed(&mut self, batch: Arc<Batch>, receivers: &Receivers) -> Completed {
        self.forget_datasets(&batch);
        let report = receivers.processed(&batch, &self.held_back);
        let covered = receivers.covered(&batch, &self.held_back);
        let time = batch.time;
        self.release_blocks(batch, receivers);
        Completed { batch: time, report, covered }
    }

    /// The batch failed for good, and later ones go on; all earlier batches have had their aftermath.
    pub(crate) fn of_failed(&mut self, batch: Arc<Batch>, receivers: &Receivers) {
        let streams = batch.blocks.iter().filter(|(_, blocks)| !blocks.is_empty()).map(|(stream, _)| *stream);
        self.held_back.extend(streams);
        self.forget_datasets(&batch);
        self.release_blocks(batch, receivers);
    }

    /// Datasets go before the blocks that they read. That nothing of the batch is needed any more was settled before.
    fn forget_datasets(&self, batch: &Batch) {
        let through = batch.time.minus(self.remember);
        let needed = self.pinned.map_or(batch.time, |pinned| pinned.min(batch.time));
        for node in &self.nodes {
            node.forget_through(through);
            if let Some(memory) = node.memory() {
                memory.forget_through(needed);
            }
        }
    }

    fn release_blocks(&mut self, batch: Arc<Batch>, receivers: &Receivers) {
        let through = batch.time.minus(self.remember);
        self.remembered.push_back(batch);
        while let Some(old) = self.remembered.pop_front_if(|old| old.time <= through) {
            receivers.release(&old);
        }
    }
}
