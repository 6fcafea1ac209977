//! `queue_stream`: batches from memory, for tests, documentation and examples.

use std::sync::{Arc, Mutex};

use crate::context::StreamingContext;
use crate::dstream::{DStream, Lineage};
use crate::lock::lock;
use crate::slices::Slices;

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
                let records = lock(&batches).next().unwrap_or_default();
                Ok(Arc::new(Slices::new(name, records.into(), partitions)))
            })
        })
    }
}
