//! `reduce_by_key_and_window`: one value for each key in the last batches together.

use std::time::Duration;

use crate::data::{Data, Key};
use crate::dstream::DStream;
use crate::ops::reduce_by_key::joined_by;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Every `slide`, gives one `(key, value)` for each key in the last `window`, the values joined by `f`, which must be
    /// associative and commutative. Which batches are in a window, and what its durations must be: see
    /// [`window`](Self::window).
    ///
    /// Each batch is reduced once and kept so; a window joins what its batches gave. When windows are many batches long, and
    /// `f` can be undone, [`reduce_by_key_and_window_inverse`](Self::reduce_by_key_and_window_inverse) costs less.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let mut batches = batches_of(3, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('a', 1), ('b', 1)]]);
    ///     Ok(pairs.reduce_by_key_and_window(|m, n| m + n, window, slide))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [vec![('a', 1)], vec![('a', 2), ('b', 1)], vec![('a', 1), ('b', 1)]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key_and_window(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        self.reduce_by_key_and_window_into(self.context().parallelism(), f, window, slide)
    }

    /// [`reduce_by_key_and_window`](Self::reduce_by_key_and_window) into exactly `partitions` partitions; 0 counts as 1.
    #[must_use]
    pub fn reduce_by_key_and_window_into(
        &self,
        partitions: usize,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        let kind = "reduce_by_key_and_window";
        self.context().composite(kind, || self.combined_in_window(kind, joined_by(f), partitions, (window, slide)))
    }
}
