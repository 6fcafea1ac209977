//! `reduce_by_key_and_window_inverse`: one value for each key in the last batches together, corrected from window to window.

use std::sync::Arc;
use std::time::Duration;

use crate::data::{Data, Key};
use crate::dstream::DStream;
use crate::windowed::Reducing;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// As [`reduce_by_key_and_window`](Self::reduce_by_key_and_window), but each window is made from the one before: what
    /// left the window is taken away by `inverse`, what entered it is added by `f`. `inverse(f(a, b), b)` must be `a`.
    /// So a window costs in proportion to the keys that enter and leave it, however long it is.
    ///
    /// A key stays in the result for ever, even when all its values have left, with the neutral value that `inverse` then
    /// gives; to drop such keys, use
    /// [`reduce_by_key_and_window_filtered`](Self::reduce_by_key_and_window_filtered). The result goes back to the first
    /// batch, so the stream is a stateful one: without a checkpoint directory, a restart loses it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('a', 1)]]);
    ///     Ok(pairs.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[('a', 1)], [('a', 2)], [('a', 1)], [('a', 0)]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key_and_window_inverse(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        self.reduce_by_key_and_window_inverse_into(self.context().parallelism(), f, inverse, window, slide)
    }

    /// [`reduce_by_key_and_window_inverse`](Self::reduce_by_key_and_window_inverse) into exactly `partitions` partitions; 0
    /// counts as 1.
    #[must_use]
    pub fn reduce_by_key_and_window_inverse_into(
        &self,
        partitions: usize,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        let reducing = Reducing { add: Arc::new(f), take_away: Box::new(inverse), keep: None };
        let kind = "reduce_by_key_and_window_inverse";
        self.context().composite(kind, || self.sliding_result(kind, reducing, partitions, (window, slide)))
    }

    /// As [`reduce_by_key_and_window_inverse`](Self::reduce_by_key_and_window_inverse), but keys for whose value `keep` is
    /// false are dropped. It is asked when a value changes. It must drop only keys that have no value in the window any
    /// more: when a value of a key that is not in the result leaves, the batch fails with
    /// [`TaskError::NoPreviousValue`](crate::TaskError::NoPreviousValue).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('a', 1)]]);
    ///     Ok(pairs.reduce_by_key_and_window_filtered(|m, n| m + n, |m, n| m - n, window, slide, |_, n| *n != 0))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![('a', 1)], vec![('a', 2)], vec![('a', 1)], vec![]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key_and_window_filtered(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.reduce_by_key_and_window_filtered_into(self.context().parallelism(), f, inverse, window, slide, keep)
    }

    /// [`reduce_by_key_and_window_filtered`](Self::reduce_by_key_and_window_filtered) into exactly `partitions` partitions;
    /// 0 counts as 1.
    #[must_use]
    pub fn reduce_by_key_and_window_filtered_into(
        &self,
        partitions: usize,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        let reducing = Reducing { add: Arc::new(f), take_away: Box::new(inverse), keep: Some(Box::new(keep)) };
        let kind = "reduce_by_key_and_window_filtered";
        self.context().composite(kind, || self.sliding_result(kind, reducing, partitions, (window, slide)))
    }
}
