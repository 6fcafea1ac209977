//! A stream: a recipe that gives, for each batch, a dataset.
//!
//! The operators are in [`ops`](crate::ops), one to a file.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::context::StreamingContext;
use crate::dataset::SharedDataset;
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::operator::OperatorName;
use crate::rdd::Rdd;
use crate::stream_node::{Memory, Replay, StreamNode};
use crate::time::Time;

/// A stream of records of type `T`, batch after batch. Cheap to clone; operators make new streams and change none.
///
/// Nothing runs before the context is started, and only what an output operation needs.
pub struct DStream<T> {
    context: StreamingContext,
    node: Arc<Node<T>>,
}

/// Makes the dataset of the batch of a job.
pub(crate) type Compute<T> = Box<dyn Fn(&Job) -> Result<SharedDataset<T>, JobError> + Send + Sync>;

/// A stream without its context: what the graph is made of.
pub(crate) struct Node<T> {
    name: OperatorName,
    lineage: Lineage,
    compute: Compute<T>,
    // One dataset for each batch, however many outputs use it: an input is read once and a shuffle runs once. Never held
    // while a dataset is computed.
    datasets: Mutex<BTreeMap<Time, SharedDataset<T>>>,
    // Set when a window first looks back at this stream; see `kept.rs`, which knows the type. Held while the keeping stream
    // is made.
    pub(crate) kept: Mutex<Option<KeptSlot<Self>>>,
}

/// The node that keeps a stream's batches, and the batches.
type KeptSlot<N> = (Weak<N>, Arc<dyn Any + Send + Sync>);

/// What a stream comes from, how often it has a batch, and what it carries from one batch to the next.
pub(crate) struct Lineage {
    parents: Vec<Arc<dyn StreamNode>>,
    slide: Duration,
    memory: Option<Arc<dyn Memory>>,
    stateful: bool,
    replay: Replay,
}

impl Lineage {
    /// That of an input: a batch at every batch time.
    pub(crate) fn source(context: &StreamingContext) -> Self {
        Self::of_all(Vec::new(), context.batch_interval())
    }

    /// That of a stream made of one other, with the same slide.
    pub(crate) fn of<T: Send + 'static>(parent: &Arc<Node<T>>) -> Self {
        Self::of_all(vec![Arc::<Node<T>>::clone(parent)], parent.lineage.slide)
    }

    pub(crate) const fn of_all(parents: Vec<Arc<dyn StreamNode>>, slide: Duration) -> Self {
        Self { parents, slide, memory: None, stateful: false, replay: Replay::Redelivered }
    }

    /// Of an input: what becomes of its records after a restart.
    pub(crate) const fn replaying(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    pub(crate) const fn sliding(mut self, slide: Duration) -> Self {
        self.slide = slide;
        self
    }

    pub(crate) fn remembering(mut self, memory: Arc<dyn Memory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The memory is a state that all earlier batches made; see [`StreamNode::stateful`].
    pub(crate) fn with_state(mut self, states: Arc<dyn Memory>) -> Self {
        self.stateful = true;
        self.remembering(states)
    }
}

impl<T: Send + 'static> DStream<T> {
    /// A stream of the context; `compute` learns the name of its operator.
    pub(crate) fn new(
        context: &StreamingContext,
        kind: &'static str,
        lineage: Lineage,
        compute: impl FnOnce(OperatorName) -> Compute<T>,
    ) -> Self {
        let name = context.name_operator(kind);
        Self::of_node(context, Node::new(name, lineage, compute(name)))
    }

    pub(crate) fn of_node(context: &StreamingContext, node: Arc<Node<T>>) -> Self {
        context.note_operator(node.name);
        Self { context: context.clone(), node }
    }

    /// A stream whose batches are made of this one's by a function of datasets.
    pub(crate) fn derive<U: Send + 'static>(
        &self,
        kind: &'static str,
        make: impl Fn(&Rdd<T>) -> Rdd<U> + Send + Sync + 'static,
    ) -> DStream<U> {
        let parent = Arc::clone(&self.node);
        DStream::new(&self.context, kind, Lineage::of(&self.node), |name| {
            Box::new(move |job| Ok(make(&Rdd::new(parent.dataset(job)?, job.clone(), name)).into_dataset()))
        })
    }

    /// The context that the stream belongs to.
    pub const fn context(&self) -> &StreamingContext {
        &self.context
    }

    /// The name of the operator that makes this stream.
    pub fn name(&self) -> OperatorName {
        self.node.name
    }

    /// The time between two batches of this stream: the batch interval, or the slide of the window that it comes from.
    pub fn slide_duration(&self) -> Duration {
        self.node.lineage.slide
    }

    pub(crate) const fn node(&self) -> &Arc<Node<T>> {
        &self.node
    }
}

impl<T: Send + 'static> Node<T> {
    pub(crate) fn new(name: OperatorName, lineage: Lineage, compute: Compute<T>) -> Arc<Self> {
        Arc::new(Self { name, lineage, compute, datasets: Mutex::default(), kept: Mutex::default() })
    }

    /// The dataset of the job's batch, the same one each time.
    pub(crate) fn dataset(&self, job: &Job) -> Result<SharedDataset<T>, JobError> {
        let batch = job.batch.time;
        if let Some(dataset) = lock(&self.datasets).get(&batch) {
            return Ok(Arc::clone(dataset));
        }
        let dataset = (self.compute)(job)?;
        Ok(Arc::clone(lock(&self.datasets).entry(batch).or_insert(dataset)))
    }
}

impl<T: Send + 'static> StreamNode for Node<T> {
    fn name(&self) -> OperatorName {
        self.name
    }

    fn slide(&self) -> Duration {
        self.lineage.slide
    }

    fn parents(&self) -> &[Arc<dyn StreamNode>] {
        &self.lineage.parents
    }

    fn memory(&self) -> Option<&Arc<dyn Memory>> {
        self.lineage.memory.as_ref()
    }

    fn stateful(&self) -> bool {
        self.lineage.stateful
    }

    fn row(&self) -> &'static str {
        std::any::type_name::<T>()
    }

    fn replay(&self) -> Replay {
        self.lineage.replay
    }

    fn materialise(&self, job: &Job) -> Result<(), JobError> {
        self.dataset(job)?.prepare(job)
    }

    fn undo(&self, batch: Time) {
        let undone = lock(&self.datasets).remove(&batch);
        // Outside the lock: dropping a shuffle's result takes a while.
        drop(undone);
        if let Some(memory) = &self.lineage.memory {
            memory.undo(batch);
        }
    }

    fn forget_through(&self, batch: Time) {
        let mut datasets = lock(&self.datasets);
        let kept = datasets.split_off(&batch.plus(Duration::from_millis(1)));
        let forgotten = std::mem::replace(&mut *datasets, kept);
        // Outside the lock: dropping a shuffle's result takes a while.
        drop(datasets);
        drop(forgotten);
    }
}

// By hand: a derived `Clone` would ask for `T: Clone`.
impl<T> Clone for DStream<T> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), node: Arc::clone(&self.node) }
    }
}

impl<T> fmt::Debug for DStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DStream").field(&format_args!("{}", self.node.name)).finish()
    }
}
