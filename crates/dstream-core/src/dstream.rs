//! A stream: a recipe that gives, for each batch, a dataset.
//!
//! The operators are in [`ops`](crate::ops), one to a file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::batch::Batch;
use crate::context::StreamingContext;
use crate::dataset::{Dataset, Sink};
use crate::graph::Remember;
use crate::job::JobError;
use crate::lock::lock;
use crate::narrow::{Narrow, Stage};
use crate::operator::OperatorName;
use crate::time::Time;

/// A stream of records of type `T`, batch after batch. Cheap to clone; operators make new streams and change none.
///
/// Nothing runs before the context is started, and only what an output operation needs.
pub struct DStream<T> {
    context: StreamingContext,
    node: Arc<Node<T>>,
}

type SharedDataset<T> = Arc<dyn Dataset<T>>;

/// Makes the dataset of a batch.
pub(crate) type Compute<T> = Box<dyn Fn(&Batch) -> Result<SharedDataset<T>, JobError> + Send + Sync>;

/// A stream without its context: what the graph is made of.
pub(crate) struct Node<T> {
    name: OperatorName,
    compute: Compute<T>,
    // One dataset for each batch, however many outputs use it: an input is read once and a shuffle runs once. Never held
    // while a dataset is computed.
    datasets: Mutex<BTreeMap<Time, SharedDataset<T>>>,
}

impl<T: Send + 'static> DStream<T> {
    /// A new stream of the context; `compute` learns the name of its operator.
    pub(crate) fn new(
        context: &StreamingContext,
        kind: &'static str,
        compute: impl FnOnce(OperatorName) -> Compute<T>,
    ) -> Self {
        let name = context.graph().name(kind);
        let node = Arc::new(Node { name, compute: compute(name), datasets: Mutex::default() });
        let memory: Weak<Node<T>> = Arc::downgrade(&node);
        context.graph().remember(memory);
        Self { context: context.clone(), node }
    }

    /// A stream whose batches are made of this one's by a function of datasets.
    pub(crate) fn derive<U: Send + 'static>(
        &self,
        kind: &'static str,
        make: impl Fn(SharedDataset<T>, OperatorName) -> SharedDataset<U> + Send + Sync + 'static,
    ) -> DStream<U> {
        let parent = Arc::clone(&self.node);
        DStream::new(&self.context, kind, |name| Box::new(move |batch| Ok(make(parent.dataset(batch)?, name))))
    }

    /// A stream that a narrow operator makes; see [`Narrow`].
    pub(crate) fn narrow<U: Send + 'static, P>(&self, kind: &'static str, pipe: P) -> DStream<U>
    where
        P: Fn(T, &Stage<'_, '_>, &mut Sink<'_, U>) -> ControlFlow<()> + Send + Sync + 'static,
    {
        let pipe = Arc::new(pipe);
        self.derive(kind, move |parent, name| Arc::new(Narrow::new(name, parent, Arc::clone(&pipe))))
    }

    /// The context that the stream belongs to.
    pub const fn context(&self) -> &StreamingContext {
        &self.context
    }

    /// The name of the operator that makes this stream.
    pub fn name(&self) -> OperatorName {
        self.node.name
    }

    pub(crate) fn into_node(self) -> Arc<Node<T>> {
        self.node
    }

    pub(crate) const fn node(&self) -> &Arc<Node<T>> {
        &self.node
    }
}

impl<T> Node<T> {
    /// The dataset of `batch`, the same one each time.
    pub(crate) fn dataset(&self, batch: &Batch) -> Result<SharedDataset<T>, JobError> {
        if let Some(dataset) = lock(&self.datasets).get(&batch.time) {
            return Ok(Arc::clone(dataset));
        }
        let dataset = (self.compute)(batch)?;
        Ok(Arc::clone(lock(&self.datasets).entry(batch.time).or_insert(dataset)))
    }
}

impl<T> Remember for Node<T> {
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
