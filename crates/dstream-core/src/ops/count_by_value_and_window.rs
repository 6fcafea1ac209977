//! `count_by_value_and_window`: how often each record comes in the last batches together.

use std::sync::Arc;
use std::time::Duration;

use crate::data::Key;
use crate::dstream::DStream;
use crate::windowed::Reducing;

impl<T: Key> DStream<T> {
    /// Every `slide`, gives one `(record, count)` for each distinct record in the last `window`. Which batches are in a
    /// window, and what its durations must be: see [`window`](Self::window).
    ///
    /// The counts are kept and corrected, so a window costs in proportion to what enters and leaves it. The stream is a
    /// stateful one, see [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     Ok(ctx.queue_stream([vec!['a', 'a'], vec!['a']]).count_by_value_and_window(window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![('a', 2)], vec![('a', 3)], vec![('a', 1)], vec![]]);
    /// # Ok(()) }
    /// ```
    pub fn count_by_value_and_window(&self, window: Duration, slide: Duration) -> DStream<(T, u64)> {
        self.count_by_value_and_window_into(self.context().parallelism(), window, slide)
    }

    /// [`count_by_value_and_window`](Self::count_by_value_and_window) into exactly `partitions` partitions; 0 counts as 1.
    pub fn count_by_value_and_window_into(
        &self,
        partitions: usize,
        window: Duration,
        slide: Duration,
    ) -> DStream<(T, u64)> {
        let counting = Reducing {
            add: Arc::new(u64::saturating_add),
            take_away: Box::new(u64::saturating_sub),
            keep: Some(Box::new(|_: &T, count: &u64| *count != 0)),
        };
        let kind = "count_by_value_and_window";
        self.context().composite(kind, || {
            self.map(|record| (record, 1)).sliding_result(kind, counting, partitions, (window, slide))
        })
    }
}
