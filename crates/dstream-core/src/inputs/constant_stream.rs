//! `constant_stream`: the same records in every batch.

use std::sync::Arc;

use crate::context::StreamingContext;
use crate::dstream::{DStream, Lineage};
use crate::slices::Slices;
use crate::stream_node::Replay;

impl StreamingContext {
    /// A stream that has `records` in every batch, cut evenly into one partition for each thread of the task pool. What
    /// other streams are joined with, for example.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| Ok(ctx.constant_stream(vec![1, 2]))).await?;
    /// assert_eq!(batches, [[1, 2], [1, 2]]);
    /// # Ok(()) }
    /// ```
    pub fn constant_stream<T: Clone + Send + Sync + 'static>(&self, records: Vec<T>) -> DStream<T> {
        let (records, partitions) = (Arc::from(records), self.parallelism());
        DStream::new(self, "constant_stream", Lineage::source(self).replaying(Replay::ByTime), |name| {
            Box::new(move |_| Ok(Arc::new(Slices::new(name, Arc::clone(&records), partitions))))
        })
    }
}
