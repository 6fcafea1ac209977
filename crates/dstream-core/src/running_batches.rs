//! The batches that run: so many at once, and ended in the order of their times.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::oneshot;

use crate::batch_queue::Submitted;
use crate::batch_run::{BatchRun, EndedBatch, OutputOrder, Turn};
use crate::graph::Output;
use crate::output_run::OutputRunner;
use crate::scheduling::Scheduling;

pub(crate) struct RunningBatches {
    scheduling: Scheduling,
    outputs: Arc<[Arc<Output>]>,
    runner: Arc<OutputRunner>,
    /// How many may run at once.
    most: usize,
    // In the order of batch times; one that has ended waits here for those before it.
    running: FuturesOrdered<BoxFuture<'static, EndedBatch>>,
    last_opened: Option<oneshot::Receiver<()>>,
}

impl RunningBatches {
    pub(crate) fn new(scheduling: Scheduling, outputs: Vec<Arc<Output>>, runner: OutputRunner) -> Self {
        // A batch whose records are looked for is computed anew, and nothing may stand on what it had before.
        let overlap = !runner.may_leave_out()
            && outputs.iter().filter_map(|output| output.node.memory()).all(|memory| memory.allows_overlap());
        Self {
            most: if overlap { scheduling.concurrent_jobs.get() } else { 1 },
            scheduling,
            outputs: outputs.into(),
            runner: Arc::new(runner),
            running: FuturesOrdered::new(),
            last_opened: None,
        }
    }

    pub(crate) fn outputs(&self) -> &[Arc<Output>] {
        &self.outputs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.running.len() < self.most
    }

    /// Batches are to be started in the order of their times.
    pub(crate) fn start(&mut self, Submitted { batch, info }: Submitted) {
        let order = if self.scheduling.concurrent_jobs.get() == 1 {
            OutputOrder::OneByOne
        } else {
            let (opened, has_opened) = oneshot::channel();
            OutputOrder::SideBySide(Turn { before: self.last_opened.replace(has_opened), opened: Some(opened) })
        };
        let run = BatchRun {
            batch,
            info,
            outputs: Arc::clone(&self.outputs),
            runner: Arc::clone(&self.runner),
            on_failure: self.scheduling.on_batch_failure,
            order,
        };
        self.running.push_back(run.run().boxed());
    }

    /// The earliest batch, once it has ended; `None` if none runs.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn next_ended(&mut self) -> Option<EndedBatch> {
        self.running.next().await
    }

    /// All of them, once they have ended, the earliest first.
    ///
    /// # Cancellation
    /// Not to be dropped: those that have ended would be lost.
    pub(crate) async fn all_ended(&mut self) -> Vec<EndedBatch> {
        let mut ended = Vec::new();
        while let Some(batch) = self.running.next().await {
            ended.push(batch);
        }
        ended
    }
}
