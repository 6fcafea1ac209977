//! `queue_stream`: batches from memory, for tests, documentation and examples.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};

use crate::context::StreamingContext;
use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::dstream::{DStream, Lineage};
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::operator::OperatorName;

impl StreamingContext {
    /// A stream that takes one item of `batches` for each batch, and is empty when there are no more. Each batch is cut
    /// evenly into one partition for each thread of the task pool.
    ///
    /// The iterator is asked only by batches that need the stream, on the task pool.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(3, |ctx| Ok(ctx.queue_stream([vec![1, 2], vec![3]]))).await?;
    /// assert_eq!(batches, [vec![1, 2], vec![3], vec![]]);
    /// # Ok(()) }
    /// ```
    pub fn queue_stream<T, I>(&self, batches: I) -> DStream<T>
    where
        T: Clone + Send + Sync + 'static,
        I: IntoIterator<Item = Vec<T>>,
        I::IntoIter: Send + 'static,
    {
        // Held while the iterator is asked: batches follow one another, and the order of its items is the order of batches.
        let batches = Mutex::new(batches.into_iter());
        let partitions = self.parallelism();
        DStream::new(self, "queue_stream", Lineage::source(self), |name| {
            Box::new(move |_| {
                let records = lock(&batches).next().unwrap_or_default().into();
                Ok(Arc::new(QueuedBatch { name, records, partitions }))
            })
        })
    }
}

struct QueuedBatch<T> {
    name: OperatorName,
    records: Arc<[T]>,
    partitions: usize,
}

impl<T: Clone + Send + Sync> Dataset<T> for QueuedBatch<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn prepare(&self, _job: &Job) -> Result<(), JobError> {
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let slice = slice_of(self.records.len(), self.partitions, partition);
        for record in self.records.get(slice).unwrap_or_default() {
            task.check()?;
            task.enter(self.name);
            if let ControlFlow::Break(()) = sink(record.clone()) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }
}

/// The part of `len` records that falls to `partition` when they are cut evenly.
fn slice_of(len: usize, partitions: usize, partition: usize) -> Range<usize> {
    let cut = |at: usize| len.saturating_mul(at).checked_div(partitions).unwrap_or(len);
    cut(partition)..cut(partition.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slices_of_a_batch_cover_it_once_and_differ_by_at_most_one() {
        for (len, partitions) in [(0, 2), (1, 2), (4, 2), (7, 3), (100, 8)] {
            let slices: Vec<_> = (0..partitions).map(|p| slice_of(len, partitions, p)).collect();
            assert_eq!(slices.iter().cloned().flatten().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            let sizes = slices.iter().map(ExactSizeIterator::len);
            assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }
}
