//! `queue_stream`: batches from memory, for tests, documentation and examples.

use std::sync::{Arc, Mutex};

use crate::context::StreamingContext;
use crate::dstream::{DStream, Lineage};
use crate::lock::lock;
use crate::slices::Slices;
use crate::stream_node::Replay;

impl StreamingContext {
    /// A stream that takes one item of `batches` for each batch, and is empty when there are no more. Each batch is cut
    /// evenly into one partition for each thread of the task pool.
    ///
    /// The iterator is asked only by batches that need the stream, on the task pool. What it gave is not had again, so a
    /// program with a checkpoint directory does not start with such a stream; there,
    /// [`generated_stream`](Self::generated_stream) is one that does.
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
        self.queue_stream_with(batches, QueueOptions::default())
    }

    /// [`queue_stream`](Self::queue_stream) with options. The iterator may give `None` and more items later, so it can be the
    /// taking end of a queue.
    ///
    /// ```
    /// # use std::collections::VecDeque;
    /// # use std::sync::{Arc, Mutex, PoisonError};
    /// # use dstream_core::{QueueOptions, testing::batches_of};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let queue = Arc::new(Mutex::new(VecDeque::from([vec![1], vec![2, 3]])));
    /// let taken = std::iter::from_fn(move || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front());
    /// let options = QueueOptions::default().all_at_once().when_empty(vec![0]);
    /// let batches = batches_of(2, |ctx| Ok(ctx.queue_stream_with(taken, options))).await?;
    /// assert_eq!(batches, [vec![1, 2, 3], vec![0]]);
    /// # Ok(()) }
    /// ```
    pub fn queue_stream_with<T, I>(&self, batches: I, options: QueueOptions<T>) -> DStream<T>
    where
        T: Clone + Send + Sync + 'static,
        I: IntoIterator<Item = Vec<T>>,
        I::IntoIter: Send + 'static,
    {
        // Held while the iterator is asked: batches follow one another, and the order of its items is the order of batches.
        let batches = Mutex::new(batches.into_iter());
        let partitions = self.parallelism();
        DStream::new(self, "queue_stream", Lineage::source(self).replaying(Replay::Lost), |name| {
            Box::new(move |_| {
                let records = options.take(&mut *lock(&batches)).into();
                Ok(Arc::new(Slices::new(name, records, partitions)))
            })
        })
    }
}

/// How [`queue_stream_with`](StreamingContext::queue_stream_with) makes batches of the items of its queue.
#[derive(Clone, Debug)]
#[must_use]
pub struct QueueOptions<T> {
    take: Take,
    when_empty: Vec<T>,
}

#[derive(Clone, Copy, Debug)]
enum Take {
    One,
    All,
}

impl<T> QueueOptions<T> {
    /// Each batch takes all items that there are, one after the other. Default: one item.
    pub const fn all_at_once(mut self) -> Self {
        self.take = Take::All;
        self
    }

    /// What a batch holds when there is no item. Default: nothing.
    pub fn when_empty(mut self, records: Vec<T>) -> Self {
        self.when_empty = records;
        self
    }
}

impl<T: Clone> QueueOptions<T> {
    fn take(&self, items: &mut impl Iterator<Item = Vec<T>>) -> Vec<T> {
        let Some(mut records) = items.next() else { return self.when_empty.clone() };
        if let Take::All = self.take {
            records.extend(items.flatten());
        }
        records
    }
}

// By hand: a derived `Default` would ask for `T: Default`.
impl<T> Default for QueueOptions<T> {
    fn default() -> Self {
        Self { take: Take::One, when_empty: Vec::new() }
    }
}
