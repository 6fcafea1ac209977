//! `count_by_window`: how many records the last batches have together.

use std::sync::Arc;
use std::time::Duration;

use crate::dstream::DStream;
use crate::ops::combine_by_key::Functions;
use crate::shuffle::Combine;

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
        let sum: Arc<dyn Combine<u64, u64>> =
            Arc::new(Functions { create: |n| n, add: u64::saturating_add, merge: u64::saturating_add });
        let counts = self.count().window(window, slide);
        counts.derive("count_by_window", move |rdd| rdd.map(|count| ((), count)).value_or_zero(&sum))
    }
}
