//! For tests: the batches of a stream, run one by one at chosen times, with attempts that fail and restarts in between.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::batch::Batch;
use crate::context::StreamingContext;
use crate::dstream::{DStream, Node};
use crate::job::{Job, JobError};
use crate::rdd::Rdd;
use crate::stream_node::{Memory, StreamNode, reachable};
use crate::time::Time;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A context that is never started, with a batch interval of 1 s.
pub(crate) fn context(threads: usize) -> StreamingContext {
    let builder = StreamingContext::builder("steps").master(format!("local[{threads}]").as_str());
    builder.batch_interval(SECOND).build().unwrap()
}

/// Seconds since the first batches are counted from.
pub(crate) fn at(seconds: u32) -> Time {
    Time::from_millis(i64::from(seconds) * 1_000)
}

pub(crate) struct Stepper<T> {
    stream: DStream<T>,
    nodes: Vec<Arc<dyn StreamNode>>,
}

impl<T: Send + 'static> Stepper<T> {
    pub(crate) fn new(stream: &DStream<T>) -> Self {
        let node: Arc<dyn StreamNode> = Arc::<Node<T>>::clone(stream.node());
        Self { stream: stream.clone(), nodes: reachable(std::iter::once(&node)) }
    }

    /// An attempt of a batch: the stream's records if it is due, and all memories.
    pub(crate) fn attempt(&self, seconds: u32) -> Result<Option<Vec<T>>, JobError> {
        let job = self.job(seconds);
        let due = job.batch.is_due(self.stream.slide_duration());
        let name = self.stream.name();
        let rows = due.then(|| Rdd::new(self.stream.node().dataset(&job)?, job.clone(), name).collect()).transpose()?;
        self.remember(seconds)?;
        Ok(rows)
    }

    /// An attempt whose only outputs are the memories.
    pub(crate) fn remember(&self, seconds: u32) -> Result<(), JobError> {
        let job = self.job(seconds);
        let due = self.nodes.iter().filter(|node| node.memory().is_some() && job.batch.is_due(node.slide()));
        due.into_iter().try_for_each(|node| node.materialise(&job))
    }

    /// The batch is done.
    pub(crate) fn complete(&self, seconds: u32) {
        for node in &self.nodes {
            node.forget_through(at(seconds));
            if let Some(memory) = node.memory() {
                memory.forget_through(at(seconds));
            }
        }
    }

    /// Attempts until one succeeds; returns its records.
    pub(crate) fn batch(&self, seconds: u32) -> Option<Vec<T>> {
        let rows = (0..MOST_ATTEMPTS).find_map(|_| self.attempt(seconds).ok()).expect("an attempt succeeds");
        self.complete(seconds);
        rows
    }

    /// Goes on from where `earlier` is, which did the same.
    pub(crate) fn restore(&self, seconds: u32, earlier: &Self) {
        for (mine, theirs) in self.memories().zip(earlier.memories()) {
            let parts: Vec<Bytes> = theirs.encode(at(seconds)).unwrap();
            mine.decode(at(seconds), &parts).unwrap();
        }
    }

    /// How many batches or versions the memories hold.
    pub(crate) fn held(&self) -> Vec<usize> {
        self.memories().map(|memory| memory.held()).collect()
    }

    /// Whether any of the streams is a stateful one.
    pub(crate) fn is_stateful(&self) -> bool {
        self.nodes.iter().any(|node| node.stateful())
    }

    fn memories(&self) -> impl Iterator<Item = &Arc<dyn Memory>> {
        self.nodes.iter().filter_map(|node| node.memory())
    }

    fn job(&self, seconds: u32) -> Job {
        let batch = Batch::new(at(seconds), at(0), BTreeMap::new());
        Job::new(self.stream.context().engine(), &Arc::new(batch), self.stream.name())
    }
}

/// Lets a function of a program fail, silently, at one of its next calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fuse(Arc<AtomicI64>);

impl Fuse {
    pub(crate) fn fail_at_call(&self, call: u8) {
        self.0.store(i64::from(call), Ordering::SeqCst);
    }

    /// To be called by the function.
    pub(crate) fn burn(&self) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            resume_unwind(Box::new("the fuse blew"));
        }
    }
}

/// More than fuses blow.
const MOST_ATTEMPTS: usize = 3;
