//! `count_by_window`: how many records the last batches have together.

use std::time::Duration;

use crate::dstream::DStream;
use crate::ops::count::Total;

impl<T: Send + 'static> DStream<T> {
    /// Every `slide`, gives exactly one record: the number of records in the last `window`, 0 when it is empty. Which
    /// batches are in a window, and what its durations must be: see [`window`](DStream::window). Only one number is kept of
    /// each batch.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     Ok(ctx.queue_stream([vec!['a'], vec!['b', 'c']]).count_by_window(window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[1], [3], [2], [0]]);
    /// # Ok(()) }
    /// ```
    pub fn count_by_window(&self, window: Duration, slide: Duration) -> DStream<u64> {
        self.context().composite("count_by_window", || {
            self.count().window(window, slide).derive("count_by_window", |rdd| rdd.wide(Total(|count| count), 1))
        })
    }
}
