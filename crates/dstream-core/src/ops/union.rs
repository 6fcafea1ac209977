//! `union`: the records of several streams, one stream after the other.

use std::sync::Arc;

use thiserror::Error;

use crate::context::StreamingContext;
use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::dstream::DStream;
use crate::job::{Job, JobError};

impl<T: Send + 'static> DStream<T> {
    /// The records of this stream and of `other`. The partitions of both are kept as they are.
    ///
    /// # Errors
    /// [`UnionError::DifferentContexts`] when the streams belong to different contexts.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let numbers = ctx.queue_stream([vec![1, 2]]);
    ///     Ok(numbers.union(&numbers.map(|n| n + 100))?)
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![1, 2, 101, 102]]);
    /// # Ok(()) }
    /// ```
    pub fn union(&self, other: &Self) -> Result<Self, UnionError> {
        self.context().union(vec![self.clone(), other.clone()])
    }
}

impl StreamingContext {
    /// The records of all `streams`, in their order. The partitions of all are kept as they are.
    ///
    /// # Errors
    /// [`UnionError::NoStreams`] when there is none; [`UnionError::DifferentContexts`] when one belongs to another context.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let streams = (0..3).map(|n| ctx.queue_stream([vec![n]])).collect();
    ///     Ok(ctx.union(streams)?)
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![0, 1, 2]]);
    /// # Ok(()) }
    /// ```
    pub fn union<T: Send + 'static>(&self, streams: Vec<DStream<T>>) -> Result<DStream<T>, UnionError> {
        if streams.is_empty() {
            return Err(UnionError::NoStreams);
        }
        if streams.iter().any(|stream| !stream.context().is_same(self)) {
            return Err(UnionError::DifferentContexts);
        }
        let nodes: Vec<_> = streams.into_iter().map(DStream::into_node).collect();
        Ok(DStream::new(self, "union", |_| {
            Box::new(move |batch| {
                let parts = nodes.iter().map(|node| node.dataset(batch)).collect::<Result<_, _>>()?;
                Ok(Arc::new(Union { parts }))
            })
        }))
    }
}

/// The streams cannot be united.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnionError {
    /// There is nothing to unite.
    #[error("the list of streams to union is empty: give at least one")]
    NoStreams,
    /// The streams run in different contexts.
    #[error("the streams to union have different contexts: make them all with the same StreamingContext")]
    DifferentContexts,
}

struct Union<T> {
    parts: Vec<Arc<dyn Dataset<T>>>,
}

impl<T> Union<T> {
    /// The part that a partition belongs to, and its number there.
    fn locate(&self, partition: usize) -> Option<(&dyn Dataset<T>, usize)> {
        let mut local = partition;
        for part in &self.parts {
            match local.checked_sub(part.partitions()) {
                Some(rest) => local = rest,
                None => return Some((&**part, local)),
            }
        }
        None
    }
}

impl<T> Dataset<T> for Union<T> {
    fn partitions(&self) -> usize {
        self.parts.iter().map(|part| part.partitions()).sum()
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.parts.iter().try_for_each(|part| part.prepare(job))
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        self.locate(partition).map_or(Ok(()), |(part, local)| part.run(local, task, sink))
    }

    fn origin(&self, partition: usize) -> Option<String> {
        let (part, local) = self.locate(partition)?;
        part.origin(local)
    }
}
