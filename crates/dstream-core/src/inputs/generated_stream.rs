//! `generated_stream`: batches that are a function of their time.

use std::sync::Arc;

use crate::context::StreamingContext;
use crate::dstream::{DStream, Lineage};
use crate::slices::Slices;
use crate::stream_node::Replay;
use crate::time::Time;

impl StreamingContext {
    /// A stream whose records of a batch `make` computes from the batch time. Each batch is cut evenly into one partition for
    /// each thread of the task pool. For tests, load and clock signals.
    ///
    /// `make` is called once for each batch that needs the stream, on the task pool, and must give the same records for the
    /// same time, in every run: after a restart from a checkpoint, the batches that are not in it, and those of the time in
    /// between, are run once more, or late, under their times.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| Ok(ctx.generated_stream(|time| vec![time.as_millis()]))).await?;
    /// assert_eq!(batches, [[1_000], [2_000]]);
    /// # Ok(()) }
    /// ```
    pub fn generated_stream<T>(&self, make: impl Fn(Time) -> Vec<T> + Send + Sync + 'static) -> DStream<T>
    where
        T: Clone + Send + Sync + 'static,
    {
        let partitions = self.parallelism();
        DStream::new(self, "generated_stream", Lineage::source(self).replaying(Replay::ByTime), |name| {
            Box::new(move |job| Ok(Arc::new(Slices::new(name, make(job.batch.time).into(), partitions))))
        })
    }
}
