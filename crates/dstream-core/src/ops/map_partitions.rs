//! `map_partitions`: whole partitions at once.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::vec::IntoIter;

use crate::dataset::{Dataset, SharedDataset, Sink, Task, TaskError};
use crate::dstream::DStream;
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::rdd::Rdd;

impl<T: Send + 'static> DStream<T> {
    /// Gives every item of `f(records)` for each partition; `f` is called for empty partitions too.
    ///
    /// The partition is computed whole before the call, so that `f` never mistakes one that broke off for one that was
    /// complete; its records are in memory together.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// // With two threads, a batch of the queue is in two partitions.
    /// let batches = batches_of(1, |ctx| {
    ///     Ok(ctx.queue_stream([vec![1, 2, 3, 4]]).map_partitions(|part| [part.sum::<i32>()]))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[3, 7]]);
    /// # Ok(()) }
    /// ```
    pub fn map_partitions<I>(&self, f: impl Fn(IntoIter<T>) -> I + Send + Sync + 'static) -> DStream<I::Item>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        let f = Arc::new(f);
        self.derive("map_partitions", move |rdd| {
            let f = Arc::clone(&f);
            rdd.map_partitions(move |records| f(records))
        })
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// Gives every item of `f(records)` for each partition; see [`DStream::map_partitions`].
    pub fn map_partitions<I>(&self, f: impl Fn(IntoIter<T>) -> I + Send + Sync + 'static) -> Rdd<I::Item>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        self.with(Arc::new(MappedPartitions { operator: self.operator(), parent: Arc::clone(self.dataset()), f }))
    }
}

struct MappedPartitions<T, F> {
    operator: OperatorName,
    parent: SharedDataset<T>,
    f: F,
}

impl<T, I, F> Dataset<I::Item> for MappedPartitions<T, F>
where
    I: IntoIterator,
    F: Fn(IntoIter<T>) -> I + Send + Sync,
{
    fn partitions(&self) -> usize {
        self.parent.partitions()
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.parent.prepare(job)
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, I::Item>) -> Result<(), TaskError> {
        let mut records = Vec::new();
        self.parent.run(partition, task, &mut |record| {
            records.push(record);
            ControlFlow::Continue(())
        })?;
        task.enter(self.operator);
        for item in (self.f)(records.into_iter()) {
            task.check()?;
            if let ControlFlow::Break(()) = sink(item) {
                break;
            }
            // The iterator is user code as well.
            task.enter(self.operator);
        }
        Ok(())
    }

    fn origin(&self, partition: usize) -> Option<String> {
        self.parent.origin(partition)
    }
}
