//! What follows from the end of a batch: positions move, or are held back; datasets and blocks that nobody needs go.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::block::StreamId;
use crate::receivers::Receivers;
use crate::stream_node::StreamNode;

pub(crate) struct Aftermath {
    nodes: Vec<Arc<dyn StreamNode>>,
    remember: Duration,
    /// Batches that are done, and whose blocks are remembered; the oldest first.
    remembered: VecDeque<Arc<Batch>>,
    /// Streams of which a batch was not processed: their positions must not move over it.
    held_back: BTreeSet<StreamId>,
}

impl Aftermath {
    pub(crate) const fn new(nodes: Vec<Arc<dyn StreamNode>>, remember: Duration) -> Self {
        Self { nodes, remember, remembered: VecDeque::new(), held_back: BTreeSet::new() }
    }

    /// All output operations of the batch succeeded, and all earlier batches have had their aftermath.
    pub(crate) fn of_processed(&mut self, batch: Arc<Batch>, receivers: &Receivers) {
        self.forget_datasets(&batch);
        receivers.report_processed(&batch, &self.held_back);
        self.release_blocks(batch, receivers);
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
        for node in &self.nodes {
            node.forget_through(through);
            if let Some(memory) = node.memory() {
                memory.forget_through(batch.time);
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
