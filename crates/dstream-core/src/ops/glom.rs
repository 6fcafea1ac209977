//! `glom`: each partition as one list.

use crate::dstream::DStream;
use crate::rdd::Rdd;

impl<T: Send + 'static> DStream<T> {
    /// Gives one list for each partition, empty ones included.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// // With two threads, a batch of the queue is in two partitions.
    /// let batches = batches_of(1, |ctx| Ok(ctx.queue_stream([vec![1, 2, 3, 4]]).glom())).await?;
    /// assert_eq!(batches, [[[1, 2], [3, 4]]]);
    /// # Ok(()) }
    /// ```
    pub fn glom(&self) -> DStream<Vec<T>> {
        self.derive("glom", Rdd::glom)
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// Gives one list for each partition; see [`DStream::glom`].
    pub fn glom(&self) -> Rdd<Vec<T>> {
        self.map_partitions(|records| [records.collect()])
    }
}
