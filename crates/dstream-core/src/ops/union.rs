//! `union`: the records of several streams, one stream after the other.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::context::StreamingContext;
use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::dstream::DStream;
use crate::job::{Job, JobError};
use crate::rdd::Rdd;

impl<T: Send + 'static> DStream<T> {
    /// The records of this stream and of `other`, which must have the same context and slide. The partitions of both are
    /// kept as they are.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let numbers = ctx.queue_stream([vec![1, 2]]);
    ///     Ok(numbers.union(&numbers.map(|n| n + 100)))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![1, 2, 101, 102]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.context().union([self.clone(), other.clone()])
    }
}

impl StreamingContext {
    /// The records of all `streams`, in their order. The partitions of all are kept as they are. There must be at least one
    /// stream; all must be of this context and have the same slide. If they do not fit together,
    /// [`start`](StreamingContext::start) fails with a [`GraphError`](crate::GraphError).
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     Ok(ctx.union((0..3).map(|n| ctx.queue_stream([vec![n]]))))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![0, 1, 2]]);
    /// # Ok(()) }
    /// ```
    pub fn union<T: Send + 'static>(&self, streams: impl IntoIterator<Item = DStream<T>>) -> DStream<T> {
        let streams: Vec<DStream<T>> = streams.into_iter().collect();
        let parents = streams.iter().map(DStream::as_parent).collect();
        let nodes: Vec<_> = streams.iter().map(|stream| Arc::clone(stream.node())).collect();
        DStream::joining(self, "union", parents, |_| {
            Box::new(move |job| {
                let parts = nodes.iter().map(|node| node.dataset(job)).collect::<Result<_, _>>()?;
                Ok(Arc::new(Union::of(parts)))
            })
        })
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// The records of this dataset and of `other`; see [`DStream::union`].
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.with(Arc::new(Union::of(vec![Arc::clone(self.dataset()), Arc::clone(other.dataset())])))
    }
}

/// The records of several datasets. If all are cut into the same buckets, so are they together: partition by partition, and
/// not one after the other.
pub(crate) struct Union<T> {
    parts: Vec<SharedDataset<T>>,
    buckets: Option<usize>,
}

impl<T> Union<T> {
    pub(crate) fn of(parts: Vec<SharedDataset<T>>) -> Self {
        let first = parts.first().and_then(|part| part.buckets());
        let buckets = first.filter(|buckets| parts.iter().all(|part| part.buckets() == Some(*buckets)));
        Self { parts, buckets }
    }

    /// Where the records of a partition are: the datasets, and their partitions.
    fn pieces(&self, partition: usize) -> Vec<(&dyn Dataset<T>, usize)> {
        if self.buckets.is_some() {
            return self.parts.iter().map(|part| (&**part, partition)).collect();
        }
        let mut local = partition;
        for part in &self.parts {
            match local.checked_sub(part.partitions()) {
                Some(rest) => local = rest,
                None => return vec![(&**part, local)],
            }
        }
        Vec::new()
    }
}

impl<T> Dataset<T> for Union<T> {
    fn partitions(&self) -> usize {
        match (self.buckets, self.parts.first()) {
            (Some(_), Some(part)) => part.partitions(),
            _ => self.parts.iter().map(|part| part.partitions()).sum(),
        }
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.parts.iter().try_for_each(|part| part.prepare(job))
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let mut flow = ControlFlow::Continue(());
        for (part, local) in self.pieces(partition) {
            part.run(local, task, &mut |record| {
                flow = sink(record);
                flow
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, partition: usize) -> Option<String> {
        let origins: Vec<String> =
            self.pieces(partition).into_iter().filter_map(|(part, local)| part.origin(local)).collect();
        (!origins.is_empty()).then(|| origins.join("; "))
    }

    fn in_memory(&self, partition: usize) -> Option<Vec<SharedRows<T>>> {
        let pieces = self.pieces(partition).into_iter().map(|(part, local)| part.in_memory(local));
        Some(pieces.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn buckets(&self) -> Option<usize> {
        self.buckets
    }
}
